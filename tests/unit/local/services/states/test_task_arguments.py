"""A task's arguments on their way to a service: their types, JSON where the service has text, bodies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.local.member_names import to_client
from headwater.local.services.states.integrations import Resource, parse_resource
from headwater.local.services.states.task_arguments import argument_problems, unknown_host
from tests.unit.local.services.states.harness import SmallEndpoint, chain

PREFIX = "arn:aws:states:::"


def resource(rest: str) -> Resource:
    found = parse_resource(PREFIX + rest)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("rest", "arguments", "problems"),
    [
        ("dynamodb:putItem", {"Item": {"n": {"N": 1}}}, ["The value for the field 'N' must be a STRING"]),
        ("dynamodb:getItem", {"ConsistentRead": "yes"}, ["The value for the field 'ConsistentRead' must be a BOOLEAN"]),
        ("sagemaker:createTrainingJob", {"Tags": [{"Key": True}]}, ["The value for the field 'Key' must be a STRING"]),
        ("sqs:sendMessage", {"DelaySeconds": "x"}, ["The value for the field 'DelaySeconds' must be an INTEGER"]),
        ("glue:startJobRun", {"Arguments": {"--day": 1}}, ["The value for the field '--day' must be a STRING"]),
        ("glue:startJobRun", {"Arguments": []}, ["The value for the field 'Arguments' must be an OBJECT"]),
        ("events:putEvents", {"Entries": "x"}, ["The value for the field 'Entries' must be an ARRAY"]),
        (
            "aws-sdk:cloudwatch:putMetricData",
            {"MetricData": [{"Value": "1"}, {"Value": 1}]},
            ["The value for the field 'Value' must be a NUMBER"],
        ),
        ("sqs:sendMessage", {"MessageBody": 1, "DelaySeconds": 1.0}, []),
        ("sns:publish", {"Message": True}, []),
        ("aws-sdk:sns:publish", {"Message": True}, ["The value for the field 'Message' must be a STRING"]),
        ("aws-sdk:sns:publish", {"Message": {"a": 1}}, []),
        ("lambda:invoke", {"Payload": 1}, []),
    ],
)
def test_a_value_of_a_wrong_type_is_a_problem(rest: str, arguments: Any, problems: list[str]) -> None:
    assert argument_problems(resource(rest), arguments) == problems


@pytest.mark.parametrize(
    ("client", "operation", "member", "value", "sent"),
    [
        ("stepfunctions", "startExecution", "Input", {"a": [1]}, '{"a":[1]}'),
        ("sqs", "sendMessage", "MessageBody", ["ä"], '["ä"]'),
        ("s3", "putObject", "Body", "text", b'"text"'),
        ("s3", "putObject", "Body", {"a": 1}, b'{"a":1}'),
        (
            "cloudwatch",
            "getMetricStatistics",
            "StartTime",
            "2026-01-02T03:04:05Z",
            datetime(2026, 1, 2, 3, 4, 5, 0, UTC),
        ),
        ("lambda", "invoke", "Payload", "{}", b"{}"),
        ("lambda", "invoke", "Payload", 1, b"1"),
        ("lambda", "invoke", "Payload", False, b"false"),
    ],
)
def test_json_goes_as_text(client: str, operation: str, member: str, value: Any, sent: Any) -> None:
    assert list(to_client(client, operation, {member: value}).values()) == [sent]


def test_a_queue_url_without_a_scheme_is_a_host_that_nobody_knows(small: SmallEndpoint) -> None:
    assert unknown_host(resource("sqs:sendMessage"), {"QueueUrl": "https://sqs/1/q"}) is None
    send = {"Type": "Task", "Resource": PREFIX + "sqs:sendMessage", "Parameters": {"QueueUrl": "no-queue/q"}}
    ended = small.run(chain(("send", send)))
    assert ended["error"] == "SQS.SdkClientException"
    assert ended["cause"] == "Unable to execute HTTP request: no-queue: Name or service not known"
