"""Partition expressions: by type, by SQL's logic, and against Python as the oracle."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from headwater.local.services.glue.predicates import NULL_PARTITION, compile_expression

KEYS = [("year", "int"), ("name", "string"), ("day", "date"), ("at", "timestamp"), ("price", "decimal(10,2)")]
ROW = ["2013", "it's", "2013-01-31", "2013-01-31 10:00:00.5", "9.50"]

TRUE = [
    "year = 2013",
    "YEAR = '2013'",
    "`year` = 2013",
    "2013 = year",
    "2012 < year",
    "year > 999",
    "year <> 2012 and year != 2011",
    "year in (2012, 2013)",
    "year not in (2012)",
    "year between 2012 and 2013 and name = 'it''s'",
    'name = "it\'s"',
    r"name = 'it\'s'",
    "name like 'it%'",
    "name like '_t_s'",
    "name not like 'x%'",
    "day > '2013-01-04'",
    "day between '2013-01-01' and '2013-02-01'",
    "at > '2013-01-31 10:00:00'",
    "at < '2013-01-31 10:00:00.51'",
    "price = 9.5",
    "price >= 9.499",
    "not year = 1",
    "not (year = 1 or name = 'x')",
    "year = 1 or year = 2 or (year = 2013 and day is not null)",
    "year = 2013 or year = 1 and name = 'x'",
]


@pytest.mark.parametrize("expression", TRUE)
def test_expressions_that_hold(expression: str) -> None:
    assert compile_expression(expression, KEYS)(ROW) is True
    assert compile_expression(f"not ({expression})", KEYS)(ROW) is False


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("year == 2013", "Unsupported expression 'year == 2013'"),
        ("year = ", "Unsupported expression 'year = '"),
        ("year = 1 year = 2", "Unsupported expression 'year = 1 year = 2'"),
        ("upper(name) = 'X'", "Invalid partition expression!"),
        ("month = 1", "Invalid partition expression!"),
        ("year = 'x'", '"x" is not an integer.'),
        ("day = '2013'", "2013 is not a date."),
        ("price = 'x'", "x is not a decimal."),
        (
            "at = '2013-01-31'",
            "Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff] 2013-01-31 is not a timestamp.",
        ),
        ("year like '2%'", "Integral data type doesn't support operation 'LIKE'"),
        ("day like '2%'", "Date data type doesn't support operation 'LIKE'"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(expression: str, message: str) -> None:
    with pytest.raises(ServiceError) as caught:
        compile_expression(expression, KEYS)
    assert (caught.value.code, caught.value.message) == ("InvalidInputException", message)


def test_other_types_are_unknown() -> None:
    with pytest.raises(ServiceError) as caught:
        compile_expression("x = 1", [("x", "double")])
    assert caught.value.message == "Unknown type : 'double'"


def test_a_partition_value_of_the_wrong_type_is_an_invalid_state() -> None:
    with pytest.raises(ServiceError) as caught:
        compile_expression("x > 1", [("x", "int")])(["one"])
    assert caught.value.code == "InvalidStateException"


def test_integers_and_strings_order_differently() -> None:
    assert compile_expression("x > 9", [("x", "int")])(["10"])
    assert not compile_expression("x > '9'", [("x", "string")])(["10"])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x = 1", False),
        ("x <> 1", False),
        ("not x = 1", False),
        ("x in (1)", False),
        ("x not in (1)", False),
        ("x is null", True),
        ("x is not null", False),
        ("x = 1 or y = 2", True),
        ("not (x = 1 and y = 3)", True),
        ("not (x = 1 and y = 2)", False),
    ],
)
def test_null_follows_three_valued_logic(expression: str, expected: bool) -> None:
    assert compile_expression(expression, [("x", "int"), ("y", "int")])([NULL_PARTITION, "2"]) is expected


leaves = st.tuples(st.sampled_from("xy"), st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), st.integers(-3, 3))
trees: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.tuples(st.just("not"), inner) | st.tuples(st.sampled_from(["and", "or"]), inner, inner),
    max_leaves=8,
)


def text_of(tree: Any) -> str:
    if tree[0] == "not":
        return f"not ({text_of(tree[1])})"
    if tree[0] in ("and", "or"):
        return f"({text_of(tree[1])} {tree[0]} {text_of(tree[2])})"
    return f"{tree[0]} {tree[1]} {tree[2]}"


def truth_of(tree: Any, row: dict[str, int]) -> bool:
    if tree[0] == "not":
        return not truth_of(tree[1], row)
    if tree[0] == "and":
        return truth_of(tree[1], row) and truth_of(tree[2], row)
    if tree[0] == "or":
        return truth_of(tree[1], row) or truth_of(tree[2], row)
    value, limit = row[tree[0]], tree[2]
    return {
        "=": value == limit,
        "<>": value != limit,
        "<": value < limit,
        "<=": value <= limit,
        ">": value > limit,
        ">=": value >= limit,
    }[tree[1]]


@given(tree=trees, x=st.integers(-3, 3), y=st.integers(-3, 3))
def test_any_tree_agrees_with_python(tree: Any, x: int, y: int) -> None:
    test = compile_expression(text_of(tree), [("x", "int"), ("y", "bigint")])
    assert test([str(x), str(y)]) is truth_of(tree, {"x": x, "y": y})


@given(st.text(max_size=6), st.text(max_size=6))
def test_any_quoted_string_equals_itself_only(wanted: str, value: str) -> None:
    quoted = wanted.replace("\\", "\\\\").replace("'", "''")
    if "\\" not in wanted and value != NULL_PARTITION:
        assert compile_expression(f"x = '{quoted}'", [("x", "string")])([value]) is (wanted == value)


@given(st.text(max_size=30))
def test_any_text_compiles_or_is_refused(expression: str) -> None:
    try:
        compile_expression(expression, KEYS)
    except ServiceError as error:
        assert error.code == "InvalidInputException"


def test_deep_nesting_is_refused_not_crashed() -> None:
    with pytest.raises(ServiceError):
        compile_expression("(" * 5000 + "year = 1" + ")" * 5000, KEYS)
