"""A distributed Map: every item, or batch of items, is a child execution with a history of its own.

``branch.task`` keeps what a restart needs: the map run's ARN, what the reader or writer was asked. The children's
results are not kept with the branch: they are the outputs of the children, which the journal has.

Not faithful: at most 1,000 children run at once (AWS: 10,000).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headwater.local.services.states import branch as phases
from headwater.local.services.states.errors import EXCEED_TOLERATED_FAILURE_THRESHOLD, StateFailure, runtime
from headwater.local.services.states.item_batches import ItemBatcher
from headwater.local.services.states.item_readers import STATE_DATA, ItemReader, Sourced
from headwater.local.services.states.json_text import Document
from headwater.local.services.states.map_runs import new_map_run, tolerated_failures
from headwater.local.services.states.result_writer import ResultWriter
from headwater.local.services.states.state_map import MapState

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution
from headwater.local.services.states.execution_record import ExecutionRecord

CONCURRENCY = 1000


@dataclass(eq=False)
class DistributedMapState(MapState):
    """``"Type": "Map"`` with ``"Mode": "DISTRIBUTED"``."""

    child_type: str = "STANDARD"
    label: str = ""
    reader: ItemReader | None = None
    batcher: ItemBatcher | None = None
    writer: ResultWriter | None = None

    def as_items(self, value: Any) -> list[Any] | None:
        """An object's items are its pairs."""
        if isinstance(value, dict):
            return [{"Key": key, "Value": item} for key, item in value.items()]
        return super().as_items(value)

    def run(self, execution: Execution, branch: Branch) -> None:
        """Read the items, from the input or from S3, and start the first children.

        A reader's items are not counted yet when the state starts, and its failure is the map run's.
        """
        branch.task = {}
        if self.reader is None:
            self._open(execution, branch, self.read_items(execution, branch))
            return
        concurrency = self.read_concurrency(execution, branch)
        branch.last_event_id = execution.record(branch, "MapStateStarted", {"length": 0})
        scope = execution.scope(branch, self.map_input(execution, branch).value)
        limit = int(self.reader.max_items.read(scope) or 0)
        branch.task = {"read": self.reader.arguments.evaluate(scope), "limit": limit}
        branch.tolerated = self._tolerated(execution, branch, 0)
        self._start_map_run(execution, branch, branch.task, concurrency)
        branch.deadline_ms = 0
        execution.begin_call(branch)

    def items_read(self, execution: Execution, branch: Branch, found: Sourced) -> None:
        """The reader's items have come, at the start or again after a restart."""
        try:
            units = self._units(execution, branch, found)
            if branch.phase == phases.CALLING:
                task = branch.task
                branch.tolerated = tolerated_failures(execution.map_runs[branch.id], len(found.items))
                execution.open_children(branch, len(units))
                branch.task = task
                execution.count_map_run(branch, len(units), len(found.items))
            branch.items = units
            self._go_on(execution, branch)
        except StateFailure as failure:
            self._run_failed(execution, branch, failure)

    def _units(self, execution: Execution, branch: Branch, found: Sourced) -> list[Any]:
        """The inputs of the children."""
        items = found.items
        if self.item_selector is not None:
            described = ({"Index": index, "Value": item, "Source": found.of(index)} for index, item in enumerate(items))
            items = [self.select_item(execution, branch, item) for item in described]
        if self.batcher is None:
            return items
        return list(self.batcher.batches(items, execution.scope(branch, self.map_input(execution, branch).value)))

    def _open(self, execution: Execution, branch: Branch, items: list[Any]) -> None:
        concurrency = self.read_concurrency(execution, branch)
        branch.last_event_id = execution.record(branch, "MapStateStarted", {"length": len(items)})
        units = self._units(execution, branch, Sourced(items, STATE_DATA))
        task = branch.task or {}
        tolerated = self._tolerated(execution, branch, len(items))
        execution.open_children(branch, len(units))
        branch.items = units
        branch.task = task
        branch.tolerated = tolerated
        self._start_map_run(execution, branch, task, concurrency)
        execution.count_map_run(branch, len(units), len(items))
        self._go_on(execution, branch)

    def _start_map_run(self, execution: Execution, branch: Branch, task: dict[str, Any], concurrency: int) -> None:
        branch.max_concurrency = min(concurrency or CONCURRENCY, CONCURRENCY)
        task["map_run"] = arn = execution.new_map_run_arn(self.label or self.name)
        execution.open_map_run(branch, new_map_run(self, execution, branch, arn, concurrency))
        branch.last_event_id = execution.record(branch, "MapRunStarted", {"mapRunArn": arn})

    def _tolerated(self, execution: Execution, branch: Branch, length: int) -> int:
        """How many items may fail."""
        scope = execution.scope(branch, self.map_input(execution, branch).value)
        count, percentage = self.tolerated_count.read(scope), self.tolerated_percentage.read(scope)
        if count is not None and count < 0:
            raise runtime("ToleratedFailureCount cannot be negative.")
        if percentage is not None and not 0 <= percentage <= 100:
            raise runtime("ToleratedFailurePercentage must be between 0 and 100.")
        return max(int(count or 0), int(length * (percentage or 0) / 100))

    def _go_on(self, execution: Execution, branch: Branch) -> None:
        """Start as many children as may run; leave when all have ended."""
        live = execution.map_children.setdefault(branch.id, {})
        if branch.items is None:
            if self.reader is not None:
                execution.read_items_again(branch)
                return
            items = self.read_items(execution, branch)
            branch.items = self._units(execution, branch, Sourced(items, STATE_DATA))
        execution.mark(branch)
        missing = execution.map_missing.get(branch.id, [])
        while (missing or branch.next_index < branch.length) and len(live) < branch.max_concurrency:
            index = missing.pop() if missing else branch.next_index
            branch.next_index = max(branch.next_index, index + 1)
            live[index] = execution.start_map_child(branch, index, Document(branch.items[index]))
        if branch.next_index >= branch.length and not live:
            self._succeed(execution, branch)

    def map_child_ended(self, execution: Execution, branch: Branch, child: ExecutionRecord, index: int) -> None:
        """A child execution has ended, and that is in the journal."""
        execution.map_children.get(branch.id, {}).pop(index, None)
        try:
            self.count(branch, child, index)
            if branch.failures > branch.tolerated:
                self._exceeded(execution, branch)
            else:
                self._go_on(execution, branch)
        except StateFailure as failure:
            execution.fail(branch, failure)

    def resumed(self, execution: Execution, branch: Branch) -> None:
        """Go on after a restart or a redrive."""
        if branch.failures > branch.tolerated:
            self._exceeded(execution, branch)
        else:
            self._go_on(execution, branch)

    def count(self, branch: Branch, child: ExecutionRecord, index: int) -> None:
        """Take a child's result, or count its failure."""
        if child.status == "SUCCEEDED":
            branch.results[index] = json.loads(child.output or "null")
        else:
            branch.failures += len(json.loads(child.input)["Items"]) if self.batcher else 1

    def _exceeded(self, execution: Execution, branch: Branch) -> None:
        execution.abort_map_children(branch)
        cause = "The specified tolerated failure threshold was exceeded"
        self._run_failed(execution, branch, StateFailure(EXCEED_TOLERATED_FAILURE_THRESHOLD, cause))

    def _run_failed(self, execution: Execution, branch: Branch, failure: StateFailure) -> None:
        details = {key: text for key, text in (("error", failure.error), ("cause", failure.cause)) if text is not None}
        branch.last_event_id = execution.record(branch, "MapRunFailed", details)
        execution.close_map_run(branch, "FAILED")
        execution.fail(branch, failure)

    def container_failed(self, execution: Execution, branch: Branch, failure: StateFailure) -> None:
        """Record the state's own failure, also when its map run failed before it had items."""
        if (branch.task or {}).get("map_run"):
            branch.last_event_id = execution.record(branch, "MapStateFailed")
        else:
            super().container_failed(execution, branch, failure)

    def _succeed(self, execution: Execution, branch: Branch) -> None:
        task = branch.task or {}
        if self.writer is not None and self.writer.arguments is not None:
            scope = execution.scope(branch, self.map_input(execution, branch).value)
            task["write"] = self.writer.arguments.evaluate(scope)
            execution.begin_call(branch)
            return
        self._leave(execution, branch, [branch.results[i] for i in range(branch.length) if i in branch.results])

    def results_written(self, execution: Execution, branch: Branch, result: dict[str, Any]) -> None:
        """The writer is done."""
        try:
            self._leave(execution, branch, result)
        except StateFailure as failure:
            execution.fail(branch, failure)

    def _leave(self, execution: Execution, branch: Branch, result: Any) -> None:
        execution.close_map_run(branch, "SUCCEEDED")
        execution.map_children.pop(branch.id, None)
        execution.close_children(branch)
        before = branch.last_event_id
        branch.last_event_id = execution.record(branch, "MapRunSucceeded")
        execution.record(branch, "MapStateSucceeded")
        branch.last_event_id = before
        self.finish(execution, branch, Document(result))

    def failed(self, execution: Execution, branch: Branch, error: str | None, cause: str | None) -> None:
        """The reader or the writer failed."""
        branch.attempt += 1
        self._run_failed(execution, branch, StateFailure(error, cause))

    def abort(self, execution: Execution, branch: Branch) -> None:
        """Stop the children."""
        execution.cancel_call(branch)
        execution.abort_map_children(branch)
        execution.close_map_run(branch, "ABORTED")
