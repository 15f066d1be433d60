"""What was granted against what was used: the grants that no call needed, and the calls that were denied.

A statement is looked at by its actions and by its resources: an action that no call asked for on any of its resources,
and a resource (or a prefix, for a listing) that no call asked for by any of its actions. Not every action goes with
every resource of its statement (`glue:GetDatabase` with a table), so pairs are not compared.

The embedded endpoint counts by statement. AWS does not: IAM tells when a role last used an action of some services,
without resource or statement, and nothing of S3's objects (IAM User Guide, "Refine permissions in AWS using last
accessed information", 2026-11), so the question is answered here only.
"""

from __future__ import annotations

import fnmatch
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.grants import TRUST, Statement
from headwater.cloud.session import Cloud, error_code, explain
from headwater.errors import EndpointError, UsageError

PAGE = "/_headwater/policy-uses"
DENIED = "/headwater/access-denied"


@dataclass(frozen=True)
class Marks:
    """Why an action of a statement need not have been used here (action → reason), or a resource of it."""

    aws_only: Mapping[str, str] = field(default_factory=dict)
    sometimes: Mapping[str, str] = field(default_factory=dict)
    resources_when: str = ""


@dataclass(frozen=True)
class Unused:
    """A grant that no call used: an action, or a resource, or a prefix of a statement.

    Parameters
    ----------
    what:
        `action`, `resource` or `prefix`.
    mark:
        `on AWS alone`, `only when`, or empty: then it is a difference.
    why:
        The mark's reason.
    """

    role: str
    statement: str
    what: str
    value: str
    mark: str = ""
    why: str = ""


@dataclass(frozen=True)
class Denied:
    """Calls that a role was denied, of one action on one resource."""

    role: str
    action: str
    resource: str
    calls: int
    message: str


@dataclass(frozen=True)
class Check:
    """What a comparison found."""

    statements: int
    used: int
    unused: tuple[Unused, ...]
    denied: tuple[Denied, ...]

    @property
    def differences(self) -> list[Unused]:
        """What is granted, was not used, and bears no mark that says why."""
        return [each for each in self.unused if not each.mark]

    @property
    def agrees(self) -> bool:
        """Whether what was granted is what was used."""
        return not self.differences and not self.denied

    def to_json(self) -> dict[str, Any]:
        """The documented shape of ``headwater policies check --json``."""
        return {
            "statements": self.statements,
            "used": self.used,
            "unused": [vars(each) for each in self.unused],
            "denied": [vars(each) for each in self.denied],
        }


def uses(cloud: Cloud) -> list[dict[str, Any]]:
    """The grants that calls used, as the embedded endpoint counted them.

    Raises
    ------
    UsageError
        On AWS, which does not count them.
    """
    if cloud.name != "local" or cloud.endpoint_url is None:
        raise UsageError(
            "policies are checked against the calls of the embedded endpoint: AWS does not say which statement allowed "
            "a call. `aws iam generate-service-last-accessed-details --granularity ACTION_LEVEL` says which actions of "
            "some services a role last used there"
        )
    try:
        with urllib.request.urlopen(cloud.endpoint_url + PAGE, timeout=30) as answer:  # nosec B310: loopback
            found: list[dict[str, Any]] = json.load(answer)["uses"]
    except (OSError, ValueError, KeyError, urllib.error.URLError) as error:
        raise EndpointError(f"the endpoint at {cloud.endpoint_url} does not say what was used: {error}") from error
    return found


def denials(cloud: Cloud, roles: Iterable[str], since_ms: int) -> list[Denied]:
    """The calls that roles (ARNs) were denied since a moment."""
    names = {f":assumed-role/{role.rsplit('/', 1)[-1]}/": role for role in roles}
    counted: dict[tuple[str, str, str], Denied] = {}
    try:
        pages = cloud.client("logs").get_paginator("filter_log_events")
        events = [e for page in pages.paginate(logGroupName=DENIED, startTime=since_ms) for e in page["events"]]
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return []
        raise explain(error) from error
    for event in map(lambda each: json.loads(each["message"]), events):
        of_service = event["action"] == "sts:AssumeRole" and event["resource"] in names.values()
        role = next((arn for name, arn in names.items() if name in event["principal"]), None)
        role = role or (event["resource"] if of_service else None)
        if role:
            key = (role, event["action"], event["resource"] or "")
            calls = counted[key].calls + 1 if key in counted else 1
            counted[key] = Denied(role, event["action"], event["resource"] or "", calls, event["message"])
    return list(counted.values())


def compare(
    statements: Iterable[Statement],
    used: Iterable[dict[str, Any]],
    denied: Iterable[Denied],
    marks: Mapping[tuple[str, str], Marks],
) -> Check:
    """Compare.

    Parameters
    ----------
    marks:
        (logical id of the role, Sid) → what need not be used here.
    """
    by_statement: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for use in used:
        by_statement.setdefault((use["role"], use["policy"], use["kind"], use["statement"]), []).append(use)
    unused: list[Unused] = []
    held = list(statements)
    count = 0
    for each in held:
        found = by_statement.get((each.role, each.policy, each.kind, each.name), [])
        count += bool(found)
        unused += _unused(each, found, marks.get((each.logical_id, each.name), Marks()))
    return Check(len(held), count, tuple(unused), tuple(denied))


def _unused(statement: Statement, used: list[dict[str, Any]], marks: Marks) -> list[Unused]:
    role = statement.role.rsplit("/", 1)[-1]
    asked = {str(use["action"]) for use in used}
    idle = [action for action in statement.actions if not _asked(action, asked)]
    found = [Unused(role, statement.name, "action", action, *_mark(action, marks)) for action in idle]
    if statement.kind == TRUST or not used:
        return found
    resources, prefixes = {str(use["resource"]) for use in used}, {str(use["prefix"]) for use in used}
    if "" not in resources:  # the resource of every call is known
        rest = [each for each in statement.resources if each not in resources]
        mark = ("only when", marks.resources_when) if marks.resources_when else ("", "")
        found += [Unused(role, statement.name, "resource", each, *mark) for each in rest]
    found += [Unused(role, statement.name, "prefix", each) for each in statement.prefixes if each not in prefixes]
    return found


def _asked(pattern: str, asked: set[str]) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for action in asked)


def _mark(action: str, marks: Marks) -> tuple[str, str]:
    if action in marks.aws_only:
        return "on AWS alone", marks.aws_only[action]
    return ("only when", marks.sometimes[action]) if action in marks.sometimes else ("", "")
