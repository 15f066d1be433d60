"""What a restart takes up again, at moments that a kill seldom hits: each is made here by losing what came after."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.states.machines import MACHINE
from tests.unit.local.services.states.harness import LIMIT_S, Jobs, SmallEndpoint, chain, glue_task, until

NESTED = "arn:aws:states:::states:startExecution.sync"
TRAINING = "arn:aws:states:::sagemaker:createTrainingJob.sync"
FIT = {
    "TrainingJobName": "fit",
    "RoleArn": "arn:aws:iam::000000000000:role/fit",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder that two lives share."""
    return tmp_path


def callback(**fields: Any) -> dict[str, Any]:
    body = {"QueueUrl": "http://q", "MessageBody": {"token.$": "$$.Task.Token"}}
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    return {"Type": "Task", "Resource": resource, "Parameters": body, **fields}


def life(home: Path) -> tuple[SmallEndpoint, Jobs]:
    """An endpoint with jobs, not started."""
    endpoint = SmallEndpoint(home)
    return endpoint, Jobs(endpoint)


def asked(home: Path, **fields: Any) -> tuple[str, str]:
    """(execution, token) of a callback that an earlier life asked for."""
    tokens: list[str] = []
    endpoint, _ = life(home)

    def take(MessageBody: str, **members: Any) -> dict[str, Any]:
        tokens.append(json.loads(MessageBody)["token"])
        return {}

    endpoint.on("sqs", "send_message", take)
    endpoint.start()
    arn = endpoint.begin(chain(("ask", callback(**fields))))
    until(lambda: "TaskSubmitted" in endpoint.event_types(arn))
    endpoint.stop()
    return arn, tokens[0]


def test_a_token_is_valid_before_the_first_turn(home: Path) -> None:
    arn, token = asked(home)
    again, _ = life(home)
    with ThreadPoolExecutor(1) as client:
        report = client.submit(again.sfn, "send_task_success", taskToken=token, output='"early"')
        until(lambda: again.states.runtime.engine._inbox)
        again.start()
        assert report.result(LIMIT_S) == {}
    assert json.loads(again.wait(arn)["output"]) == "early"
    again.stop()


def test_an_execution_can_be_stopped_before_the_first_turn(home: Path) -> None:
    arn, _ = asked(home)
    again, _ = life(home)
    with ThreadPoolExecutor(1) as client:
        stop = client.submit(again.sfn, "stop_execution", executionArn=arn)
        until(lambda: again.states.runtime.engine._inbox)
        again.start()
        stop.result(LIMIT_S)
    assert again.sfn("describe_execution", executionArn=arn)["status"] == "ABORTED"
    again.stop()


def test_a_heartbeat_that_nobody_could_receive_is_not_missed(home: Path) -> None:
    arn, token = asked(home, HeartbeatSeconds=1)
    threading.Event().wait(1.1)  # the endpoint is down for longer than a heartbeat
    again, _ = life(home)
    again.start()
    again.sfn("send_task_heartbeat", taskToken=token)
    again.sfn("send_task_success", taskToken=token, output="1")
    assert again.wait(arn)["status"] == "SUCCEEDED"
    again.stop()


def test_a_time_out_keeps_its_moment(home: Path) -> None:
    arn, _ = asked(home, TimeoutSeconds=1)
    threading.Event().wait(1.1)
    again, _ = life(home)
    again.start()
    assert again.wait(arn)["error"] == "States.Timeout"
    again.stop()


def test_a_wait_keeps_its_end(home: Path) -> None:
    first, _ = life(home)
    first.start()
    arn = first.begin(chain(("nap", {"Type": "Wait", "Seconds": 600})))
    until(lambda: "WaitStateEntered" in first.event_types(arn))
    due = [timer[0] for timer in first.states.runtime.engine._timers]
    first.stop()
    again, _ = life(home)
    again.start()
    until(lambda: again.states.runtime.engine._timers)
    assert [timer[0] for timer in again.states.runtime.engine._timers] == due
    again.stop()


def test_children_whose_start_was_cut_off_are_started_again(home: Path) -> None:
    first, _ = life(home)
    first.start()
    processor = {
        **chain(("nap", {"Type": "Wait", "Seconds": 1})),
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
    }
    arn = first.begin(chain(("each", {"Type": "Map", "ItemProcessor": processor, "MaxConcurrency": 6})), list(range(8)))

    def children(endpoint: SmallEndpoint) -> list[str]:
        runs = endpoint.sfn("list_map_runs", executionArn=arn)["mapRuns"]
        return [each.arn for run in runs for each in endpoint.states.runtime.journal.map_children(run["mapRunArn"])]

    until(lambda: len(children(first)) >= 6)
    first.stop()
    again, _ = life(home)
    for lost in children(again)[1:3]:
        for table in ("states_executions", "states_events", "states_branches"):
            again.store.execute(f"DELETE FROM {table} WHERE arn = ?", (lost,))
    again.start()
    assert json.loads(again.wait(arn)["output"]) == list(range(8))
    assert len(children(again)) == 8
    again.stop()


def nested(first: SmallEndpoint, **fields: Any) -> str:
    """Begin a machine that waits for another one, which runs a job; the outer execution."""
    inner = first.create(chain(("in", glue_task())), "inner")
    task = {"Type": "Task", "Resource": NESTED, "Parameters": {"StateMachineArn": inner, "Input": {}, **fields}}
    return first.begin(chain(("start", task)), name="outer")


@pytest.mark.parametrize("fields", [{}, {"Name": "given"}])
def test_no_second_execution_is_nested_when_the_answer_was_lost(home: Path, fields: dict[str, str]) -> None:
    first, jobs = life(home)
    first.start()
    first.states.runtime.caller.journal.keep_answer = lambda *a: None  # type: ignore[method-assign]
    first.states.runtime.caller._post = lambda *a: None  # type: ignore[method-assign]
    arn = nested(first, **fields)
    jobs.await_started()
    first.stop()
    again, jobs = life(home)
    jobs.states = {"jr_etl_0": "ERROR"}
    again.start()
    jobs.await_started(2)
    jobs.end("jr_etl_1")
    assert again.wait(arn)["status"] == "SUCCEEDED"
    inner = arn.replace(":execution:outer:", ":stateMachine:inner:").rpartition(":")[0]
    assert len(again.sfn("list_executions", stateMachineArn=inner)["executions"]) == 1
    again.stop()


def test_a_nested_execution_whose_stop_was_lost_is_stopped(home: Path) -> None:
    first, jobs = life(home)
    first.start()
    arn = nested(first)
    jobs.await_started()
    until(lambda: "TaskSubmitted" in first.event_types(arn))
    first.states.runtime.caller.cancel = lambda *a: None  # type: ignore[method-assign]
    first.sfn("stop_execution", executionArn=arn)
    first.stop()
    again, jobs = life(home)
    jobs.states = {"jr_etl_0": "ERROR"}
    again.start()
    inner = arn.replace(":execution:outer:", ":stateMachine:inner:").rpartition(":")[0]
    (found,) = again.sfn("list_executions", stateMachineArn=inner)["executions"]
    assert again.wait(found["executionArn"])["status"] == "ABORTED"
    until(lambda: not again.states.runtime.journal.cancelled())
    again.stop()


@pytest.mark.parametrize(("created", "calls"), [(datetime(2020, 1, 1, tzinfo=UTC), 1), (datetime.max, 0)])
def test_an_older_job_of_the_same_name_is_not_taken_for_this_one(home: Path, created: datetime, calls: int) -> None:
    first, _ = life(home)
    asked, go = threading.Event(), threading.Event()

    def create(**members: Any) -> dict[str, Any]:
        asked.set()
        go.wait(LIMIT_S)
        return {}

    first.on("sagemaker", "create_training_job", create)
    first.start()
    arn = first.begin(chain(("fit", {"Type": "Task", "Resource": TRAINING, "Parameters": FIT})))
    assert asked.wait(LIMIT_S)
    first.stop()
    go.set()
    again, _ = life(home)
    moment = datetime.now(UTC) if created == datetime.max else created
    job = {"TrainingJobName": "fit", "TrainingJobStatus": "Completed", "CreationTime": moment}
    again.on("sagemaker", "describe_training_job", lambda **members: job)
    again.on("sagemaker", "create_training_job", lambda **members: {"TrainingJobArn": "arn"})
    again.start()
    assert again.wait(arn)["status"] == "SUCCEEDED"
    assert [name for name, _ in again.calls].count("sagemaker:create_training_job") == calls
    again.stop()


def test_of_two_starts_with_one_name_one_is_refused(small: SmallEndpoint) -> None:
    machine = small.create(chain(("nap", {"Type": "Wait", "Seconds": 60})))

    def start(number: int) -> str:
        try:
            answer = small.sfn("start_execution", stateMachineArn=machine, name="one", input=str(number))
        except ServiceError as error:
            return error.code
        return str(answer["executionArn"])

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(start, range(8)))
    assert answers.count("ExecutionAlreadyExists") == 7
    assert len(small.sfn("list_executions", stateMachineArn=machine)["executions"]) == 1


def test_a_delete_that_was_cut_short_can_be_asked_again(small: SmallEndpoint) -> None:
    jobs = Jobs(small)
    arn = small.begin(chain(("etl", glue_task())))
    jobs.await_started()
    machine = small.sfn("describe_execution", executionArn=arn)["stateMachineArn"]
    small.store.delete(MACHINE, machine)
    small.sfn("delete_state_machine", stateMachineArn=machine)
    assert small.wait(arn)["status"] == "ABORTED"
    jobs.await_state("jr_etl_0", "STOPPED")


@pytest.mark.parametrize("limit", [{"TimeoutSeconds": 1}, {}])
def test_a_time_out_stops_the_job(small: SmallEndpoint, limit: dict[str, int]) -> None:
    jobs = Jobs(small)
    of_state: dict[str, Any] = {} if limit else {"TimeoutSeconds": 1}
    arn = small.begin(chain(("etl", glue_task(**of_state)), **limit))
    jobs.await_state("jr_etl_0", "STOPPED")
    assert small.wait(arn)["status"] == ("TIMED_OUT" if limit else "FAILED")


def test_an_answer_that_came_after_a_restart_is_dropped_at_the_end(home: Path) -> None:
    first, _ = life(home)
    asked, go = threading.Event(), threading.Event()

    def hang(**members: Any) -> dict[str, Any]:
        asked.set()
        go.wait(LIMIT_S)
        raise ServiceError("OverLimit", "stopping")

    first.on("glue", "get_job", hang)
    first.start()
    resource = "arn:aws:states:::aws-sdk:glue:getJob"
    arn = first.begin(chain(("get", {"Type": "Task", "Resource": resource, "Parameters": {"JobName": "a"}})))
    assert asked.wait(LIMIT_S)
    first.stop()
    go.set()
    again, _ = life(home)
    again.on("glue", "get_job", lambda **members: {"Job": {"Name": "a"}})
    again.start()
    assert again.wait(arn)["status"] == "SUCCEEDED"
    assert not again.store.query("SELECT * FROM states_answers")
    again.stop()
