"""An execution in memory: its branches, and the moves of the language (enter, leave, fail, retry, catch, spread).

Every move adds history events and marks what changed. Nothing here touches the disk or the clock's threads: the
:mod:`engine` writes the changes to the journal and only then lets their effects (calls, timers, answers) happen.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from headwater.local.services.states import branch as phases
from headwater.local.services.states.branch import Branch
from headwater.local.services.states.context_object import context_object
from headwater.local.services.states.error_rules import Catcher, catcher_for, retrier_for
from headwater.local.services.states.errors import RUNTIME, TIMEOUT, StateFailure
from headwater.local.services.states.execution_record import (
    ABORTED,
    FAILED,
    RUNNING,
    SUCCEEDED,
    TIMED_OUT,
    ExecutionRecord,
)
from headwater.local.services.states.json_text import Document
from headwater.local.services.states.machine import Machine
from headwater.local.services.states.paths import MISSING
from headwater.local.services.states.quotas import MAX_HISTORY_EVENTS, check_size
from headwater.local.services.states.scope import Scope
from headwater.local.services.states.state import State

Event = tuple[int, str, int, dict[str, Any]]  # (timestamp in ms, type, previous event id, details)


class Calls(Protocol):
    """What an execution asks of the world; the engine does it once the changes are in the journal."""

    def call(self, execution: Execution, branch: Branch) -> None:
        """Begin the call that ``branch.task`` describes."""

    def watch(self, execution: Execution, branch: Branch) -> None:
        """Wait for the job that the branch's task started."""

    def cancel(self, execution: Execution, branch: Branch, task: dict[str, Any]) -> None:
        """Stop the job of a task that is no longer wanted."""

    def knows_activity(self, arn: str) -> bool:
        """Whether there is an activity of this ARN."""


@dataclass(eq=False)
class Execution:
    """A running execution.

    Attributes
    ----------
    events:
        Those not yet in the journal.
    ready:
        Branches that can take a step.
    changed, cleared, written:
        Branches to write to the journal; branches whose children to delete from it; branches that are in it.
    actions:
        What to do once the changes are in the journal.
    relatives:
        Other executions that a step made or stopped (a distributed Map's children).
    map_children, map_missing, map_runs:
        By the branch of a distributed Map: its live children by index, the indexes of children whose start a kill cut
        off, and its map run's record.
    cancelled:
        Keys of tasks whose executions must be stopped, for the journal.
    changed_map_runs:
        Map runs to write to the journal.
    parent:
        Of a distributed Map's child: the execution and branch that wait for it.
    has_called, answers:
        Whether answers of calls may be in the journal; after a restart, those that were not yet taken, by branch.
    deadline_ms:
        When the machine's ``TimeoutSeconds`` end it; 0 for never.
    """

    record_: ExecutionRecord
    machine: Machine
    calls: Calls
    root: Branch = field(init=False)
    next_event_id: int = 1
    next_branch_id: int = 1
    events: list[Event] = field(default_factory=list)
    ready: deque[Branch] = field(default_factory=deque)
    branches: dict[int, Branch] = field(default_factory=dict)
    changed: dict[int, Branch] = field(default_factory=dict)
    cleared: list[int] = field(default_factory=list)
    written: set[int] = field(default_factory=set)
    actions: list[Callable[[], None]] = field(default_factory=list)
    timers: list[tuple[int, Branch]] = field(default_factory=list)
    relatives: list[Execution] = field(default_factory=list)
    map_children: dict[int, dict[int, Execution]] = field(default_factory=dict)
    map_missing: dict[int, list[int]] = field(default_factory=dict)
    map_runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    changed_map_runs: list[dict[str, Any]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    parent: tuple[Execution, Branch] | None = None
    deadline_ms: int = 0
    has_called: bool = False
    answers: dict[int, Any] = field(default_factory=dict)
    ended: bool = False
    _input: Any = MISSING

    # -- life ------------------------------------------------------------------------------------------------------

    def begin(self, input: Document, variables: dict[str, Any] | None = None) -> None:
        """Record the start and make the first branch, which sees ``variables``."""
        self.root = Branch(0, None, 0, self.machine, self.machine.start_at, input, variables or {})
        self.branches[0] = self.root
        details = {"input": input.text, "inputDetails": {"truncated": False}, "roleArn": self.record_.role_arn}
        self._append("ExecutionStarted", 0, details)
        self.root.last_event_id = 0
        self.mark(self.root)
        self.ready.append(self.root)

    @property
    def unmoved(self) -> bool:
        """Whether it is a distributed Map's child that has only begun.

        It need not be written yet, which would cost more than all that it does: nobody can have seen it, and after a
        kill its Map finds that it is missing and starts it again.
        """
        return self.parent is not None and self.next_event_id == 2 and bool(self.ready) and not self.ended

    def status_changes(self) -> list[str]:
        """The statuses that it came to with the events that are not in the journal yet."""
        if not self.events:
            return []
        begun = self.events[0][1] in ("ExecutionStarted", "ExecutionRedriven")
        over = self.ended and self.events[-1][1].startswith("Execution")
        return [RUNNING] * begun + [self.record_.status] * over

    def saved(self) -> tuple[list[Callable[[], None]], list[tuple[int, Branch]]]:
        """What changed is in the journal: the (actions, timers) that may now have their effects."""
        self.events.clear()
        self.changed.clear()
        self.cleared.clear()
        self.changed_map_runs.clear()
        self.cancelled.clear()
        effects = self.actions, self.timers
        self.actions, self.timers = [], []
        return effects

    def redriven(self, previous: int) -> None:
        """Record that the execution was taken up again."""
        details = {"redriveCount": self.record_.redrive_count}
        self._append("ExecutionRedriven", previous, details)

    def step(self, budget: int) -> int:
        """Take up to ``budget`` steps; the number taken."""
        taken = 0
        while self.ready and taken < budget and not self.ended:
            branch = self.ready.popleft()
            if branch.phase != phases.ABORTED:
                self.advance(branch)
            taken += 1
        return taken

    def advance(self, branch: Branch) -> None:
        """Enter the branch's state and run it."""
        state = branch.state
        try:
            if branch.phase == phases.READY:
                self._enter(branch, state)
            state.run(self, branch)
        except StateFailure as failure:
            self.fail(branch, failure)
        except RecursionError:
            self.fail(branch, StateFailure(RUNTIME, "The expression nests too deeply to be evaluated", located=True))

    def _enter(self, branch: Branch, state: State) -> None:
        branch.before_event_id = branch.last_event_id
        branch.entered_ms = self.now_ms()
        details = {"input": branch.input.text, "inputDetails": {"truncated": False}, "name": state.name}
        branch.entered_event_id = branch.last_event_id = self.record(branch, state.entered_type, details)
        branch.retries = []
        branch.restarts = 0
        branch.length = 0

    def leave(self, branch: Branch, output: Document, next_name: str | None, variables: dict[str, Any] | None) -> None:
        """Record the exit of the branch's state and move on to the next, or end the branch."""
        state = branch.state
        check_size(output, state.name)
        details: dict[str, Any] = {
            "name": state.name,
            "output": output.text,
            "outputDetails": {"truncated": False},
        }
        if variables:
            branch.variables = {**branch.variables, **variables}
            details["assignedVariables"] = {name: Document(value).text for name, value in variables.items()}
            details["assignedVariablesDetails"] = {"truncated": False}
        branch.last_event_id = self.record(branch, state.exited_type, details)
        branch.input = output
        branch.task = None
        branch.phase = phases.READY
        self.mark(branch)
        if next_name is not None:
            branch.state_name = next_name
            self.ready.append(branch)
        elif branch.parent is None:
            self._succeed(output)
        else:
            self._child_done(branch.parent, branch)

    def _succeed(self, output: Document) -> None:
        details = {"output": output.text, "outputDetails": {"truncated": False}}
        self._append("ExecutionSucceeded", self.root.last_event_id, details)
        self.record_.output = output.text
        self._end(SUCCEEDED)

    def _end(self, status: str) -> None:
        self.ended = True
        self.ready.clear()
        self.record_.status = status
        self.record_.stopped_ms = self.now_ms()

    def end_badly(self, status: str, error: str | None, cause: str | None) -> None:
        """End as FAILED, TIMED_OUT or ABORTED: stop what is under way and record the end.

        AWS links a failure to the event before it, and an abort or time-out to none; the time-out's error is in its
        event only.
        """
        for branch in list(self.branches.values()):
            if branch.phase == phases.CALLING:
                self._cancel(branch)
            if branch.id in self.map_children:
                self.abort_map_children(branch)
                self.close_map_run(branch, ABORTED)
        shown = TIMEOUT if status == TIMED_OUT else error
        details = {key: value for key, value in (("error", shown), ("cause", cause)) if value is not None}
        kind = {FAILED: "ExecutionFailed", TIMED_OUT: "ExecutionTimedOut", ABORTED: "ExecutionAborted"}[status]
        previous = 0
        if status == FAILED:
            previous = self.root.last_event_id if self.root.phase == phases.FAILED else self.next_event_id - 1
        self._append(kind, previous, details)
        self.record_.error, self.record_.cause = error, cause
        self._end(status)
        if status == TIMED_OUT:
            self.record_.stopped_ms = self.deadline_ms

    # -- failure ---------------------------------------------------------------------------------------------------

    def fail(self, branch: Branch, failure: StateFailure) -> None:
        """A state failed: retry, catch, or fail the branch."""
        state = branch.state
        failure = failure.at(state.name, branch.entered_event_id)
        self.mark(branch)
        if failure.field is not None and branch.phase != phases.DONE:
            self._evaluation_failed(branch, failure)
        retrier = retrier_for(state.retriers, failure, branch.retries)
        if retrier is not None:
            self._retry(branch, retrier)
            return
        state.container_failed(self, branch, failure)
        catcher = catcher_for(state.catchers, failure)
        if catcher is None:
            self._fail_branch(branch, failure)
            return
        self._clear(branch)
        try:
            output, variables = self.caught(branch, catcher, failure)
            branch.task = None
            self.leave(branch, output, catcher.next, variables)
        except StateFailure as worse:
            self._fail_branch(branch, worse.at(state.name, branch.entered_event_id))

    def caught(self, branch: Branch, catcher: Catcher, failure: StateFailure) -> tuple[Document, dict[str, Any] | None]:
        """(output, variables) of a catcher for a failure."""
        error_output = {"Error": failure.error, "Cause": failure.cause}
        if failure.error == TIMEOUT:  # it has no cause, and yet is shown with one
            error_output["Cause"] = failure.cause or ""
        if branch.state.jsonata:
            scope = self.scope(branch, branch.input.value, error_output=error_output)
            value = error_output if catcher.output is None else catcher.output.evaluate(scope)
        else:
            scope = self.scope(branch, error_output)
            value = catcher.result_path.write(branch.input.value, error_output)
            if catcher.discard:
                value = branch.input.value
        return Document(value), None if catcher.assign is None else catcher.assign.evaluate(scope)

    def _evaluation_failed(self, branch: Branch, failure: StateFailure) -> None:
        details = {"cause": failure.cause, "error": failure.error, "state": branch.state_name}
        if failure.field:
            details["location"] = failure.field
        if branch.last_event_id == branch.entered_event_id and branch.state.type != "Wait":
            branch.last_event_id = branch.before_event_id  # as AWS numbers it, for every type but Wait
        branch.last_event_id = self.record(branch, "EvaluationFailed", details)

    def _retry(self, branch: Branch, index: int) -> None:
        rule = branch.state.retriers[index]
        used = branch.retries + [0] * (len(branch.state.retriers) - len(branch.retries))
        delay_ms = rule.delay_ms(used[index])
        used[index] += 1
        branch.retries = used
        branch.task = None
        self._clear(branch)
        self.sleep(branch, phases.RETRYING, self.now_ms() + delay_ms)

    def _fail_branch(self, branch: Branch, failure: StateFailure) -> None:
        branch.phase = phases.FAILED
        self.mark(branch)
        parent = branch.parent
        if parent is None:
            self.end_badly(FAILED, failure.error, failure.cause)
        else:
            parent.state.child_failed(self, parent, branch, failure)

    # -- waiting ---------------------------------------------------------------------------------------------------

    def sleep(self, branch: Branch, phase: str, wake_ms: int) -> None:
        """Take the branch up again at a moment (at once when it has passed)."""
        branch.phase = phase
        branch.wake_ms = wake_ms
        self.mark(branch)
        self.timers.append((wake_ms, branch))

    def begin_call(self, branch: Branch) -> None:
        """Begin the call of ``branch.task`` once it is in the journal."""
        branch.phase = phases.CALLING
        branch.attempt += 1
        if branch.task is not None:
            branch.task["key"] = f"{self.record_.arn}#{branch.id}#{branch.attempt}"
        self.has_called = True
        self.mark(branch)
        if branch.deadline_ms:
            self.timers.append((branch.deadline_ms, branch))
        attempt = branch.attempt
        self.actions.append(lambda: self.calls.call(self, branch) if branch.attempt == attempt else None)

    def watch_job(self, branch: Branch) -> None:
        """Wait for the started job of ``branch.task``, once it is in the journal."""
        attempt = branch.attempt
        self.actions.append(lambda: self.calls.watch(self, branch) if branch.attempt == attempt else None)

    def _cancel(self, branch: Branch) -> None:
        task, branch.attempt = branch.task, branch.attempt + 1
        if task is not None:
            state: Any = branch.state
            if state.type == "Task" and state.waits_for_execution:
                self.cancelled.append(task.get("key", ""))  # the one kind of job that a kill does not end
            self.actions.append(lambda: self.calls.cancel(self, branch, task))

    def cancel_call(self, branch: Branch) -> None:
        """Stop waiting for a task's call, and stop its job."""
        if branch.phase == phases.CALLING:
            self._cancel(branch)

    # -- children --------------------------------------------------------------------------------------------------

    def open_children(self, branch: Branch, length: int) -> None:
        """Make room for children."""
        self._clear(branch)
        branch.phase = phases.CHILDREN
        branch.children = {}
        branch.results = {}
        branch.length = length
        branch.next_index = 0
        branch.failures = 0
        self.mark(branch)

    def start_child(
        self,
        branch: Branch,
        index: int,
        machine: Machine,
        input: Document,
        previous_event_id: int,
        *,
        item: dict[str, Any] | None = None,
    ) -> None:
        """Make a child branch, ready to go."""
        child = Branch(
            self.next_branch_id, branch, index, machine, machine.start_at, input, branch.variables, item=item
        )
        self.next_branch_id += 1
        child.last_event_id = previous_event_id
        if branch.children is not None:
            branch.children[index] = child
        branch.child_ids.append(child.id)
        self.branches[child.id] = child
        self.mark(child)
        self.ready.append(child)

    def _child_done(self, parent: Branch, child: Branch) -> None:
        child.phase = phases.DONE
        self.mark(child)
        self.branches.pop(child.id, None)
        parent.results[child.index] = child.input.value
        if parent.children is not None:
            parent.children.pop(child.index, None)
        self.mark(parent)
        try:
            parent.state.child_done(self, parent, child)
        except StateFailure as failure:
            self.abort_children(parent)
            self.fail(parent, failure)

    def close_children(self, branch: Branch) -> None:
        """Forget the children: their results were taken."""
        self._clear(branch)
        branch.phase = phases.READY

    def _clear(self, branch: Branch) -> None:
        """Forget every child of a state, with what is below."""
        for child_id in branch.child_ids:
            child = self.branches.pop(child_id, None) or self.changed.get(child_id)
            self.changed.pop(child_id, None)
            if child is not None and child.child_ids:
                self._clear(child)
        if not self.written.isdisjoint(branch.child_ids):
            self.cleared.append(branch.id)
            self.written.difference_update(branch.child_ids)
        branch.child_ids = []
        branch.children = None
        branch.results = {}
        branch.items = None
        branch.length = 0

    def abort_children(self, branch: Branch, failed: Branch | None = None) -> None:
        """Stop the children that still run. They stay in the journal, should the execution be redriven.

        Where one of them has ``failed``, AWS links each event of the others to that one's last, and a Task that failed
        is aborted too, after its failure (executions recorded on AWS, 2024).
        """
        if failed is not None and failed.state.type == "Task":
            self.record(failed, "TaskStateAborted")
        for child in list((branch.children or {}).values()):
            if child.phase in (phases.DONE, phases.FAILED):
                continue
            self.cancel_call(child)
            child.state.abort(self, child)
            if child.entered_event_id:
                if failed is not None:
                    child.last_event_id = failed.last_event_id
                self._aborted(branch, child)
            child.phase = phases.ABORTED
            self.mark(child)
        branch.children = None

    def _aborted(self, parent: Branch, child: Branch) -> None:
        if parent.state.type == "Map":
            self.record(child, "MapIterationAborted", {"name": parent.state_name, "index": child.index})
        if child.state.type in ("Task", "Wait", "Map", "Parallel"):
            self.record(child, f"{child.state.type}StateAborted")

    # -- children of a distributed Map -----------------------------------------------------------------------------

    def new_map_run_arn(self, label: str) -> str:
        """The ARN of a distributed Map's run."""
        prefix = self.record_.machine_arn.replace(":stateMachine:", ":mapRun:")
        return f"{prefix}/{label}:{uuid.uuid4()}"

    def open_map_run(self, branch: Branch, run: dict[str, Any]) -> None:
        """Keep the record of a map run that starts."""
        self.map_runs[branch.id] = run
        self.changed_map_runs.append(run)

    def count_map_run(self, branch: Branch, children: int, items: int) -> None:
        """Note how many children a branch's map run will have, and for how many items."""
        run = self.map_runs[branch.id]
        run |= {"total": children, "items": items}
        self.changed_map_runs.append(run)

    def close_map_run(self, branch: Branch, status: str) -> None:
        """Note the end of a branch's map run, if it has one under way."""
        run = self.map_runs.pop(branch.id, None)
        if run is not None:
            run |= {"status": status, "stopped_ms": self.now_ms()}
            self.changed_map_runs.append(run)

    def start_map_child(self, branch: Branch, index: int, input: Document) -> Execution:
        """Start the child execution of one item or batch."""
        own, run, name = self.record_, self.map_runs[branch.id], child_name(self.now_ms())
        state: Any = branch.state
        label = state.label or state.name
        kind = ":express:" if state.child_type == "EXPRESS" else ":execution:"
        prefix = own.machine_arn.replace(":stateMachine:", kind)
        record = ExecutionRecord(
            arn=f"{prefix}/{label}:{name}",
            name=name,
            machine_arn=f"{own.machine_arn}/{label}",
            machine_name=f"{own.machine_name}/{label}",
            revision=own.revision,
            role_arn=own.role_arn,
            type=state.child_type,
            input=input.text,
            started_ms=self.now_ms(),
            logging=own.logging,
            map_run_arn=run["arn"],
            parent_arn=own.arn,
            parent_branch=branch.id,
            map_index=index,
            item_count=None if state.batcher is None else len(input.value["Items"]),
        )
        child = Execution(record, state.child_machine(index), self.calls, parent=(self, branch))
        child.begin(input, branch.variables)
        self.relatives.append(child)
        return child

    def abort_map_children(self, branch: Branch) -> None:
        """Stop the live children of a distributed Map."""
        for child in self.map_children.pop(branch.id, {}).values():
            child.parent = None
            if not child.ended:
                child.end_badly(ABORTED, None, None)
                self.relatives.append(child)

    def read_items_again(self, branch: Branch) -> None:
        """Have a distributed Map's reader read again: a restart forgot the items."""
        self.actions.append(lambda: self.calls.call(self, branch))

    # -- what states ask -------------------------------------------------------------------------------------------

    def record(self, branch: Branch, type: str, details: dict[str, Any] | None = None) -> int:
        """Add a history event after the branch's last one; its id."""
        return self._append(type, branch.last_event_id, details or {})

    def _append(self, type: str, previous: int, details: dict[str, Any]) -> int:
        event_id = self.next_event_id
        if event_id >= MAX_HISTORY_EVENTS and self.record_.type == "STANDARD" and not type.startswith("Execution"):
            raise TooManyEvents
        self.next_event_id = event_id + 1
        self.events.append((self.now_ms(), type, previous, details))
        return event_id

    def mark(self, branch: Branch) -> None:
        """Note that the branch must be written to the journal."""
        self.changed[branch.id] = branch

    @staticmethod
    def now_ms() -> int:
        """Now, in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def scope(
        self,
        branch: Branch,
        input: Any,
        *,
        result: Any = MISSING,
        error_output: Any = MISSING,
        item: dict[str, Any] | None = None,
    ) -> Scope:
        """What the expressions of the branch's state are evaluated against."""
        return Scope(input, lambda: self.context(branch, item), branch.variables, result, error_output)

    def context(self, branch: Branch, item: dict[str, Any] | None = None) -> dict[str, Any]:
        """The context object, as ``$$`` and ``$states.context``; ``item`` is a Map's that selects."""
        if self._input is MISSING:
            self._input = json.loads(self.record_.input)
        return context_object(self.record_, self._input, branch, item)


_children = itertools.count()
_process = secrets.randbits(62)


def child_name(now_ms: int) -> str:
    """A new UUID for a distributed Map's child, in the order of time (version 7, RFC 9562).

    Names that grow are written side by side in the journal's trees; random ones touch a page each.
    """
    number = next(_children)
    low = (_process + number) & (1 << 62) - 1
    return str(uuid.UUID(int=now_ms << 80 | 7 << 76 | (number & 0xFFF) << 64 | 2 << 62 | low))


class TooManyEvents(Exception):
    """The history has reached its quota."""
