"""What holds the interpreter together: journal, engine, caller, logs; and how executions begin, end and come back."""

from __future__ import annotations

import functools
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from headwater.local.service import Endpoint, ServiceError
from headwater.local.services.states import branch as phases
from headwater.local.services.states.activities import TaskTokens
from headwater.local.services.states.branch import Branch
from headwater.local.services.states.caller import TaskCaller
from headwater.local.services.states.compiler import compile_definition
from headwater.local.services.states.engine import Engine
from headwater.local.services.states.execution import Execution
from headwater.local.services.states.execution_record import ABORTED, RUNNING, ExecutionRecord
from headwater.local.services.states.execution_logs import ExecutionLogs
from headwater.local.services.states.journal import Journal
from headwater.local.services.states.json_text import Document
from headwater.local.services.states.machines import Machines
from headwater.local.services.states.map_runs import MAP_RUN
from headwater.local.services.states.redrives import asked_before, remember
from headwater.local.services.states.state_map_distributed import DistributedMapState
from headwater.local.services.states.state_task import TaskState

log = logging.getLogger(__name__)


class Runtime:
    """The interpreter of one endpoint.

    Parameters
    ----------
    endpoint:
        Gives the store, the bus and the calls.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.journal = Journal(endpoint.store)
        self.machines = Machines(endpoint.store)
        self.caller = TaskCaller(endpoint)
        self._logs = ExecutionLogs(endpoint.store)
        self.engine = Engine(self.journal, self._ended, self._committing)
        self.tokens = TaskTokens(self.engine)
        self.caller.engine, self.caller.journal, self.caller.tokens = self.engine, self.journal, self.tokens
        self._waiting: dict[str, list[Future[ExecutionRecord]]] = {}
        self._lock = threading.Lock()
        # Subscribers of the bus may call back and wait for the engine, so they never run on its thread.
        self._notifier = ThreadPoolExecutor(1, thread_name_prefix="states-notify")

    def start(self) -> None:
        """Begin to work, and take up what an earlier process left, unless the endpoint is only to look."""
        self.caller.start()
        if self.endpoint.resume_work:
            self._resume()
        self.engine.start()

    def _resume(self) -> None:
        """Take up the executions that had not ended.

        Before the engine's first turn: the endpoint already serves, and a report by token or a stop must find them.
        """
        self.journal.forget_answers()
        cancelled = self.journal.cancelled()
        for execution in self._restore_running().values():
            try:
                self._take_up(execution)
            except Exception:
                log.exception("%s cannot be taken up again", execution.record_.arn)
            if execution.record_.idempotency_key in cancelled:
                execution.end_badly(ABORTED, None, None)
                self.engine.touch(execution)
        if cancelled:
            self.engine.ask(lambda: None).add_done_callback(lambda _: self.journal.forget_cancelled(cancelled))

    def drain(self, limit_s: float) -> None:
        """Wait until the changes of status made so far are published, at most about ``limit_s`` seconds."""
        self.engine.ask(lambda: None).result(limit_s)
        self._notifier.submit(lambda: None).result(limit_s)

    def stop(self) -> None:
        """Stop; what is unfinished stays in the journal."""
        self.engine.stop()
        self.caller.stop()
        self._notifier.shutdown(wait=True)

    # -- begin -----------------------------------------------------------------------------------------------------

    def new_execution(self, record: ExecutionRecord, definition: str) -> Execution:
        """An execution of a definition, not yet begun."""
        return Execution(record, compile_definition(definition), self.caller)

    def begin(self, record: ExecutionRecord, definition: str) -> ExecutionRecord:
        """Start an execution; returns when its start is in the journal.

        The answer is ``record``, or that of the execution which has its ARN already: then nothing is started.
        """
        execution = self.new_execution(record, definition)
        document = Document(json.loads(record.input), record.input)

        def start() -> ExecutionRecord:  # on the engine's thread, so that of two starts with one name one is first
            if record.type == "STANDARD":
                live = self.engine.executions.get(record.arn)
                known = self.journal.record(record.arn) if live is None else live.record_
                if known is not None:
                    return known
            execution.begin(document)
            execution.actions.append(functools.partial(self._publish, record, RUNNING))
            self.engine.add(execution)
            return record

        # What a task starts is kept until the disk takes it; a client is told at once, and can ask again.
        take_back = None if record.idempotency_key else functools.partial(self.engine.withdraw, execution)
        return self.engine.ask(start, take_back).result()

    def run_to_end(self, record: ExecutionRecord, definition: str) -> Future[ExecutionRecord]:
        """Start an execution; the answer comes at its end."""
        end: Future[ExecutionRecord] = Future()
        with self._lock:
            self._waiting.setdefault(record.arn, []).append(end)
        self.begin(record, definition)
        return end

    def _committing(self, executions: list[Execution]) -> None:
        """Within the transaction: export what happened to the logs, and tell of changes who writes with them."""
        self._logs.export(executions)
        for execution in executions:
            record = execution.record_
            for status in execution.status_changes() if _is_told(record) else ():
                moment_ms = record.redriven_ms or record.started_ms if status == RUNNING else record.stopped_ms or 0
                self.endpoint.bus.publish(
                    "states.execution.commit",
                    record.arn,
                    status,
                    stateMachineArn=record.machine_arn,
                    redrives=record.redrive_count,
                    started_s=record.started_ms / 1000,
                    at_s=moment_ms / 1000,
                )

    def _publish(self, record: ExecutionRecord, status: str) -> None:
        """Tell the bus of what is committed."""
        if not _is_told(record):
            return
        try:
            self._notifier.submit(self.endpoint.bus.publish, "states.execution", record.arn, status)
        except RuntimeError:  # stopping: nobody listens any more
            log.debug("the status of %s is not published: the endpoint stops", record.arn)

    def _ended(self, execution: Execution) -> None:
        record = execution.record_
        with self._lock:
            waiting = self._waiting.pop(record.arn, [])
        for future in waiting:
            future.set_result(record)
        self._publish(record, record.status)

    # -- stop and come back ----------------------------------------------------------------------------------------

    def abort(self, arn: str, error: str | None, cause: str | None) -> bool:
        """Stop a running execution with its jobs; False when it does not run."""
        record = self.journal.record(arn)
        if not self.endpoint.resume_work and record is not None and record.status == "RUNNING":
            restored = self._restore_running().get(arn)
            if restored is not None:
                self.engine.post(functools.partial(self._add_once, restored))

        def stop() -> bool:
            execution = self.engine.executions.get(arn)
            if execution is None or execution.ended:
                return False
            execution.end_badly(ABORTED, error, cause)
            self.engine.touch(execution)
            return True

        return self.engine.ask(stop).result()

    def _add_once(self, execution: Execution) -> None:
        if execution.record_.arn not in self.engine.executions:
            self.engine.add(execution)

    def _restore_running(self) -> dict[str, Execution]:
        """The executions that had not ended, by ARN; parents before the children of their distributed Maps."""
        restored: dict[str, Execution] = {}
        waiting = self.journal.running()
        while waiting:
            able = [record for record in waiting if record.parent_arn is None or record.parent_arn in restored]
            if not able:
                log.error("%d children of distributed Maps have no running parent", len(waiting))
                break
            for record in able:
                waiting.remove(record)
                execution = self._restore(record, restored)
                if execution is not None:
                    restored[record.arn] = execution
        return restored

    def _restore(self, record: ExecutionRecord, restored: dict[str, Execution]) -> Execution | None:
        try:
            if record.parent_arn is None:
                execution = self.new_execution(record, self.machines.revision(record.revision)["definition"])
            else:
                parent = restored[record.parent_arn]
                execution = self._map_child(record, parent, parent.branches[record.parent_branch or 0])
            self.journal.restore(execution)
            self._count_map_children(execution)
        except (ServiceError, KeyError, ValueError, IndexError):
            log.exception("%s cannot be taken up again", record.arn)
            return None
        return execution

    def _map_child(self, record: ExecutionRecord, parent: Execution, branch: Branch) -> Execution:
        state: Any = branch.state
        child = Execution(record, state.child_machine(0), self.caller, parent=(parent, branch))
        parent.map_children.setdefault(branch.id, {})[record.map_index or 0] = child
        return child

    def _count_map_children(self, execution: Execution) -> None:
        """Take the results of a distributed Map's children from the journal: it has them all."""
        for branch in execution.branches.values():
            state, run_arn = branch.state, (branch.task or {}).get("map_run")
            if not isinstance(state, DistributedMapState) or not run_arn:
                continue
            run = self.endpoint.store.get(MAP_RUN, run_arn)
            if run is not None:
                execution.map_runs[branch.id] = run
            if not branch.length:  # its items are still being read
                continue
            branch.failures, branch.results = 0, {}
            missing = set(range(branch.next_index))
            for child in self.journal.map_children(run_arn):
                missing.discard(child.map_index or 0)
                if child.status != RUNNING:
                    state.count(branch, child, child.map_index or 0)
            execution.map_missing[branch.id] = sorted(missing)

    def _take_up(self, execution: Execution) -> None:
        self.engine.add(execution)
        for branch in list(execution.branches.values()):
            if branch.phase == phases.READY:
                execution.ready.append(branch)
            elif branch.phase in (phases.WAITING, phases.RETRYING):
                execution.timers.append((branch.wake_ms, branch))
            elif branch.phase == phases.CHILDREN and isinstance(branch.state, DistributedMapState):
                self.engine.resume(execution, branch, functools.partial(branch.state.resumed, execution, branch))
            elif branch.phase == phases.CALLING:
                self._take_up_task(execution, branch)
                if branch.deadline_ms:
                    execution.timers.append((branch.deadline_ms, branch))
                execution.actions.append(lambda b=branch: self.caller.reattach(execution, b))  # type: ignore[misc]
        self.engine.touch(execution)

    def _take_up_task(self, execution: Execution, branch: Branch) -> None:
        """Make a task's token known; a heartbeat missed while nobody could receive it is due anew."""
        self.caller.open_token(execution, branch)
        if isinstance(branch.state, TaskState) and (branch.task or {}).get("heartbeat_s"):
            branch.state.set_deadline(branch, execution.now_ms())
            execution.mark(branch)

    def redrive(self, arn: str, token: str | None, check: Callable[[ExecutionRecord], None]) -> int:
        """Run an execution on from where it failed: what succeeded is not run again.

        Parameters
        ----------
        token:
            The client token: redrives that have the same one are one redrive.
        check:
            Refuses what cannot be redriven (``ExecutionNotRedrivable``).

        Returns
        -------
        int
            The moment of the redrive, in milliseconds since the epoch.
        """

        def start() -> int:  # on the engine's thread, so that of two redrives at once one is first
            live = self.engine.executions.get(arn)
            record = self.journal.record(arn) if live is None else live.record_
            if record is None:
                raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
            if (before := asked_before(record, token, Execution.now_ms())) is not None:
                return before
            if live is not None:  # an end that is not in the journal yet is nobody's to know
                raise ServiceError("ExecutionNotRedrivable", "Execution is RUNNING and cannot be redriven")
            check(record)
            execution = self.new_execution(record, self.machines.revision(record.revision)["definition"])
            self.journal.restore(execution)
            self._count_map_children(execution)
            moment_ms = self._start_again(execution)
            remember(record, token, moment_ms)
            execution.actions.append(functools.partial(self._publish, record, RUNNING))
            self.engine.add(execution)
            return moment_ms

        return self.engine.ask(start).result()

    def _reopen(self, execution: Execution, branch: Branch) -> None:
        """Make a branch of a failed execution go on: at its failed state, or in what failed below it."""
        execution.mark(branch)
        branch.retries = []
        if isinstance(branch.state, DistributedMapState) and branch.length and branch.id in execution.map_runs:
            self._reopen_map_run(execution, branch, branch.state)
            return
        unfinished = list((branch.children or {}).values())
        if branch.state.type in ("Map", "Parallel") and branch.length and unfinished:
            branch.phase = phases.CHILDREN
            for child in unfinished:
                self._reopen(execution, child)
            return
        entered = branch.phase in (phases.FAILED, phases.ABORTED, phases.CALLING, phases.WAITING, phases.RETRYING)
        if branch.phase == phases.CHILDREN:
            return
        if entered and branch.entered_event_id:
            branch.phase = phases.RETRYING
            branch.length = 0
        else:
            branch.phase = phases.READY
        execution.ready.append(branch)

    def _reopen_map_run(self, execution: Execution, branch: Branch, state: DistributedMapState) -> None:
        """Redrive the children of a distributed Map that did not succeed."""
        run = execution.map_runs[branch.id]
        run |= {"status": RUNNING, "redriveCount": run["redriveCount"] + 1}
        execution.open_map_run(branch, run)
        branch.phase, branch.failures = phases.CHILDREN, 0
        details = {"mapRunArn": run["arn"], "redriveCount": run["redriveCount"]}
        branch.last_event_id = execution.record(branch, "MapRunRedriven", details)
        for record in self.journal.map_children(run["arn"]):
            if record.status == "SUCCEEDED":
                continue
            child = self._map_child(record, execution, branch)
            self.journal.restore(child)
            self._start_again(child)
            execution.relatives.append(child)
        state.resumed(execution, branch)

    def _start_again(self, execution: Execution) -> int:
        record = execution.record_
        record.status = RUNNING
        record.stopped_ms = record.error = record.cause = None
        record.redrive_count += 1
        record.redriven_ms = moment_ms = execution.now_ms()
        execution.redriven(execution.next_event_id - 1)
        self._reopen(execution, execution.root)
        return moment_ms


def _is_told(record: ExecutionRecord) -> bool:
    """Whether others hear of an execution; as on AWS not of express ones, nor of a distributed Map's children."""
    return record.type == "STANDARD" and record.map_run_arn is None
