"""Checks which fields stand where: those of each type of state, and those of which only one may.

Source: AWS's answers to 8 types of states with 50 fields each, to pairs of fields and to their values, measured with
``ValidateStateMachineDefinition`` and deploys of 2026-09 and published as the rules of cdk-preflight
(badmintoncryer, read 2026-11-25); a field that no state has is refused like one of another type (deploys that failed,
2026-07 and 2026-09).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headwater.local.services.states.validator_diagnostics import SCHEMA, Diagnostic, listed, one_of

_EVERYWHERE = frozenset({"Comment", "QueryLanguage", "Type"})
_INPUT_AND_OUTPUT = frozenset({"InputPath", "Output", "OutputPath"})
_MOVES_ON = _INPUT_AND_OUTPUT | {"Assign", "End", "Next"}
_WORKS = _MOVES_ON | {"Catch", "Parameters", "ResultPath", "ResultSelector", "Retry"}
_FIELDS: dict[str, frozenset[str]] = {
    "Choice": _INPUT_AND_OUTPUT | {"Assign", "Choices", "Default"},
    "Fail": frozenset({"Cause", "CausePath", "Error", "ErrorPath"}),
    "Map": _WORKS
    | {
        *("ItemBatcher", "ItemProcessor", "ItemReader", "ItemSelector", "Items", "ItemsPath", "Iterator", "Label"),
        *("MaxConcurrency", "MaxConcurrencyPath", "ResultWriter", "ToleratedFailureCount", "ToleratedFailureCountPath"),
        *("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
    },
    "Parallel": _WORKS | {"Arguments", "Branches"},
    "Pass": _MOVES_ON | {"Parameters", "Result", "ResultPath"},
    "Succeed": _INPUT_AND_OUTPUT,
    "Task": _WORKS
    | {
        *("Arguments", "Credentials", "HeartbeatSeconds", "HeartbeatSecondsPath", "Resource", "TimeoutSeconds"),
        "TimeoutSecondsPath",
    },
    "Wait": _MOVES_ON | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
}
_TOP = frozenset({"Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"})
_RULES = {
    "Catch": frozenset({"Assign", "Comment", "ErrorEquals", "Next", "Output", "ResultPath"}),
    "Retry": frozenset(
        {"BackoffRate", "Comment", "ErrorEquals", "IntervalSeconds", "JitterStrategy", "MaxAttempts", "MaxDelaySeconds"}
    ),
}
# Of each the value or the path to it, in the order of AWS's texts.
_EITHER = [
    *([name, f"{name}Path"] for name in ("TimeoutSeconds", "HeartbeatSeconds", "MaxConcurrency")),
    *([name, f"{name}Path"] for name in ("ToleratedFailurePercentage", "ToleratedFailureCount", "Error", "Cause")),
    ["ItemProcessor", "Iterator"],
    ["Parameters", "ItemSelector"],
]
_VALUES = {"JitterStrategy": ("NONE", "FULL")}


def top_fields(machine: dict[str, Any]) -> Iterator[Diagnostic]:
    """The fields of the machine itself."""
    yield from _unknown(machine, _TOP, "/")
    if machine.get("Version", "1.0") != "1.0":
        yield Diagnostic(SCHEMA, "Value should be one of the following: [1.0]", "/Version")


def state_fields(body: dict[str, Any], at: str) -> Iterator[Diagnostic]:
    """The fields of a state, of its retriers and of its catchers."""
    kind = body["Type"]
    yield from _unknown(body, _FIELDS[kind] | _EVERYWHERE, at or "/")
    for pair in _EITHER:
        if all(field in body for field in pair) and _FIELDS[kind].issuperset(pair):
            yield from one_of(body, pair, at or "/")
    for field, taken in _RULES.items():
        for index, rule in enumerate(listed(body, field) if field in _FIELDS[kind] else []):
            where = f"{at}/{field}[{index}]"
            if isinstance(rule, dict):
                yield from _unknown(rule, taken, where)
                yield from _values(rule, where)


def _unknown(body: dict[str, Any], taken: frozenset[str], at: str) -> Iterator[Diagnostic]:
    for field in body:
        if field not in taken:
            yield Diagnostic(SCHEMA, f"Field '{field}' is not supported", at)


def _values(body: dict[str, Any], at: str) -> Iterator[Diagnostic]:
    for field, values in _VALUES.items():
        if field in body and body[field] not in values:
            message = f"Value should be one of the following: [{', '.join(values)}]"
            yield Diagnostic(SCHEMA, message, f"{at}/{field}")
