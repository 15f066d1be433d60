"""The rules of a JSONPath Choice state: comparisons, tests, ``And``, ``Or``, ``Not``, compiled to predicates.

A variable that is absent fails the state (``States.Runtime``) except under ``IsPresent``; values of other types than
the operator's never match (Amazon States Language specification, "Choice State").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from headwater.local.services.states.errors import runtime
from headwater.local.services.states.java_values import distinct, same
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.path_parser import compile_path
from headwater.local.services.states.paths import MISSING, Path
from headwater.local.services.states.scope import Scope
from headwater.local.services.states.timestamps import parse_timestamp

Predicate = Callable[[Scope], bool]
Kind = Callable[[Any], Any]


def _number(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else MISSING


def _string(value: Any) -> Any:
    return value if isinstance(value, str) else MISSING


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else MISSING


def _moment(value: Any) -> Any:
    moment: datetime | None = parse_timestamp(value)
    return MISSING if moment is None else moment


def _glob(text: Any, pattern: Any) -> bool:
    """``StringMatches``: ``*`` stands for any characters, ``\\*`` and ``\\\\`` for themselves."""
    parts = re.split(r"(\\[*\\]|\*)", pattern)
    source = "".join(
        ".*" if part == "*" else re.escape(part[-1] if part in ("\\*", "\\\\") else part) for part in parts
    )
    return re.fullmatch(source, text, re.DOTALL) is not None


_BY_NAME = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": same,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanEquals": lambda a, b: a >= b,
    "LessThan": lambda a, b: a < b,
    "LessThanEquals": lambda a, b: a <= b,
}
COMPARISONS: dict[str, tuple[Kind, Callable[[Any, Any], bool]]] = {
    "BooleanEquals": (_boolean, same),
    "StringMatches": (_string, _glob),
    **{f"Numeric{name}": (_number, order) for name, order in _ORDERS.items()},
    **{f"String{name}": (_string, order) for name, order in _ORDERS.items()},
    **{f"Timestamp{name}": (_moment, order) for name, order in _ORDERS.items()},
}
TESTS: dict[str, Callable[[Any], bool]] = {
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsNull": lambda value: value is None,
    "IsNumeric": lambda value: _number(value) is not MISSING,
    "IsString": lambda value: isinstance(value, str),
    "IsTimestamp": lambda value: _moment(value) is not MISSING,
}
PATH_COMPARISONS = frozenset(f"{name}Path" for name in COMPARISONS if name != "StringMatches")
OPERATORS = frozenset({*COMPARISONS, *TESTS, *PATH_COMPARISONS, "IsPresent"})
# In the order of AWS's texts, which is that of a set.
NAMED_OPERATORS = distinct(
    [
        "BooleanEquals",
        *(
            f"{kind}{order}{path}"
            for path in ("", "Path")
            for kind in ("String", "Numeric", "Timestamp")
            for order in _BY_NAME
        ),
        *("BooleanEqualsPath", "StringMatches", "IsPresent", *TESTS),
    ]
)
COMBINATIONS = frozenset({"And", "Not", "Or"})


def _value(scope: Scope, path: Path, field: str) -> Any:
    value = path.read(scope)
    if value is MISSING:
        raise runtime(f"Invalid path '{path.text}': The choice state's condition path references an invalid value.")
    return value


def compile_rule(rule: dict[str, Any]) -> Predicate:
    """The predicate of a rule (its ``Next``, ``Assign`` and ``Comment`` apart). ValueError when it is none."""
    if "And" in rule:
        inner = [compile_rule(part) for part in rule["And"]]
        return lambda scope: all(part(scope) for part in inner)
    if "Or" in rule:
        inner = [compile_rule(part) for part in rule["Or"]]
        return lambda scope: any(part(scope) for part in inner)
    if "Not" in rule:
        negated = compile_rule(rule["Not"])
        return lambda scope: not negated(scope)
    operator = next((key for key in rule if key in OPERATORS), None)
    if operator is None or "Variable" not in rule:
        raise ValueError(f"a choice rule needs Variable and one operator: {dumps(rule)}")
    return _comparison(compile_path(rule["Variable"]), operator, rule[operator])


def _comparison(path: Path, operator: str, operand: Any) -> Predicate:
    if operator == "IsPresent":
        return lambda scope: _is_present(path, scope) is operand
    if operator in TESTS:
        test = TESTS[operator]
        return lambda scope: test(_value(scope, path, operator)) is operand
    if operator in PATH_COMPARISONS:
        kind, compare = COMPARISONS[operator.removesuffix("Path")]
        other = compile_path(operand)
        return lambda scope: _compare(kind, compare, _value(scope, path, "Variable"), _value(scope, other, operator))
    kind, compare = COMPARISONS[operator]
    return lambda scope: _compare(kind, compare, _value(scope, path, "Variable"), operand)


def _is_present(path: Path, scope: Scope) -> bool:
    value = path.read(scope)
    return value is not MISSING if path.definite else bool(value)


def _compare(kind: Kind, compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    typed_left, typed_right = kind(left), kind(right)
    return typed_left is not MISSING and typed_right is not MISSING and compare(typed_left, typed_right)
