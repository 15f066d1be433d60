"""Carries out what tasks ask for: calls services as the machine's role, watches jobs, and posts the answers back.

A call runs through the endpoint's in-process dispatch (on its event loop or worker threads); a job is waited for on the
bus. After a restart :meth:`TaskCaller.reattach` finds the job of a task that was under way by what was recorded.
"""

from __future__ import annotations

import functools
import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from headwater.local.bus import Event
from headwater.local.identity import Principal
from headwater.local.service import Endpoint, ServiceError
from headwater.local.services.states import branch as phases
from headwater.local.services.states import http_task
from headwater.local.services.states.activities import TaskTokens
from headwater.local.services.states.branch import Branch
from headwater.local.services.states.engine import Engine
from headwater.local.services.states.errors import (
    ITEM_READER_FAILED,
    RESULT_WRITER_FAILED,
    RUNTIME,
    TASK_FAILED,
    StateFailure,
)
from headwater.local.services.states.event_entries import FAILED_ENTRY, entries_to_send, failed_entries
from headwater.local.services.states.execution import Execution
from headwater.local.services.states.integration_api import SYNC, SYNC_2, Job
from headwater.local.services.states.integrations import OPTIMIZED, Resource
from headwater.local.services.states.journal import Journal
from headwater.local.services.states.json_text import dumps, loads
from headwater.local.member_names import epoch_ms, from_client, operation_name, to_client
from headwater.local.services.states.machines import ACTIVITY
from headwater.local.services.states.role_sessions import RoleSessions
from headwater.local.services.states.state_map_distributed import DistributedMapState
from headwater.local.services.states.state_task import INTERRUPTED, TaskState
from headwater.local.services.states.task_arguments import ANY_JSON, unknown_host
from headwater.local.services.states.task_results import invoke_result, service_failure, with_metadata

MAX_CALLS = 64
MAX_LOOKS = 8
CLOCK_MS = 1000  # how coarse a service's CreationTime may be
_NO_HOST = "Name or service not known"
_NO_ERROR_TYPE = "The cause could not be determined because Lambda did not return an error type. Returned payload: "

log = logging.getLogger(__name__)
Watched = tuple[Execution, Branch, int]


class TaskCaller:
    """The world, as executions see it.

    Parameters
    ----------
    endpoint:
        Where calls go.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.engine: Engine
        self.journal: Journal
        self.tokens: TaskTokens
        self._pool = ThreadPoolExecutor(MAX_CALLS, thread_name_prefix="states-call")
        # Jobs are looked at and stopped even while functions hold every other thread.
        self._job_pool = ThreadPoolExecutor(MAX_LOOKS, thread_name_prefix="states-job")
        self._lock = threading.Lock()
        self._watched: dict[tuple[str, str], list[Watched]] = {}
        self._unsubscribe: list[Callable[[], None]] = []
        self._sessions = RoleSessions(endpoint)

    def start(self) -> None:
        """Listen to the bus."""
        for topic in sorted({api.job.topic for api in OPTIMIZED.values() if api.job is not None}):
            self._unsubscribe.append(self.endpoint.bus.subscribe(topic, self._listener(topic)))

    def stop(self) -> None:
        """Stop listening; calls under way are left to end by themselves."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        for pool in (self._pool, self._job_pool):
            pool.shutdown(wait=False, cancel_futures=True)

    def _listener(self, topic: str) -> Callable[[Event], None]:
        def hear(event: Event) -> None:
            with self._lock:
                watchers = list(self._watched.get((topic, event["id"]), ()))
            for watched in watchers:
                self._submit(self._look_at_job, *watched)

        return hear

    def _submit(self, work: Callable[..., None], *arguments: Any) -> None:
        pool = self._job_pool if work in (self._look_at_job, self._stop_job) else self._pool
        run = self._logged if work == self._stop_job else self._answered
        if work == self._call and _waits_for_express(_task_state(arguments[1])):
            threading.Thread(target=run, args=(work, *arguments), name="states-express", daemon=True).start()
            return
        try:
            pool.submit(run, work, *arguments)
        except RuntimeError:  # stopping; the journal knows what is open
            log.debug("a call was not begun: the endpoint stops")

    @staticmethod
    def _logged(work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception:
            log.exception("a task's call failed unexpectedly")

    def _answered(
        self, work: Callable[..., None], execution: Execution, branch: Branch, attempt: int, *rest: Any
    ) -> None:
        """Whatever goes wrong fails the task: else it would wait for ever."""
        try:
            work(execution, branch, attempt, *rest)
        except Exception as error:
            log.exception("a task's call failed unexpectedly")
            self._post_failure(execution, branch, attempt, RUNTIME, f"{type(error).__name__}: {error}")

    # -- calls -----------------------------------------------------------------------------------------------------

    def call(self, execution: Execution, branch: Branch) -> None:
        """Begin the call of the branch's task, or of a distributed Map's reader or writer."""
        if isinstance(branch.state, DistributedMapState):
            self._submit(self._map_call, execution, branch, branch.attempt, branch.state)
            return
        self.open_token(execution, branch)
        if _task_state(branch).target.kind != "activity":
            self._submit(self._call, execution, branch, branch.attempt)

    def knows_activity(self, arn: str) -> bool:
        """Whether there is an activity of this ARN."""
        return self.journal.store.get(ACTIVITY, arn) is not None

    def open_token(self, execution: Execution, branch: Branch) -> None:
        """Make the token of the branch's task known, if it has one."""
        token = (branch.task or {}).get("token")
        if token:
            self.tokens.open(execution, branch, token)

    def _call(self, execution: Execution, branch: Branch, attempt: int) -> None:
        state = _task_state(branch)
        task = branch.task
        if task is None or branch.attempt != attempt:
            return
        try:
            answer = self._perform(execution, state, task)
        except (ServiceError, StateFailure) as error:
            self._post_failure(execution, branch, attempt, *_failure(state.target, error))
            return
        if isinstance(answer, _Failed):
            self._post_failure(execution, branch, attempt, answer.error, answer.cause)
            return
        self._keep_answer(execution, branch, attempt, answer)
        job = state.target.api.job if state.target.api is not None and state.target.pattern.startswith(SYNC) else None

        def unwanted() -> None:  # the execution was stopped, or the task timed out, while the job was being started
            if job is not None:
                self._submit(self._stop_job, execution, state.target, job, {**task, "response": answer})

        self._post(execution, branch, attempt, lambda: state.answered(execution, branch, answer), unwanted)

    def _keep_answer(self, execution: Execution, branch: Branch, attempt: int, answer: Any) -> None:
        if not execution.record_.journaled:
            return
        try:
            self.journal.keep_answer(execution.record_.arn, branch.id, attempt, answer)
        except sqlite3.Error:  # a full disk: the engine commits it as soon as it can
            log.exception("an answer of %s is not in the journal yet", execution.record_.arn)

    def call_once(self, execution: Execution, state: TaskState, arguments: Any, role_arn: str | None = None) -> Any:
        """Call a task's service and wait for the answer; StateFailure when the call fails (``TestState``)."""
        try:
            answer = self._perform(execution, state, {"arguments": arguments, "role_arn": role_arn})
        except ServiceError as error:
            raise StateFailure(*service_failure(state.target, error)) from error
        if isinstance(answer, _Failed):
            raise StateFailure(answer.error, answer.cause)
        return answer

    def _perform(self, execution: Execution, state: TaskState, task: dict[str, Any]) -> Any:
        target, arguments = state.target, task["arguments"]
        principal = self._principal_of(execution, task)
        if target.kind == "lambda":
            members: dict[str, Any] = {"FunctionName": target.arn, "Payload": dumps(arguments).encode()}
            return _lambda_outcome(self.endpoint.call("lambda", "invoke", principal=principal, **members), True)
        api = target.api
        if api is None:
            raise ServiceError("UnknownOperationException", f"{target.arn} names no operation")
        if target.type == "http":
            return http_task.invoke(arguments, functools.partial(self.endpoint.call, principal=principal))
        operation = operation_name(api.client, api.service_operation)
        if target.pattern in (SYNC, SYNC_2) and api.job is None:
            raise ServiceError("UnknownOperationException", f"this endpoint cannot wait for {target.arn}")
        if operation is None:
            raise ServiceError("UnknownOperationException", f"this endpoint cannot run {target.arn}")
        wanted = arguments if api.request is None else api.request(arguments)
        if (host := unknown_host(target, arguments)) is not None:
            return _Failed("SQS.SdkClientException", f"Unable to execute HTTP request: {host}: {_NO_HOST}")
        puts_events = target.kind == "optimized" and api.client == "events"
        if puts_events:
            wanted = entries_to_send(wanted, execution.record_.arn, execution.record_.machine_arn)
        members = to_client(api.client, api.service_operation, wanted)
        if target.kind == "optimized":
            members = {key: _text_body(api.client, key, value) for key, value in members.items()}
        response = self.endpoint.call(
            api.client, operation, principal=principal, idempotency_key=task.get("key"), **members
        )
        if target.kind == "optimized" and api.client == "lambda":
            return _lambda_outcome(response, False)
        moments = epoch_ms if target.kind == "optimized" else None
        answer = from_client(api.client, api.service_operation, response, moments)
        if puts_events and (cause := failed_entries(answer)):
            return _Failed(FAILED_ENTRY, cause)
        return with_metadata(target, answer if api.answer is None else api.answer(arguments, answer))

    def _principal_of(self, execution: Execution, task: dict[str, Any]) -> Principal | None:
        record = execution.record_
        if role_arn := task.get("role_arn"):
            return self._sessions.of_task(role_arn, record.role_arn, record.machine_arn, record.name)
        return self._sessions.of_machine(record.role_arn, record.machine_arn, record.name)

    # -- jobs ------------------------------------------------------------------------------------------------------

    def watch(self, execution: Execution, branch: Branch) -> None:
        """Wait for the job that the branch's task started: on the bus, and by looking once."""
        job, task = _job_of(branch), branch.task
        if job is None or task is None:
            return
        key = (job.topic, job.id(task["arguments"], task["response"]))
        watched = (execution, branch, branch.attempt)
        with self._lock:
            self._watched.setdefault(key, []).append(watched)
        self._submit(self._look_at_job, *watched, True)

    def _forget(self, job: Job, task: dict[str, Any], branch: Branch) -> None:
        key = (job.topic, job.id(task["arguments"], task["response"]))
        with self._lock:
            left = [watched for watched in self._watched.get(key, []) if watched[1] is not branch]
            if left:
                self._watched[key] = left
            else:
                self._watched.pop(key, None)

    def _look_at_job(self, execution: Execution, branch: Branch, attempt: int, restarted: bool = False) -> None:
        state, job, task = _task_state(branch), _job_of(branch), branch.task
        if job is None or task is None or branch.attempt != attempt or state.target.api is None:
            return
        client = state.target.api.client
        try:
            principal = self._principal_of(execution, task)
            members = job.describe_with(task["arguments"], task["response"])
            response = self.endpoint.call(client, job.describe, principal=principal, **members)
        except (ServiceError, StateFailure) as error:
            self._forget(job, task, branch)
            self._post_failure(execution, branch, attempt, *_failure(state.target, error))
            return
        described = from_client(client, _camel(job.describe), response, epoch_ms)
        status = str(_dig(described, job.status))
        if status not in job.good | job.bad:
            return
        self._forget(job, task, branch)
        if restarted and _was_interrupted(job, described):
            cause = dumps(_dig(described, job.result))
            self._post(execution, branch, attempt, lambda: state.interrupted(execution, branch, cause))
            return
        result = _dig(described, job.result)
        if job.merged:
            result = {**task["response"], **result}
        if state.target.pattern == SYNC_2:
            result = _parsed_output(result)
        if status in job.good:
            self._post(execution, branch, attempt, lambda: state.succeeded(execution, branch, result))
        else:
            self._post_failure(execution, branch, attempt, TASK_FAILED, dumps(result))

    def cancel(self, execution: Execution, branch: Branch, task: dict[str, Any]) -> None:
        """Stop the job of a task that is no longer wanted."""
        state = branch.state
        job = _job_of(branch) if isinstance(state, TaskState) else None
        if job is None or "response" not in task or not isinstance(state, TaskState):
            return
        self._forget(job, task, branch)
        self._submit(self._stop_job, execution, state.target, job, task)

    def _stop_job(self, execution: Execution, target: Resource, job: Job, task: dict[str, Any]) -> None:
        if job.stop is None or target.api is None:
            return
        operation, members = job.stop
        try:
            principal = self._principal_of(execution, task)
            wanted = members(task["arguments"], task["response"])
            self.endpoint.call(target.api.client, operation, principal=principal, **wanted)
        except (ServiceError, StateFailure) as error:
            log.info("%s could not be stopped: %s", target.arn, error)
        if target.api.client == "stepfunctions":
            self.journal.forget_cancelled([task.get("key", "")])

    def reattach(self, execution: Execution, branch: Branch) -> None:
        """Take up a task that was under way when an earlier process ended."""
        if isinstance(branch.state, DistributedMapState):
            self.call(execution, branch)
            return
        state, task = _task_state(branch), branch.task or {}
        if branch.id in execution.answers and "response" not in task:
            answer = execution.answers.pop(branch.id)
            self._post(execution, branch, branch.attempt, lambda: state.answered(execution, branch, answer))
            return
        if state.target.kind == "activity" or (state.waits_for_token and "response" in task):
            return
        job = _job_of(branch)
        if job is not None and job.named and "response" not in task:
            self._submit(self._look_for_job, execution, branch, branch.attempt, job)
            return
        if job is None or "response" not in task:
            self.call(execution, branch)
            return
        key = (job.topic, job.id(task["arguments"], task["response"]))
        with self._lock:
            self._watched.setdefault(key, []).append((execution, branch, branch.attempt))
        self._submit(self._look_at_job, execution, branch, branch.attempt, True)

    def _look_for_job(self, execution: Execution, branch: Branch, attempt: int, job: Job) -> None:
        """A start may have happened whose answer was not recorded: attach to the job if it is there, else start it."""
        state, task = _task_state(branch), branch.task or {}
        client = state.target.api.client if state.target.api is not None else ""
        try:
            response = self.endpoint.call(client, job.describe, **job.describe_with(task["arguments"], {}))
        except ServiceError:
            self._call(execution, branch, attempt)
            return
        described = from_client(client, _camel(job.describe), response, epoch_ms)
        if described.get("CreationTime", 0) + CLOCK_MS < task.get(
            "begun_ms", 0
        ):  # an older job has the name: AWS says so
            self._call(execution, branch, attempt)
        elif _was_interrupted(job, described):
            cause = dumps(_dig(described, job.result))
            self._post(execution, branch, attempt, lambda: state.interrupted(execution, branch, cause))
        else:
            self._post(execution, branch, attempt, lambda: state.found(execution, branch))

    # -- a distributed Map's reader and writer -----------------------------------------------------------------------

    def _map_call(self, execution: Execution, branch: Branch, attempt: int, state: DistributedMapState) -> None:
        task = branch.task or {}
        writes = state.writer is not None and "write" in task
        try:
            record = execution.record_
            principal = self._sessions.of_machine(record.role_arn, record.machine_arn, record.name)
            s3 = functools.partial(self.endpoint.call, "s3", principal=principal)
            if state.writer is not None and writes:
                children = self.journal.map_children(task["map_run"])
                result = state.writer.write(s3, task["write"], task["map_run"], children)
                act = functools.partial(state.results_written, execution, branch, result)
            elif state.reader is not None:
                found = state.reader.read(s3, task["read"], task["limit"])
                act = functools.partial(state.items_read, execution, branch, found)
            else:
                return
        except Exception as error:
            act = functools.partial(state.failed, execution, branch, *_map_failure(writes, error))
        phase = branch.phase

        def arrive() -> None:
            if branch.attempt == attempt and branch.phase == phase:
                self.engine.resume(execution, branch, act)

        self.engine.post(arrive)

    # -- answers ---------------------------------------------------------------------------------------------------

    def _post(
        self,
        execution: Execution,
        branch: Branch,
        attempt: int,
        act: Callable[[], None],
        unwanted: Callable[[], None] | None = None,
    ) -> None:
        def arrive() -> None:
            if branch.attempt == attempt and branch.phase == phases.CALLING and not execution.ended:
                self.engine.resume(execution, branch, act)
            elif unwanted is not None:
                unwanted()

        self.engine.post(arrive)

    def _post_failure(
        self, execution: Execution, branch: Branch, attempt: int, error: str | None, cause: str | None
    ) -> None:
        state = _task_state(branch)
        self._post(execution, branch, attempt, lambda: state.failed(execution, branch, error, cause))


class _Failed:
    """A call that was answered with a function's error."""

    def __init__(self, error: str, cause: str) -> None:
        self.error = error
        self.cause = cause


def _failure(target: Resource, error: ServiceError | StateFailure) -> tuple[str, str]:
    """The error and cause that a task fails with."""
    if isinstance(error, StateFailure):
        return str(error.error), str(error.cause)
    return service_failure(target, error)


def _map_failure(writes: bool, error: Exception) -> tuple[str, str | None]:
    """The error and cause that a distributed Map fails with when its reader or writer does."""
    name = RESULT_WRITER_FAILED if writes else ITEM_READER_FAILED
    if isinstance(error, StateFailure):
        return name, error.cause
    if isinstance(error, ServiceError):
        return name, f"{error.code}: {error.message}"
    log.error("a distributed Map's reader or writer failed", exc_info=error)
    return name, f"{type(error).__name__}: {error}"


def _lambda_outcome(response: dict[str, Any], direct: bool) -> Any:
    if response.get("StatusCode") == 202:  # an Event invocation answers with nothing
        return invoke_result(response, "", 0)
    payload = response.get("Payload", b"")
    text = (payload.read() if hasattr(payload, "read") else payload) or b"null"
    text = text.decode() if isinstance(text, (bytes, bytearray)) else str(text)
    if response.get("FunctionError"):
        body = _json_or_text(text)
        name = body.get("errorType") if isinstance(body, dict) else None
        if not name:
            return _Failed("Lambda.Unknown", _NO_ERROR_TYPE + text)
        return _Failed(name, text if direct else dumps(body))
    return _json_or_text(text) if direct else invoke_result(response, _json_or_text(text), len(text))


def _json_or_text(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text


def _text_body(client: str, key: str, value: Any) -> Any:
    """Any JSON as text, where an integration takes it."""
    return dumps(value) if (client, key.lower()) in ANY_JSON and not isinstance(value, str) else value


def _waits_for_express(state: TaskState) -> bool:
    """Whether its call lasts until other executions have ended, whose calls need the threads that it would hold."""
    api = state.target.api
    return api is not None and (api.client, api.service_operation) == ("stepfunctions", "startSyncExecution")


def _task_state(branch: Branch) -> TaskState:
    state = branch.state
    if not isinstance(state, TaskState):
        raise TypeError(f"{branch.state_name} is no Task")
    return state


def _job_of(branch: Branch) -> Job | None:
    api = _task_state(branch).target.api
    return api.job if api is not None and _task_state(branch).target.pattern.startswith(".sync") else None


def _was_interrupted(job: Job, described: dict[str, Any]) -> bool:
    return str(_dig(described, job.status)) in job.bad and f"{INTERRUPTED}:" in dumps(described)


def _camel(operation: str) -> str:
    first, *rest = operation.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _dig(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = value[key]
    return value


def _parsed_output(result: dict[str, Any]) -> dict[str, Any]:
    """``.sync:2`` gives a nested execution's input and output as JSON instead of text."""
    return {key: json.loads(value) if key in ("Input", "Output") else value for key, value in result.items()}
