"""Lives of an endpoint that are cut short: ``python -m … `` reads a life a line and answers how it ended.

The process imports everything once and forks a child a life, so that a restart costs some 50 ms. A child is a whole
:class:`LocalEndpoint` with two services of the test's own, which write every call to a file before they answer it: a
queue (``sqs``), and jobs (``glue``) whose runs are in the store as Glue's are, interrupted by the end of their process.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import moto.iam.models  # noqa: F401: every life needs it
from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.service import Call, Service, ServiceError, operation
from headwater.local.services import SERVICES, iam, states, sts  # noqa: F401
from headwater.local import gateway  # noqa: F401

ROLE = "arn:aws:iam::000000000000:role/machine"
RUN = "test.run"
JOB_S = 0.02
LIMIT_S = 60.0
PREFIX = "arn:aws:states:us-east-1:000000000000"
Definition = dict[str, Any]


class CallFile:
    """What was called, a JSON object a line; a line is written whole or not at all."""

    def __init__(self, home: Path) -> None:
        self.path = home.parent / f"{home.name}.calls"

    def add(self, **line: Any) -> None:
        """Append a line."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, json.dumps({"life": LIFE["number"], **line}).encode() + b"\n")
        finally:
            os.close(descriptor)

    def lines(self) -> list[dict[str, Any]]:
        """All lines."""
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []


LIFE = {"number": 0}


class Queue(Service):
    """Takes messages; one that says so is refused a number of times first."""

    name = "sqs"

    @operation
    def send_message(self, call: Call, QueueUrl: str, MessageBody: str) -> dict[str, Any]:
        """Write the message down, then answer."""
        body, calls = json.loads(MessageBody), CallFile(self.endpoint.home)
        refused = sum(1 for line in calls.lines() if line["task"] == body["task"] and line.get("refused"))
        if refused < body.get("refusals", 0):
            calls.add(task=body["task"], refused=True)
            raise ServiceError("OverLimit", "too many messages")
        calls.add(task=body["task"], token=body.get("token"))
        return {"MessageId": body["task"]}


class JobRuns(Service):
    """Runs jobs, which take a moment."""

    name = "glue"

    def start(self) -> None:
        """End what an earlier life left."""
        for run_id, run in self.store.scan(RUN):
            if run["JobRunState"] == "RUNNING":
                self._finish(run_id, "ERROR", ErrorMessage="Headwater.Interrupted: the endpoint ended")

    @operation
    def start_job_run(self, call: Call, JobName: str) -> dict[str, Any]:
        """Start a run, unless the key of the call has started one."""
        run_id = f"jr_{call.idempotency_key}"
        if self.store.get(RUN, run_id) is None:
            self.store.put(RUN, run_id, {"Id": run_id, "JobName": JobName, "JobRunState": "RUNNING"})
            timer = threading.Timer(JOB_S, self._finish, (run_id, "SUCCEEDED"))
            timer.daemon = True
            timer.start()
        return {"JobRunId": run_id}

    @operation
    def get_job_run(self, call: Call, JobName: str, RunId: str) -> dict[str, Any]:
        """One run."""
        return {"JobRun": self.store.get(RUN, RunId)}

    def _finish(self, run_id: str, state: str, **members: Any) -> None:
        self.store.put(RUN, run_id, {**(self.store.get(RUN, run_id) or {}), "JobRunState": state, **members})
        self.endpoint.bus.publish("glue.job-run", run_id, state)


# -- the machines ----------------------------------------------------------------------------------------------------


def chain(*given: tuple[str, Definition]) -> Definition:
    """A machine of states one after another."""
    names = [name for name, _ in given]
    endings: list[Definition] = [{"Next": name} for name in names[1:]] + [{"End": True}]
    return {"StartAt": names[0], "States": {n: {**s, **e} for (n, s), e in zip(given, endings, strict=True)}}


def send(body: Definition, pattern: str = "", **fields: Any) -> Definition:
    """A task that sends a message; its result is the message's name."""
    resource = f"arn:aws:states:::sqs:sendMessage{pattern}"
    parameters = {"QueueUrl": "http://queue", "MessageBody": body}
    selected = {"ResultSelector": {"sent.$": "$.MessageId"}} if not pattern else {}
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, **selected, **fields}


def job(name: str) -> Definition:
    """A task that runs a job."""
    selector = {"job.$": "$.JobName"}
    resource = "arn:aws:states:::glue:startJobRun.sync"
    return {"Type": "Task", "Resource": resource, "Parameters": {"JobName": name}, "ResultSelector": selector}


def each(prefix: str) -> Definition:
    """What a Map does with an item: a message that is named after it."""
    return chain(("one", send({"task.$": f"States.Format('{prefix}-{{}}', $)"})))


def machines() -> dict[str, Definition]:
    """The machines by name; the others nest ``inner``."""
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 3, "IntervalSeconds": 1, "BackoffRate": 1}]
    nested = "arn:aws:states:::states:startExecution.sync:2"
    inner = {"StateMachineArn": f"{PREFIX}:stateMachine:inner", "Input": {"n": 1}}
    wait: Definition = {"Type": "Wait", "Seconds": 1}
    items = "States.ArrayRange(0, {}, 1)"
    distributed = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **each("spread")}
    return {
        "callback": chain(
            ("ask", send({"task": "ask", "token.$": "$$.Task.Token"}, ".waitForTaskToken", HeartbeatSeconds=30)),
            ("after", send({"task": "after"}, ResultPath="$.after")),
        ),
        "chain": chain(
            ("first", send({"task": "first"})),
            ("second", job("second")),
            ("third", send({"task": "third"}, ResultPath="$.third")),
            ("fourth", job("fourth") | {"ResultPath": "$.fourth"}),
        ),
        "each": chain(
            ("items", {"Type": "Pass", "Parameters": {"items.$": items.format(99)}}),
            ("map", {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each("item")}),
        ),
        "inner": chain(("in", job("in")), ("pause", wait), ("out", send({"task": "out"}))),
        "nested": chain(
            ("start", {"Type": "Task", "Resource": nested, "Parameters": inner, "OutputPath": "$.Output"}),
            ("end", send({"task": "end"})),
        ),
        "parallel": chain(
            (
                "both",
                {
                    "Type": "Parallel",
                    "Branches": [
                        chain(("left", send({"task": "left"})), ("left job", job("left"))),
                        chain(("right", job("right")), ("nap", wait)),
                        chain(("middle", send({"task": "middle"}))),
                    ],
                },
            ),
            ("join", send({"task": "join"}, ResultPath=None)),
        ),
        "retries": chain(("flaky", send({"task": "flaky", "refusals": 2}, Retry=retry))),
        "spread": chain(
            ("items", {"Type": "Pass", "Parameters": {"items.$": items.format(11)}}),
            ("map", {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": distributed, "MaxConcurrency": 4}),
        ),
        "wait": chain(("wait", wait), ("woken", send({"task": "woken"}))),
    }


STARTED = sorted(set(machines()) - {"inner"})


def execution(machine: str) -> str:
    """The ARN of a machine's execution."""
    return f"{PREFIX}:execution:{machine}:run"


# -- a life ----------------------------------------------------------------------------------------------------------


def start_all(endpoint: LocalEndpoint) -> None:
    """Make what is not there yet, as a client would who does not know how far it had come."""
    if endpoint.store.get("test", "started"):
        return
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    service = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [service]})
    try:
        endpoint.call("iam", "create_role", RoleName="machine", AssumeRolePolicyDocument=trust)
    except ServiceError as error:
        if error.code != "EntityAlreadyExists":
            raise
    document = json.dumps(policy)
    endpoint.call("iam", "put_role_policy", RoleName="machine", PolicyName="all", PolicyDocument=document)
    for name, definition in machines().items():
        text = json.dumps(definition)
        endpoint.call("stepfunctions", "create_state_machine", name=name, definition=text, roleArn=ROLE)
    for name in STARTED:
        try:
            arn = f"{PREFIX}:stateMachine:{name}"
            endpoint.call("stepfunctions", "start_execution", stateMachineArn=arn, name="run", input="{}")
        except ServiceError as error:
            if error.code != "ExecutionAlreadyExists":
                raise
    endpoint.store.put("test", "started", {"all": True})


def answer_token(endpoint: LocalEndpoint, ended: threading.Event) -> None:
    """Report the callback's task done, once its token is known: at once when an earlier life got it."""
    calls = CallFile(endpoint.home)
    while not ended.wait(0.01):
        lines = calls.lines()
        if any(line["task"] == "acknowledged" for line in lines):
            return
        tokens = [line["token"] for line in lines if line.get("token")]
        for token in tokens[:1]:
            try:
                endpoint.call("stepfunctions", "send_task_heartbeat", taskToken=token)
                endpoint.call("stepfunctions", "send_task_success", taskToken=token, output='{"by":"hand"}')
            except ServiceError as error:
                calls.add(task="refused token", error=str(error))
            calls.add(task="acknowledged")


def kill_at_statement(endpoint: LocalEndpoint, number: int) -> None:
    """Die when the endpoint is about to write its ``number``-th SQL statement."""
    counted = [0]

    def count(statement: str) -> None:
        counted[0] += 1
        if counted[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    endpoint.store._writer.set_trace_callback(count)


def live(home: Path, statement: int, said: int) -> None:
    """Be an endpoint until every execution has ended."""
    endpoint = LocalEndpoint(EndpointSettings(home=home))
    if statement:
        kill_at_statement(endpoint, statement)
    changed, ended = threading.Event(), threading.Event()
    endpoint.bus.subscribe("states.execution", lambda event: changed.set())
    endpoint.start()
    threading.Thread(target=answer_token, args=(endpoint, ended), daemon=True).start()
    start_all(endpoint)
    while any(
        endpoint.call("stepfunctions", "describe_execution", executionArn=execution(name))["status"] == "RUNNING"
        for name in STARTED
    ):
        changed.wait(1)
        changed.clear()
    ended.set()
    os.write(said, b"e")
    signal.pause()


def one_life(order: dict[str, Any]) -> str:
    """Fork a life and see it end: ``killed``, or ``ended`` when everything had been done by then."""
    heard, said = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            LIFE["number"] = order["life"]
            live(Path(order["home"]), order["statement"], said)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    os.close(said)
    ready, _, _ = select.select([heard], [], [], order["kill_s"] or LIMIT_S)
    ended = bool(ready) and os.read(heard, 1) == b"e"
    os.close(heard)
    try:
        os.kill(child, signal.SIGKILL)
    finally:
        _, status = os.waitpid(child, 0)
    if ended:
        return "ended"
    if os.WIFSIGNALED(status) and (order["kill_s"] or order["statement"]):
        return "killed"
    return "did not end" if os.WIFSIGNALED(status) else "crashed"


def main() -> None:
    """Answer each order."""
    for name in set(SERVICES) - {"iam", "stepfunctions", "sts"}:
        del SERVICES[name]
    SERVICES["glue"] = f"{__name__}:JobRuns"
    SERVICES["sqs"] = f"{__name__}:Queue"
    for name in sorted(SERVICES, key=lambda name: (name == "stepfunctions", name)):
        SERVICES[name] = SERVICES.pop(name)  # jobs come back before those who wait for them
    for line in sys.stdin:
        sys.stdout.write(one_life(json.loads(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
