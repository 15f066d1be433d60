"""The ARN that IAM decides on, of operations that name things in different ways."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.local.identity.actions import requests_of
from headwater.local.identity.principals import Principal
from headwater.local.service import Call

IAM = "arn:aws:iam::000000000000:"


@pytest.mark.parametrize(
    ("service", "operation", "members", "arn"),
    [
        ("iam", "CreateRole", {"RoleName": "r", "Path": "/team/"}, f"{IAM}role/team/r"),
        ("iam", "AttachRolePolicy", {"RoleName": "r", "PolicyArn": f"{IAM}policy/p"}, f"{IAM}role/r"),
        ("iam", "AddUserToGroup", {"UserName": "u", "GroupName": "g"}, f"{IAM}group/g"),
        ("iam", "GetPolicy", {"PolicyArn": f"{IAM}policy/a/p"}, f"{IAM}policy/a/p"),
        ("iam", "ListUsers", {}, None),
        ("events", "PutTargets", {"Rule": "r", "Targets": []}, "arn:aws:events:us-east-1:000000000000:rule/r"),
        (
            "events",
            "PutRule",
            {"Name": "r", "EventBusName": "arn:aws:events:us-east-1:000000000000:event-bus/b"},
            "arn:aws:events:us-east-1:000000000000:rule/b/r",
        ),
        ("scheduler", "GetSchedule", {"Name": "s"}, "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"),
        (
            "cloudformation",
            "CreateChangeSet",
            {"StackName": "s"},
            "arn:aws:cloudformation:us-east-1:000000000000:stack/s/*",
        ),
        ("sns", "CreateTopic", {"Name": "t"}, "arn:aws:sns:us-east-1:000000000000:t"),
        ("sqs", "SendMessage", {"QueueUrl": "http://h/000000000000/q"}, "arn:aws:sqs:us-east-1:000000000000:q"),
        ("glue", "TagResource", {"ResourceArn": "arn:aws:glue:x:y:job/j"}, "arn:aws:glue:x:y:job/j"),
        ("stepfunctions", "CreateStateMachine", {"name": "m"}, "arn:aws:states:us-east-1:000000000000:stateMachine:m"),
        ("kms", "Encrypt", {"KeyId": "alias/a"}, None),
        ("sts", "GetFederationToken", {"Name": "n"}, "arn:aws:sts::000000000000:federated-user/n"),
    ],
)
def test_an_operation_is_about(service: str, operation: str, members: dict[str, Any], arn: str | None) -> None:
    principal = Principal(f"{IAM}root", "000000000000", "me")
    call = Call(service, operation, principal, "us-east-1", "000000000000", "1")
    assert requests_of(call, members, {}, {}.get)[0].resource == arn
