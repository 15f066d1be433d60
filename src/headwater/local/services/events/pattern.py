"""Event patterns: checked and compiled once, matched against events. Pure.

A field matches when any of its alternatives matches any of the event's values; all fields must match, and fields below
an array must match in one of its elements. Sources: EventBridge User Guide, "Comparison operators for use in event
patterns" (2026), and the grammar of AWS's own open-source matcher, Event Ruler.

Not faithful to AWS: numbers are compared by value (``300`` equals ``300.0``), as Event Ruler does and the guide's text
does not; the quota on the complexity of wildcards is not checked.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

Test = Callable[[Any], bool]  # of one leaf value of the event
Matcher = Callable[[Any], bool]  # of the event, or of an object in it

NUMERIC_LIMIT = 5e9
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda found, wanted: found < wanted,
    "<=": lambda found, wanted: found <= wanted,
    "=": lambda found, wanted: found == wanted,
    ">": lambda found, wanted: found > wanted,
    ">=": lambda found, wanted: found >= wanted,
}


class PatternError(ValueError):
    """A pattern that EventBridge would refuse; the text is the reason."""


@functools.lru_cache(1024)
def compiled(text: str) -> Matcher:
    """The matcher of an event pattern (JSON); raises :class:`PatternError`."""
    try:
        pattern = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PatternError(f"Invalid JSON: {error}") from error
    if not isinstance(pattern, dict):
        raise PatternError("Filter is not an object")
    return _fields(pattern)


def _fields(pattern: dict[str, Any]) -> Matcher:
    if not pattern:
        raise PatternError("Empty objects are not allowed")
    return _all([_field(name, wanted) for name, wanted in pattern.items()])


def _all(matchers: list[Matcher]) -> Matcher:
    return lambda event: all(matcher(event) for matcher in matchers)


def _field(name: str, wanted: Any) -> Matcher:
    if name == "$or" and _is_or(wanted):
        branches = [_fields(branch) for branch in wanted]
        return lambda event: any(branch(event) for branch in branches)
    if isinstance(wanted, dict):
        return _below(name, _fields(wanted))
    if isinstance(wanted, list):
        return _leaf(name, wanted)
    raise PatternError(f'"{name}" must be an object or an array')


def _is_or(wanted: Any) -> bool:
    """Whether ``$or`` is the operator: at least two objects, none of which is itself a comparison."""
    return (
        isinstance(wanted, list)
        and len(wanted) > 1
        and all(isinstance(branch, dict) and branch and not set(branch) & set(OPERATORS) for branch in wanted)
    )


def _below(name: str, matcher: Matcher) -> Matcher:
    def match(event: Any) -> bool:
        found = event.get(name)
        if isinstance(found, list):
            objects = [element for element in _flat(found) if isinstance(element, dict)]
            return any(matcher(element) for element in objects or [{}])
        return matcher(found if isinstance(found, dict) else {})

    return match


def _leaf(name: str, wanted: list[Any]) -> Matcher:
    if not wanted:
        raise PatternError("Empty arrays are not allowed")
    absent = any(_is_exists(item) and item["exists"] is False for item in wanted)
    tests = [_test(item) for item in wanted]

    def match(event: Any) -> bool:
        values = [value for value in _flat([event[name]]) if not isinstance(value, dict)] if name in event else []
        if not values:
            return absent
        return any(test(value) for test in tests for value in values)

    return match


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


# -- alternatives ----------------------------------------------------------------------------------------------------


def _test(item: Any) -> Test:
    if isinstance(item, dict):
        if len(item) != 1:
            raise PatternError("Only one key allowed in match expression")
        ((name, operand),) = item.items()
        if name not in OPERATORS:
            raise PatternError(f"Unrecognized match type {name}")
        return OPERATORS[name](operand)
    if isinstance(item, list):
        raise PatternError("Match value must be String, number, true, false, or null")
    return lambda value: _same(item, value)


def _same(wanted: Any, value: Any) -> bool:
    """Equality that keeps true apart from 1."""
    return bool(wanted == value) and isinstance(wanted, bool) == isinstance(value, bool)


def _is_exists(item: Any) -> bool:
    return isinstance(item, dict) and set(item) == {"exists"}


def _exists(operand: Any) -> Test:
    if not isinstance(operand, bool):
        raise PatternError("exists match pattern must be either true or false.")
    return lambda _: operand


def _affix(name: str, holds: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    def make(operand: Any) -> Test:
        if isinstance(operand, dict) and set(operand) == {"equals-ignore-case"}:
            wanted = _string(f"{name} equals-ignore-case", operand["equals-ignore-case"]).lower()
            return lambda value: isinstance(value, str) and holds(value.lower(), wanted)
        wanted = _string(name, operand)
        return lambda value: isinstance(value, str) and holds(value, wanted)

    return make


def _ignore_case(operand: Any) -> Test:
    wanted = _string("equals-ignore-case", operand).lower()
    return lambda value: isinstance(value, str) and value.lower() == wanted


def _string(name: str, operand: Any) -> str:
    if not isinstance(operand, str):
        raise PatternError(f"{name} match pattern must be a string")
    return operand


def _wildcard(operand: Any) -> Test:
    text = _string("wildcard", operand)
    parts: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
            if text[position : position + 1] not in ("*", "\\"):
                raise PatternError(f"Invalid escape character at pos {position - 1}")
            parts.append(re.escape(text[position]))
        elif character == "*":
            if text[position + 1 : position + 2] == "*":
                raise PatternError(f"Consecutive wildcard characters at pos {position}")
            parts.append(".*")
        else:
            parts.append(re.escape(character))
        position += 1
    pattern = re.compile("".join(parts), re.DOTALL)
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _anything_but(operand: Any) -> Test:
    if isinstance(operand, dict):
        return _anything_but_like(operand)
    unwanted = operand if isinstance(operand, list) else [operand]
    if not unwanted:
        raise PatternError("Empty arrays are not allowed")
    kinds = {_kind(item) for item in unwanted}
    if len(kinds) != 1 or kinds & {"other"}:
        raise PatternError(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    return lambda value: not any(_same(item, value) for item in unwanted)


def _kind(item: Any) -> str:
    if isinstance(item, str):
        return "string"
    return "number" if isinstance(item, (int, float)) and not isinstance(item, bool) else "other"


def _anything_but_like(operand: dict[str, Any]) -> Test:
    if len(operand) != 1:
        raise PatternError("Only one key allowed in match expression")
    ((name, inner),) = operand.items()
    if name not in ANYTHING_BUT:
        raise PatternError(f"Unsupported anything-but pattern: {name}")
    unwanted = inner if isinstance(inner, list) else [inner]
    if not unwanted or "" in unwanted:
        raise PatternError(f"Null {name} not allowed")
    tests = [OPERATORS[name](item) for item in unwanted]
    return lambda value: not any(test(value) for test in tests)


def _numeric(operand: Any) -> Test:
    if not isinstance(operand, list):
        raise PatternError("Value of numeric must be an array.")
    if not operand:
        raise PatternError("Invalid member in numeric match: ]")
    if len(operand) not in (2, 4):
        raise PatternError(
            "Too many elements in numeric expression" if len(operand) > 4 else "Value of numeric is short"
        )
    pairs = list(zip(operand[::2], operand[1::2], strict=True))
    for comparison, number in pairs:
        if comparison not in COMPARISONS:
            raise PatternError(f"Unrecognized numeric range operator: {comparison}")
        if _kind(number) != "number":
            raise PatternError(f"Value of {comparison} must be numeric")
        if abs(number) > NUMERIC_LIMIT:
            raise PatternError(f"Value must be between -5.0E9 and 5.0E9, inclusive: {number}")
    if len(pairs) == 2 and not _is_range(pairs):
        raise PatternError("Bottom must be less than top")
    return lambda value: _kind(value) == "number" and all(COMPARISONS[op](value, number) for op, number in pairs)


def _is_range(pairs: list[tuple[str, float]]) -> bool:
    (low, bottom), (high, top) = pairs
    return low[0] == ">" and high[0] == "<" and bottom < top


def _cidr(operand: Any) -> Test:
    try:
        network = ipaddress.ip_network(_string("cidr", operand), strict=False)
    except ValueError as error:
        raise PatternError(f"Malformed CIDR: {operand}") from error

    def test(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return test


OPERATORS: dict[str, Callable[[Any], Test]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _ignore_case,
    "exists": _exists,
    "numeric": _numeric,
    "prefix": _affix("prefix", str.startswith),
    "suffix": _affix("suffix", str.endswith),
    "wildcard": _wildcard,
}
ANYTHING_BUT = frozenset({"equals-ignore-case", "prefix", "suffix", "wildcard"})
