"""Permissions as IAM roles of a template."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from headwater.errors import PlanError
from headwater.plan.permissions import Permission, Resource

# IAM quotas, 2026-11: all inline policies of a role together, white space not counted.
_LARGEST_INLINE_CHARACTERS = 10_240

NAME = "plan"
"""The name of a role's inline policy."""

# Services that say for which account they assume a role ("Cross-service confused deputy prevention" in the guides of
# EMR, Step Functions and EventBridge Scheduler, 2026-11).
_NAMES_ACCOUNT = frozenset({"elasticmapreduce.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com"})


def role(
    name: object, service: str, permissions: Iterable[Permission], description: str, tags: list[dict[str, str]]
) -> dict[str, Any]:
    """Return an IAM role that one service may assume.

    Parameters
    ----------
    name:
        The role's name as a template value.
    service:
        The service principal, as `glue.amazonaws.com`.

    Raises
    ------
    PlanError
        If its policy is larger than IAM takes.
    """
    document = policy(permissions)
    size = len(json.dumps(document, separators=(",", ":")))
    if size > _LARGEST_INLINE_CHARACTERS:
        raise PlanError(
            f"{description}: its policy has {size:,} characters, and IAM takes {_LARGEST_INLINE_CHARACTERS:,} inline. "
            "Split the workflow in two over one lake."
        )
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": name,
            "Description": description,
            "AssumeRolePolicyDocument": trust_policy(service),
            "Policies": [{"PolicyName": NAME, "PolicyDocument": document}],
            "Tags": tags,
        },
    }


def only_over_tls(action: str, resource: object) -> dict[str, Any]:
    """Return the statement of a resource's policy that refuses whoever calls without TLS."""
    return {
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def trust_policy(service: str) -> dict[str, Any]:
    """Return the trust policy of a role that one service may assume, for this account alone where it says so."""
    statement: dict[str, Any] = {
        "Sid": trust_sid(service),
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if service in _NAMES_ACCOUNT:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    return {"Version": "2012-10-17", "Statement": [statement]}


def trust_reason(service: str) -> str:
    """Return why a role is trusted to its service."""
    only = ", for this account alone" if service in _NAMES_ACCOUNT else ""
    return f"{service.split('.')[0]} works as this role, and nobody else may{only}"


def trust_sid(service: str) -> str:
    """Return the name of the statement that trusts a service."""
    return "AssumedBy" + "".join(part.capitalize() for part in service.removesuffix(".amazonaws.com").split("-"))


def policy(permissions: Iterable[Permission]) -> dict[str, Any]:
    """Return permissions as a policy document of a template."""
    return {"Version": "2012-10-17", "Statement": [_statement(permission) for permission in permissions]}


def _statement(permission: Permission) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": permission.sid,
        "Effect": "Allow",
        "Action": list(permission.actions),
        "Resource": [_resource(resource) for resource in permission.resources],
    }
    if permission.condition:
        statement["Condition"] = permission.condition
    return statement


def _resource(resource: Resource) -> object:
    return {"Fn::Sub": resource} if isinstance(resource, str) and "${" in resource else resource
