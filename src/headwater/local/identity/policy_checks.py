"""What a policy of a resource must say before it is kept: of a bucket, and of who may assume a role.

Not faithful to AWS: that an action exists, and that a principal does, is not looked up.

Source: IAM User Guide, "Grammar of the IAM JSON policy language"; Amazon S3 User Guide, "Policies and permissions in
Amazon S3"; AWS Knowledge Center, "MalformedPolicy" and "MalformedPolicyDocument"; read 2026-11.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from headwater.local.identity.policies import OPERATORS, Statement, matches

VERSIONS = (None, "2008-10-17", "2012-10-17")
_PRINCIPAL = re.compile(r"\*|\d{12}|AIDA\w+|AROA\w+|arn:aws[\w-]*:(iam|sts)::(\d{12}|cloudfront):.+")
_S3_ACTION = re.compile(r"\*|s3:[\w*?]+", re.IGNORECASE)
_STS_ACTION = re.compile(r"\*|sts:[\w*?]+", re.IGNORECASE)
_S3_RESOURCE = re.compile(r"arn:aws[\w-]*:s3:::([^/]+)(?:/.*)?", re.DOTALL)
_SETS = ("ForAllValues", "ForAnyValue")
_PAIRS = (("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource"))


def bucket_policy_problem(text: str, bucket: str) -> str | None:
    """S3's words for what is wrong with a bucket's policy; None when nothing is."""
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return "Policies must be valid JSON and the first byte must be '{'"
    return next(_bucket_problems(document, bucket), None)


def _bucket_problems(document: dict[str, Any], bucket: str) -> Iterator[str]:
    yield from _problems(document, needs=_PAIRS)
    for statement in _statements(document):
        if not all(_S3_ACTION.fullmatch(each) for each in _listed(statement, "Action", "NotAction")):
            yield "Policy has invalid action"
        found = [_S3_RESOURCE.fullmatch(each) for each in _listed(statement, "Resource", "NotResource")]
        if not all(each is not None and matches(each[1], bucket) for each in found):
            yield "Policy has invalid resource"


def trust_policy_problem(text: str) -> str | None:
    """IAM's words for what is wrong with a role's trust policy; None when nothing is."""
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return "This policy contains invalid Json"
    return next(_trust_problems(document), None)


def _trust_problems(document: dict[str, Any]) -> Iterator[str]:
    yield from _problems(document, needs=_PAIRS[:2])
    for statement in _statements(document):
        for name in _PAIRS[2]:
            if name in statement:
                yield f"Has prohibited field {name}"
        if not all(_STS_ACTION.fullmatch(each) for each in _listed(statement, "Action", "NotAction")):
            yield "AssumeRole policy may only specify STS AssumeRole actions."


def _problems(document: dict[str, Any], needs: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """What is wrong with any resource's policy."""
    if document.get("Version") not in VERSIONS:
        yield "The policy must contain a valid version string"
    if not _statements(document):
        yield "Missing required field Statement"
    for statement in _statements(document):
        if "Effect" not in statement:
            yield "Missing required field Effect"
        if statement["Effect"] not in ("Allow", "Deny"):
            yield f"Invalid effect: {statement['Effect']}"
        for name, negated in needs:
            if name not in statement and negated not in statement:
                yield f"Missing required field {name}"
        if not all(map(_PRINCIPAL.fullmatch, _of_aws(statement))):
            yield "Invalid principal in policy"
        for operator in statement.get("Condition") or {}:
            if not _is_operator(operator):
                yield f"Invalid Condition type : {operator}"


def _statements(document: dict[str, Any]) -> list[Statement]:
    found = document.get("Statement") or []
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, dict)]


def _listed(statement: Statement, *names: str) -> list[str]:
    found = [statement[name] for name in names if name in statement]
    return [str(each) for value in found for each in (value if isinstance(value, list) else [value])]


def _of_aws(statement: Statement) -> list[str]:
    """The principals that are accounts, roles, users or everyone."""
    found: list[Any] = []
    for name in _PAIRS[0]:
        principal = statement.get(name)
        found += _listed(principal, "AWS") if isinstance(principal, dict) else [principal] if principal else []
    return found


def _is_operator(name: str) -> bool:
    quantifier, _, operator = name.rpartition(":")
    known = operator == "Null" or operator.removesuffix("IfExists") in OPERATORS
    return known and (not quantifier or quantifier in _SETS)
