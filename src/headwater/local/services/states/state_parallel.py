"""Parallel: runs its branches at once, and ends with the list of their outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from headwater.local.services.states.errors import StateFailure
from headwater.local.services.states.json_text import Document
from headwater.local.services.states.machine import Machine
from headwater.local.services.states.state import State

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution


@dataclass(eq=False)
class ParallelState(State):
    """``"Type": "Parallel"``."""

    type: ClassVar[str] = "Parallel"
    branches: tuple[Machine, ...] = ()

    def child_machine(self, index: int) -> Machine:
        """What the branch of this index walks through."""
        return self.branches[index]

    def run(self, execution: Execution, branch: Branch) -> None:
        """Start every branch on the effective input."""
        selected = self.effective_input(execution, branch)
        branch.last_event_id = started = execution.record(branch, "ParallelStateStarted")
        execution.open_children(branch, len(self.branches))
        for index, machine in enumerate(self.branches):
            execution.start_child(branch, index, machine, selected, started)

    def child_done(self, execution: Execution, branch: Branch, child: Branch) -> None:
        """Take a branch's output; leave when it was the last."""
        branch.last_event_id = child.last_event_id
        if len(branch.results) < branch.length:
            return
        results = [branch.results[index] for index in range(branch.length)]
        execution.close_children(branch)
        execution.record(branch, "ParallelStateSucceeded")
        self.finish(execution, branch, Document(results))

    def child_failed(self, execution: Execution, branch: Branch, child: Branch, failure: StateFailure) -> None:
        """One branch failed: the others stop, and the state has failed with its error."""
        branch.last_event_id = child.last_event_id
        execution.abort_children(branch, child)
        execution.fail(branch, failure)

    def container_failed(self, execution: Execution, branch: Branch, failure: StateFailure) -> None:
        """Record the state's own failure."""
        if branch.length or failure.field is not None:
            branch.last_event_id = execution.record(branch, "ParallelStateFailed")

    @property
    def has_result(self) -> bool:
        return True

    def abort(self, execution: Execution, branch: Branch) -> None:
        """Stop the branches."""
        execution.abort_children(branch)
