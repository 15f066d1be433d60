"""A branch: one sequence of states under way. The execution's own, one of a Parallel, or an iteration of a Map.

A branch is a plain record of where it is, so that it can be written to the journal and taken up again. It never holds
a thread: it is *ready*, or it *waits* for a moment, a call, a job, a token or its children.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headwater.local.services.states.json_text import Document

if TYPE_CHECKING:
    from headwater.local.services.states.machine import Machine
    from headwater.local.services.states.state import State

READY = "ready"  # to enter its state
RETRYING = "retrying"  # to run its state again at `wake_ms`
WAITING = "waiting"  # in a Wait state until `wake_ms`
CALLING = "calling"  # a task's call is under way, or its job or token is
CHILDREN = "children"  # its Parallel's branches or its Map's iterations run
DONE = "done"  # ended well; `input` is its output
FAILED = "failed"  # ended badly; kept for redrive
ABORTED = "aborted"  # stopped because a sibling failed; kept for redrive


@dataclass(slots=True, eq=False)
class Branch:
    """Where one sequence of states is.

    Attributes
    ----------
    id:
        Number within the execution; 0 is the execution's own branch.
    parent:
        The branch whose Parallel or Map state made this one.
    index:
        Its place among its siblings.
    machine:
        The states it walks through.
    state_name:
        The state it is in or about to enter.
    input:
        The raw input of that state (the output, once done).
    variables:
        Everything visible: the parent's and its own. Never changed in place.
    phase:
        One of the constants above.
    last_event_id, entered_event_id, entered_ms, before_event_id:
        The branch's last history event; the event and moment of entering its state, and the event before.
    retries:
        How often each retrier of the state was used.
    restarts:
        How often the state's job was started again because the endpoint had ended under it.
    wake_ms:
        When a timer takes it up again.
    item:
        A Map iteration's {"Index", "Value"}.
    task:
        What is known of the task under way (see :mod:`state_task`).
    children:
        The live branches below, by index; None when it has none.
    child_ids:
        Every child since the state opened, for the journal.
    results:
        The outputs of the children that ended, by index.
    length, next_index, max_concurrency, failures, tolerated:
        Of a Map or Parallel under way.
    items:
        A Map's items; made again from its input after a restart.
    attempt:
        Counts the calls of the branch, so that a late answer to an earlier one is known as such.
    """

    id: int
    parent: Branch | None
    index: int
    machine: Machine
    state_name: str
    input: Document
    variables: dict[str, Any]
    phase: str = READY
    last_event_id: int = 0
    entered_event_id: int = 0
    entered_ms: int = 0
    before_event_id: int = 0
    retries: list[int] = field(default_factory=list)
    restarts: int = 0
    wake_ms: int = 0
    deadline_ms: int = 0
    item: dict[str, Any] | None = None
    task: dict[str, Any] | None = None
    children: dict[int, Branch] | None = None
    child_ids: list[int] = field(default_factory=list)
    results: dict[int, Any] = field(default_factory=dict)
    items: list[Any] | None = None
    length: int = 0
    next_index: int = 0
    max_concurrency: int = 0
    failures: int = 0
    tolerated: int = 0
    attempt: int = 0

    @property
    def state(self) -> State:
        """The state it is in or about to enter."""
        return self.machine.states[self.state_name]

    @property
    def retry_count(self) -> int:
        """How often the state was tried again, over all its retriers and restarts."""
        return sum(self.retries) + self.restarts
