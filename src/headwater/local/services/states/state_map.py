"""Map: runs its processor once for each item, so many at a time, and ends with the list of their outputs.

Only as many iterations exist at once as may run at once: a Map over ten thousand items costs its items, its results and
forty branches. An inline Map runs 40 iterations at a time at most, as AWS's does
(Developer Guide, "Map state processing modes", 2025). The distributed one is :mod:`state_map_distributed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from headwater.local.services.states.errors import StateFailure, query, runtime
from headwater.local.services.states.json_text import Document, dumps
from headwater.local.services.states.machine import Machine
from headwater.local.services.states.map_fields import NumberField, json_type
from headwater.local.services.states.path_misses import root_of
from headwater.local.services.states.paths import MISSING, Path
from headwater.local.services.states.reference_paths import unreached
from headwater.local.services.states.state import State
from headwater.local.services.states.templates import Template

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution

INLINE_CONCURRENCY = 40


@dataclass(eq=False)
class MapState(State):
    """``"Type": "Map"`` with an inline processor."""

    type: ClassVar[str] = "Map"
    processor: Machine | None = None
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
        items = branch.items = self.read_items(execution, branch)
        concurrency = self.read_concurrency(execution, branch)
        branch.last_event_id = started = execution.record(branch, "MapStateStarted", {"length": len(items)})
        execution.open_children(branch, len(items))
        branch.items = items
        branch.max_concurrency = min(concurrency or INLINE_CONCURRENCY, INLINE_CONCURRENCY)
        for _ in range(min(branch.max_concurrency, branch.length)):
            self._start_next(execution, branch, started, items)
        if not items:
            self._succeed(execution, branch)

    def map_input(self, execution: Execution, branch: Branch) -> Document:
        """What ``$`` is in ItemsPath and ItemSelector; the older ``Parameters`` apply to the items, not to this."""
        return branch.input if self.jsonata else self.read_input(execution, branch)

    def read_concurrency(self, execution: Execution, branch: Branch) -> int:
        """How many iterations may run at once; 0 for as many as possible."""
        found = int(self.max_concurrency.read(execution.scope(branch, self.map_input(execution, branch).value)) or 0)
        if found < 0:
            raise runtime("MaxConcurrency cannot be negative.")
        return found

    def read_items(self, execution: Execution, branch: Branch) -> list[Any]:
        """The items, from the state's input."""
        selected = self.map_input(execution, branch)
        if self.jsonata:
            return self._jsonata_items(execution, branch)
        value = selected.value
        if self.items_path is not None:
            scope = execution.scope(branch, value)
            value = self.items_path.read(scope)
            if value is MISSING:
                raise unreached(self.items_path, root_of(self.items_path, scope))
        text = "$" if self.items_path is None else self.items_path.text
        if not isinstance(value, list):
            text = text.removeprefix("$") if text.startswith("$$") else text
            raise runtime(f'Reference path "{text}" must point to array.')
        return value

    def _jsonata_items(self, execution: Execution, branch: Branch) -> list[Any]:
        value = branch.input.value
        if self.items is not None:
            value = self.items.evaluate(execution.scope(branch, value))
        found = self.as_items(value)
        if found is not None:
            return found
        if self.items is None:
            raise query(f"Map state input must be an array but was: {dumps(value)}", "")
        raise query(
            f"The JSONata expression '{self.items_source}' specified for the field 'Items' returned an unexpected "
            f"result type. Expected 'array', but was '{json_type(value)}' for value: {dumps(value)}",
            "Items",
        )

    def as_items(self, value: Any) -> list[Any] | None:
        """The items that a value is, or None when it is none."""
        return value if isinstance(value, list) else None

    def select_item(self, execution: Execution, branch: Branch, item: dict[str, Any]) -> Any:
        """An iteration's input, from {"Index", "Value"}."""
        if self.item_selector is None:
            return item["Value"]
        scope = execution.scope(branch, self.map_input(execution, branch).value, item=item)
        return self.item_selector.evaluate(scope)

    def _start_next(self, execution: Execution, branch: Branch, previous: int, items: list[Any]) -> None:
        index = branch.next_index
        branch.next_index += 1
        item = {"Index": index, "Value": items[index]}
        value = Document(self.select_item(execution, branch, item))
        before, branch.last_event_id = branch.last_event_id, previous
        started = execution.record(branch, "MapIterationStarted", {"name": self.name, "index": index})
        branch.last_event_id = before
        execution.start_child(branch, index, self.child_machine(index), value, started, item=item)

    def child_done(self, execution: Execution, branch: Branch, child: Branch) -> None:
        """Take an iteration's output; start the next, or leave when it was the last."""
        details = {"name": self.name, "index": child.index}
        branch.last_event_id = execution.record(child, "MapIterationSucceeded", details)
        if branch.next_index < branch.length:
            if branch.items is None:
                branch.items = self.read_items(execution, branch)
            self._start_next(execution, branch, child.last_event_id, branch.items)
        elif not branch.children:
            self._succeed(execution, branch)

    def _succeed(self, execution: Execution, branch: Branch) -> None:
        results = [branch.results[index] for index in range(branch.length)]
        execution.close_children(branch)
        execution.record(branch, "MapStateSucceeded")
        self.finish(execution, branch, Document(results))

    def child_failed(self, execution: Execution, branch: Branch, child: Branch, failure: StateFailure) -> None:
        """One iteration failed: the others stop, and the state has failed with its error."""
        execution.record(child, "MapIterationFailed", {"name": self.name, "index": child.index})
        branch.last_event_id = child.last_event_id
        execution.abort_children(branch, child)
        execution.fail(branch, failure)

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
