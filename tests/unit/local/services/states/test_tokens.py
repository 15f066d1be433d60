"""Task tokens and activities."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from headwater.local.service import ServiceError
from tests.unit.local.services.states.harness import LIMIT_S, SmallEndpoint, chain


class Sent:
    """Catches the token that a task sends to a queue."""

    def __init__(self, small: SmallEndpoint) -> None:
        self.token = ""
        self.came = threading.Event()
        small.on("sqs", "send_message", self._send)

    def _send(self, MessageBody: str, **members: Any) -> dict[str, Any]:
        self.token = json.loads(MessageBody)["token"]
        self.came.set()
        return {"MessageId": "m"}

    def wait(self) -> str:
        assert self.came.wait(LIMIT_S)
        return self.token


def callback(**fields: Any) -> dict[str, Any]:
    body = {"QueueUrl": "http://q", "MessageBody": {"token.$": "$$.Task.Token"}}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": body,
        **fields,
    }


def test_a_task_waits_for_its_token(small: SmallEndpoint) -> None:
    sent = Sent(small)
    arn = small.begin(chain(("ask", callback())))
    small.sfn("send_task_success", taskToken=sent.wait(), output='{"ok":true}')
    assert json.loads(small.wait(arn)["output"]) == {"ok": True}
    with pytest.raises(ServiceError, match="TaskTimedOut"):
        small.sfn("send_task_success", taskToken=sent.token, output="{}")


def test_a_worker_s_failure_is_the_task_s(small: SmallEndpoint) -> None:
    sent = Sent(small)
    arn = small.begin(chain(("ask", callback())))
    small.sfn("send_task_failure", taskToken=sent.wait(), error="Refused", cause="by hand")
    ended = small.wait(arn)
    assert (ended["error"], ended["cause"]) == ("Refused", "by hand")


def test_a_failure_without_a_name_is_caught_as_null_and_aborts_its_task(small: SmallEndpoint) -> None:
    sent = Sent(small)
    branch = {"StartAt": "ask", "States": {"ask": {**callback(), "End": True}}}
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "caught"}]
    both = {"Type": "Parallel", "Branches": [branch], "Catch": catch}
    arn = small.begin(chain(("both", both), ("caught", {"Type": "Pass"})))
    token, limit = sent.wait(), time.monotonic() + LIMIT_S
    while not any(event["type"] == "TaskSubmitted" for event in small.history(arn)):  # the token is out before it
        assert time.monotonic() < limit
    small.sfn("send_task_failure", taskToken=token)
    assert json.loads(small.wait(arn)["output"]) == {"error": {"Error": None, "Cause": None}}
    events = [(event["type"], event["id"] - event["previousEventId"]) for event in small.history(arn)]
    # An execution recorded on AWS, 2024-04.
    assert events[7:11] == [
        *(("TaskFailed", 1), ("TaskStateAborted", 1), ("ParallelStateFailed", 2), ("ParallelStateExited", 1)),
    ]


def test_tasks_of_a_map_whose_time_is_up_at_once_all_time_out(small: SmallEndpoint) -> None:
    Sent(small)
    processor = {"StartAt": "ask", "States": {"ask": {**callback(TimeoutSeconds=1), "End": True}}}
    arn = small.begin(chain(("each", {"Type": "Map", "ItemProcessor": processor})), [1, 2, 3])
    assert small.wait(arn)["error"] == "States.Timeout"
    events = small.history(arn)[-11:]
    first = events[0]["id"]
    # An execution recorded on AWS, 2024-03: what is aborted comes after the first that timed out.
    assert [event["type"] for event in events] == [
        *("TaskTimedOut", "TaskTimedOut", "TaskTimedOut", "MapIterationFailed", "TaskStateAborted"),
        *("MapIterationAborted", "TaskStateAborted", "MapIterationAborted", "TaskStateAborted"),
        *("MapStateFailed", "ExecutionFailed"),
    ]
    assert {event["previousEventId"] for event in events[3:10]} == {first}


def test_an_output_that_is_no_json_is_refused(small: SmallEndpoint) -> None:
    sent = Sent(small)
    arn = small.begin(chain(("ask", callback())))
    with pytest.raises(ServiceError, match="Invalid Output: 'Unrecognized token 'nonsense': was expecting "):
        small.sfn("send_task_success", taskToken=sent.wait(), output="nonsense")
    small.sfn("stop_execution", executionArn=arn)


def test_a_missed_heartbeat_is_a_time_out_that_rules_can_name(small: SmallEndpoint) -> None:
    """The history's word was recorded on AWS, 2024-04; that only rules know the other is in the Developer Guide."""
    Sent(small)
    limits = {"HeartbeatSeconds": 1, "TimeoutSeconds": 60}
    assert small.run(chain(("ask", callback(**limits))))["error"] == "States.Timeout"
    catch = [{"ErrorEquals": ["States.TaskFailed", "States.HeartbeatTimeout"], "Next": "caught"}]
    caught = small.run(chain(("ask", callback(**limits, Catch=catch)), ("caught", {"Type": "Pass"})), name="catching")
    assert json.loads(caught["output"]) == {"Error": "States.Timeout", "Cause": ""}


def test_a_worker_that_is_faster_than_the_call_s_answer(small: SmallEndpoint) -> None:
    refusals: list[str] = []

    def send(MessageBody: str, **members: Any) -> dict[str, Any]:
        token = json.loads(MessageBody)["token"]
        small.sfn("send_task_success", taskToken=token, output="1")
        with pytest.raises(ServiceError) as again:
            small.sfn("send_task_success", taskToken=token, output="2")
        refusals.append(again.value.code)
        return {"MessageId": "m"}

    small.on("sqs", "send_message", send)
    arn = small.begin(chain(("ask", callback())))
    assert (small.wait(arn)["output"], refusals) == ("1", ["TaskTimedOut"])
    assert small.event_types(arn)[3:6] == ["TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_the_task_of_a_deleted_activity_fails(small: SmallEndpoint) -> None:
    activity = small.sfn("create_activity", name="gone")["activityArn"]
    small.sfn("delete_activity", activityArn=activity)
    ended = small.run(chain(("do", {"Type": "Task", "Resource": activity})))
    where = "An error occurred while executing the state 'do' (entered at the event id #2)."
    assert (ended["error"], ended["cause"]) == ("States.Runtime", f"{where} The activity {activity} does not exist.")


def test_what_is_no_token_is_refused(small: SmallEndpoint) -> None:
    with pytest.raises(ServiceError, match="InvalidToken"):
        small.sfn("send_task_heartbeat", taskToken="nonsense")


def test_an_activity_s_worker_gets_the_input_and_gives_the_output(small: SmallEndpoint) -> None:
    activity = small.sfn("create_activity", name="by-hand")["activityArn"]
    arn = small.begin(chain(("do", {"Type": "Task", "Resource": activity})), {"n": 1})
    task = small.sfn("get_activity_task", activityArn=activity, workerName="me")
    assert json.loads(task["input"]) == {"n": 1}
    small.sfn("send_task_heartbeat", taskToken=task["taskToken"])
    small.sfn("send_task_success", taskToken=task["taskToken"], output='"done"')
    assert json.loads(small.wait(arn)["output"]) == "done"
    assert small.event_types(arn)[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
