"""What an alarm's actions are told: an SNS message or a Lambda event, in AWS's shapes.

Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms" and "Invoke a Lambda function from an alarm" (read
2026-11-25). The function's policy must let ``lambda.alarms.cloudwatch.amazonaws.com`` invoke it. What became of an
action is in the alarm's history; one that failed is not tried again.
"""

from __future__ import annotations

import json
import time
import uuid

from headwater.local.deliveries import Deliveries, DeliveryError
from headwater.local.identity.resource_policies import admits
from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.cloudwatch.evaluation import statistic_of
from headwater.local.services.cloudwatch.history import note
from headwater.local.services.cloudwatch.topic_rights import refusal
from headwater.local.store import Record
from headwater.local.wire import region_name

INVOKER = "lambda.alarms.cloudwatch.amazonaws.com"
ONCE = {"MaximumRetryAttempts": 0}
LONGEST_SUBJECT = 100


class Notifications(Deliveries):
    """The actions of alarms under way."""

    kind = "cloudwatch.notification"

    def __init__(self, endpoint: Endpoint, first_pause_s: float = 1.0) -> None:
        super().__init__(endpoint.store, first_pause_s)
        self._endpoint = endpoint

    def new(self, alarm: Record, before: Members, state: Members, action: str) -> Members:
        """One action of a change of state; not yet kept."""
        return {
            "id": uuid.uuid4().hex,
            "alarm": {**alarm, "state": state},
            "before": before,
            "target": {"Arn": action, "RetryPolicy": ONCE},
            "accepted": time.time(),
            "attempts": 0,
            "due": 0.0,
        }

    def named(self, delivery: Members) -> str:
        """The alarm and its state."""
        return f"alarm {delivery['alarm']['AlarmName']} {delivery['alarm']['state']['value']}"

    def send(self, delivery: Members) -> None:
        """Publish or invoke, and note in the alarm's history what became of it."""
        action = delivery["target"]["Arn"]
        try:
            sent = self._invoke(delivery, action) if ":lambda:" in action else self._publish(delivery, action)
        except DeliveryError as error:
            self._note(delivery, f"Failed to execute action {action}", "Failed", error=error.text)
            raise
        except ServiceError as error:
            self._note(delivery, f"Failed to execute action {action}", "Failed", error=error.message)
            raise DeliveryError(error.code, error.message, retry=False) from error
        self._note(delivery, f"Successfully executed action {action}", "Succeeded", publishedMessage=sent)

    def bury(self, delivery: Members, error: DeliveryError, exhausted: str | None) -> None:
        """An alarm's action has no dead-letter queue."""

    def _note(self, delivery: Members, summary: str, outcome: str, **told: str) -> None:
        alarm = delivery["alarm"]
        data = {
            "actionState": outcome,
            "stateUpdateTimestamp": int(alarm["state"]["updated_s"] * 1000),
            "notificationResource": delivery["target"]["Arn"],
            **told,
        }
        text = f'{summary}. Received error: "{told["error"]}"' if "error" in told else summary
        note(self._store, alarm["AlarmName"], time.time(), "Action", text, data)

    def _publish(self, delivery: Members, topic: str) -> str:
        alarm = delivery["alarm"]
        if refused := refusal(self._endpoint, topic, alarm["AlarmArn"]):
            raise DeliveryError("NO_PERMISSIONS", refused, retry=False)
        subject = f'{alarm["state"]["value"]}: "{alarm["AlarmName"]}" in {region_name(self._endpoint.region)}'
        message = json.dumps(self._message(alarm, delivery["before"]))
        self._endpoint.call("sns", "publish", TopicArn=topic, Subject=subject[:LONGEST_SUBJECT], Message=message)
        return message

    def _invoke(self, delivery: Members, function: str) -> str:
        try:
            policy = self._endpoint.call("lambda", "get_policy", FunctionName=function)["Policy"]
        except ServiceError as error:
            if error.code != "ResourceNotFoundException":
                raise
            policy = None
        alarm = delivery["alarm"]
        account = self._endpoint.account
        if not admits(policy, INVOKER, "lambda:InvokeFunction", function, alarm["AlarmArn"], account):
            text = f"{INVOKER} is not authorized to perform: lambda:InvokeFunction on resource: {function}"
            raise DeliveryError("NO_PERMISSIONS", f"{text} because no resource-based policy allows it", retry=False)
        payload = json.dumps(self._event(alarm, delivery["before"]))
        self._endpoint.call("lambda", "invoke", FunctionName=function, InvocationType="Event", Payload=payload.encode())
        return payload

    def _message(self, alarm: Record, before: Members) -> Members:
        state = alarm["state"]
        return {
            "AlarmName": alarm["AlarmName"],
            "AlarmDescription": alarm.get("AlarmDescription"),
            "AWSAccountId": self._endpoint.account,
            "AlarmConfigurationUpdatedTimestamp": iso(alarm["configured_s"]),
            "NewStateValue": state["value"],
            "NewStateReason": state["reason"],
            "StateChangeTime": iso(state["updated_s"]),
            "Region": region_name(self._endpoint.region),
            "AlarmArn": alarm["AlarmArn"],
            "OldStateValue": before["value"],
            **{member: alarm[member] for member in ("OKActions", "AlarmActions", "InsufficientDataActions")},
            "Trigger": {
                "MetricName": alarm["MetricName"],
                "Namespace": alarm["Namespace"],
                "StatisticType": "Statistic" if "Statistic" in alarm else "ExtendedStatistic",
                **_statistic(alarm),
                "Unit": alarm.get("Unit"),
                "Dimensions": [{"value": each["Value"], "name": each["Name"]} for each in alarm["Dimensions"]],
                "Period": alarm["Period"],
                "EvaluationPeriods": alarm["EvaluationPeriods"],
                "DatapointsToAlarm": alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]),
                "ComparisonOperator": alarm["ComparisonOperator"],
                "Threshold": alarm["Threshold"],
                "TreatMissingData": alarm.get("TreatMissingData", "missing"),
                "EvaluateLowSampleCountPercentile": "",
            },
        }

    def _event(self, alarm: Record, before: Members) -> Members:
        def told(state: Members) -> Members:
            data = {"reasonData": state["data"]} if state.get("data") else {}
            return {
                "value": state["value"],
                "reason": state["reason"],
                **data,
                "timestamp": iso(state["updated_s"]),
            }

        metric = {
            "namespace": alarm["Namespace"],
            "name": alarm["MetricName"],
            "dimensions": {each["Name"]: each["Value"] for each in alarm["Dimensions"]},
        }
        stat = {
            "metric": metric,
            "period": alarm["Period"],
            "stat": statistic_of(alarm),
        }
        return {
            "source": "aws.cloudwatch",
            "alarmArn": alarm["AlarmArn"],
            "accountId": self._endpoint.account,
            "time": iso(alarm["state"]["updated_s"]),
            "region": self._endpoint.region,
            "alarmData": {
                "alarmName": alarm["AlarmName"],
                "state": told(alarm["state"]),
                "previousState": told(before),
                "configuration": {
                    "description": alarm.get("AlarmDescription"),
                    "metrics": [{"id": "m1", "metricStat": stat, "returnData": True}],
                },
            },
        }


def _statistic(alarm: Record) -> Members:
    if "Statistic" in alarm:
        return {"Statistic": {"SampleCount": "SAMPLE_COUNT"}.get(alarm["Statistic"], alarm["Statistic"].upper())}
    return {"ExtendedStatistic": alarm["ExtendedStatistic"]}


def iso(seconds: float) -> str:
    """A moment as alarms write it: UTC, milliseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}+0000"
