"""Every role that a call can hand to a service is one that the caller must be allowed to pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import Shape

from headwater.local.fidelity import fidelity
from headwater.local.identity.actions import requests_of
from headwater.local.identity.passed_roles import PASSED
from headwater.local.identity.principals import Principal
from headwater.local.service import Call

ROLE = "arn:aws:iam::000000000000:role/worker"
# Members that name a role and hand none on, each with why.
NOT_PASSED = {
    r"iam (?!AddRoleToInstanceProfile)\w+ Role\w*": "administers the role",
    r"iam CreateRole AssumeRolePolicyDocument": "is a policy",
    r"sts AssumeRole Role\w+": "is assumed by the caller",
    r"emr .*": "emr_actions asks for those that RunJobFlow passes; the role of a step is a condition key",
    r"glue (Create|Update)Job (JobUpdate\.)?CodeGenConfigurationNodes.*": "is of a visual job, which is refused",
    r"glue StartJobRun ExecutionRoleSessionPolicy": "is a policy",
    r"sagemaker CreateModelPackage ValidationSpecification.*": "is refused",
    r"sagemaker CreateProcessingJob .*RedshiftDatasetDefinition.*": "is refused",
    r"application-autoscaling RegisterScalableTarget RoleARN": "the authorization reference names no dependent action",
    r"secretsmanager RotateSecret \w+": "the same: the role of a partner's rotation",
}


def role_members(shape: Shape, path: str = "", above: frozenset[str] = frozenset()) -> Iterator[str]:
    """The paths of the texts in a request whose name speaks of a role."""
    if shape.name in above or len(above) > 6:
        return
    above = above | {shape.name}
    if shape.type_name == "structure":
        for name, member in shape.members.items():  # type: ignore[attr-defined]
            if "role" in name.lower() and member.type_name == "string":
                yield path + name
            yield from role_members(member, f"{path}{name}.", above)
    elif shape.type_name == "list":
        yield from role_members(shape.member, f"{path}[].", above)  # type: ignore[attr-defined]
    elif shape.type_name == "map":
        yield from role_members(shape.value, f"{path}{{}}.", above)  # type: ignore[attr-defined]


def test_no_member_of_what_is_answered_is_forgotten() -> None:
    session = botocore.session.get_session()
    found = set()
    for one in fidelity():
        model = session.get_service_model(one.service)
        for operation in (*one.computed, *one.recorded):
            shape = model.operation_model(operation).input_shape
            found |= {(one.service, operation, path) for path in role_members(shape)} if shape is not None else set()
    assert len(found) > 50
    asked = {(*key, path) for key, (path, _) in PASSED.items()}
    left = {" ".join(each) for each in found - asked}
    forgotten = {each for each in left if not any(re.fullmatch(reason, each) for reason in NOT_PASSED)}
    assert not forgotten, "put it into PASSED, or into NOT_PASSED with the reason"
    assert all(any(re.fullmatch(reason, each) for each in left) for reason in NOT_PASSED), "a reason without use"


def asked(service: str, operation: str, members: dict[str, Any]) -> list[tuple[str | None, Any]]:
    principal = Principal("arn:aws:sts::000000000000:assumed-role/me/me", "000000000000", "me", ROLE)
    call = Call(service, operation, principal, "us-east-1", "000000000000", "1")
    found = requests_of(call, members, {}, {}.get)
    return [(each.resource, each.context["iam:passedtoservice"]) for each in found if each.action == "iam:PassRole"]


@pytest.mark.parametrize(
    ("service", "operation", "members", "to"),
    [
        ("events", "PutTargets", {"Targets": [{"RoleArn": ROLE}, {"Arn": "a"}, {"RoleArn": ROLE}]}, "events"),
        ("events", "PutRule", {"Name": "r", "RoleArn": ROLE}, "events"),
        ("scheduler", "UpdateSchedule", {"Target": {"RoleArn": ROLE}}, "scheduler"),
        ("glue", "UpdateJob", {"JobName": "j", "JobUpdate": {"Role": "worker"}}, "glue"),
        ("cloudformation", "CreateChangeSet", {"RoleARN": ROLE}, "cloudformation"),
        ("iam", "AddRoleToInstanceProfile", {"RoleName": "worker"}, "ec2"),
        ("s3", "PutBucketReplication", {"Bucket": "b", "ReplicationConfiguration": {"Role": ROLE}}, "s3"),
        ("sns", "SetTopicAttributes", {"AttributeName": "SQSFailureFeedbackRoleArn", "AttributeValue": ROLE}, "sns"),
        ("stepfunctions", "TestState", {"roleArn": ROLE}, "states"),
    ],
)
def test_a_role_is_passed_to_its_service(service: str, operation: str, members: dict[str, Any], to: str) -> None:
    assert asked(service, operation, members) == [(ROLE, f"{to}.amazonaws.com")]


def test_what_passes_no_role_asks_for_none() -> None:
    assert asked("events", "PutTargets", {"Targets": [{"Arn": "a"}]}) == []
    assert asked("sns", "SetTopicAttributes", {"AttributeName": "DisplayName", "AttributeValue": "x"}) == []
    assert asked("stepfunctions", "ListStateMachines", {"roleArn": ROLE}) == []
