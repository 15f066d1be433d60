"""Checks the fields of a state by its query language: which it may have, and what is computed in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headwater.local.services.states.validator_diagnostics import SCHEMA, Diagnostic, foreign_text, listed
from headwater.local.services.states.validator_expressions import (
    assignments,
    expressions,
    path,
    reference_path,
    template,
    variable_names,
)

_TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector", "Assign")
_PATHS = (
    "CausePath", "ErrorPath", "HeartbeatSecondsPath", "InputPath", "ItemsPath", "MaxConcurrencyPath", "OutputPath",
    "SecondsPath", "TimeoutSecondsPath", "TimestampPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
)  # fmt: skip
_JSON_PATH_ONLY = frozenset({*_PATHS, "Parameters", "Result", "ResultPath", "ResultSelector"})
_JSONATA_ONLY = frozenset({"Arguments", "Items", "Output"})
_NO_EXPRESSIONS = frozenset(
    {"Branches", "Catch", "Choices", "Comment", "ItemProcessor", "Iterator", "Result", "Retry"}
)  # read apart, or kept as text
_AFTERWARDS = ("Assign", "Output")
_WITH_RESULT = frozenset({"Map", "Parallel", "Task"})


def foreign_fields(body: dict[str, Any], at: str, language: str) -> Iterator[Diagnostic]:
    """The fields of a state that only the other query language has."""
    foreign = _JSON_PATH_ONLY if language == "JSONata" else _JSONATA_ONLY
    other = "JSONPath" if language == "JSONata" else "JSONata"
    for field in body:
        if field in foreign:
            yield Diagnostic(SCHEMA, foreign_text(field, language, other), at or "/")


def computed(body: dict[str, Any], at: str, language: str) -> Iterator[Diagnostic]:
    """What a state computes, wherever it stands: paths, templates, expressions and variables."""
    if language == "JSONata":
        for field, value in body.items():
            if field not in _NO_EXPRESSIONS:
                has_result = body["Type"] in _WITH_RESULT and field in _AFTERWARDS
                yield from expressions(value, f"{at}/{field}", "result" if has_result else "")
        for index, rule in enumerate(listed(body, "Catch")):
            for field in _AFTERWARDS if isinstance(rule, dict) else ():
                yield from expressions(rule.get(field), f"{at}/Catch[{index}]/{field}", "errorOutput")
    else:
        for field in _PATHS:
            if body.get(field) is not None:
                yield from path(body[field], field, at)
        if body.get("ResultPath") is not None:
            yield from reference_path(body["ResultPath"], f"{at}/ResultPath")
        for field in _TEMPLATES:
            if field in body:
                yield from template(body[field], f"{at}/{field}")
    for where, assigned in assignments(body, at):
        yield from variable_names(assigned, where, language)
