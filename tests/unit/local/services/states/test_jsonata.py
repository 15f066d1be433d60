"""JSONata as Step Functions evaluates it: its functions, what is no JSON, what does not end."""

from __future__ import annotations

import re
from typing import Any

import pytest

from headwater.local.services.states import jsonata_engine
from headwater.local.services.states.jsonata_errors import (
    ExpressionError,
    InternalError,
    LimitExceeded,
    UnsupportedResult,
)
from headwater.local.services.states.jsonata_expressions import UNDEFINED, Expression


def evaluate(source: str, **input: Any) -> Any:
    return Expression(source).evaluate({"states": {"input": input}})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("$range(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("$range(1, 9, 9)", 1),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$range(5, 1, -1.5)", [5, 4, 3, 2, 1]),
        ("$range(5, 1, 1)", UNDEFINED),
        ("$range(1, 5)", UNDEFINED),
        ("$count($range(1, 200000, 1))", 200000),
        ("$partition([0], 1)", [[0]]),
        ("$partition([0, 1, 2], 2.9)", [[0, 1], [2]]),
        ("$partition([0, 1, 2])", [[0, 1, 2]]),
        ("$partition([], 2)", UNDEFINED),
        ("$partition([0, 1], -0.5)", UNDEFINED),
        ("$parse('-0')", 0),
        ("$parse('{\"a\": [1, null]}')", {"a": [1, None]}),
        ("$parse('null')", None),
        ("$parse('9223372036854775807')", 2**63 - 1),
        ("$parse()", UNDEFINED),
        ("$type($parse('[null]')[0])", "null"),
        ("$map(['1', '2'], $parse)", [1, 2]),
        ("$hash('a')", UNDEFINED),
        ("$random(42)", 0.7275636800328681),
        ("$random(0.9)", 0.730967787376657),
    ],
)
def test_the_functions_that_aws_adds(source: str, value: Any) -> None:
    assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 / 0", "Infinity"),
        ("{'a': [-1 / 0]}", {"a": ["-Infinity"]}),
        ("1e308 * 10", "Infinity"),
        ("0 / 0", "NaN"),
        ("$parseInteger('abc', '0')", "NaN"),
        ("5.5 % 2", 1.5),
        ("$string(1e20)", "100000000000000000000"),
        ("$string(1e21)", "1e+21"),
        ("$string(9223372036854775808)", "9223372036854776000"),
        ("$string($parse('9223372036854775807'))", "9223372036854775807"),
        ("$string([1/3, 0.000001, 1e-7, 'é'])", '[0.333333333333333,0.000001,1e-7,"é"]'),
        ("$string({'a': [1, null], 'b': {}}, true)", '{\n  "a": [\n    1,\n    null\n  ],\n  "b": {}\n}'),
        ("$formatNumber(1234.5678, '#,##0.00')", "1,234.57"),
        ("$formatNumber(0.123, '#0.0%')", "12.3%"),
        ("$sort([3, 1, 2])", [1, 2, 3]),
        ("$number('0x1F')", 31),
        ("$base64decode('aGk')", "hi"),
    ],
)
def test_values_that_are_written_as_aws_writes_them(source: str, value: Any) -> None:
    assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("1 / 0 + 1", "D1001: Number out of range: null"),
        ("-'a'", 'D1002: Cannot negate a non-numeric value: "a"'),
        ("'a' + 1", 'T2001: The left side of the "+" operator must evaluate to a number'),
        ("1 < 'a'", 'T2009: The values 1 and "a" either side of operator "<" must be of the same data type'),
        ("$sum(['a'])", 'T0412: Argument 1 of function "sum" must be an array of "numbers"'),
        ("$abs('a')", 'T0410: Argument 1 of function "abs" does not match function signature'),
        ("$sqrt(-1)", "D3060: The sqrt function cannot be applied to a negative number: -1"),
        ("$eval('1')", "T1006: Attempted to invoke a non-function"),
        (
            "$formatBase(1, 37)",
            "D3100: The radix of the formatBase function must be between 2 and 36.  It was given 37",
        ),
        ("$number('abc')", 'D3030: Unable to cast value to a number: "abc"'),
        ("$number(' 1')", 'D3030: Unable to cast value to a number: " 1"'),
        ("$parse('NaN')", "D3137: Invalid JSON"),
        ('$parse(\'{"a":1,"a":2}\')', "D3137: Invalid JSON"),
        ("$parse(5)", 'T0410: Argument 1 of function "parse" does not match function signature'),
        ("$parse('1', 2)", 'T0410: Argument 2 of function "parse" does not match function signature'),
        ("$partition([1], -1)", "D3137: Second argument must be zero or greater"),
        ("$partition(1, 1)", 'T0412: Argument 1 of function "partition" must be an array of undefined'),
        ("$hash('a', 'md5')", "D3137: Hash algorithm 'md5' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"),
        ("$random('x')", 'T0410: Argument 1 of function "random" does not match function signature'),
        ("$uuid(1)", 'T0410: Argument 1 of function "uuid" does not match function signature'),
        ("$error('bang')", "D3137: bang"),
        ("$replace('a', '', 'b')", "D3010: Second argument of replace function cannot be an empty string"),
        (
            "$toMillis('x')",
            'D3110: The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given "x"',
        ),
        ("$decodeUrl('%E0%')", 'D3140: Malformed URL passed to $decodeUrl(): "%E0%"'),
    ],
)
def test_errors_in_the_words_of_aws(source: str, text: str) -> None:
    with pytest.raises(ExpressionError) as failed:
        evaluate(source)
    assert str(failed.value) == text


@pytest.mark.parametrize(
    ("source", "beginning"),
    [
        ("$power(10, 1000)", "D3061: The power function has resulted in a value"),
        ("$power(-8, 1/3)", "D3061: The power function has resulted in a value"),
        ("$sort([1, 'a'])", "D3070: The single argument form of the sort function"),
        ("$single([1, 2], function($x){true})", "D3138: The $single() function expected exactly 1 matching result."),
    ],
)
def test_long_errors(source: str, beginning: str) -> None:
    with pytest.raises(ExpressionError, match="^" + re.escape(beginning)):
        evaluate(source)


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        ("0;0;0", "D3080"),
        ("0.0.0", "D3081"),
        ("0%%", "D3082"),
        ("0\u2030\u2030", "D3083"),
        ("0%\u2030", "D3084"),
        ("", "D3085"),
        ("x", "D3086"),
        ("0,.0", "D3087"),
        ("0,", "D3088"),
        ("0,,0", "D3089"),
        ("0#", "D3090"),
        ("##0.0#0", "D3091"),
        ("0e0%", "D3092"),
        ("#0e", "D3093"),
    ],
)
def test_pictures_that_are_none(picture: str, code: str) -> None:
    with pytest.raises(ExpressionError, match=f"^{code}: "):
        evaluate(f"$formatNumber(1, '{picture}')")


def test_what_the_engine_cannot_say_is_an_internal_error() -> None:
    with pytest.raises(InternalError, match="base64decode cannot read"):
        evaluate("$base64decode('!!')")


COUNTED = "($f := function($x){ $x <= 0 ? 0 : 1 + $f($x - 1) }; $f($states.input.n))"
DOUBLED = "($f := function($s, $n){ $n = 0 ? $s : $f($s & $s, $n - 1) }; $length($f('x', $states.input.n)))"


@pytest.mark.parametrize(
    ("source", "most", "limit"),
    [
        ("1" + "+1" * 99, 0, jsonata_engine.DEPTH_EXCEEDED),
        ("(" * 99 + "1" + ")" * 99, 0, jsonata_engine.DEPTH_EXCEEDED),
        ("1" + "~>$string" * 99, 0, jsonata_engine.DEPTH_EXCEEDED),
        (COUNTED, 31, jsonata_engine.DEPTH_EXCEEDED),
        (DOUBLED, 22, jsonata_engine.MEMORY_EXCEEDED),
        ("[1..$states.input.n] ~> $count()", 873_782, jsonata_engine.MEMORY_EXCEEDED),
    ],
)
def test_limits_are_where_aws_has_them(source: str, most: int, limit: str) -> None:
    assert evaluate(source, n=most) is not UNDEFINED
    with pytest.raises(LimitExceeded) as failed:
        evaluate(source if most else f"[{source}]", n=most + 1)
    assert str(failed.value) == limit
    assert failed.value.sentence.endswith(": ")


def test_a_function_that_calls_itself_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonata_engine, "LIMIT_S", 0.05)
    endless = Expression("($again := function($x){ $again($x + 1) }; $again($states.input.start))")
    for _ in range(2):  # the time is each evaluation's own
        with pytest.raises(LimitExceeded, match="^Expression evaluation timeout: Check for infinite loop"):
            endless.evaluate({"states": {"input": {"start": 0}}})


@pytest.mark.parametrize("source", ["function($x){ $x }", "{'f': $uppercase}"])
def test_a_function_is_no_result(source: str) -> None:
    with pytest.raises(UnsupportedResult):
        evaluate(source)
