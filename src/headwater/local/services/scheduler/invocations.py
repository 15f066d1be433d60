"""One invocation of a schedule's target, as the target's role; and what goes to its dead-letter queue.

Source: EventBridge Scheduler User Guide, "Adding context attributes" and "Configuring a dead-letter queue" (read
2026-11-25). A templated target without Input gets a notification event, a universal one no parameters.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from headwater.local.deliveries import Deliveries, DeliveryError
from headwater.local.identity import Principal
from headwater.local.member_names import operation_name, to_client
from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.scheduler.target_rules import SERVICE, target_kind, universal_call


class Invocations(Deliveries):
    """The invocations of all schedules."""

    kind = "scheduler.invocation"

    def __init__(self, endpoint: Endpoint, first_pause_s: float = 1.0) -> None:
        super().__init__(endpoint.store, first_pause_s)
        self._endpoint = endpoint
        self._templated: dict[str, Callable[[Members, str, Principal, Members], None]] = {
            "events": self._put_event,
            "lambda": self._invoke,
            "sns": self._publish,
            "sqs": self._send,
            "states": self._start,
        }

    def named(self, delivery: Members) -> str:
        """The schedule and its moment."""
        return f"schedule {delivery['schedule']['Name']} of {_iso(delivery['scheduled'])}"

    def send(self, delivery: Members) -> None:
        """Invoke the target as its role."""
        target = delivery["target"]
        text = self._text(delivery)
        try:
            principal = self._principal(delivery)
            kind = target_kind(target["Arn"])
            if kind == "universal":
                self._call(target["Arn"], text, principal)
            else:
                self._templated[kind or ""](target, text, principal, delivery)
        except ServiceError as error:
            raise DeliveryError.of(error) from error

    def _principal(self, delivery: Members) -> Principal:
        role = delivery["target"]["RoleArn"]
        try:
            schedule = delivery["schedule"]
            group = schedule["Arn"].replace(":schedule/", ":schedule-group/").rpartition("/")[0]
            return self._endpoint.assume(role, schedule["Name"], service=SERVICE, source_arn=group).principal
        except ServiceError as error:
            raise DeliveryError("NO_PERMISSIONS", error.message, retry=False) from error

    # -- targets -------------------------------------------------------------------------------------------------

    def _start(self, target: Members, text: str, principal: Principal, delivery: Members) -> None:
        try:
            self._endpoint.call(
                "stepfunctions",
                "start_execution",
                principal=principal,
                stateMachineArn=target["Arn"],
                name=delivery["id"],
                input=text,
            )
        except ServiceError as error:
            if error.code != "ExecutionAlreadyExists":  # an attempt that was cut off had started it
                raise

    def _invoke(self, target: Members, text: str, principal: Principal, delivery: Members) -> None:
        members = {"FunctionName": target["Arn"], "InvocationType": "Event", "Payload": text.encode()}
        self._endpoint.call("lambda", "invoke", principal=principal, **members)

    def _publish(self, target: Members, text: str, principal: Principal, delivery: Members) -> None:
        self._endpoint.call("sns", "publish", principal=principal, TopicArn=target["Arn"], Message=text)

    def _send(self, target: Members, text: str, principal: Principal, delivery: Members) -> None:
        members = {}
        if group := target.get("SqsParameters", {}).get("MessageGroupId"):
            members = {"MessageGroupId": group, "MessageDeduplicationId": delivery["id"]}
        self._enqueue(target["Arn"], principal, MessageBody=text, **members)

    def _put_event(self, target: Members, text: str, principal: Principal, delivery: Members) -> None:
        entry = {**target["EventBridgeParameters"], "Detail": text, "EventBusName": target["Arn"]}
        answer = self._endpoint.call("events", "put_events", principal=principal, Entries=[entry])
        if answer["FailedEntryCount"]:
            failed = answer["Entries"][0]
            raise DeliveryError(failed["ErrorCode"], failed["ErrorMessage"], retry=False)

    def _call(self, arn: str, text: str, principal: Principal) -> None:
        client, called = universal_call(arn)
        members = to_client(client, called, json.loads(text))
        operation = operation_name(client, called)
        if operation is None:
            raise DeliveryError("SDK_CLIENT_ERROR", f"{client} has no operation {called}", retry=False)
        self._endpoint.call(client, operation, principal=principal, **members)

    def _enqueue(self, arn: str, principal: Principal, **members: Any) -> None:
        url = self._endpoint.call("sqs", "get_queue_url", QueueName=arn.rpartition(":")[2])["QueueUrl"]
        self._endpoint.call("sqs", "send_message", principal=principal, QueueUrl=url, **members)

    # -- texts ---------------------------------------------------------------------------------------------------

    def _text(self, delivery: Members) -> str:
        target = delivery["target"]
        text = target.get("Input")
        if text is None:
            text = "{}" if target_kind(target["Arn"]) == "universal" else self._notification(delivery)
        attributes = {
            "attempt-number": str(delivery["attempts"] + 1),
            "execution-id": uuid.uuid5(uuid.UUID(delivery["id"]), str(delivery["attempts"])).hex[:16],
            "schedule-arn": delivery["schedule"]["Arn"],
            "scheduled-time": _iso(delivery["scheduled"]),
        }
        for name, value in attributes.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return str(text)

    def _notification(self, delivery: Members) -> str:
        event = {
            "version": "0",
            "id": str(uuid.UUID(delivery["id"])),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": self._endpoint.account,
            "time": _iso(delivery["scheduled"]),
            "region": self._endpoint.region,
            "resources": [delivery["schedule"]["Arn"]],
            "detail": "{}",
        }
        return json.dumps(event, separators=(",", ":"))

    def bury(self, delivery: Members, error: DeliveryError, exhausted: str | None) -> None:
        """Send the payload, and what became of it, to the dead-letter queue, as the role."""
        told = {
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": error.text,
            "EXECUTION_ID": delivery["id"],
            "EXHAUSTED_RETRY_CONDITION": exhausted,
            "RETRY_ATTEMPTS": str(max(0, delivery["attempts"] - 1)),
            "SCHEDULED_TIME": _iso(delivery["scheduled"]),
            "SCHEDULE_ARN": delivery["schedule"]["Arn"],
            "TARGET_ARN": delivery["target"]["Arn"],
        }
        attributes = {k: {"DataType": "String", "StringValue": v} for k, v in told.items() if v is not None}
        queue = delivery["target"]["DeadLetterConfig"]["Arn"]
        body = self._text(delivery)
        self._enqueue(queue, self._principal(delivery), MessageBody=body, MessageAttributes=attributes)


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
