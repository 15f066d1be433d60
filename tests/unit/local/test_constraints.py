"""What a service's model asks of members, refused in AWS's words (recorded on AWS between 2023 and 2025)."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.local.constraints import check_members, required_members
from headwater.local.service import ServiceError

ONE = "1 validation error detected: "
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


def refused(service: str, operation: str, **members: Any) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        check_members(service, operation, members)
    return caught.value.code, caught.value.message


def constraint(operation: str, **members: Any) -> str:
    """The words after 'detected: ', of a call of Step Functions that breaks one constraint."""
    code, message = refused("stepfunctions", operation, **members)
    assert code == "ValidationException"
    return message.removeprefix(ONE)


@pytest.mark.parametrize(
    ("operation", "members", "expected"),
    [
        (
            "ListExecutions",
            {"statusFilter": "succeeded"},
            "Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: "
            "[SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]",
        ),
        (
            "ListStateMachines",
            {"maxResults": 1001},
            "Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to "
            "1000",
        ),
        (
            "ListStateMachines",
            {"nextToken": "x" * 1025},
            f"Value '{'x' * 1025}' at 'nextToken' failed to satisfy constraint: Member must have length less than or "
            "equal to 1024",
        ),
        (
            "StartExecution",
            {"stateMachineArn": MACHINE, "input": "x" * 262145},
            "Value at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144",
        ),
        ("StartExecution", {}, "Value null at 'stateMachineArn' failed to satisfy constraint: Member must not be null"),
        (
            "TagResource",
            {"resourceArn": MACHINE, "tags": [{"key": "a" * 129, "value": "b"}]},
            f"Value '{'a' * 129}' at 'tags.1.member.key' failed to satisfy constraint: Member must have length less "
            "than or equal to 128",
        ),
    ],
)
def test_step_functions_says_which_constraint_is_broken(operation: str, members: Any, expected: str) -> None:
    assert constraint(operation, **members) == expected


def test_all_broken_constraints_are_named_at_once() -> None:
    _, message = refused("stepfunctions", "CreateStateMachine", name="", definition="{}")
    assert message == (
        "2 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length "
        "greater than or equal to 1; Value null at 'roleArn' failed to satisfy constraint: Member must not be null"
    )


@pytest.mark.parametrize(
    ("service", "operation", "members", "code", "message"),
    [
        (
            "dynamodb",
            "PutItem",
            {"TableName": "t", "Item": None},
            "ValidationException",
            f"{ONE}Value null at 'item' failed to satisfy constraint: Member must not be null",
        ),
        (
            "sqs",
            "SendMessage",
            {"QueueUrl": "u"},
            "MissingParameter",
            "The request must contain the parameter MessageBody.",
        ),
        (
            "sns",
            "Publish",
            {},
            "ValidationError",
            f"{ONE}Value null at 'message' failed to satisfy constraint: Member must not be null",
        ),
        ("s3", "GetObject", {"Bucket": "b"}, "InvalidArgument", "Missing required parameter in input: Key"),
    ],
)
def test_other_services_miss_what_they_need(
    service: str, operation: str, members: Any, code: str, message: str
) -> None:
    assert refused(service, operation, **members) == (code, message)


def test_what_the_model_allows_passes() -> None:
    check_members("stepfunctions", "ListExecutions", {"stateMachineArn": MACHINE, "statusFilter": "PENDING_REDRIVE"})
    check_members("stepfunctions", "ListActivities", {"maxResults": None})
    check_members("stepfunctions", "StartExecution", {"stateMachineArn": 5})  # the type is refused elsewhere
    check_members("s3", "ListBuckets", {})


def test_an_idempotency_token_need_not_be_given() -> None:
    """Clients make one by themselves; the model marks it as required."""
    assert set(required_members("emr-serverless", "CreateApplication")) == {"releaseLabel", "type"}
    assert "clientToken" not in required_members("emr-serverless", "StartJobRun")
