"""One delivery to one target, as the service events.amazonaws.com or as the target's role.

A target with a RoleArn is called as that role. Without one, the target's resource policy must let
``events.amazonaws.com`` in, as on AWS, or the delivery fails with NO_PERMISSIONS.

Not faithful to AWS: the resource policy of CloudWatch Logs and the trust policy of a role are not evaluated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from headwater.local.deliveries import DeliveryError
from headwater.local.identity import Principal
from headwater.local.identity.resource_policies import admits
from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.events.target_operations import target_kind

SERVICE = "events.amazonaws.com"


class Senders:
    """Sends texts to targets.

    Parameters
    ----------
    endpoint:
        Through which the targets' services are called.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._kinds: dict[str, Callable[[Members, str, Members], None]] = {
            "lambda": self._invoke,
            "logs": self._log,
            "sns": self._publish,
            "sqs": self._enqueue,
            "states": self._start,
        }

    def send(self, delivery: Members, text: str) -> None:
        """Deliver ``text`` to the target of a delivery; raises :class:`DeliveryError`."""
        target = delivery["target"]
        try:
            self._kinds[target_kind(target["Arn"]) or ""](target, text, delivery)
        except ServiceError as error:
            raise DeliveryError.of(error) from error

    def _principal(self, target: Members, delivery: Members) -> Principal | None:
        """The role's session; None where the target's resource policy decides."""
        role = target.get("RoleArn")
        return self._endpoint.assume(role, delivery["rule"]["Name"]).principal if role else None

    def _admit(self, policy: str | None, action: str, resource: str, rule_arn: str) -> None:
        if not admits(policy, SERVICE, action, resource, rule_arn, self._endpoint.account):
            text = f"{SERVICE} is not authorized to perform: {action} on resource: {resource}"
            raise DeliveryError("NO_PERMISSIONS", f"{text} because no resource-based policy allows it", retry=False)

    # -- kinds of targets ----------------------------------------------------------------------------------------

    def _invoke(self, target: Members, text: str, delivery: Members) -> None:
        call, arn = self._endpoint.call, target["Arn"]
        _check_json(text, "a Lambda function")
        principal = self._principal(target, delivery)
        if principal is None:
            try:
                policy = call("lambda", "get_policy", FunctionName=arn)["Policy"]
            except ServiceError as error:
                if error.code != "ResourceNotFoundException":
                    raise
                call("lambda", "get_function_configuration", FunctionName=arn)  # gone, or only without a policy?
                policy = None
            self._admit(policy, "lambda:InvokeFunction", arn, delivery["rule"]["Arn"])
        call("lambda", "invoke", principal=principal, FunctionName=arn, InvocationType="Event", Payload=text.encode())

    def _start(self, target: Members, text: str, delivery: Members) -> None:
        _check_json(text, "a state machine")
        try:
            self._endpoint.call(
                "stepfunctions",
                "start_execution",
                principal=self._principal(target, delivery),
                stateMachineArn=target["Arn"],
                name=f"{delivery['event']['id']}_{delivery['id']}"[:80],
                input=text,
            )
        except ServiceError as error:
            if error.code != "ExecutionAlreadyExists":  # an attempt that was cut off had started it
                raise

    def _publish(self, target: Members, text: str, delivery: Members) -> None:
        principal = self._principal(target, delivery)
        if principal is None:
            found = self._endpoint.call("sns", "get_topic_attributes", TopicArn=target["Arn"])["Attributes"]
            self._admit(found.get("Policy"), "sns:Publish", target["Arn"], delivery["rule"]["Arn"])
        self._endpoint.call("sns", "publish", principal=principal, TopicArn=target["Arn"], Message=text)

    def _enqueue(self, target: Members, text: str, delivery: Members) -> None:
        members = {}
        if group := target.get("SqsParameters", {}).get("MessageGroupId"):
            members = {"MessageGroupId": group, "MessageDeduplicationId": delivery["id"]}
        self._queue(target["Arn"], text, delivery, self._principal(target, delivery), members)

    def _queue(self, arn: str, text: str, delivery: Members, principal: Principal | None, members: Members) -> None:
        call = self._endpoint.call
        url = call("sqs", "get_queue_url", QueueName=arn.rpartition(":")[2])["QueueUrl"]
        if principal is None:
            found = call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"])
            policy = found.get("Attributes", {}).get("Policy")
            self._admit(policy, "sqs:SendMessage", arn, delivery["rule"]["Arn"])
        call("sqs", "send_message", principal=principal, QueueUrl=url, MessageBody=text, **members)

    def _log(self, target: Members, text: str, delivery: Members) -> None:
        call = self._endpoint.call
        group = target["Arn"].partition(":log-group:")[2].removesuffix(":*")
        stamp_ms, message = _log_event(text)
        try:
            call("logs", "create_log_stream", logGroupName=group, logStreamName=delivery["id"])
        except ServiceError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
        line = {"timestamp": stamp_ms, "message": message}
        call("logs", "put_log_events", logGroupName=group, logStreamName=delivery["id"], logEvents=[line])

    # -- dead letters --------------------------------------------------------------------------------------------

    def bury(self, delivery: Members, error: DeliveryError, exhausted: str | None) -> None:
        """Send a failed event to the target's dead-letter queue; raises when that fails too."""
        told = {
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": error.text,
            "EXHAUSTED_RETRY_CONDITION": exhausted,
            "RETRY_ATTEMPTS": str(max(0, delivery["attempts"] - 1)),
            "RULE_ARN": delivery["rule"]["Arn"],
            "TARGET_ARN": delivery["target"]["Arn"],
        }
        attributes = {k: {"DataType": "String", "StringValue": v} for k, v in told.items() if v is not None}
        queue = delivery["target"]["DeadLetterConfig"]["Arn"]
        try:
            self._queue(queue, json.dumps(delivery["event"]), delivery, None, {"MessageAttributes": attributes})
        except ServiceError as failed:
            raise DeliveryError.of(failed) from failed


def _check_json(text: str, kind: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise DeliveryError("INVALID_JSON", f"{kind} takes JSON, the target's input is not: {error}", False) from error


def _log_event(text: str) -> tuple[int, str]:
    """(timestamp in ms, message): a template's own if it gives both, else now and the whole text."""
    now_ms = int(time.time() * 1000)
    try:
        given: Any = json.loads(text)
        if isinstance(given, dict) and set(given) == {"message", "timestamp"}:
            return _milliseconds(given["timestamp"]), str(given["message"])
    except ValueError:
        pass  # plain text is a message too
    return now_ms, text


def _milliseconds(stamp: Any) -> int:
    if isinstance(stamp, (int, float)):
        return int(stamp)
    return int(datetime.fromisoformat(str(stamp)).timestamp() * 1000)
