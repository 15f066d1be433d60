"""JSONata as Step Functions evaluates it: its functions, what is no JSON, what does not end."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.local.services.states import jsonata_expressions
from headwater.local.services.states.jsonata_expressions import UNDEFINED, Expression, ExpressionError


def evaluate(source: str, **input: Any) -> Any:
    return Expression(source).evaluate({"states": {"input": input}})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("$range(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("$range(1, 9, 9)", 1),
        ("$range(5, 1, 1)", UNDEFINED),
        ("$partition([0], 1)", [[0]]),
        ("$partition([0, 1, 2], 2)", [[0, 1], [2]]),
        ("$parse('-0')", 0),
        ("$parse('{\"a\": [1, null]}')", {"a": [1, None]}),
        ("$parse('null')", None),
        ("$type($parse('[null]')[0])", "null"),
        ("$random(42)", 0.7275636800328681),
    ],
)
def test_the_functions_that_aws_adds(source: str, value: Any) -> None:
    assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("1 / 0", 'D1001: Number out of range: "Infinity"'),
        ("$power(10, 1000)", 'D1001: Number out of range: "Infinity"'),
        ("-1e308 * 10", 'D1001: Number out of range: "-Infinity"'),
        ("$number('abc')", 'D3030: Unable to cast value to a number: "abc"'),
        ("$parse('NaN')", "Non-standard token 'NaN'"),
        ("$parse(5)", 'T0410: Argument "1" of Object "parse" does not match Object signature'),
        ("$hash('a')", 'T0410: Argument "2" of Object "hash" does not match Object signature'),
        ("$random('x')", 'T0410: Argument "1" of Object "random" does not match Object signature'),
        ("function($x){ $x }", "T1006: the expression's value is a function"),
        ("{'f': $uppercase}", "T1006: the expression's value is a function"),
    ],
)
def test_what_has_no_value(source: str, text: str) -> None:
    with pytest.raises(ExpressionError) as failed:
        evaluate(source)
    assert str(failed.value) == text


def test_a_function_that_calls_itself_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonata_expressions, "LIMIT_S", 0.05)
    endless = Expression("($again := function($x){ $again($x + 1) }; $again($states.input.start))")
    for _ in range(2):  # the time is each evaluation's own
        with pytest.raises(ExpressionError, match="^D1012: Evaluation timeout after 50 milliseconds"):
            endless.evaluate({"states": {"input": {"start": 0}}})
    deep = "($sum := function($x){ $x = 0 ? 0 : $x + $sum($x - 1) }; $sum($states.input.start))"
    with pytest.raises(ExpressionError, match="^U1001"):
        monkeypatch.setattr(jsonata_expressions, "LIMIT_S", 60)
        evaluate(deep, start=100_000)
    assert evaluate(deep, start=10) == 55
