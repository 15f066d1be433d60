"""Intrinsic functions: what the guide says of each, and properties that must hold for any argument."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.services.states.errors import RUNTIME, StateFailure
from headwater.local.services.states.intrinsics import compile_intrinsic
from headwater.local.services.states.paths import PathSyntaxError
from headwater.local.services.states.scope import Scope

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def evaluate(text: str, input: Any = None) -> Any:
    return compile_intrinsic(text).evaluate(Scope(input, dict, {}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("States.Format('Hello, my name is {}.', $.name)", "Hello, my name is Ann."),
        (r"States.Format('It\'s {} \{\}', 'so')", "It's so {}"),
        ("States.StringToJson('{\"a\":1}')", {"a": 1}),
        ("States.JsonToString($.list)", "[1,2,3,3]"),
        ("States.Array('a', 1, $.name, null, true)", ["a", 1, "Ann", None, True]),
        ("States.ArrayPartition($.list, 3)", [[1, 2, 3], [3]]),
        ("States.ArrayContains($.list, 2)", True),
        ("States.ArrayContains($.list, true)", False),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayRange(3, 1, -1)", [3, 2, 1]),
        ("States.ArrayGetItem($.list, 1)", 2),
        ("States.ArrayLength($.list)", 4),
        ("States.ArrayUnique($.list)", [1, 2, 3]),
        ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ('States.JsonMerge(States.StringToJson(\'{"a":{"x":1}}\'), $.object, false)', {"a": 2}),
        ("States.MathAdd(-1.5, 0)", -1),
        ("States.StringSplit('This.is+a,test=string', '.+,=')", ["This", "is", "a", "test", "string"]),
        ("States.MathRandom(4, 5)", 4),
        ("States.MathRandom(1, 100, 42)", 63),
        ("States.MathRandom(1, 10, -10)", 1),
        ("States.MathRandom(2147483640, 2147483647, 1)", 2147483644),
        ("States.MathAdd(1.6, 2.7)", 5),
        ("States.ArrayPartition($.list, 2.6)", [[1, 2], [3, 3]]),
        ("States.ArrayRange(5.4, -0.6, -2.4)", [5, 3, 1]),
        ("States.ArrayGetItem($.list, 1.2)", 2),
        ("States.ArrayGetItem(States.Array(), 9)", None),
        ("States.ArrayUnique(States.Array(true, false, true))", [False, True]),
        ("States.ArrayUnique(States.Array(States.Array(1, 2), States.Array(2, 1)))", [[2, 1], [1, 2]]),
        ("States.ArrayContains(States.Array('true'), true)", True),
        ("States.Base64Decode('ab==cd')", "i"),
        ("States.StringToJson('')", None),
        ("States.Format('{}', States.StringToJson('\"x\"'))", '"x"'),
        ("States.JsonMerge($.object, $.object, 'false')", {"a": 2}),
    ],
)
def test_the_guide_s_examples(text: str, expected: Any) -> None:
    assert evaluate(text, {"name": "Ann", "list": [1, 2, 3, 3], "object": {"a": 2}}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "States.ArrayGetItem($.list, 9)",
        "States.ArrayRange(1, 9, 0)",
        "States.ArrayRange(0, 1000, 1)",
        "States.ArrayPartition($.list, 0)",
        "States.Base64Decode(1)",
        "States.MathAdd(2147483647, 1)",
        "States.MathRandom(1.4, 1.6)",
        "States.ArrayPartition($.list, 0.6)",
        "States.Hash('x', 'CRC')",
        "States.JsonMerge($.list, $.list, false)",
        "States.StringToJson('{')",
        "States.MathAdd('1', 2)",
        "States.ArrayLength($.absent)",
    ],
)
def test_wrong_arguments_fail_by_name(text: str) -> None:
    with pytest.raises(StateFailure) as caught:
        evaluate(text, {"list": [1]})
    assert caught.value.error == RUNTIME


@pytest.mark.parametrize(
    "text",
    [
        "States.Nothing()",
        "States.Array(1",
        "States.Array(a)",
        r"States.Format('\x')",
        "States.UUID() extra",
        "States.Array(" * 11 + ")" * 11,
    ],
)
def test_what_is_no_call_is_refused(text: str) -> None:
    with pytest.raises(PathSyntaxError):
        compile_intrinsic(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("States.Format('Hello {{}}', 1)", "Invalid template in States.Format: matching '}' not found for '{'."),
        ("States.Format('}')", "Invalid template in States.Format: matching '{' not found for '}'."),
        ("States.ArrayRange(1, 5)", "Invalid arguments in States.ArrayRange"),
        ("States.ArrayLength(States.JsonToString($.list))", "Invalid arguments in States.ArrayLength"),
        (
            "States.StringToJson('{')",
            "Cannot convert String to Json in States.StringToJson, caused by: Unexpected end-of-input: expected close "
            "marker for Object (start marker at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` "
            "disabled); line: 1, column: 1])\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` "
            "disabled); line: 1, column: 2]",
        ),
    ],
)
def test_what_went_wrong_in_a_call_is_said_as_aws_says_it(text: str, problem: str) -> None:
    """Recorded on AWS, 2026 (published with tiny-asl-machine's tests, read 2026-11-25)."""
    with pytest.raises(StateFailure) as caught:
        evaluate(text, {"list": [1]})
    assert caught.value.cause == f"There was an error while evaluating the intrinsic function: {text}. {problem}"


def test_a_path_that_leads_nowhere_is_told_with_the_whole_call() -> None:
    text = "States.ArrayLength(States.Array($$.Nope.Deep))"
    with pytest.raises(StateFailure) as caught:
        evaluate(text, {"a": 1})
    missing = "The JsonPath argument for the field '$.Nope.Deep' could not be found in the input '{\"a\":1}'"
    assert caught.value.cause == f"The function '{text}' had the following error: {missing}"


@given(JSON)
def test_json_survives_text(value: Any) -> None:
    assert evaluate("States.StringToJson(States.JsonToString($.v))", {"v": value}) == value
    assert json.loads(evaluate("States.JsonToString($.v)", {"v": value})) == value


@given(st.text(max_size=50))
def test_base64_is_python_s(text: str) -> None:
    encoded = evaluate("States.Base64Encode($.t)", {"t": text})
    assert encoded == base64.b64encode(text.encode()).decode()
    assert evaluate("States.Base64Decode($.t)", {"t": encoded}) == text


@given(st.lists(st.integers(), max_size=20), st.integers(1, 7))
def test_partitions_join_to_the_whole(items: list[int], size: int) -> None:
    parts = evaluate("States.ArrayPartition($.i, $.n)", {"i": items, "n": size})
    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])
