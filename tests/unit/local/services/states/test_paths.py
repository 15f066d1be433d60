"""JSONPath against an independent reader, and what the dialect says of edges."""

from __future__ import annotations

from typing import Any

import jsonpath_ng.ext
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.services.states.errors import StateFailure
from headwater.local.services.states.path_misses import miss
from headwater.local.services.states.path_parser import compile_path
from headwater.local.services.states.paths import MISSING, PathSyntaxError
from headwater.local.services.states.reference_paths import compile_reference_path

NAMES = st.sampled_from(["a", "b", "c d", "é"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
STEPS = st.one_of(
    NAMES.map(lambda name: f"['{name}']"),
    st.integers(0, 3).map(lambda index: f"[{index}]"),
    st.just("[*]"),
    st.tuples(st.integers(0, 2), st.integers(2, 4)).map(lambda cut: f"[{cut[0]}:{cut[1]}]"),
)


@given(DOCUMENTS, st.lists(STEPS, max_size=3))
def test_reads_what_an_independent_reader_finds(document: Any, steps: list[str]) -> None:
    text = "$" + "".join(steps)
    path = compile_path(text)
    found = [match.value for match in jsonpath_ng.ext.parse(text).find(document) if _is_strict(match)]
    mine = path.read_value(document)
    if path.definite:
        assert mine is MISSING if not found else mine == found[0]
    else:
        assert mine == found


@given(DOCUMENTS, st.lists(STEPS, max_size=1), st.sampled_from(["a", "b"]))
def test_a_deep_scan_finds_what_an_independent_reader_finds(document: Any, steps: list[str], name: str) -> None:
    """The two differ in the order of what they find, which neither defines."""
    text = "$" + "".join(steps) + f"..{name}"
    found = [match.value for match in jsonpath_ng.ext.parse(text).find(document) if _is_strict(match)]
    assert sorted(map(repr, compile_path(text).read_value(document))) == sorted(map(repr, found))


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b"]), st.integers(-2, 2), max_size=2), max_size=5),
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    st.integers(-2, 2),
)
def test_a_filter_finds_what_an_independent_reader_finds(items: list[Any], operator: str, number: int) -> None:
    """Items without the member are left out: of them the two dialects say different things."""
    items = [item for item in items if "a" in item]
    found = jsonpath_ng.ext.parse(f"$.l[?(@.a {operator} {number})]").find({"l": items})
    mine = compile_path(f"$.l[?(@.a {operator} {number})]").read_value({"l": items})
    assert mine == [match.value for match in found]


def _is_strict(match: Any) -> bool:
    """jsonpath-ng also lets an index or wildcard step into what is no list; the language does not."""
    while match.context is not None:
        kind = type(match.path).__name__
        value = match.context.value
        if kind in ("Index", "Slice") and not (
            isinstance(value, list) or (kind == "Slice" and isinstance(value, dict))
        ):
            return False
        match = match.context
    return True


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.a.b[-1]", 3),
        ("$.a['b'][0,2]", [1, 3]),
        ("$..c", [7]),
        ("$.l[?(@.p > 2)].p", [5]),
        ("$.l[?(@.p > 2 || @.q == 'x')].p", [1, 5]),
        ("$.l[?(@.q)].p", [1]),
        ("$.l[?(!@.q)].p", [5]),
        ("$.l[?(@.q =~ /X/i)].p", [1]),
        ("$.l[?(@.p in [5, 6])].p", [5]),
        ("$.missing[*].x", []),
        ("$.missing.x", MISSING),
        ("$.a.b.c", MISSING),
    ],
)
def test_the_dialect(path: str, expected: Any) -> None:
    document = {"a": {"b": [1, 2, 3], "c": 7}, "l": [{"p": 1, "q": "x"}, {"p": 5}]}
    assert compile_path(path).read_value(document) == expected


@pytest.mark.parametrize("text", ["", "a.b", "$.", "$[", "$['a", "$.a b.", "$[?(@.x ==)]", "$.a[x]", "$a b"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(PathSyntaxError):
        compile_path(text)


@given(DOCUMENTS, st.lists(NAMES, min_size=1, max_size=3), st.integers())
def test_what_is_written_at_a_place_is_read_there(document: Any, names: list[str], value: int) -> None:
    if not isinstance(document, dict) or any(isinstance(v, (int, str, list)) for v in document.values()):
        document = {}
    text = "$" + "".join(f"['{name}']" for name in names)
    try:
        changed = compile_reference_path(text).write(document, value)
    except Exception as error:
        assert "ReferencePathConflict" in str(error)
        return
    assert compile_path(text).read_value(changed) == value


def test_a_place_must_be_one() -> None:
    with pytest.raises(PathSyntaxError):
        compile_reference_path("$.a[*]")


def test_a_function_is_a_path_that_leads_nowhere() -> None:
    """re:Post, "sum() function returns error about not finding path": accepted, and not found when it runs."""
    assert compile_path("$.jobs.sum()").read_value({"jobs": [1, 2]}) is MISSING


def test_a_filter_matches_no_scalar() -> None:
    value = {"bar": ["a", "b"], "jar": [{"a": 1}, {"a": 5}, {"a": 7}]}
    assert compile_path("$.bar[?(@ == 'a')]").read_value(value) == []
    assert compile_path("$.jar[?(@.a >= 5)]").read_value(value) == [{"a": 5}, {"a": 7}]


@pytest.mark.parametrize(
    ("path", "document", "text"),
    [
        ("$.a.b", {"a": {}}, "No results for path: $['a']['b']"),
        ("$.a.b.c", {"a": {}}, "Missing property in path $['a']['b']"),
        ("$.a[3]", {"a": [1]}, "No results for path: $['a'][3]"),
        ("$.a[0]", {"a": "x"}, 'Filter: [0] can only be applied to arrays. Current context is: "x"'),
        (
            "$.a.b",
            {"a": 1},
            "Expected to find an object with property ['b'] in path $['a'] but found "
            "'com.fasterxml.jackson.databind.node.IntNode'. This is not a json object according to the JsonProvider: "
            "'com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider'.",
        ),
    ],
)
def test_a_miss_is_told_in_jayway_s_words(path: str, document: Any, text: str) -> None:
    assert miss(compile_path(path), document) == text


@pytest.mark.parametrize(
    ("path", "document", "text"),
    [
        ("$.x", "input1", 'Unable to apply ReferencePath $.x to input "input1"'),
        ("$.a.b", {"a": 1}, 'Unable to apply step "a" to input {"a":1}'),
    ],
)
def test_a_place_that_cannot_be_reached(path: str, document: Any, text: str) -> None:
    with pytest.raises(StateFailure) as caught:
        compile_reference_path(path).write(document, 1)
    assert (caught.value.error, caught.value.cause, caught.value.located) == (
        "States.ReferencePathConflict",
        text,
        False,
    )
