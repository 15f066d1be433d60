"""Redrive: an execution goes on where it failed, and what succeeded is not run again."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.states.execution_record import ExecutionRecord
from headwater.local.services.states.redrives import obstacle
from tests.unit.local.services.states.harness import ROLE, Jobs, SmallEndpoint, chain, glue_task, until

DAY_MS = 24 * 3600 * 1000
FAIL = {"Type": "Fail", "Error": "E"}


def test_a_chain_goes_on_at_the_failed_state(small: SmallEndpoint) -> None:
    jobs = Jobs(small)
    arn = small.begin(chain(("one", glue_task("one", ResultPath="$.one")), ("two", glue_task("two"))))
    jobs.await_started(1)
    jobs.end("jr_one_0")
    jobs.await_started(2)
    jobs.end("jr_two_1", "FAILED")
    assert small.wait(arn)["status"] == "FAILED"
    small.sfn("redrive_execution", executionArn=arn)
    jobs.await_started(3)
    jobs.end("jr_two_2")
    ended = small.wait(arn)
    assert (ended["status"], ended["redriveCount"]) == ("SUCCEEDED", 1)
    assert sorted(jobs.states) == ["jr_one_0", "jr_two_1", "jr_two_2"]
    assert "ExecutionRedriven" in small.event_types(arn)


def test_inside_a_parallel_only_what_failed_runs_again(small: SmallEndpoint) -> None:
    jobs = Jobs(small)
    branches = [
        chain(("a", glue_task("a")), ("a2", glue_task("a2"))),
        chain(("b", glue_task("b"))),
        chain(("c", glue_task("c"))),
    ]
    arn = small.begin(chain(("first", glue_task("first")), ("all", {"Type": "Parallel", "Branches": branches})))
    jobs.await_started(1)
    jobs.end("jr_first_0")
    jobs.await_started(4)
    by_job = {run.split("_")[1]: run for run in jobs.states}
    jobs.end(by_job["a"])
    jobs.await_started(5)
    jobs.end(by_job["b"])
    until(lambda: small.event_types(arn).count("TaskStateExited") == 3)  # first, a, b: c's failure must not stop b
    jobs.end(by_job["c"], "FAILED")
    assert small.wait(arn)["status"] == "FAILED"
    jobs.await_state(next(run for run in jobs.states if run.startswith("jr_a2")), "STOPPED")
    started = len(jobs.states)
    small.sfn("redrive_execution", executionArn=arn)
    jobs.await_started(started + 2)  # a2 was stopped, c failed; first, a and b had succeeded
    again = sorted(run for run, state in jobs.states.items() if state == "RUNNING")
    assert sorted(run.split("_")[1] for run in again) == ["a2", "c"]
    for run in again:
        jobs.end(run)
    ended = small.wait(arn)
    assert ended["status"] == "SUCCEEDED"
    assert [result["JobName"] for result in json.loads(ended["output"])] == ["a2", "b", "c"]


def test_a_stopped_execution_goes_on(small: SmallEndpoint) -> None:
    jobs = Jobs(small)
    arn = small.begin(chain(("one", glue_task("one"))))
    jobs.await_started(1)
    small.sfn("stop_execution", executionArn=arn)
    jobs.await_state("jr_one_0", "STOPPED")
    small.sfn("redrive_execution", executionArn=arn)
    jobs.await_started(2)
    jobs.end("jr_one_1")
    assert small.wait(arn)["status"] == "SUCCEEDED"


def test_a_success_cannot_be_redriven(small: SmallEndpoint) -> None:
    ended = small.run(chain(("p", {"Type": "Pass"})))
    with pytest.raises(ServiceError, match="ExecutionNotRedrivable"):
        small.sfn("redrive_execution", executionArn=ended["executionArn"])


@pytest.mark.parametrize(
    ("aged", "reason"),
    [
        ({"stopped_ms": DAY_MS * 15}, "Execution redrivable period exceeded"),
        ({"started_ms": DAY_MS * 366}, "Execution has exceeded the max execution time"),
    ],
)
def test_an_old_execution_cannot_be_redriven(aged: dict[str, int], reason: str) -> None:
    now_ms = DAY_MS * 1000
    moments = {"started_ms": now_ms, "stopped_ms": now_ms} | {name: now_ms - by for name, by in aged.items()}
    record = ExecutionRecord(
        "arn", "name", "machine", "machine", "revision", ROLE, "STANDARD", "{}", status="FAILED", **moments
    )
    assert obstacle(record, True, 10, now_ms) == reason
    assert obstacle(record, True, 24_999, now_ms) == "Execution history event limit exceeded"


def test_an_execution_of_a_machine_that_was_deleted_cannot_be_redriven(small: SmallEndpoint) -> None:
    ended = small.run(chain(("f", FAIL)))
    small.sfn("delete_state_machine", stateMachineArn=ended["stateMachineArn"])
    described = small.sfn("describe_execution", executionArn=ended["executionArn"])
    assert (described["redriveStatus"], described["redriveStatusReason"]) == (
        "NOT_REDRIVABLE",
        "State machine is in DELETING status",
    )
    with pytest.raises(ServiceError, match="ExecutionNotRedrivable"):
        small.sfn("redrive_execution", executionArn=ended["executionArn"])


def test_a_child_is_redriven_by_its_map_run(small: SmallEndpoint) -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **chain(("f", FAIL))}
    ended = small.run(chain(("each", {"Type": "Map", "ItemProcessor": processor})), [1])
    run = small.sfn("list_map_runs", executionArn=ended["executionArn"])["mapRuns"][0]["mapRunArn"]
    child = small.sfn("list_executions", mapRunArn=run)["executions"][0]["executionArn"]
    assert small.sfn("describe_execution", executionArn=child)["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    with pytest.raises(ServiceError, match="ExecutionNotRedrivable"):
        small.sfn("redrive_execution", executionArn=child)


def failed_once(small: SmallEndpoint) -> tuple[str, Jobs]:
    """An execution whose job has failed."""
    jobs = Jobs(small)
    arn = small.begin(chain(("etl", glue_task())))
    jobs.await_started()
    jobs.end("jr_etl_0", "FAILED")
    small.wait(arn)
    return arn, jobs


def test_of_two_redrives_at_once_one_is_refused(small: SmallEndpoint) -> None:
    arn, jobs = failed_once(small)

    def redrive(number: int) -> str:
        try:
            small.sfn("redrive_execution", executionArn=arn)
        except ServiceError as error:
            return error.code
        return "redriven"

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(redrive, range(8)))
    assert sorted(answers) == ["ExecutionNotRedrivable"] * 7 + ["redriven"]
    jobs.await_started(2)
    jobs.end("jr_etl_1")
    assert small.wait(arn)["status"] == "SUCCEEDED"
    assert list(jobs.states) == ["jr_etl_0", "jr_etl_1"]


def test_a_redrive_asked_again_with_its_token_is_the_same(small: SmallEndpoint) -> None:
    arn, _ = failed_once(small)
    first = small.sfn("redrive_execution", executionArn=arn, clientToken="once")
    assert small.sfn("redrive_execution", executionArn=arn, clientToken="once") == first
    assert small.sfn("describe_execution", executionArn=arn)["redriveCount"] == 1
