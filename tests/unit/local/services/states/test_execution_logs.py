"""History in CloudWatch Logs, by level."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.local.services.states.harness import SmallEndpoint, chain

GROUP = "/aws/vendedlogs/states/machine"
FAIL = {"Type": "Fail", "Error": "E", "Cause": "C"}


def logged(small: SmallEndpoint, level: str, data: bool = True) -> list[dict[str, Any]]:
    configuration = small.logging(GROUP, level, data)
    branches = {"Type": "Parallel", "Branches": [chain(("f", FAIL))]}
    small.run(chain(("both", branches)), {"secret": 1}, loggingConfiguration=configuration)
    rows = small.store.query("SELECT log_stream, message FROM log_events WHERE log_group = ? ORDER BY id", (GROUP,))
    assert all(row["log_stream"].startswith("states/machine/20") for row in rows)
    return [json.loads(row["message"]) for row in rows]


@pytest.mark.parametrize(
    ("level", "types"),
    [
        ("OFF", []),
        ("FATAL", ["ExecutionFailed"]),
        ("ERROR", ["ParallelStateFailed", "ExecutionFailed"]),
        (
            "ALL",
            [
                "ExecutionStarted",
                "ParallelStateEntered",
                "ParallelStateStarted",
                "FailStateEntered",
                "ParallelStateFailed",
                "ExecutionFailed",
            ],
        ),
    ],
)
def test_levels(small: SmallEndpoint, level: str, types: list[str]) -> None:
    assert [line["type"] for line in logged(small, level)] == types


def test_a_line_has_aws_s_members(small: SmallEndpoint) -> None:
    line = logged(small, "ALL")[0]
    assert line.keys() == {
        *("id", "type", "details", "redrive_count", "previous_event_id", "event_timestamp", "execution_arn")
    }
    assert (line["id"], line["previous_event_id"], line["details"]["input"]) == ("1", "0", '{"secret": 1}')


def test_data_is_left_out_unless_asked_for(small: SmallEndpoint) -> None:
    assert "secret" not in json.dumps(logged(small, "ALL", data=False))


def test_a_log_group_that_was_deleted_is_not_made_again(small: SmallEndpoint) -> None:
    arn = small.create(chain(("p", {"Type": "Pass"})), loggingConfiguration=small.logging(GROUP))
    small.store.execute("DELETE FROM log_groups WHERE log_group = ?", (GROUP,))
    ended = small.wait(small.sfn("start_execution", stateMachineArn=arn)["executionArn"])
    assert (ended["status"], small.store.query("SELECT * FROM log_groups", ())) == ("SUCCEEDED", [])


def test_an_event_whose_details_are_data_keeps_empty_details(small: SmallEndpoint) -> None:
    lines = logged(small, "ALL", data=False)
    assert [line.get("details") for line in lines if line["type"] == "ParallelStateStarted"] == [None]
    small.begin(chain(("p", {"Type": "Pass"})), name="passing", loggingConfiguration=small.logging(GROUP))
    small.states.stop()
    rows = small.store.query("SELECT message FROM log_events ORDER BY id DESC LIMIT 1", ())
    assert json.loads(rows[0]["message"])["details"] == {}
