"""Task: calls a function, a service or an activity's worker, and waits for the answer, the job or the token.

``branch.task`` is the record of the call, JSON throughout, so that the journal keeps it:

- ``arguments``: what is called with
- ``key``: of this attempt, the same after a restart; what it starts is known by it
- ``begun_ms``: when the attempt began
- ``token``: for ``.waitForTaskToken`` and activities
- ``response``: what starting a ``.sync`` job answered; its presence says that the job was started
- ``report``: what a worker reported by token before the call that gave it the token had answered
- ``timeout_ms``: the moment of ``TimeoutSeconds``; ``heartbeat_s``: seconds between heartbeats
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from headwater.local.services.states import branch as phases
from headwater.local.services.states.errors import TIMEOUT, StateFailure, runtime
from headwater.local.services.states.integration_api import REQUEST_RESPONSE, SYNC, SYNC_2, TOKEN
from headwater.local.services.states.integrations import Resource
from headwater.local.services.states.json_text import Document
from headwater.local.services.states.map_fields import NumberField
from headwater.local.services.states.quotas import check_size
from headwater.local.services.states.scope import Scope
from headwater.local.services.states.state import State
from headwater.local.services.states.task_arguments import argument_problems
from headwater.local.services.states.templates import Template

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution

INTERRUPTED = "Headwater.Interrupted"


@dataclass(eq=False)
class TaskState(State):
    """``"Type": "Task"``."""

    type: ClassVar[str] = "Task"
    resource: Resource | None = None
    timeout: NumberField = NumberField("TimeoutSeconds")
    heartbeat: NumberField = NumberField("HeartbeatSeconds")
    credentials: Template | None = None

    @property
    def target(self) -> Resource:
        """The resource; every compiled Task has one."""
        if self.resource is None:
            raise runtime(f"the Task state '{self.name}' has no resource")
        return self.resource

    @property
    def has_result(self) -> bool:
        return True

    @property
    def waits_for_token(self) -> bool:
        """Whether a worker answers by token."""
        return self.target.pattern == TOKEN or self.target.kind == "activity"

    @property
    def waits_for_execution(self) -> bool:
        """Whether it starts another execution and waits for its end."""
        api = self.target.api
        return api is not None and api.client == "stepfunctions" and self.target.pattern in (SYNC, SYNC_2)

    def run(self, execution: Execution, branch: Branch) -> None:
        """Record the task and begin its call."""
        if self.target.kind == "activity" and not execution.calls.knows_activity(self.target.arn):
            raise runtime(f"The activity {self.target.arn} does not exist.")
        branch.task = {"token": uuid.uuid4().hex + uuid.uuid4().hex} if self.waits_for_token else {}
        arguments = self.effective_input(execution, branch)
        self._check(arguments)
        scope = execution.scope(branch, branch.input.value)
        timeout_s, heartbeat_s = self.timeout.read(scope), self.heartbeat.read(scope)
        now_ms = execution.now_ms()
        branch.task["arguments"] = arguments.value
        branch.task["begun_ms"] = now_ms
        branch.task["timeout_ms"] = now_ms + 1000 * int(timeout_s) if timeout_s is not None else 0
        branch.task["heartbeat_s"] = int(heartbeat_s) if heartbeat_s is not None else 0
        if (role_arn := self.role_of(scope)) is not None:
            branch.task["role_arn"] = role_arn
        self.set_deadline(branch, now_ms)
        self._record_scheduled(execution, branch, arguments, timeout_s, heartbeat_s)
        execution.begin_call(branch)

    def role_of(self, scope: Scope) -> Any:
        """The ARN of the role that the task's credentials name, or None."""
        return None if self.credentials is None else self.credentials.evaluate(scope).get("RoleArn")

    def _check(self, arguments: Document) -> None:
        """Refuse arguments that the service's operation cannot take."""
        problems = argument_problems(self.target, arguments.value)
        if problems:
            field = "Arguments" if self.jsonata else "Parameters"
            raise runtime(
                f"The {field} '{arguments.text}' could not be used to start the Task: [{', '.join(problems)}]"
            )

    @staticmethod
    def set_deadline(branch: Branch, now_ms: int) -> None:
        """Set the next moment at which the task is too late: its time-out, or its next heartbeat from now."""
        task = branch.task or {}
        moments = [task["timeout_ms"]] if task["timeout_ms"] else []
        if task["heartbeat_s"]:
            moments.append(now_ms + 1000 * task["heartbeat_s"])
        branch.deadline_ms = min(moments) if moments else 0

    def _record_scheduled(
        self,
        execution: Execution,
        branch: Branch,
        arguments: Document,
        timeout_s: float | None,
        heartbeat_s: float | None,
    ) -> None:
        target = self.target
        limits = {"timeoutInSeconds": timeout_s, "heartbeatInSeconds": heartbeat_s}
        given: dict[str, Any] = {key: int(value) for key, value in limits.items() if value is not None}
        if role_arn := (branch.task or {}).get("role_arn"):
            given["taskCredentials"] = {"roleArn": role_arn}
        if target.kind in ("activity", "lambda"):
            prefix = "Activity" if target.kind == "activity" else "LambdaFunction"
            if target.kind == "lambda":
                given.pop("heartbeatInSeconds", None)
            details = {"input": arguments.text, "inputDetails": {"truncated": False}, "resource": target.arn, **given}
            branch.last_event_id = execution.record(branch, f"{prefix}Scheduled", details)
            if target.kind == "lambda":
                branch.last_event_id = execution.record(branch, "LambdaFunctionStarted")
            return
        region = execution.record_.arn.split(":")[3]
        details = {"parameters": arguments.text, "region": region, **self._named(), **given}
        branch.last_event_id = execution.record(branch, "TaskScheduled", details)
        branch.last_event_id = execution.record(branch, "TaskStarted", self._named())

    def _named(self) -> dict[str, Any]:
        return {"resource": self.target.name, "resourceType": self.target.type}

    def _event(self, execution: Execution, branch: Branch, ending: str, details: dict[str, Any]) -> None:
        kind = self.target.kind
        if kind in ("activity", "lambda"):
            type = ("Activity" if kind == "activity" else "LambdaFunction") + ending
        else:
            type, details = f"Task{ending}", {**details, **self._named()}
        branch.last_event_id = execution.record(branch, type, details)

    # -- what the world answers ------------------------------------------------------------------------------------

    def answered(self, execution: Execution, branch: Branch, answer: Any) -> None:
        """The call answered: the end of a request, the start of a job or of waiting for a token."""
        task = branch.task or {}
        if self.target.kind == "activity":
            return
        if self.target.pattern == REQUEST_RESPONSE:
            self.succeeded(execution, branch, answer)
            return
        details = {"output": Document(answer).text, "outputDetails": {"truncated": False}}
        self._event(execution, branch, "Submitted", details)
        if self.target.pattern in (SYNC, SYNC_2):
            task["response"] = answer
            execution.watch_job(branch)
        else:
            task["response"] = answer
            if "report" in task:
                self.reported(execution, branch, task["report"])
        execution.mark(branch)

    def reported(self, execution: Execution, branch: Branch, report: dict[str, Any]) -> None:
        """A worker reports by token: ``output``, or ``error`` and ``cause``.

        History has the call's answer first, however fast the worker is.
        """
        task = branch.task or {}
        if self.target.kind != "activity" and "response" not in task:
            task["report"] = report
            execution.mark(branch)
        elif "output" in report:
            self.succeeded(execution, branch, report["output"])
        else:
            self.failed(execution, branch, report["error"], report["cause"])

    def succeeded(self, execution: Execution, branch: Branch, output: Any) -> None:
        """The task's work ended well with ``output``."""
        document = Document(output)
        try:
            check_size(
                document, self.target.arn if self.target.kind in ("activity", "lambda") else self.target.type, True
            )
        except StateFailure as failure:
            self._ended_badly(execution, branch, "Failed", failure)
            return
        branch.attempt += 1
        self._event(execution, branch, "Succeeded", {"output": document.text, "outputDetails": {"truncated": False}})
        branch.deadline_ms = 0
        try:
            self.finish(execution, branch, document)
        except StateFailure as failure:
            execution.fail(branch, failure)

    def failed(self, execution: Execution, branch: Branch, error: str | None, cause: str | None) -> None:
        """The call, the job or the worker failed."""
        task = branch.task or {}
        submitted = "response" in task or self.target.pattern == REQUEST_RESPONSE or self.target.kind == "activity"
        self._ended_badly(execution, branch, "Failed" if submitted else "SubmitFailed", StateFailure(error, cause))

    def _ended_badly(self, execution: Execution, branch: Branch, ending: str, failure: StateFailure) -> None:
        branch.attempt += 1
        given = (("error", failure.error), ("cause", failure.cause))
        self._event(execution, branch, ending, {key: value for key, value in given if value is not None})
        branch.deadline_ms = 0
        execution.fail(branch, failure)

    def interrupted(self, execution: Execution, branch: Branch, cause: str) -> None:
        """The endpoint ended under the job: start it again, with arguments made anew; no retry is used up."""
        self._event(execution, branch, "Failed", {"error": INTERRUPTED, "cause": cause})
        branch.restarts += 1
        try:
            self.run(execution, branch)
        except StateFailure as failure:
            execution.fail(branch, failure)

    def found(self, execution: Execution, branch: Branch) -> None:
        """A restart finds that the job had been started, though its start had not been answered."""
        self.answered(execution, branch, {})

    def expire(self, execution: Execution, branch: Branch) -> StateFailure:
        """TimeoutSeconds or HeartbeatSeconds has passed: record it; the failure with which the state is to fail."""
        task = branch.task or {}
        timed_out = bool(task.get("timeout_ms")) and execution.now_ms() >= task["timeout_ms"]
        execution.cancel_call(branch)
        self._event(execution, branch, "TimedOut", {"error": TIMEOUT})
        branch.task = None
        branch.deadline_ms = 0
        return StateFailure(TIMEOUT, None, missed_heartbeat=not timed_out)

    def heartbeat_received(self, execution: Execution, branch: Branch) -> None:
        """The worker is alive: the next heartbeat is due later."""
        self.set_deadline(branch, execution.now_ms())
        execution.mark(branch)
        if branch.deadline_ms:
            execution.timers.append((branch.deadline_ms, branch))

    def taken(self, execution: Execution, branch: Branch, worker: str | None) -> None:
        """A worker took the activity's task."""
        if branch.task is not None:
            branch.task["worker"] = worker or "?"
        details = {} if worker is None else {"workerName": worker}
        branch.last_event_id = execution.record(branch, "ActivityStarted", details)
        execution.mark(branch)

    def abort(self, execution: Execution, branch: Branch) -> None:
        """Stop the call and its job."""
        if branch.phase == phases.CALLING:
            execution.cancel_call(branch)
