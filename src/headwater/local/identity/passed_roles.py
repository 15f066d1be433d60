"""Roles that a call hands to a service: whoever makes the call must be allowed iam:PassRole on them, for that service.

A call that names a role which the service only looks at, or which the caller itself assumes, passes none on.

Source: Service Authorization Reference, "dependent actions" of each service; IAM user guide, "Grant a user permissions
to pass a role to an AWS service"; EventBridge user guide, "Access control" (PutTargets); CloudFormation user guide,
"Service role"; read 2026-11. Amazon EMR's own are in :mod:`headwater.local.identity.emr_actions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headwater.local.service import Call, Members

# (service, operation) → where in the request the role is (`[]` is every item, `{}` every value of a map whose key is
# of a role), and the service that gets it.
PASSED: dict[tuple[str, str], tuple[str, str]] = {
    ("cloudformation", "ContinueUpdateRollback"): ("RoleARN", "cloudformation.amazonaws.com"),
    ("cloudformation", "CreateChangeSet"): ("RoleARN", "cloudformation.amazonaws.com"),
    ("cloudformation", "CreateStack"): ("RoleARN", "cloudformation.amazonaws.com"),
    ("cloudformation", "DeleteStack"): ("RoleARN", "cloudformation.amazonaws.com"),
    ("cloudformation", "UpdateStack"): ("RoleARN", "cloudformation.amazonaws.com"),
    ("emr-serverless", "StartJobRun"): ("executionRoleArn", "emr-serverless.amazonaws.com"),
    ("events", "PutRule"): ("RoleArn", "events.amazonaws.com"),
    ("events", "PutTargets"): ("Targets.[].RoleArn", "events.amazonaws.com"),
    ("glue", "CreateCrawler"): ("Role", "glue.amazonaws.com"),
    ("glue", "CreateJob"): ("Role", "glue.amazonaws.com"),
    ("glue", "UpdateCrawler"): ("Role", "glue.amazonaws.com"),
    ("glue", "UpdateJob"): ("JobUpdate.Role", "glue.amazonaws.com"),
    ("iam", "AddRoleToInstanceProfile"): ("RoleName", "ec2.amazonaws.com"),
    ("lambda", "CreateFunction"): ("Role", "lambda.amazonaws.com"),
    ("lambda", "UpdateFunctionConfiguration"): ("Role", "lambda.amazonaws.com"),
    ("s3", "PutBucketReplication"): ("ReplicationConfiguration.Role", "s3.amazonaws.com"),
    ("sagemaker", "CreateProcessingJob"): ("RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateTrainingJob"): ("RoleArn", "sagemaker.amazonaws.com"),
    ("scheduler", "CreateSchedule"): ("Target.RoleArn", "scheduler.amazonaws.com"),
    ("scheduler", "UpdateSchedule"): ("Target.RoleArn", "scheduler.amazonaws.com"),
    ("sns", "CreateTopic"): ("Attributes.{}", "sns.amazonaws.com"),
    ("sns", "SetTopicAttributes"): ("Attributes.{}", "sns.amazonaws.com"),
    ("stepfunctions", "CreateStateMachine"): ("roleArn", "states.amazonaws.com"),
    ("stepfunctions", "TestState"): ("roleArn", "states.amazonaws.com"),
    ("stepfunctions", "UpdateStateMachine"): ("roleArn", "states.amazonaws.com"),
}


def passed_roles(call: Call, members: Members) -> list[tuple[str, str]]:
    """The ARN of each role that a call passes on, once each, with the service that gets it."""
    path, service = PASSED.get((call.service, call.operation), ("", ""))
    if not path:
        return []
    if "AttributeName" in members:  # SNS: the name of what is set, and its value, in members of their own
        members = {"Attributes": {str(members["AttributeName"]): members.get("AttributeValue")}}
    found = [str(role) for role in _at(members, path.split("."))]
    arns = [role if role.startswith("arn:") else f"arn:aws:iam::{call.account}:role/{role}" for role in found]
    return [(arn, service) for arn in dict.fromkeys(arns)]


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    """The values at a path that are there and not empty."""
    if not value:
        return
    if not path:
        yield value
    elif path[0] == "[]":
        for each in value:
            yield from _at(each, path[1:])
    elif path[0] == "{}":
        for key, each in value.items():
            if key.endswith("RoleArn"):
                yield from _at(each, path[1:])
    elif isinstance(value, dict):
        yield from _at(value.get(path[0]), path[1:])
