"""What the roles of a stack are granted, read from IAM as it is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.session import Cloud, explain
from headwater.cloud.stacks import Stacks

TRUST = "Trust Policy"


@dataclass(frozen=True)
class Statement:
    """An Allow of a policy of a role.

    Parameters
    ----------
    logical_id, role:
        The role's logical id in the stack, and its ARN.
    policy:
        The policy's name, the role's own for its trust policy.
    kind:
        `IAM Policy` or `Trust Policy`.
    name:
        The Sid, or the place in the policy, from 0.
    actions, resources, prefixes:
        As written; prefixes are those of a condition on `s3:prefix`.
    """

    logical_id: str
    role: str
    policy: str
    kind: str
    name: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    prefixes: tuple[str, ...]


def granted(cloud: Cloud, stack: str) -> list[Statement]:
    """The statements that the roles of a stack have: inline, attached, and trust, in the order of the stack."""
    try:
        return list(_granted(cloud, stack))
    except ClientError as error:
        raise explain(error) from error


def _granted(cloud: Cloud, stack: str) -> Iterator[Statement]:
    iam = cloud.client("iam")
    for resource in Stacks(cloud).resources(stack):
        if resource["ResourceType"] != "AWS::IAM::Role" or "PhysicalResourceId" not in resource:
            continue
        name, logical_id = resource["PhysicalResourceId"], resource["LogicalResourceId"]
        role = iam.get_role(RoleName=name)["Role"]
        yield from _statements(logical_id, role["Arn"], name, TRUST, role["AssumeRolePolicyDocument"])
        for policy, document in _documents(iam, name):
            yield from _statements(logical_id, role["Arn"], policy, "IAM Policy", document)


def _documents(iam: Any, role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=role):
        for policy in page["PolicyNames"]:
            yield policy, iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for attached in page["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            yield attached["PolicyName"], found


def _statements(logical_id: str, role: str, policy: str, kind: str, document: dict[str, Any]) -> Iterator[Statement]:
    for place, found in enumerate(_listed(document["Statement"])):
        if found["Effect"] != "Allow":
            continue
        conditions = found.get("Condition", {}).values()
        prefixes = [text for keys in conditions for text in _listed(keys.get("s3:prefix", []))]
        actions, resources = _listed(found.get("Action", "*")), _listed(found.get("Resource", []))
        name = str(found.get("Sid") or place)
        yield Statement(
            logical_id, role, policy, kind, name, tuple(actions), tuple(resources), tuple(map(str, prefixes))
        )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
