"""The policies of a role or user, gathered from IAM's records: inline, attached, of groups, and the boundary."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from headwater.local.identity.documents import TRUST, statements_of
from headwater.local.identity.evaluation import service_may_assume
from headwater.local.identity.policies import Statement
from headwater.local.identity.principals import Principal
from headwater.local.service import ServiceError

_EVERYTHING = statements_of({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, "root")
Ask = Callable[..., dict[str, Any]]
"""Calls an operation in process: ``ask("iam", "get_role", RoleName=…)``."""


@dataclass
class Held:
    """What decides for one role or user."""

    identity: list[Statement] = field(default_factory=list)
    boundary: list[Statement] | None = None
    trust: list[Statement] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    @cached_property
    def asks_for_tags(self) -> bool:
        """Whether a policy has a condition on the tags of the resource, which cost a look."""
        return "resourcetag/" in json.dumps([self.identity, self.boundary]).lower()


def of_role(ask: Ask, role: str) -> Held:
    """A role's policies, boundary, trust and tags; a role that does not exist allows nothing."""
    try:
        found = ask("iam", "get_role", RoleName=role)["Role"]
    except ServiceError as error:
        if error.code == "NoSuchEntity":
            return Held()
        raise
    held = Held(trust=statements_of(found.get("AssumeRolePolicyDocument") or {}, role, TRUST))
    held.tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags") or []}
    _inline(ask, held, "role", {"RoleName": role})
    _attached(ask, held, "role", {"RoleName": role})
    _bound(ask, held, found)
    return held


def service_may_assume_role(ask: Ask, role_arn: str, service: str, source_arn: str | None = None) -> bool:
    """Whether a role exists and trusts a service principal (`glue.amazonaws.com`)."""
    return service_may_assume(of_role(ask, role_arn.rsplit("/", 1)[-1]).trust, role_arn, service, source_arn)


def role_of_profile(ask: Ask, profile: str) -> str | None:
    """The ARN of the role of an instance profile (its name or ARN), None where it has none.

    Raises :class:`ServiceError` (NoSuchEntity) where there is no such profile.
    """
    found = ask("iam", "get_instance_profile", InstanceProfileName=profile.rsplit("/", 1)[-1])
    roles = found["InstanceProfile"]["Roles"]
    return str(roles[0]["Arn"]) if roles else None


def of_user(ask: Ask, user: str) -> Held:
    """A user's policies, with those of its groups; raises NoSuchEntity when there is no such user."""
    found = ask("iam", "get_user", UserName=user)["User"]
    held = Held(tags={tag["Key"]: tag["Value"] for tag in found.get("Tags") or []})
    _inline(ask, held, "user", {"UserName": user})
    _attached(ask, held, "user", {"UserName": user})
    for group in ask("iam", "list_groups_for_user", UserName=user)["Groups"]:
        of_group(ask, group["GroupName"], held)
    _bound(ask, held, found)
    return held


def of_principal(ask: Ask, principal: Principal) -> Held:
    """What decides for a user or federated session; a user that does not exist allows nothing."""
    if principal.user_name is None:  # the root user, to whose federated sessions it leaves everything
        return Held([dict(each) for each in _EVERYTHING])
    try:
        return of_user(ask, principal.user_name)
    except ServiceError as error:
        if error.code == "NoSuchEntity":
            return Held()
        raise


def of_group(ask: Ask, group: str, held: Held | None = None) -> Held:
    """A group's policies."""
    held = held or Held()
    _inline(ask, held, "group", {"GroupName": group})
    _attached(ask, held, "group", {"GroupName": group})
    return held


def managed(ask: Ask, arn: str) -> list[Statement]:
    """The statements of a managed policy's default version."""
    version = ask("iam", "get_policy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = ask("iam", "get_policy_version", PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return statements_of(found, arn.rsplit("/", 1)[-1])


def _inline(ask: Ask, held: Held, kind: str, who: dict[str, str]) -> None:
    for name in ask("iam", f"list_{kind}_policies", **who)["PolicyNames"]:
        document = ask("iam", f"get_{kind}_policy", **who, PolicyName=name)["PolicyDocument"]
        held.identity += statements_of(document, name)


def _attached(ask: Ask, held: Held, kind: str, who: dict[str, str]) -> None:
    for attached in ask("iam", f"list_attached_{kind}_policies", **who)["AttachedPolicies"]:
        held.identity += managed(ask, attached["PolicyArn"])


def _bound(ask: Ask, held: Held, found: dict[str, Any]) -> None:
    boundary = (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    if boundary:
        held.boundary = managed(ask, boundary)
