"""Map: runs its processor once for each item, so many at a time, and ends with the list of their outputs.

Only as many iterations exist at once as may run at once: a Map over ten thousand items costs its items, its results and
forty branches. An inline Map runs 40 iterations at a time at most, as AWS's does
(Developer Guide, "Map state processing modes", 2025); a distributed one 1,000 here (AWS: 10,000).

Not faithful: a distributed Map's iterations are no executions of their own (no child execution ARNs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from headwater.local.services.states.errors import (
    EXCEED_TOLERATED_FAILURE_THRESHOLD,
    StateFailure,
    query,
    runtime,
)
from headwater.local.services.states.json_text import Document, dumps
from headwater.local.services.states.machine import Machine
from headwater.local.services.states.map_fields import NumberField
from headwater.local.services.states.paths import MISSING, Path
from headwater.local.services.states.state import State
from headwater.local.services.states.templates import Template

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution

INLINE_CONCURRENCY = 40
DISTRIBUTED_CONCURRENCY = 1000


@dataclass(eq=False)
class MapState(State):
    """``"Type": "Map"``."""

    type: ClassVar[str] = "Map"
    processor: Machine | None = None
    distributed: bool = False
    items: Template | None = None
    items_source: str = "$states.input"
    items_path: Path | None = None
    item_selector: Template | None = None
    max_concurrency: NumberField = NumberField("MaxConcurrency", 0)
    tolerated_count: NumberField = NumberField("ToleratedFailureCount")
    tolerated_percentage: NumberField = NumberField("ToleratedFailurePercentage", whole=False)

    def child_machine(self, index: int) -> Machine:
        """What every iteration walks through."""
        if self.processor is None:
            raise runtime(f"the Map state '{self.name}' has no processor")
        return self.processor

    def run(self, execution: Execution, branch: Branch) -> None:
        """Read the items and start the first iterations."""
        selected = self._input(execution, branch)
        items = branch.items = self.read_items(execution, branch, selected)
        scope = execution.scope(branch, selected.value)
        concurrency = int(self.max_concurrency.read(scope) or 0)
        if concurrency < 0:
            raise runtime("MaxConcurrency cannot be negative.")
        branch.last_event_id = execution.record(branch, "MapStateStarted", {"length": len(items)})
        branch.tolerated = self._tolerated(execution, branch, len(items))
        execution.open_children(branch, len(items))
        limit = DISTRIBUTED_CONCURRENCY if self.distributed else INLINE_CONCURRENCY
        branch.max_concurrency = min(concurrency or limit, limit)
        if self.distributed:
            arn = execution.new_map_run_arn(branch)
            branch.last_event_id = execution.record(branch, "MapRunStarted", {"mapRunArn": arn})
        started = branch.last_event_id
        for _ in range(min(branch.max_concurrency, branch.length)):
            self._start_next(execution, branch, started, items)
        if not items:
            self._succeed(execution, branch)

    def _input(self, execution: Execution, branch: Branch) -> Document:
        """What ``$`` is in ItemsPath and ItemSelector; the older ``Parameters`` apply to the items, not to this."""
        return branch.input if self.jsonata else self.read_input(execution, branch)

    def read_items(self, execution: Execution, branch: Branch, selected: Document) -> list[Any]:
        """The items, from the state's input."""
        if self.jsonata:
            return self._jsonata_items(execution, branch)
        if self.items_path is None:
            value = selected.value
        else:
            value = self.items_path.read(execution.scope(branch, selected.value))
        if value is MISSING:
            path = self.items_path
            raise runtime(f"Invalid path '{path.text if path else '$'}': the items could not be found in the input.")
        if not isinstance(value, list):
            path_text = "$" if self.items_path is None else self.items_path.text
            raise runtime(f'Reference path "{path_text}" must point to array.')
        return value

    def _jsonata_items(self, execution: Execution, branch: Branch) -> list[Any]:
        value = branch.input.value
        if self.items is not None:
            value = self.items.evaluate(execution.scope(branch, value))
        if isinstance(value, list):
            return value
        if self.distributed and isinstance(value, dict):
            return [{"Key": key, "Value": item} for key, item in value.items()]
        if self.items is None:
            raise query(f"Map state input must be an array but was: {dumps(value)}", "")
        kind = json_type(value)
        raise query(
            f"The JSONata expression '{self.items_source}' specified for the field 'Items' returned an unexpected "
            f"result type. Expected 'array', but was '{kind}' for value: {dumps(value)}",
            "Items",
        )

    def _tolerated(self, execution: Execution, branch: Branch, length: int) -> int:
        """How many iterations may fail."""
        scope = execution.scope(branch, self._input(execution, branch).value)
        count = self.tolerated_count.read(scope)
        percentage = self.tolerated_percentage.read(scope)
        if count is not None and count < 0:
            raise runtime("ToleratedFailureCount cannot be negative.")
        if percentage is not None and not 0 <= percentage <= 100:
            raise runtime("ToleratedFailurePercentage must be between 0 and 100.")
        return max(int(count or 0), int(length * (percentage or 0) / 100))

    def _start_next(self, execution: Execution, branch: Branch, previous: int, items: list[Any]) -> None:
        index = branch.next_index
        branch.next_index += 1
        item = {"Index": index, "Value": items[index]}
        value = Document(items[index])
        if self.item_selector is not None:
            scope = execution.scope(branch, self._input(execution, branch).value, item=item)
            value = Document(self.item_selector.evaluate(scope))
        before, branch.last_event_id = branch.last_event_id, previous
        details = {"name": self.name, "index": index}
        started = 0 if self.distributed else execution.record(branch, "MapIterationStarted", details)
        branch.last_event_id = before
        execution.start_child(
            branch, index, self.child_machine(index), value, started, item=item, silent=self.distributed
        )

    def child_done(self, execution: Execution, branch: Branch, child: Branch) -> None:
        """Take an iteration's output; start the next, or leave when it was the last."""
        if not self.distributed:
            details = {"name": self.name, "index": child.index}
            branch.last_event_id = execution.record(child, "MapIterationSucceeded", details)
        self._go_on(execution, branch, child)

    def _go_on(self, execution: Execution, branch: Branch, child: Branch) -> None:
        if branch.next_index < branch.length:
            if branch.items is None:
                branch.items = self.read_items(execution, branch, self._input(execution, branch))
            previous = branch.last_event_id if self.distributed else child.last_event_id
            self._start_next(execution, branch, previous, branch.items)
        elif not branch.children:
            self._succeed(execution, branch)

    def _succeed(self, execution: Execution, branch: Branch) -> None:
        results = [branch.results[index] for index in range(branch.length) if index in branch.results]
        execution.close_children(branch)
        before = branch.last_event_id
        if self.distributed:
            branch.last_event_id = execution.record(branch, "MapRunSucceeded")
        execution.record(branch, "MapStateSucceeded")
        branch.last_event_id = before
        self.finish(execution, branch, Document(results))

    def child_failed(self, execution: Execution, branch: Branch, child: Branch, failure: StateFailure) -> None:
        """One iteration failed: go on when that is tolerated, else the others stop and the state has failed."""
        if self.distributed:
            self._distributed_child_failed(execution, branch, child, failure)
            return
        execution.record(child, "MapIterationFailed", {"name": self.name, "index": child.index})
        branch.last_event_id = child.last_event_id
        execution.abort_children(branch)
        execution.fail(branch, failure)

    def _distributed_child_failed(
        self, execution: Execution, branch: Branch, child: Branch, failure: StateFailure
    ) -> None:
        branch.failures += 1
        execution.drop_child(branch, child)
        if branch.failures <= branch.tolerated:
            self._go_on(execution, branch, child)
            return
        execution.abort_children(branch)
        exceeded = StateFailure(
            EXCEED_TOLERATED_FAILURE_THRESHOLD,
            (
                "The specified tolerated failure threshold was exceeded"
                if branch.tolerated
                else failure.cause or f"An iteration of the Map state '{self.name}' failed"
            ),
        )
        branch.last_event_id = execution.record(
            branch, "MapRunFailed", {"error": exceeded.error, "cause": exceeded.cause}
        )
        execution.fail(branch, exceeded)

    def container_failed(self, execution: Execution, branch: Branch, failure: StateFailure) -> None:
        """Record the state's own failure."""
        if branch.length or failure.field is not None:
            branch.last_event_id = execution.record(branch, "MapStateFailed")

    @property
    def has_result(self) -> bool:
        return True

    def abort(self, execution: Execution, branch: Branch) -> None:
        """Stop the iterations."""
        execution.abort_children(branch)


def json_type(value: Any) -> str:
    """The JSON name of a value's type."""
    if value is None:
        return "null"
    kinds: list[tuple[Any, str]] = [(bool, "boolean"), ((int, float), "number"), (str, "string"), (list, "array")]
    return next((name for kind, name in kinds if isinstance(value, kind)), "object")
