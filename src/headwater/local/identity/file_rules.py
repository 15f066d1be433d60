"""What a role may do with the lake's files, as rules that a file system can keep without asking for each file.

Spark opens files without a call of S3. The policies that decide such calls are turned into regular expressions once, at
a job's start: over ``bucket/key`` for objects, over ``bucket/prefix`` for listings. Pure.

Not faithful to AWS: a policy that changes while a job runs counts from the next job on. Conditions on anything but
``s3:prefix`` are decided once, with what is known of the session; one on the rest of a request (``s3:delimiter``,
``s3:max-keys``, tags of objects) as if the request did not have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.local.identity.policies import Context, Statement, conditions_hold, fill_variables, names_action

ACTIONS = ("GetObject", "PutObject", "DeleteObject", "ListBucket")
DENY = "deny"
ARN = "arn:aws:s3:::"
_ANY = ".*"
_NEGATED = {"StringNotEquals": False, "StringNotLike": True}
_POSITIVE = {"StringEquals": False, "StringLike": True}


@dataclass(frozen=True)
class FileRules:
    """The rules of one session.

    Parameters
    ----------
    principal:
        The session's ARN, for the words of a refusal.
    layers:
        The kinds of policies that must each allow, in AWS's words: `identity-based policy`, `permissions boundary` …
    rules:
        (`deny` or the layer's number, the action without its service, a regular expression).
    """

    principal: str
    layers: tuple[str, ...]
    rules: tuple[tuple[str, str, str], ...]

    def may(self, action: str, name: str) -> bool:
        """Whether an action is allowed on ``bucket/key``, or a listing of ``bucket/prefix``."""
        matching = {kind for kind, of, text in self.rules if of == action and re.fullmatch(text, name, re.DOTALL)}
        return DENY not in matching and all(str(layer) in matching for layer in range(len(self.layers)))


def file_rules(
    principal: str, layers: Mapping[str, Sequence[Statement]], denials: Iterable[Statement], context: Context
) -> FileRules:
    """Turn statements into rules.

    Parameters
    ----------
    principal:
        The session's ARN.
    layers:
        For each kind of policies that must allow, its statements; those that deny are taken from every one.
    denials:
        Further statements, of which only those that deny count.
    context:
        The condition keys of the session, in lower case.
    """
    found = []
    every = [statement for layer in layers.values() for statement in layer] + list(denials)
    for action in ACTIONS:
        found += [(DENY, action, text) for each in every for text in _texts(each, action, "Deny", context)]
        for number, layer in enumerate(layers.values()):
            found += [(str(number), action, text) for each in layer for text in _texts(each, action, "Allow", context)]
    return FileRules(principal, tuple(layers), tuple(dict.fromkeys(found)))


def _texts(statement: Statement, action: str, effect: str, context: Context) -> list[str]:
    if statement.get("Effect") != effect or not names_action(statement, f"s3:{action}"):
        return []
    conditions, prefixes = _split(statement.get("Condition", {})) if action == "ListBucket" else (None, [])
    held = statement.get("Condition", {}) if conditions is None else conditions
    if not conditions_hold(held, context, unknown=effect == "Deny"):
        return []
    listing = action == "ListBucket"
    if "NotResource" in statement:
        inner = "|".join(_resources(statement["NotResource"], listing, context))
        others = f"(?!(?:{inner}){'/' if listing else '$'})" if inner else ""
        where = [others + ("[^/]*" if listing else _ANY)]
    else:
        where = _resources(statement.get("Resource", "*"), listing, context)
    if not listing:
        return where
    ahead = "".join(_prefix(negated, patterns, context) for negated, patterns in prefixes)
    return [f"{bucket}/{ahead}{_ANY}" for bucket in where]


def _resources(named: Any, listing: bool, context: Context) -> list[str]:
    """Regular expressions over ``bucket/key``, or over the bucket alone."""
    found = []
    for pattern in named if isinstance(named, list) else [named]:
        text = fill_variables(str(pattern), context)
        if text == "*" or text.startswith(ARN):
            name = text.removeprefix(ARN)
            if not listing:
                found.append(_regex(name, _ANY))
            elif "/" not in name:
                found.append(_regex(name, "[^/]*"))
    return found


def _split(conditions: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, list[str]]]]:
    """A Condition block without those on ``s3:prefix``, and these as (operator, patterns)."""
    rest: dict[str, Any] = {}
    prefixes: list[tuple[str, list[str]]] = []
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            plain = operator.removesuffix("IfExists")
            if key.lower() == "s3:prefix" and (plain in _POSITIVE or plain in _NEGATED):
                prefixes.append((plain, [str(each) for each in (wanted if isinstance(wanted, list) else [wanted])]))
            else:
                rest.setdefault(operator, {})[key] = wanted
    return rest, prefixes


def _prefix(operator: str, patterns: list[str], context: Context) -> str:
    """A look ahead from the start of the prefix to its end."""
    wild = _POSITIVE.get(operator, _NEGATED.get(operator, False))
    filled = [fill_variables(pattern, context, plain=not wild) for pattern in patterns]
    inner = "|".join(_regex(each, _ANY) if wild else re.escape(each) for each in filled)
    return f"(?{'!' if operator in _NEGATED else '='}(?:{inner})$)"


def _regex(pattern: str, star: str) -> str:
    """IAM's wildcards as a regular expression that Python and Java read alike."""
    one = "[^/]" if star.startswith("[") else "."
    pieces = re.split(r"(\[\*\]|\[\?\]|\*|\?)", pattern)
    return "".join({"*": star, "?": one, "[*]": r"\*", "[?]": r"\?"}.get(piece, re.escape(piece)) for piece in pieces)
