"""Event patterns, by AWS's documented examples and by properties."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.services.events.pattern import PatternError, compiled


def matches(pattern: Any, event: Any) -> bool:
    return compiled(json.dumps(pattern))(event)


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        (["a", "b"], "b", True),
        (["a"], ["c", "a"], True),
        (["a"], ["c", ["a"]], True),
        ([1], True, False),
        ([300], 300.0, True),
        ([None], None, True),
        ([""], None, False),
        ([{"prefix": "2017-10-02"}], "2017-10-02T18:43:48Z", True),
        ([{"prefix": {"equals-ignore-case": "EventB"}}], "eventbridge", True),
        ([{"suffix": ".png"}], "a.PNG", False),
        ([{"suffix": {"equals-ignore-case": ".png"}}], "a.PNG", True),
        ([{"equals-ignore-case": "alice"}], "ALICE", True),
        ([{"anything-but": "initializing"}], "running", True),
        ([{"anything-but": ["a", "b"]}], "b", False),
        ([{"anything-but": [1, 2]}], 3, True),
        ([{"anything-but": ["a"]}], ["a", "c"], True),
        ([{"anything-but": {"prefix": "us-"}}], "us-east-1", False),
        ([{"anything-but": {"suffix": [".png", ".jpg"]}}], "a.jpg", False),
        ([{"anything-but": {"equals-ignore-case": ["Init"]}}], "INIT", False),
        ([{"anything-but": {"wildcard": "*/lib/*"}}], "/a/lib/b", False),
        ([{"anything-but": {"wildcard": ["*/lib/*"]}}], "/a/bin/b", True),
        ([{"numeric": [">", 10, "<=", 20]}], 20, True),
        ([{"numeric": [">", 10, "<=", 20]}], 10, False),
        ([{"numeric": ["=", 3.018e2]}], 301.8, True),
        ([{"numeric": ["<", 5]}], "3", False),
        ([{"numeric": ["<", 5]}], True, False),
        ([{"cidr": "10.0.0.0/24"}], "10.0.0.255", True),
        ([{"cidr": "10.0.0.0/24"}], "10.0.1.0", False),
        ([{"cidr": "10.0.0.0/24"}], "no address", False),
        ([{"cidr": "2001:db8::/32"}], "2001:db8::1", True),
        ([{"exists": True}], None, True),
        ([{"exists": False}], "x", False),
        ([{"exists": True}], {"not": "a leaf"}, False),
        ([{"wildcard": "dir/*.png"}], "dir/a/b.png", True),
        ([{"wildcard": "a\\*b"}], "a*b", True),
        ([{"wildcard": "a\\*b"}], "axb", False),
        ([{"wildcard": "a\\\\b"}], "a\\b", True),
    ],
)
def test_alternatives(wanted: list[Any], value: Any, expected: bool) -> None:
    assert matches({"f": wanted}, {"f": value}) is expected


@pytest.mark.parametrize("wanted", [["a"], [{"anything-but": "a"}], [{"exists": True}], [None], [{"prefix": ""}]])
@pytest.mark.parametrize("event", [{}, {"f": []}])
def test_a_field_that_is_absent_matches_only_exists_false(wanted: list[Any], event: dict[str, Any]) -> None:
    assert not matches({"f": wanted}, event)
    assert matches({"f": [{"exists": False}]}, event)


def test_absent_below_an_absent_object() -> None:
    assert matches({"detail": {"x": {"y": [{"exists": False}]}}}, {"detail": {}})
    assert not matches({"detail": {"x": {"y": [{"exists": True}]}}}, {"detail": {}})


def test_fields_below_an_array_match_in_one_element() -> None:
    pattern = {"people": {"first": ["A"], "last": ["B"]}}
    assert matches(pattern, {"people": [{"first": "X", "last": "B"}, {"first": "A", "last": "B"}]})
    assert not matches(pattern, {"people": [{"first": "A", "last": "X"}, {"first": "X", "last": "B"}]})


def test_or_among_fields() -> None:
    pattern = {"source": ["s"], "$or": [{"a": [1]}, {"b": [{"numeric": [">", 5]}], "c": ["x"]}]}
    assert matches(pattern, {"source": "s", "a": 1})
    assert matches(pattern, {"source": "s", "b": 6, "c": "x"})
    assert not matches(pattern, {"source": "s", "b": 6})
    assert not matches(pattern, {"source": "t", "a": 1})


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ([], "not an object"),
        ({}, "Empty objects"),
        ({"source": "a"}, '"source" must be an object or an array'),
        ({"source": []}, "Empty arrays"),
        ({"source": [["a"]]}, "Match value must be"),
        ({"source": [{"regex": "a"}]}, "Unrecognized match type regex"),
        ({"source": [{"prefix": "a", "suffix": "b"}]}, "Only one key"),
        ({"source": [{"prefix": 1}]}, "prefix match pattern must be a string"),
        ({"source": [{"anything-but": ["a", 1]}]}, "mixed type"),
        ({"source": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}, "Unsupported anything-but pattern"),
        ({"source": [{"numeric": [">", "1"]}]}, "must be numeric"),
        ({"source": [{"numeric": [">", 5, "<", 1]}]}, "Bottom must be less than top"),
        ({"source": [{"numeric": [">", 6e9]}]}, "between"),
        ({"source": [{"exists": "yes"}]}, "exists match pattern"),
        ({"source": [{"cidr": "10.0.0/8"}]}, "Malformed CIDR"),
        ({"source": [{"wildcard": "a**b"}]}, "Consecutive wildcard characters at pos 1"),
        ({"source": [{"wildcard": "a\\b"}]}, "Invalid escape character at pos 1"),
        ({"$or": [{"a": [1]}]}, "Match value must be|Unrecognized match type"),
    ],
)
def test_refused_patterns(pattern: Any, reason: str) -> None:
    with pytest.raises(PatternError, match=reason):
        compiled(json.dumps(pattern))


LEAVES = st.none() | st.booleans() | st.integers(-100, 100) | st.text(max_size=8)


@given(st.dictionaries(st.text(max_size=5).filter(lambda name: name != "$or"), LEAVES, min_size=1, max_size=4))
def test_an_event_matches_its_own_values_and_a_superset_too(event: dict[str, Any]) -> None:
    pattern = {name: [value] for name, value in event.items()}
    assert matches(pattern, event)
    assert matches(pattern, {**event, "a longer name": 1})


@given(LEAVES, LEAVES)
def test_anything_but_is_the_opposite_of_equality(wanted: Any, value: Any) -> None:
    if isinstance(wanted, (str, int)) and not isinstance(wanted, bool):
        assert matches({"f": [wanted]}, {"f": value}) != matches({"f": [{"anything-but": wanted}]}, {"f": value})


@given(st.text("ab*", max_size=6).filter(lambda text: "**" not in text), st.text("ab", max_size=8))
def test_wildcards_agree_with_shell_patterns(pattern: str, value: str) -> None:
    assert matches({"f": [{"wildcard": pattern}]}, {"f": value}) == fnmatch.fnmatchcase(value, pattern)


@given(st.text(max_size=20))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        compiled(text)
    except PatternError as error:
        assert str(error)
