"""The service on a small endpoint: a real store and bus, and services that tests write as functions."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headwater.local.bus import Bus
from headwater.local.constraints import check_members
from headwater.local.identity import Credentials, Principal
from headwater.local.service import Call, ServiceError
from headwater.local.services.states import StatesService
from headwater.local.store import Store
from headwater.local.wire import aws_name

ROLE = "arn:aws:iam::000000000000:role/machine"
LIMIT_S = 20.0
Definition = dict[str, Any]


class SmallEndpoint:
    """Satisfies ``Endpoint`` for the Step Functions service."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = "http://127.0.0.1:0"
        self.region = "us-east-1"
        self.account = "000000000000"
        self.store = Store(home / "state.sqlite")
        self.bus = Bus()
        self.jobs: Any = None
        self.answers: dict[tuple[str, str], Callable[..., dict[str, Any]]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.states = StatesService(self)

    resume_work = True

    @property
    def s3_root(self) -> Path:
        return self.home / "s3"

    def on(self, service: str, operation: str, answer: Callable[..., dict[str, Any]]) -> None:
        """Answer an operation with a function of its members."""
        self.answers[service, operation] = answer

    def call(
        self,
        service: str,
        operation: str,
        *,
        principal: Principal | None = None,
        idempotency_key: str | None = None,
        **members: Any,
    ) -> dict[str, Any]:
        if (service, operation) == ("iam", "get_role"):
            return {"Role": {"RoleName": members["RoleName"]}}  # the machine's role is one that IAM knows
        self.calls.append((f"{service}:{operation}", members))
        if service == "stepfunctions" or (service, operation) in self.answers:
            check_members(service, aws_name(service, operation), members)
        if service == "stepfunctions":
            who = principal or PERSON
            call = Call(service, operation, who, self.region, self.account, "request", idempotency_key=idempotency_key)
            answer = getattr(self.states, operation)(call, **members)
            return asyncio.run(answer) if inspect.isawaitable(answer) else answer  # type: ignore[arg-type]
        if (service, operation) not in self.answers:
            raise ServiceError("UnknownOperationException", f"{service} has no operation {operation}", 404)
        return self.answers[service, operation](**members)

    async def acall(
        self, service: str, operation: str, *, principal: Principal | None = None, **members: Any
    ) -> dict[str, Any]:
        return self.call(service, operation, principal=principal, **members)

    def assume(
        self, role_arn: str, session_name: str, *, service: str | None = None, source_arn: str | None = None
    ) -> Credentials:
        from datetime import UTC, datetime

        return Credentials("key", "secret", "token", datetime.now(UTC), PERSON)

    def job_environment(self, role_arn: str, session_name: str, *, service: str | None = None) -> dict[str, str]:
        return {}

    def logging(self, group: str, level: str = "ALL", data: bool = False) -> dict[str, Any]:
        """A logging configuration to a log group, which is there."""
        self.on("logs", "describe_log_groups", lambda **members: {"logGroups": [{"logGroupName": group}]})
        self.store.execute("INSERT OR IGNORE INTO log_groups (log_group, created_ms) VALUES (?, 0)", (group,))
        arn = f"arn:aws:logs:{self.region}:{self.account}:log-group:{group}:*"
        destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]
        return {"level": level, "includeExecutionData": data, "destinations": destinations}

    # -- what tests do -----------------------------------------------------------------------------------------------

    def sfn(self, operation: str, **members: Any) -> dict[str, Any]:
        """Call Step Functions as a client."""
        return self.call("stepfunctions", operation, **members)

    def create(self, definition: Definition, name: str = "machine", **members: Any) -> str:
        """Make a state machine; its ARN."""
        text = json.dumps(definition)
        arn: str = self.sfn("create_state_machine", name=name, definition=text, roleArn=ROLE, **members)[
            "stateMachineArn"
        ]
        return arn

    def begin(self, definition: Definition, input: Any = None, name: str = "machine", **members: Any) -> str:
        """Make a machine and start it; the execution's ARN."""
        machine = self.create(definition, name, **members)
        text = json.dumps({} if input is None else input)
        arn: str = self.sfn("start_execution", stateMachineArn=machine, input=text)["executionArn"]
        return arn

    def wait(self, arn: str, *statuses: str) -> dict[str, Any]:
        """The execution's description once it has one of the statuses (by default: once it has ended)."""
        wanted = statuses or ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
        changed = threading.Event()
        unsubscribe = self.bus.subscribe("states.execution", lambda event: changed.set())
        try:
            for _ in range(200):
                described = self.sfn("describe_execution", executionArn=arn)
                if described["status"] in wanted:
                    return described
                changed.wait(LIMIT_S / 200)
                changed.clear()
        finally:
            unsubscribe()
        raise TimeoutError(f"{arn} is {described['status']} after {LIMIT_S} s")

    def run(self, definition: Definition, input: Any = None, **members: Any) -> dict[str, Any]:
        """Make a machine, start it and wait for the end."""
        return self.wait(self.begin(definition, input, **members))

    def history(self, arn: str) -> list[dict[str, Any]]:
        """All events."""
        events: list[dict[str, Any]] = self.sfn("get_execution_history", executionArn=arn, maxResults=1000)["events"]
        return events

    def event_types(self, arn: str) -> list[str]:
        """The types of all events."""
        return [event["type"] for event in self.history(arn)]

    def start(self) -> None:
        self.states.start()

    def stop(self) -> None:
        self.states.stop()
        self.store.close()


PERSON = Principal("arn:aws:iam::000000000000:root", "000000000000", "person")


class Jobs:
    """A service of jobs that tests end by hand. Satisfies start, describe and stop of Glue's job runs."""

    def __init__(self, endpoint: SmallEndpoint) -> None:
        self.endpoint = endpoint
        self.states: dict[str, str] = {}
        self.started = threading.Condition()
        endpoint.on("glue", "start_job_run", self._start)
        endpoint.on("glue", "get_job_run", self._get)
        endpoint.on("glue", "batch_stop_job_run", self._stop)

    def _start(self, JobName: str, **members: Any) -> dict[str, Any]:
        with self.started:
            run_id = f"jr_{JobName}_{len(self.states)}"
            self.states[run_id] = "RUNNING"
            self.started.notify_all()
        return {"JobRunId": run_id}

    def _get(self, JobName: str, RunId: str) -> dict[str, Any]:
        run = {"Id": RunId, "JobName": JobName, "JobRunState": self.states[RunId]}
        if self.states[RunId] == "ERROR":
            run["ErrorMessage"] = "Headwater.Interrupted: the endpoint ended"
        return {"JobRun": run}

    def _stop(self, JobName: str, JobRunIds: list[str]) -> dict[str, Any]:
        for run_id in JobRunIds:
            self.end(run_id, "STOPPED")
        return {"SuccessfulSubmissions": [], "Errors": []}

    def await_started(self, count: int = 1) -> None:
        """Wait until so many runs were started."""
        with self.started:
            if not self.started.wait_for(lambda: len(self.states) >= count, LIMIT_S):
                raise TimeoutError(f"{len(self.states)} of {count} job runs were started")

    def end(self, run_id: str, state: str = "SUCCEEDED") -> None:
        """End a run and tell the bus."""
        with self.started:
            self.states[run_id] = state
            self.started.notify_all()
        self.endpoint.bus.publish("glue.job-run", run_id, state)

    def await_state(self, run_id: str, state: str) -> None:
        """Wait until a run has a state."""
        with self.started:
            if not self.started.wait_for(lambda: self.states.get(run_id) == state, LIMIT_S):
                raise TimeoutError(f"{run_id} is {self.states.get(run_id)}")


def with_own_names(machine: Definition, path: str = "") -> Definition:
    """The same machine whose states, and variables of inner scopes, have no name twice, as AWS demands."""

    def moved(body: Definition) -> Definition:
        targets = {field: path + body[field] for field in ("Next", "Default") if field in body}
        rules = {field: [moved(rule) for rule in body[field]] for field in ("Choices", "Catch") if field in body}
        renamed = {f"{path.replace('.', '_')}{name}": value for name, value in body.get("Assign", {}).items()}
        return {**body, **targets, **rules, **({"Assign": renamed} if renamed else {})}

    states = {}
    for name, body in machine["States"].items():
        state = states[path + name] = moved(body)
        if "Branches" in body:
            inner = enumerate(body["Branches"])
            state["Branches"] = [with_own_names(branch, f"{path}{name}.b{index}.") for index, branch in inner]
        if "ItemProcessor" in body:
            state["ItemProcessor"] = with_own_names(body["ItemProcessor"], f"{path}{name}.")
    return {**machine, "StartAt": path + machine["StartAt"], "States": states}


def chain(*states: tuple[str, Definition], **fields: Any) -> Definition:
    """A machine of states one after another."""
    names = [name for name, _ in states]
    linked = {}
    for position, (name, body) in enumerate(states):
        ending: Definition = {"End": True} if position == len(states) - 1 else {"Next": names[position + 1]}
        linked[name] = body if body["Type"] in ("Fail", "Succeed", "Choice") else {**body, **ending}
    return {"StartAt": names[0], "States": linked, **fields}


def glue_task(job: str = "etl", **fields: Any) -> Definition:
    """A task that runs a Glue job."""
    resource = "arn:aws:states:::glue:startJobRun.sync"
    return {"Type": "Task", "Resource": resource, "Parameters": {"JobName": job}, **fields}


def until(came: Callable[[], Any]) -> None:
    """Wait for what no event tells."""
    limit = time.monotonic() + LIMIT_S
    while not came():
        assert time.monotonic() < limit
        threading.Event().wait(0.005)
