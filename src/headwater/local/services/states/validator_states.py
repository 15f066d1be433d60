"""Checks what one type of state alone has: Wait, Choice, and the fields of a distributed Map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from headwater.local.services.states import choice_rules
from headwater.local.services.states.field_types import MOST
from headwater.local.services.states.jsonata_expressions import source_of
from headwater.local.services.states.reader_rules import reader_problems
from headwater.local.services.states.timestamps import parse_timestamp
from headwater.local.services.states.validator_diagnostics import (
    INVALID_LABEL,
    SCHEMA,
    Diagnostic,
    filled_list,
    foreign_text,
    one_of,
    required,
)
from headwater.local.services.states.validator_expressions import expressions, reference_path

LABEL_CHARACTERS = 40
_NOT_IN_LABELS = re.compile(r"""[\s?*<>{}\[\]:;,\\|^~$#%&`"\x00-\x1f\x7f-\x9f]""")


def wait(body: dict[str, Any], at: str, language: str) -> Iterator[Diagnostic]:
    """A Wait: for one thing, of the right kind."""
    fields = ["SecondsPath", "Seconds", "TimestampPath", "Timestamp"]
    yield from one_of(body, fields[1::2] if language == "JSONata" else fields, at or "/")
    timestamp = body.get("Timestamp")
    if timestamp is not None and not _is_expression(timestamp, language) and parse_timestamp(timestamp) is None:
        yield Diagnostic(SCHEMA, "String does not match RFC3339 timestamp", f"{at}/Timestamp")
    seconds = body.get("Seconds")
    if "Seconds" in body and not _is_expression(seconds, language):
        if isinstance(seconds, bool) or not isinstance(seconds, int):
            yield Diagnostic(SCHEMA, "Expected value of type Integer", f"{at}/Seconds")
        elif seconds < 0:
            yield Diagnostic(SCHEMA, "Minimum value is 0", f"{at}/Seconds")
        elif seconds > MOST:
            yield Diagnostic(SCHEMA, f"Maximum value is {MOST}", f"{at}/Seconds")


def _is_expression(value: Any, language: str) -> bool:
    return language == "JSONata" and isinstance(value, str) and source_of(value) is not None


def choice(body: dict[str, Any], at: str, language: str) -> Iterator[Diagnostic]:
    """A Choice's rules."""
    rules = yield from filled_list(body, "Choices", at)
    for index, rule in enumerate(rules):
        where = f"{at}/Choices[{index}]"
        if not isinstance(rule, dict) or "Next" not in rule:
            yield Diagnostic(SCHEMA, "These fields are required: [Next]", where)
        elif language == "JSONata":
            yield from _of_the_other_language(rule, "Variable", "JSONata", "JSONPath", where)
            yield from required(rule, ("Condition",), where)
            yield from expressions(rule, where)
        else:
            yield from _of_the_other_language(rule, "Condition", "JSONPath", "JSONata", where)
            yield from _rule(rule, where)


def _of_the_other_language(
    rule: dict[str, Any], field: str, language: str, other: str, at: str
) -> Iterator[Diagnostic]:
    if field in rule:
        yield Diagnostic(SCHEMA, foreign_text(field, language, other), at)


def _rule(rule: Any, at: str) -> Iterator[Diagnostic]:
    if not isinstance(rule, dict):
        yield Diagnostic(SCHEMA, "Expected value of type Object", at)
        return
    combined = [key for key in rule if key in choice_rules.COMBINATIONS]
    if len(combined) + ("Variable" in rule) != 1:
        if "Condition" not in rule:
            message = "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]"
            yield Diagnostic(SCHEMA, message, at)
        return
    if combined:
        inner = rule[combined[0]]
        parts = [("", inner)] if combined[0] == "Not" else [(f"[{i}]", part) for i, part in enumerate(inner)]
        for suffix, part in parts:
            if isinstance(part, dict) and "Next" in part:
                yield Diagnostic(SCHEMA, "Field 'Next' is not supported", f"{at}/{combined[0]}{suffix}")
            yield from _rule(part, f"{at}/{combined[0]}{suffix}")
        return
    yield from one_of(rule, choice_rules.NAMED_OPERATORS, at)
    if rule.keys().isdisjoint(choice_rules.OPERATORS):
        return
    if isinstance(rule.get("Variable"), str) and not rule["Variable"].startswith("$"):
        yield from reference_path(rule["Variable"], f"{at}/Variable")
        return
    try:
        choice_rules.compile_rule(rule)
    except (ValueError, TypeError, AttributeError) as error:
        yield Diagnostic(SCHEMA, f"The choice rule is not valid: {error}", at)


def map_fields(body: dict[str, Any], at: str, field: str, express: bool) -> Iterator[Diagnostic]:
    """What belongs to a distributed Map alone, by the mode of its processor, which is in ``field``."""
    processor = body[field]
    configuration = processor.get("ProcessorConfig", {}) if isinstance(processor, dict) else {}
    yield from _mode(configuration, f"{at}/{field}/ProcessorConfig", express)
    if configuration.get("Mode", "INLINE") != "DISTRIBUTED":
        for only in ("ItemBatcher", "ItemReader", "ResultWriter", "Label"):
            if only in body:
                yield Diagnostic(SCHEMA, f"The field '{only}' is only supported in distributed mode", f"{at}/{only}")
        return
    yield from _label(body, at)
    if "ItemReader" in body:
        for message, where in reader_problems(body["ItemReader"], f"{at}/ItemReader"):
            yield Diagnostic(SCHEMA, message, where)


def _mode(configuration: dict[str, Any], at: str, express: bool) -> Iterator[Diagnostic]:
    distributed = configuration.get("Mode", "INLINE") == "DISTRIBUTED"
    kind = configuration.get("ExecutionType")
    if distributed and express:
        message = "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines"
        yield Diagnostic(SCHEMA, message, at)
    if distributed and kind is None:
        yield Diagnostic(SCHEMA, "These fields are required: [ExecutionType]", at)
    elif not distributed and kind is not None:
        yield Diagnostic(SCHEMA, "Field 'ExecutionType' is not supported", at)
    elif kind is not None and kind not in ("STANDARD", "EXPRESS"):
        message = "Value should be one of the following: [STANDARD, EXPRESS]"
        yield Diagnostic(SCHEMA, message, f"{at}/ExecutionType")


def _label(body: dict[str, Any], at: str) -> Iterator[Diagnostic]:
    """A label is part of ARNs (Developer Guide, "Map state fields", 2025); AWS's words are not known."""
    label = body.get("Label")
    if not isinstance(label, str):
        return
    if not label:
        yield Diagnostic(INVALID_LABEL, "Label cannot be empty", f"{at}/Label")
    elif len(label) > LABEL_CHARACTERS:
        message = f"Label name: {label} exceeds the {LABEL_CHARACTERS}-character limit allowed by the service"
        yield Diagnostic(INVALID_LABEL, message, f"{at}/Label")
    elif found := _NOT_IN_LABELS.search(label):
        yield Diagnostic(INVALID_LABEL, f"Label contains invalid character: {found.group()!r}", f"{at}/Label")
