"""IAM policy documents, evaluated as AWS documents it: explicit deny, then allow, else implicit deny.

Pure: documents and a request in, a decision out. Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy
elements: Condition operators" (2026-11).

Not faithful to AWS: a condition operator that is not in :data:`OPERATORS` never matches an Allow and always matches a
Deny, so that what is not understood is refused. A value of the request that fills a policy variable never counts as a
wildcard.
"""

from __future__ import annotations

import base64
import functools
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Statement = Mapping[str, Any]
Context = Mapping[str, Any]

VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Request:
    """What is to be decided: one action on one resource.

    Attributes
    ----------
    action:
        ``service:Operation`` in IAM's spelling.
    resource:
        The ARN, or None where Headwater does not know the resource of an operation: then only the action counts.
    context:
        Condition keys (lower-case) and their values.
    """

    action: str
    resource: str | None
    context: Context = field(default_factory=dict)


def is_allowed(statements: Iterable[Statement], request: Request) -> bool:
    """Whether identity policies allow a request: some Allow matches and no Deny does."""
    held = list(statements)
    return not matching(held, request, "Deny") and bool(matching(held, request, "Allow"))


def matching(statements: Iterable[Statement], request: Request, effect: str) -> list[Statement]:
    """The statements of one effect that speak of a request, whoever makes it."""
    return [
        statement
        for statement in statements
        if statement.get("Effect") == effect
        and _names_request(statement, request)
        and conditions_hold(statement.get("Condition", {}), request.context, unknown=effect == "Deny")
    ]


def missing_keys(statements: Iterable[Statement], request: Request) -> set[str]:
    """The condition keys that statements about a request ask for and its context lacks, as they are written."""
    return {
        key
        for statement in statements
        if _names_request(statement, request)
        for operator, keys in statement.get("Condition", {}).items()
        for key in keys
        if key.lower() not in request.context and not operator.endswith("Null")
    }


def names_action(statement: Statement, action: str) -> bool:
    """Whether a statement speaks of an action (``service:Operation``), on whatever resource."""
    if "Action" in statement:
        return any(matches(p, action, ignore_case=True) for p in _listed(statement["Action"]))
    return not any(matches(p, action, ignore_case=True) for p in _listed(statement.get("NotAction", "*")))


def _names_request(statement: Statement, request: Request) -> bool:
    named = names_action(statement, request.action)
    if not named or request.resource is None:
        return named
    if "Resource" in statement:
        return any(
            matches(fill_variables(p, request.context), request.resource) for p in _listed(statement["Resource"])
        )
    if "NotResource" in statement:
        return not any(
            matches(fill_variables(p, request.context), request.resource) for p in _listed(statement["NotResource"])
        )
    return True


def allowed_resources(statement: Statement, request: Request) -> list[str]:
    """The patterns of a statement's Resource, as they are written, that match a request's resource."""
    resource = request.resource
    if resource is None:
        return []
    listed = _listed(statement.get("Resource", []))
    return [str(p) for p in listed if matches(fill_variables(p, request.context), resource)]


def allowed_prefixes(statement: Statement, request: Request) -> list[str]:
    """The values of a statement's conditions on `s3:prefix`, as they are written, that match a request's prefix."""
    found = request.context.get("s3:prefix")
    if found is None:
        return []
    wanted = [
        value
        for operator, keys in statement.get("Condition", {}).items()
        if operator.startswith(("StringLike", "StringEquals"))
        for key, values in keys.items()
        if key.lower() == "s3:prefix"
        for value in _listed(values)
    ]
    return [str(p) for p in wanted if matches(fill_variables(p, request.context), str(found))]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def fill_variables(pattern: str, context: Context, plain: bool = False) -> str:
    """A pattern with its policy variables (``${aws:PrincipalTag/team}``) replaced; an unknown one matches nothing.

    ``plain`` is for operators that compare text, to which ``${*}`` is a star and no more.
    """
    specials = {"*": "*", "?": "?", "$": "$"} if plain else {"*": "[*]", "?": "[?]", "$": "$"}

    def value(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(",")
        if name in specials:
            return specials[name]
        found = context.get(name.strip().lower())
        if found is None:
            return default.strip().strip("'") if default else "\0"
        if isinstance(found, list):  # only keys of one value are policy variables
            return "\0"
        return str(found) if plain else re.sub(r"[*?]", r"[\g<0>]", str(found))

    return VARIABLE.sub(value, str(pattern))


@functools.lru_cache(4096)
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    parts = re.split(r"(\[\*\]|\[\?\]|\*|\?)", pattern)
    wild = {"*": ".*", "?": ".", "[*]": r"\*", "[?]": r"\?"}
    text = "".join(wild.get(part, re.escape(part)) for part in parts)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def matches(pattern: str, value: str, ignore_case: bool = False) -> bool:
    """Whether a value matches a pattern with ``*`` and ``?``."""
    return _compiled(str(pattern), ignore_case).fullmatch(value) is not None


# -- conditions ------------------------------------------------------------------------------------------------------


def _number(test: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, found: test(float(found), float(wanted))


def _moment(test: Callable[[datetime, datetime], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, found: test(_time(found), _time(wanted))


def _time(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _inside(wanted: str, found: str) -> bool:
    return ipaddress.ip_address(found) in ipaddress.ip_network(wanted, strict=False)


def _arn(wanted: str, found: str) -> bool:
    """Each of an ARN's six parts by itself: a wildcard does not reach over a colon, but in the last part."""
    patterns, parts = wanted.split(":", 5), found.split(":", 5)
    return len(patterns) == len(parts) == 6 and all(map(matches, patterns, parts))


def _binary(wanted: str, found: str) -> bool:
    """What is encoded in base64, byte for byte."""
    return base64.b64decode(wanted, validate=True) == base64.b64decode(found, validate=True)


Test = Callable[[str, str], bool]
# operator → (test of a policy's value against the request's, negated)
OPERATORS: dict[str, tuple[Test, bool]] = {
    "ArnEquals": (_arn, False),
    "ArnLike": (_arn, False),
    "ArnNotEquals": (_arn, True),
    "ArnNotLike": (_arn, True),
    "BinaryEquals": (_binary, False),
    "Bool": (lambda wanted, found: wanted.lower() == found.lower(), False),
    "DateEquals": (_moment(lambda a, b: a == b), False),
    "DateGreaterThan": (_moment(lambda a, b: a > b), False),
    "DateGreaterThanEquals": (_moment(lambda a, b: a >= b), False),
    "DateLessThan": (_moment(lambda a, b: a < b), False),
    "DateLessThanEquals": (_moment(lambda a, b: a <= b), False),
    "DateNotEquals": (_moment(lambda a, b: a == b), True),
    "IpAddress": (_inside, False),
    "NotIpAddress": (_inside, True),
    "NumericEquals": (_number(lambda a, b: a == b), False),
    "NumericGreaterThan": (_number(lambda a, b: a > b), False),
    "NumericGreaterThanEquals": (_number(lambda a, b: a >= b), False),
    "NumericLessThan": (_number(lambda a, b: a < b), False),
    "NumericLessThanEquals": (_number(lambda a, b: a <= b), False),
    "NumericNotEquals": (_number(lambda a, b: a == b), True),
    "StringEquals": (lambda wanted, found: wanted == found, False),
    "StringEqualsIgnoreCase": (lambda wanted, found: wanted.lower() == found.lower(), False),
    "StringLike": (lambda wanted, found: matches(wanted, found), False),
    "StringNotEquals": (lambda wanted, found: wanted == found, True),
    "StringNotEqualsIgnoreCase": (lambda wanted, found: wanted.lower() == found.lower(), True),
    "StringNotLike": (lambda wanted, found: matches(wanted, found), True),
}


def conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Context, unknown: bool = False) -> bool:
    """Whether every operator of a Condition block holds. ``unknown`` is the answer for an operator not known here."""
    for name, keys in conditions.items():
        for key, wanted in keys.items():
            if not _holds(name, context.get(key.lower()), [_text(v) for v in _listed(wanted)], context, unknown):
                return False
    return True


def _holds(name: str, found: Any, wanted: list[str], context: Context, unknown: bool) -> bool:
    quantifier, _, operator = name.rpartition(":")
    found = None if found == [] else found
    if operator == "Null":
        return str(found is None).lower() in [each.lower() for each in wanted]
    if_exists = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    if operator not in OPERATORS or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        return unknown
    test, negated = OPERATORS[operator]
    if found is None:
        return if_exists or quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    values = [_text(v) for v in _listed(found)]
    plain = not operator.endswith("Like") and not operator.startswith("Arn")
    wanted = [fill_variables(w, context, plain) for w in wanted]

    def one(value: str) -> bool:
        outcomes = [_outcome(test, w, value) for w in wanted]
        return True not in outcomes and None not in outcomes if negated else True in outcomes

    return any(map(one, values)) if quantifier == "ForAnyValue" else all(map(one, values))


def _outcome(test: Test, wanted: str, found: str) -> bool | None:
    """Whether a value passes a test; None where one of the two is not of the operator's type."""
    try:
        return test(wanted, found)
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
