"""Choice comparisons and intrinsic functions against a second reading of the specification, written apart.


The oracle shares no code with the interpreter: timestamps are read by a regular expression and counted as fractions of
a second, patterns are matched by recursion, numbers are compared as fractions.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.services.states.choice_rules import compile_rule
from headwater.local.services.states.errors import StateFailure
from headwater.local.services.states.intrinsics import compile_intrinsic
from headwater.local.services.states.scope import Scope

RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|([+-])(\d\d):(\d\d))")
MOMENTS = st.builds(
    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}".format,
    *(st.integers(1971, 2100), st.integers(1, 12), st.integers(1, 28)),
    *(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)),
    *(st.sampled_from(["", ".5", ".123"]), st.sampled_from(["Z", "+02:00", "-09:30"])),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-3, 3, allow_nan=False).map(lambda number: round(number, 1)),
    st.text("ab*\\é", max_size=4),
    MOMENTS,
)
VALUES = SCALARS | st.lists(st.integers(), max_size=2) | st.dictionaries(st.just("k"), st.integers(), max_size=1)
ORDERS = ("Equals", "GreaterThan", "GreaterThanEquals", "LessThan", "LessThanEquals")
TYPED = {"Numeric": st.integers(-3, 3) | st.floats(-3, 3), "String": st.text("abé", max_size=3), "Timestamp": MOMENTS}


def seconds(text: Any) -> Fraction | None:
    """A timestamp as seconds since year one, None when it is no timestamp."""
    found = RFC3339.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    whole = ((date(year, month, day).toordinal() * 24 + hour) * 60 + minute) * 60 + second
    offset = 0 if found[8] == "Z" else (int(found[10]) * 60 + int(found[11])) * 60 * (1 if found[9] == "+" else -1)
    return whole - offset + Fraction("0" + (found[7] or ".0"))


def measure(kind: str, value: Any) -> Any:
    """What a comparison of a kind compares; None for a value of another kind."""
    if kind == "Timestamp":
        return seconds(value)
    if kind == "Numeric":
        return None if type(value) not in (int, float) else Fraction(value)
    return value if type(value) is (str if kind == "String" else bool) else None


def ordered(order: str, left: Any, right: Any) -> bool:
    """Whether two comparable values are in an order."""
    sign = (left > right) - (left < right)
    wanted = {"Equals": [0], "GreaterThan": [1], "GreaterThanEquals": [0, 1], "LessThan": [-1]}
    return sign in wanted.get(order, [-1, 0])


def glob(text: str, pattern: str) -> bool:
    """``StringMatches`` by recursion."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(glob(text[cut:], pattern[1:]) for cut in range(len(text) + 1))
    if pattern[:2] in ("\\*", "\\\\"):
        return text[:1] == pattern[1] and glob(text[1:], pattern[2:])
    return text[:1] == pattern[0] and glob(text[1:], pattern[1:])


def holds(rule: dict[str, Any], document: Any) -> bool:
    return compile_rule(rule)(Scope(document, dict, {}))


@given(st.data(), st.sampled_from(sorted(TYPED)), st.sampled_from(ORDERS), VALUES)
def test_a_comparison_is_the_oracle_s(data: Any, kind: str, order: str, value: Any) -> None:
    operand = data.draw(TYPED[kind])
    left, right = measure(kind, value), measure(kind, operand)
    expected = left is not None and right is not None and ordered(order, left, right)
    assert holds({"Variable": "$.v", f"{kind}{order}": operand}, {"v": value}) is expected


@given(st.sampled_from(sorted(TYPED)), st.sampled_from(ORDERS), VALUES, VALUES)
def test_a_comparison_with_a_path_is_the_oracle_s(kind: str, order: str, value: Any, other: Any) -> None:
    left, right = measure(kind, value), measure(kind, other)
    expected = left is not None and right is not None and ordered(order, left, right)
    assert holds({"Variable": "$.v", f"{kind}{order}Path": "$.w"}, {"v": value, "w": other}) is expected


@given(VALUES, st.booleans())
def test_a_test_of_type_is_the_oracle_s(value: Any, wanted: bool) -> None:
    facts = {
        "IsBoolean": type(value) is bool,
        "IsNull": value is None,
        "IsNumeric": type(value) in (int, float),
        "IsString": type(value) is str,
        "IsTimestamp": seconds(value) is not None,
        "IsPresent": True,
        "BooleanEquals": value is wanted,
    }
    for operator, fact in facts.items():
        expected = fact if operator == "BooleanEquals" else fact is wanted
        assert holds({"Variable": "$.v", operator: wanted}, {"v": value}) is expected, operator
    assert holds({"Variable": "$.absent", "IsPresent": wanted}, {}) is not wanted


@given(st.text("ab*\\", max_size=6), st.text("ab*", max_size=5))
def test_a_pattern_matches_as_the_oracle_says(text: str, pattern: str) -> None:
    assert holds({"Variable": "$.v", "StringMatches": pattern}, {"v": text}) is glob(text, pattern)


@given(st.lists(st.text("ab*", max_size=3), max_size=3), st.text("ab*", max_size=6))
def test_an_escaped_star_is_a_star(parts: list[str], text: str) -> None:
    pattern = r"\*".join(parts)
    assert holds({"Variable": "$.v", "StringMatches": pattern}, {"v": text}) is glob(text, pattern)


@given(st.lists(st.tuples(st.sampled_from(["And", "Or", "Not"]), st.integers(0, 3)), max_size=5), st.integers(0, 3))
def test_combinations_are_logic(steps: list[tuple[str, int]], value: int) -> None:
    rule: dict[str, Any] = {"Variable": "$.v", "NumericEquals": 0}
    expected = value == 0
    for combination, number in steps:
        other = {"Variable": "$.v", "NumericEquals": number}
        if combination == "Not":
            rule, expected = {"Not": rule}, not expected
        else:
            rule = {combination: [rule, other]}
            expected = (expected and value == number) if combination == "And" else (expected or value == number)
    assert holds(rule, {"v": value}) is expected


# -- intrinsic functions -----------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON, max_size=3)


def evaluate(text: str, **document: Any) -> Any:
    return compile_intrinsic(text).evaluate(Scope(document, dict, {}))


def canonical(value: Any) -> str:
    """Equal texts for equal JSON; 1 and true differ."""
    return json.dumps(value, sort_keys=True)


@given(st.lists(JSON, max_size=6), JSON)
def test_arrays(items: list[Any], value: Any) -> None:
    texts = [canonical(item) for item in items]
    if canonical(value) in texts and not isinstance(value, dict):  # objects are the same with their keys in one order
        assert evaluate("States.ArrayContains($.i, $.v)", i=items, v=value) is True
    assert evaluate("States.ArrayLength($.i)", i=items) == len(items)
    unique = [canonical(item) for item in evaluate("States.ArrayUnique($.i)", i=items)]
    assert sorted(unique) == sorted(set(texts))
    assert evaluate("States.Array($.i, $.v, 'x')", i=items, v=value) == [items, value, "x"]


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-4, 4).filter(bool))
def test_a_range_counts_up_to_and_with_its_end(first: int, last: int, step: int) -> None:
    expected, number = [], first
    while number <= last if step > 0 else number >= last:
        expected.append(number)
        number += step
    assert evaluate("States.ArrayRange($.a, $.b, $.c)", a=first, b=last, c=step) == expected


@given(st.lists(st.integers(), max_size=5), st.integers(-2, 6))
def test_an_item_is_got_or_fails(items: list[int], index: int) -> None:
    if not items or 0 <= index < len(items):
        assert evaluate("States.ArrayGetItem($.i, $.n)", i=items, n=index) == (items[index] if items else None)
    else:
        with pytest.raises(StateFailure, match="Invalid arguments"):
            evaluate("States.ArrayGetItem($.i, $.n)", i=items, n=index)


@given(st.text(max_size=30))
def test_hashes(text: str) -> None:
    for name in ("MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"):
        expected = hashlib.new(name.replace("-", ""), text.encode()).hexdigest()
        assert evaluate(f"States.Hash($.t, '{name}')", t=text) == expected
    assert base64.b64decode(evaluate("States.Base64Encode($.t)", t=text)).decode() == text


@given(OBJECTS, OBJECTS)
def test_a_shallow_merge_prefers_the_second(first: dict[str, Any], second: dict[str, Any]) -> None:
    merged = evaluate("States.JsonMerge($.a, $.b, false)", a=first, b=second)
    assert merged.keys() == first.keys() | second.keys()
    for key, value in merged.items():
        assert canonical(value) == canonical(second[key] if key in second else first[key])


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_sums(first: int, second: int) -> None:
    assert evaluate("States.MathAdd($.a, $.b)", a=first, b=second) == first + second


@given(st.text("ab.,+", max_size=12), st.text(".,+", min_size=1, max_size=3))
def test_a_text_is_split_at_any_of_the_characters(text: str, delimiters: str) -> None:
    expected = [part for part in re.split("[" + re.escape(delimiters) + "]", text) if part]
    assert evaluate("States.StringSplit($.t, $.d)", t=text, d=delimiters) == expected


@given(st.lists(st.tuples(st.text("ab ", max_size=3), st.integers() | st.text("xy", max_size=3)), max_size=4))
def test_a_format_puts_values_between_its_parts(parts: list[tuple[str, Any]]) -> None:
    template = "".join(text + "{}" for text, _ in parts)
    arguments = "".join(f", $.v[{index}]" for index in range(len(parts)))
    expected = "".join(f"{text}{value}" for text, value in parts)
    assert evaluate(f"States.Format('{template}'{arguments})", v=[value for _, value in parts]) == expected


@given(st.integers(-50, 50), st.integers(1, 20), st.integers())
def test_a_random_number_is_in_its_range_and_its_seed_s(start: int, width: int, seed: int) -> None:
    text = "States.MathRandom($.a, $.b, $.s)"
    number = evaluate(text, a=start, b=start + width, s=seed)
    assert start <= number < start + width
    assert evaluate(text, a=start, b=start + width, s=seed) == number
