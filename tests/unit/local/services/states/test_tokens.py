"""Task tokens and activities."""

from __future__ import annotations

import json
import threading
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


def test_a_missed_heartbeat_fails_the_task(small: SmallEndpoint) -> None:
    Sent(small)
    ended = small.run(chain(("ask", callback(HeartbeatSeconds=1, TimeoutSeconds=60))))
    assert ended["error"] == "States.HeartbeatTimeout"


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
