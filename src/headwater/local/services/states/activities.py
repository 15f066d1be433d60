"""Activities and task tokens: work that somebody outside does and reports by token.

Tokens are found in memory; the branches that hold them are in the journal, from where they are known again after a
restart, so a token stays valid as long as its task.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headwater.local.service import ServiceError
from headwater.local.services.states import branch as phases
from headwater.local.services.states.branch import Branch
from headwater.local.services.states.execution import Execution
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.state_task import TaskState

if TYPE_CHECKING:
    from headwater.local.services.states.engine import Engine

CROWDED = 1000
Task = tuple[Execution, Branch, int]


class TaskTokens:
    """The tasks that wait for somebody outside.

    Parameters
    ----------
    engine:
        Where reports become steps of their executions.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._crowded = CROWDED
        self._queues: dict[str, deque[str]] = {}
        self._pollers: dict[str, deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]] = {}

    def open(self, execution: Execution, branch: Branch, token: str) -> None:
        """Make a task's token known; an activity's task is also put in its queue unless a worker has it."""
        state = branch.state
        if len(self._tasks) >= self._crowded:
            self._sweep()
        with self._lock:
            self._tasks[token] = (execution, branch, branch.attempt)
            if not isinstance(state, TaskState) or state.target.kind != "activity":
                return
            if (branch.task or {}).get("worker"):
                return
            self._queues.setdefault(state.target.arn, deque()).append(token)
            pollers = self._pollers.get(state.target.arn)
            poller = pollers.popleft() if pollers else None
        if poller is not None:
            loop, future = poller
            loop.call_soon_threadsafe(lambda: None if future.done() else future.set_result(None))

    def _sweep(self) -> None:
        """Forget the tokens of tasks that ended by a time limit or a stop."""
        for token in list(self._tasks):
            self._alive(token)
        self._crowded = max(CROWDED, 2 * len(self._tasks))

    def _alive(self, token: str) -> Task | None:
        with self._lock:
            task = self._tasks.get(token)
            if task is None:
                return None
            execution, branch, attempt = task
            if execution.ended or branch.attempt != attempt or branch.phase != phases.CALLING:
                del self._tasks[token]
                return None
            return task

    def report(self, token: str, act: Callable[[TaskState, Execution, Branch], None]) -> None:
        """Let a report take effect; returns when it is in the journal.

        Raises
        ------
        ServiceError
            ``TaskTimedOut`` when no task waits for the token any more.
        """

        def arrive() -> bool:
            task = self._alive(token)
            if task is None:
                return False
            execution, branch, _ = task
            state = branch.state
            if not isinstance(state, TaskState) or "report" in (branch.task or {}):
                return False
            self._engine.resume(execution, branch, lambda: act(state, execution, branch))
            self._alive(token)  # forgets the token of a task that has ended by this
            return True

        if not self._engine.ask(arrive).result():
            raise ServiceError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")

    def take(self, activity_arn: str, worker: str | None) -> dict[str, Any] | None:
        """The oldest task of an activity for a worker, or None; it is recorded as started."""

        def start() -> dict[str, Any] | None:
            while True:
                with self._lock:
                    queue = self._queues.get(activity_arn)
                    token = queue.popleft() if queue else None
                if token is None:
                    return None
                task = self._alive(token)
                if task is None:
                    continue
                execution, branch, _ = task
                state = branch.state
                if isinstance(state, TaskState) and branch.task is not None:
                    arguments = branch.task["arguments"]
                    self._engine.resume(execution, branch, lambda: state.taken(execution, branch, worker))
                    return {"taskToken": token, "input": dumps(arguments)}

        return self._engine.ask(start).result()

    async def poll(self, activity_arn: str, worker: str | None, seconds: float) -> dict[str, Any]:
        """The same, waiting up to ``seconds`` for a task; empty when none came."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            future: asyncio.Future[None] = loop.create_future()
            with self._lock:
                self._pollers.setdefault(activity_arn, deque()).append((loop, future))
            found = await loop.run_in_executor(None, self.take, activity_arn, worker)
            if found is None:
                try:
                    await asyncio.wait_for(future, max(0.0, until - loop.time()))
                except TimeoutError:
                    found = {}
            with self._lock:
                pollers = self._pollers.get(activity_arn)
                if pollers and (loop, future) in pollers:
                    pollers.remove((loop, future))
            if found is not None:
                return found
