"""The engine when the disk refuses, and the order of what is written and what is seen."""

from __future__ import annotations

import json
import sqlite3
import threading
from typing import Any

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.states.caller import MAX_CALLS
from tests.unit.local.services.states.harness import LIMIT_S, Jobs, SmallEndpoint, chain, glue_task


def test_a_failed_commit_is_made_up_for(small: SmallEndpoint) -> None:
    refusals = 0
    write = small.states.runtime.journal.write

    def sometimes(executions: Any) -> None:
        nonlocal refusals
        write(executions)
        if refusals:
            refusals -= 1
            raise sqlite3.OperationalError("database or disk is full")

    def get(JobName: str) -> dict[str, Any]:
        nonlocal refusals
        refusals = 3
        return {"Job": {}}

    small.states.runtime.journal.write = sometimes  # type: ignore[method-assign]
    small.on("glue", "get_job", get)
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:glue:getJob", "Parameters": {"JobName": "a"}}
    ended = small.run(chain(("a", task), ("b", {"Type": "Pass"})))
    assert (ended["output"], refusals) == ('{"Job":{}}', 0)
    assert [event["id"] for event in small.history(ended["executionArn"])] == list(range(1, 10))


def test_a_start_that_the_disk_refuses_is_told_and_can_be_asked_again(small: SmallEndpoint) -> None:
    machine = small.create(chain(("p", {"Type": "Pass"})))

    def limit(pages: int) -> None:
        with small.store.transaction() as connection:
            connection.execute(f"PRAGMA max_page_count={pages}")

    large = json.dumps("x" * 200_000)
    limit(small.store.query("PRAGMA page_count")[0][0])
    with pytest.raises(ServiceError, match="ServiceUnavailable.*disk is full"):
        small.sfn("start_execution", stateMachineArn=machine, name="one", input=large)
    assert small.sfn("list_executions", stateMachineArn=machine)["executions"] == []
    limit(100_000)
    arn = small.sfn("start_execution", stateMachineArn=machine, name="one", input="1")["executionArn"]
    assert small.wait(arn)["output"] == "1"


def test_a_call_begins_only_when_it_is_in_the_journal(small: SmallEndpoint) -> None:
    seen: list[str] = []

    def look(**members: Any) -> dict[str, Any]:
        arns = [row["arn"] for row in small.store.query("SELECT arn FROM states_executions")]
        seen.extend(small.event_types(arns[0]))
        return {"StatusCode": 200, "Payload": b"1"}

    small.on("lambda", "invoke", look)
    parameters = {"FunctionName": "f"}
    small.run(chain(("t", {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters})))
    assert seen == ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted"]


def test_the_bus_tells_of_an_end_that_can_be_read(small: SmallEndpoint) -> None:
    statuses: list[str] = []
    told: list[str] = []
    ended = threading.Event()

    def hear(event: dict[str, Any]) -> None:
        statuses.append(small.sfn("describe_execution", executionArn=event["id"])["status"])
        told.append(event["status"])
        if event["status"] != "RUNNING":
            ended.set()

    small.bus.subscribe("states.execution", hear)
    small.run(chain(("p", {"Type": "Pass"})))
    assert ended.wait(LIMIT_S)
    assert statuses[-1] == "SUCCEEDED"
    assert told == ["RUNNING", "SUCCEEDED"]


@pytest.mark.parametrize("until", [{"Timestamp": "9999-12-31T00:00:00Z"}, {"SecondsPath": "$"}])
def test_a_wait_of_millennia_leaves_the_engine_at_work(small: SmallEndpoint, until: dict[str, str]) -> None:
    small.begin(chain(("wait", {"Type": "Wait", **until})), 10**400, name="far")
    for name in ("then", "again"):  # the engine has slept between the two
        assert small.run(chain(("on", {"Type": "Pass"})), name=name)["status"] == "SUCCEEDED"


def test_an_answer_that_the_disk_refuses_is_taken_all_the_same(small: SmallEndpoint) -> None:
    def full(*answer: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    small.states.runtime.journal.keep_answer = full  # type: ignore[method-assign]
    small.on("glue", "get_job", lambda JobName: {"Job": {"Name": JobName}})
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:glue:getJob", "Parameters": {"JobName": "a"}}
    assert small.run(chain(("get", task)))["output"] == '{"Job":{"Name":"a"}}'


def test_a_look_at_a_job_that_breaks_fails_its_task(small: SmallEndpoint) -> None:
    Jobs(small)
    small.on("glue", "get_job_run", lambda **members: {"JobRun": {}})
    ended = small.run(chain(("etl", glue_task())))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")


def test_more_express_executions_than_threads_are_waited_for(small: SmallEndpoint) -> None:
    """Those that wait must leave threads to what they wait for."""
    count = MAX_CALLS + 1
    together = threading.Barrier(count)  # all are being waited for before the first one makes its call
    small.on("glue", "get_job", lambda JobName: {"Job": {"Name": JobName}})
    get = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:glue:getJob", "Parameters": {"JobName": "a"}}
    express = small.create(chain(("get", get)), "express", type="EXPRESS")
    start = small.states.runtime.run_to_end

    def started_together(record: Any, definition: str) -> Any:
        together.wait(LIMIT_S)
        return start(record, definition)

    small.states.runtime.run_to_end = started_together  # type: ignore[method-assign]
    resource = "arn:aws:states:::aws-sdk:sfn:startSyncExecution"
    wait = {"Type": "Task", "Resource": resource, "Parameters": {"StateMachineArn": express}, "OutputPath": "$.Status"}
    branches = [chain((f"wait{number}", wait)) for number in range(count)]
    ended = small.run(chain(("all", {"Type": "Parallel", "Branches": branches})))
    assert json.loads(ended["output"]) == ["SUCCEEDED"] * count
