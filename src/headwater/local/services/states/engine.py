"""The engine: one thread that walks all executions, commits what they did, and only then lets it take effect.

It takes turns among the executions that can move, a limited number of steps each, then writes what changed in all of
them in one transaction, then carries out what follows: calls begin, callers get their answers, the bus is told. Nobody
parks a thread for a Wait or a job: waits are entries of a heap, the ends of calls come in through :meth:`post`.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from headwater.local.service import ServiceError
from headwater.local.services.states import branch as phases
from headwater.local.services.states.branch import Branch
from headwater.local.services.states.errors import RUNTIME
from headwater.local.services.states.execution import Execution, TooManyEvents
from headwater.local.services.states.execution_record import FAILED, TIMED_OUT
from headwater.local.services.states.journal import Journal
from headwater.local.services.states.quotas import MAX_EXPRESS_MS, MAX_HISTORY_EVENTS

STEPS_PER_TURN = 500
TURN_S = 0.02
LONGEST_SLEEP_MS = 60_000  # a lock waits some centuries at most, and a clock may be set meanwhile
SAME_MOMENT_MS = 100  # how far apart time limits may be that AWS finds passed at once
_T = TypeVar("_T")

log = logging.getLogger(__name__)


class Engine:
    """Runs executions.

    Parameters
    ----------
    journal:
        Where everything is written first.
    on_ended:
        Called on the engine's thread after an execution's end is in the journal; must not block.
    before_commit:
        Called inside the transaction with the executions that changed (it exports their events to the logs).
    """

    def __init__(
        self,
        journal: Journal,
        on_ended: Callable[[Execution], None],
        before_commit: Callable[[list[Execution]], None],
    ) -> None:
        self.journal = journal
        self.executions: dict[str, Execution] = {}
        self._on_ended = on_ended
        self._before_commit = before_commit
        self._inbox: deque[Callable[[], None]] = deque()
        self._after_commit: list[Callable[[], None]] = []
        self._withdrawable: list[tuple[Future[Any], Callable[[], None]]] = []
        self._timers: list[tuple[int, int, str, int | None]] = []  # (due, order, execution, branch or the whole)
        self._order = itertools.count()
        self._movable: deque[Execution] = deque()
        self._touched: dict[int, Execution] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="states-engine", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the turn under way and end the thread; what is unfinished stays in the journal."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    # -- from other threads ----------------------------------------------------------------------------------------

    def post(self, work: Callable[[], None]) -> None:
        """Run ``work`` on the engine's thread, soon."""
        with self._wake:
            self._inbox.append(work)
            self._wake.notify()

    def ask(self, work: Callable[[], _T], withdraw: Callable[[], None] | None = None) -> Future[_T]:
        """Run ``work`` on the engine's thread; the answer comes when its changes are in the journal.

        With ``withdraw``, changes that the disk refuses are taken back by it, and the answer is ``ServiceUnavailable``;
        else they are written as soon as the disk takes them, and the answer comes then.
        """
        answer: Future[_T] = Future()

        def run() -> None:
            settle: Callable[[], None]
            try:
                settle = functools.partial(answer.set_result, work())
                if withdraw is not None:
                    self._withdrawable.append((answer, withdraw))
            except BaseException as error:  # whatever it is belongs to the asker
                settle = functools.partial(answer.set_exception, error)
            self._after_commit.append(lambda: None if answer.done() else settle())

        self.post(run)
        return answer

    # -- on the engine's thread ------------------------------------------------------------------------------------

    def add(self, execution: Execution) -> None:
        """Take an execution in."""
        self.executions[execution.record_.arn] = execution
        self.touch(execution)
        deadlines = []
        if execution.machine.timeout_s is not None:
            begun_ms = execution.record_.redriven_ms or execution.record_.started_ms
            deadlines.append(begun_ms + 1000 * execution.machine.timeout_s)
        if execution.record_.type == "EXPRESS":  # one that a restart takes up again has its time anew
            deadlines.append(execution.now_ms() + MAX_EXPRESS_MS)
        if deadlines:
            execution.deadline_ms = min(deadlines)
            self._add_timer(execution.deadline_ms, execution, None)

    def touch(self, execution: Execution) -> None:
        """Note that an execution changed or can move."""
        self._touched[id(execution)] = execution
        if execution.ready:
            self._movable.append(execution)
        relatives, execution.relatives = execution.relatives, []
        for relative in relatives:
            if relative.ended or relative.record_.arn in self.executions:
                self.touch(relative)
            else:
                self.add(relative)

    def resume(self, execution: Execution, branch: Branch, act: Callable[[], None]) -> None:
        """Do something to a branch that was waiting, as a step of its execution."""
        if not execution.ended:
            self._guarded(execution, act)
            self.touch(execution)

    def _guarded(self, execution: Execution, act: Callable[[], Any]) -> None:
        try:
            act()
        except TooManyEvents:
            cause = f"The execution reached the maximum number of history events ({MAX_HISTORY_EVENTS})."
            execution.end_badly(FAILED, RUNTIME, cause)
        except Exception as error:
            log.exception("the interpreter failed on %s", execution.record_.arn)
            execution.end_badly(FAILED, RUNTIME, f"The interpreter failed: {type(error).__name__}: {error}")

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._inbox or self._movable or self._touched or self._stopping):
                    delay_s = self._until_next_timer()
                    if delay_s is not None and delay_s <= 0:
                        break
                    self._wake.wait(delay_s)
                if self._stopping:
                    return
                inbox, self._inbox = self._inbox, deque()
            try:
                self._turn(inbox)
            except Exception:
                log.exception("a turn of the Step Functions engine failed")
                time.sleep(0.05)  # a full disk, say: do not spin

    def _turn(self, inbox: deque[Callable[[], None]]) -> None:
        for work in inbox:
            _carry_out(work)
        self._fire_timers()
        until = time.monotonic() + TURN_S
        while self._movable and time.monotonic() < until:
            execution = self._movable.popleft()
            if not execution.ready or execution.ended:
                continue
            self._guarded(execution, functools.partial(execution.step, STEPS_PER_TURN))
            self.touch(execution)
        self._commit()

    def _commit(self) -> None:
        touched = [execution for execution in self._touched.values() if not execution.unmoved]
        if touched:
            try:
                with self.journal.store.transaction():
                    self._before_commit(touched)
                    self.journal.write(touched)
            except sqlite3.Error as error:
                self._refuse(error)
                raise
        self._withdrawable.clear()
        if touched:
            self._touched = {key: execution for key, execution in self._touched.items() if execution.unmoved}
        # Settling one may change another, a Map's parent: what was written is taken from all of them before that.
        written = [(execution, *execution.saved(), execution.ended) for execution in touched]
        for execution, actions, timers, ended in written:
            self._settle(execution, actions, timers, ended)
        after, self._after_commit = self._after_commit, []
        for act in after:
            _carry_out(act)

    def _refuse(self, error: sqlite3.Error) -> None:
        """Take back what the disk refuses and somebody waits for: an answer that never comes helps nobody."""
        refused, self._withdrawable = self._withdrawable, []
        message = f"The endpoint's state cannot be written, and nothing was started: {error}"
        for answer, withdraw in refused:
            withdraw()
            answer.set_exception(ServiceError("ServiceUnavailable", message, 503))

    def withdraw(self, execution: Execution) -> None:
        """Forget an execution of which nothing is in the journal, with the children of its distributed Maps."""
        execution.ended = True
        for key, each in list(self._touched.items()):
            if _descends(each, execution):
                del self._touched[key]
                self.executions.pop(each.record_.arn, None)

    def _settle(
        self, execution: Execution, actions: list[Callable[[], None]], timers: list[tuple[int, Branch]], ended: bool
    ) -> None:
        """After the commit: timers, calls, and the end."""
        for due, branch in timers:
            self._add_timer(due, execution, branch)
        for act in actions:
            _carry_out(act)
        if ended and self.executions.pop(execution.record_.arn, None) is not None:
            self._on_ended(execution)
            if execution.parent is not None:
                self._report(execution, *execution.parent)

    def _report(self, child: Execution, parent: Execution, branch: Branch) -> None:
        """Tell a distributed Map that one of its children has ended."""
        record, index = child.record_, child.record_.map_index
        if branch.phase == phases.CHILDREN and (branch.task or {}).get("map_run") == record.map_run_arn:
            state: Any = branch.state
            self.resume(parent, branch, lambda: state.map_child_ended(parent, branch, record, index))

    # -- timers ----------------------------------------------------------------------------------------------------

    def _add_timer(self, due_ms: int, execution: Execution, branch: Branch | None) -> None:
        branch_id = None if branch is None else branch.id
        heapq.heappush(self._timers, (due_ms, next(self._order), execution.record_.arn, branch_id))

    def _until_next_timer(self) -> float | None:
        if not self._timers:
            return None
        return min(self._timers[0][0] - Execution.now_ms(), LONGEST_SLEEP_MS) / 1000

    def _fire_timers(self) -> None:
        now = Execution.now_ms()
        while self._timers and self._timers[0][0] <= now:
            due, _, arn, branch_id = heapq.heappop(self._timers)
            execution = self.executions.get(arn)
            if execution is None or execution.ended:
                continue
            if branch_id is None:
                if execution.deadline_ms == due:
                    self._guarded(execution, functools.partial(execution.end_badly, TIMED_OUT, None, None))
            else:
                self._fire(execution, execution.branches.get(branch_id), due)
            self.touch(execution)

    def _fire(self, execution: Execution, branch: Branch | None, due: int) -> None:
        if branch is None:
            return
        if branch.phase in (phases.WAITING, phases.RETRYING) and branch.wake_ms == due:
            execution.ready.append(branch)
        elif branch.phase == phases.CALLING and branch.deadline_ms == due:
            self._guarded(execution, functools.partial(_expire, execution, branch))


def _expire(execution: Execution, branch: Branch) -> None:
    """Time out a task, and with it the siblings whose time is up: AWS records them all before the first one fails."""
    moment = branch.deadline_ms + SAME_MOMENT_MS
    siblings = (branch.parent.children or {}).values() if branch.parent is not None else ()
    late = [branch, *(each for each in siblings if each is not branch and 0 < _deadline(each) <= moment)]
    failures = []
    for each in late:
        state: Any = each.state
        failures.append((each, state.expire(execution, each)))
    for each, failure in failures:
        if each.phase == phases.CALLING:
            execution.fail(each, failure)


def _deadline(branch: Branch) -> int:
    return branch.deadline_ms if branch.phase == phases.CALLING else 0


def _descends(execution: Execution, ancestor: Execution) -> bool:
    """Whether it is the ancestor, or below it in its distributed Maps."""
    while execution is not ancestor and execution.parent is not None:
        execution = execution.parent[0]
    return execution is ancestor


def _carry_out(act: Callable[[], None]) -> None:
    """One act, whose failure must not keep the others from being carried out."""
    try:
        act()
    except Exception:
        log.exception("the Step Functions engine could not carry out a step")
