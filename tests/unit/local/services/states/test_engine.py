"""The engine when the disk refuses, and the order of what is written and what is seen."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

from tests.unit.local.services.states.harness import LIMIT_S, SmallEndpoint, chain


def test_a_failed_commit_is_made_up_for(small: SmallEndpoint) -> None:
    refusals = 3
    write = small.states.runtime.journal.write

    def sometimes(executions: Any) -> None:
        nonlocal refusals
        write(executions)
        if refusals:
            refusals -= 1
            raise sqlite3.OperationalError("database or disk is full")

    small.states.runtime.journal.write = sometimes  # type: ignore[method-assign]
    ended = small.run(chain(("a", {"Type": "Pass", "Result": 1}), ("b", {"Type": "Pass"})))
    assert (ended["output"], refusals) == ("1", 0)
    assert [event["id"] for event in small.history(ended["executionArn"])] == list(range(1, 7))


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
