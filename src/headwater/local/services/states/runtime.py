"""What holds the interpreter together: journal, engine, caller, logs; and how executions begin, end and come back."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from headwater.local.service import Endpoint, ServiceError
from headwater.local.services.states import branch as phases
from headwater.local.services.states.activities import TaskTokens
from headwater.local.services.states.branch import Branch
from headwater.local.services.states.caller import TaskCaller
from headwater.local.services.states.compiler import compile_definition
from headwater.local.services.states.engine import Engine
from headwater.local.services.states.execution import ABORTED, Execution, ExecutionRecord
from headwater.local.services.states.execution_logs import ExecutionLogs
from headwater.local.services.states.journal import Journal
from headwater.local.services.states.json_text import Document
from headwater.local.services.states.machines import Machines

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
        self.engine = Engine(self.journal, self._ended, ExecutionLogs(endpoint.store).export)
        self.tokens = TaskTokens(self.engine)
        self.caller.engine, self.caller.tokens = self.engine, self.tokens
        self._waiting: dict[str, list[Future[ExecutionRecord]]] = {}
        self._lock = threading.Lock()
        # Subscribers of the bus may call back and wait for the engine, so they never run on its thread.
        self._notifier = ThreadPoolExecutor(1, thread_name_prefix="states-notify")

    def start(self) -> None:
        """Begin to work, and take up what an earlier process left, unless the endpoint is only to look."""
        self.caller.start()
        self.engine.start()
        if not self.endpoint.resume_work:
            return
        for arn in self.journal.running():
            record = self.journal.record(arn)
            if record is not None:
                self._restore(record)

    def stop(self) -> None:
        """Stop; what is unfinished stays in the journal."""
        self.engine.stop()
        self.caller.stop()
        self._notifier.shutdown(wait=True)

    # -- begin -----------------------------------------------------------------------------------------------------

    def new_execution(self, record: ExecutionRecord, definition: str) -> Execution:
        """An execution of a definition, not yet begun."""
        return Execution(record, compile_definition(definition), self.caller)

    def begin(self, record: ExecutionRecord, definition: str) -> None:
        """Start an execution; returns when its start is in the journal."""
        execution = self.new_execution(record, definition)
        document = Document(json.loads(record.input), record.input)

        def start() -> None:
            execution.begin(document)
            self.engine.add(execution)

        self._publish(record.arn, record.status, record.machine_arn, after=self.engine.ask(start))

    def run_to_end(self, record: ExecutionRecord, definition: str) -> Future[ExecutionRecord]:
        """Start an execution; the answer comes at its end."""
        end: Future[ExecutionRecord] = Future()
        with self._lock:
            self._waiting.setdefault(record.arn, []).append(end)
        self.begin(record, definition)
        return end

    def _publish(self, arn: str, status: str, machine_arn: str, after: Future[Any] | None = None) -> None:
        if after is not None:
            after.result()
        try:
            self._notifier.submit(
                self.endpoint.bus.publish, "states.execution", arn, status, stateMachineArn=machine_arn
            )
        except RuntimeError:  # stopping: nobody listens any more
            log.debug("the end of %s is not published: the endpoint stops", arn)

    def _ended(self, execution: Execution) -> None:
        record = execution.record_
        with self._lock:
            waiting = self._waiting.pop(record.arn, [])
        for future in waiting:
            future.set_result(record)
        self._publish(record.arn, record.status, record.machine_arn)

    # -- stop and come back ----------------------------------------------------------------------------------------

    def abort(self, arn: str, error: str | None, cause: str | None) -> bool:
        """Stop a running execution with its jobs; False when it does not run."""
        record = self.journal.record(arn)
        if not self.endpoint.resume_work and record is not None and record.status == "RUNNING":
            self._restore(record, take_up=False)

        def stop() -> bool:
            execution = self.engine.executions.get(arn)
            if execution is None or execution.ended:
                return False
            execution.end_badly(ABORTED, error, cause)
            self.engine.touch(execution)
            return True

        return self.engine.ask(stop).result()

    def _restore(self, record: ExecutionRecord, take_up: bool = True) -> None:
        try:
            definition = self.machines.revision(record.revision)["definition"]
            execution = self.new_execution(record, definition)
            self.journal.restore(execution)
        except (ServiceError, KeyError, ValueError, IndexError):
            log.exception("%s cannot be taken up again", record.arn)
            return
        if take_up:
            self.engine.post(lambda: self._take_up(execution))
        else:
            self.engine.post(lambda: None if record.arn in self.engine.executions else self.engine.add(execution))

    def _take_up(self, execution: Execution) -> None:
        self.engine.add(execution)
        for branch in list(execution.branches.values()):
            if branch.phase == phases.READY:
                execution.ready.append(branch)
            elif branch.phase in (phases.WAITING, phases.RETRYING):
                execution.timers.append((branch.wake_ms, branch))
            elif branch.phase == phases.CALLING:
                if branch.deadline_ms:
                    execution.timers.append((branch.deadline_ms, branch))
                execution.actions.append(lambda b=branch: self.caller.reattach(execution, b))  # type: ignore[misc]
        self.engine.touch(execution)

    def redrive(self, record: ExecutionRecord) -> None:
        """Run an execution on from where it failed: what succeeded is not run again."""
        definition = self.machines.revision(record.revision)["definition"]
        execution = self.new_execution(record, definition)
        self.journal.restore(execution)

        def start() -> None:
            record.status = "RUNNING"
            record.stopped_ms = record.error = record.cause = None
            record.redrive_count += 1
            record.redriven_ms = execution.now_ms()
            previous = execution.next_event_id - 1
            execution.redriven(previous)
            reopen(execution, execution.root)
            self.engine.add(execution)

        self._publish(record.arn, "RUNNING", record.machine_arn, after=self.engine.ask(start))


def reopen(execution: Execution, branch: Branch) -> None:
    """Make a branch of a failed execution go on: at its failed state, or in the failed branches below it."""
    execution.mark(branch)
    branch.retries = []
    unfinished = list((branch.children or {}).values())
    if branch.state.type in ("Map", "Parallel") and branch.length and unfinished:
        branch.phase = phases.CHILDREN
        branch.failures = 0
        for child in unfinished:
            reopen(execution, child)
        return
    if branch.phase == phases.CHILDREN:
        return
    entered = branch.phase in (phases.FAILED, phases.ABORTED, phases.CALLING, phases.WAITING, phases.RETRYING)
    if entered and branch.entered_event_id:
        branch.phase = phases.RETRYING
        branch.length = 0
    else:
        branch.phase = phases.READY
    execution.ready.append(branch)
