"""What the kinds of filter patterns share: comparing a field, and the refusal of a pattern."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from headwater.local.service import ServiceError

Test = Callable[[str], bool]
FieldTest = Callable[[Any], bool]

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


def bad_pattern(message: str) -> ServiceError:
    """AWS's InvalidParameterException."""
    return ServiceError("InvalidParameterException", message)


def regex_test(expression: str) -> Test:
    """Whether a text has what the regular expression describes."""
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise bad_pattern(f"Invalid regular expression %{expression}% in filter pattern: {error}") from error
    return lambda message: compiled.search(message) is not None


def equals(number: float | None, text: str) -> FieldTest:
    """Whether a field is a number, or a text in which ``*`` stands for anything."""
    if number is not None:
        return lambda value: value == number if is_number(value) else value == text
    wanted = re.sub(r"\\(.)", r"\1", text)
    if "*" not in wanted:
        return lambda value: value == wanted if isinstance(value, str) else shown(value) == wanted
    pattern = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.DOTALL)
    return lambda value: pattern.fullmatch(shown(value)) is not None


def shown(value: Any) -> str:
    """A field as text: a string as it is, else as JSON; empty where it is nested deeper than Python writes."""
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        return ""


def is_number(value: Any) -> bool:
    """Whether a field is a number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
