"""Filter patterns: terms, JSON selectors, refusals, and a property against plain boolean logic."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from headwater.local.services.logs.filter_pattern import compile_pattern, read_pattern

REQUEST = '[10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0"'

MATCHES = [
    ("", "anything", True),
    ("ERROR", "[ERROR 400] BAD REQUEST", True),
    ("ERROR", "[error 400]", False),
    ("ERROR REQUEST", "[ERROR 400] BAD REQUEST", True),
    ("ERROR MISSING", "[ERROR 400] BAD REQUEST", False),
    ('"BAD REQUEST"', "[ERROR 400] BAD REQUEST", True),
    ('"REQUEST BAD"', "[ERROR 400] BAD REQUEST", False),
    (r'"say \"hi\""', 'they say "hi" there', True),
    ("?ERROR ?WARN", "[WARN] slow", True),
    ("?ERROR ?WARN", "[INFO] fine", False),
    ("ERROR -EXITING", "ERROR EXITING", False),
    ("ERROR -EXITING", "ERROR", True),
    ('- "health check"', "GET health check", False),
    ("?ERROR ?ARGUMENTS REQUEST", "[INFO] REQUEST FAILED", True),
    ("%AUTH[A-Z]+%", "[401] UNAUTHORIZED", True),
    ('{ $.level = "ERROR" }', '{"level": "ERROR"}', True),
    ('{ $.level = "ERROR" }', "ERROR", False),
    ('{ $.level != "ERROR" }', '{"level": "INFO"}', True),
    ('{ $.level != "ERROR" }', '{"other": 1}', False),
    ("{ $.level = ERROR }", '{"level": "ERROR"}', True),
    ('{ $.event = "Update*" }', '{"event": "UpdateTrail"}', True),
    ("{ $.status = 5* }", '{"status": 503}', True),
    ("{ $.ms >= 1.5e2 }", '{"ms": 150}', True),
    ("{ $.ms > 1 }", '{"ms": "2"}', False),
    ("{ $.ms > 1 }", '{"ms": true}', False),
    ("{ $.user.id = 1 && $.users[0].email = %@a% }", '{"user": {"id": 1}, "users": [{"email": "x@a"}]}', True),
    ("{ $.a = 1 || $.b = 2 && $.c = 3 }", '{"a": 1}', True),
    ("{ ($.a = 1 || $.b = 2) && $.c = 3 }", '{"a": 1}', False),
    ("{ $.x IS NULL }", '{"x": null}', True),
    ("{ $.x IS TRUE }", '{"x": true}', True),
    ("{ $.x IS FALSE }", '{"x": 0}', False),
    ("{ $.x NOT EXISTS }", '{"y": 1}', True),
    ("{ $.x NOT EXISTS }", '{"x": null}', False),
    ("{ $.tags[*] = blue }", '{"tags": ["red", "blue"]}', True),
    ("{ $.request-id = 1 }", '{"request-id": 1}', True),
    ("[ip, user, status = 4*, bytes > 100]", "10.0.0.1 ann 404 120", True),
    ("[ip, user, status = 4*, bytes > 100]", "10.0.0.1 ann 404 99", False),
    ("[ip, user, status = 4*, bytes > 100]", "10.0.0.1 ann 404 many", False),
    ("[ip, user]", "10.0.0.1 ann 404", False),
    ("[..., status = 404 || status = 503, bytes]", f"1 - {REQUEST} 503 7", True),
    ("[ip, ..., request = *.html*, status, bytes]", f"1 - {REQUEST} 503 7", True),
    ("[..., w1 != ERROR && w1 != %WARN%]", "it is WARNING", False),
    ("[a, ...]", "", False),
    ("[]", "any words", True),
    ("[a, , b = 3]", "1 2 3", True),
    ("[a, , b = 3]", "1 3", False),
]


@pytest.mark.parametrize(("pattern", "message", "expected"), MATCHES)
def test_patterns(pattern: str, message: str, expected: bool) -> None:
    assert compile_pattern(pattern)(message) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "status:500",
        "[ip, user",
        '[a = "x, b]',
        "[a, a]",
        "[a = 1 || b = 2]",
        "[a > x]",
        "[..., a, ...]",
        "{ $.a = }",
        "{ $.a = 1",
        "{ a = 1 }",
        '{ $.a > "x" }',
        "{ ($.a = 1 }",
        "{ " + "(" * 100_000,
        "{ " + "(" * 100_000 + " }",
        "%[%",
        '"open',
    ],
)
def test_what_cannot_be_read_is_refused(pattern: str) -> None:
    with pytest.raises(ServiceError) as caught:
        compile_pattern(pattern)
    assert caught.value.code == "InvalidParameterException"


def test_the_fields_of_a_match_are_named_as_the_pattern_names_them() -> None:
    assert read_pattern("[ip, ..., bytes]").values(f"1 - {REQUEST} 503 7") == {
        "$ip": "1",
        "$2": "-",
        "$3": "10/Oct/2000:13:25:15 -0700",
        "$4": "GET /index.html HTTP/1.0",
        "$5": "503",
        "$bytes": "7",
    }
    assert read_pattern("{ $.auc = * || $.x[0].y = 1 }").values('{"auc": 0.5, "x": []}') == {"$.auc": "0.5"}


def test_nesting_of_any_depth_is_looked_at_or_passed_over() -> None:
    pattern = read_pattern("{ $.a = * && $.b = 1 }")
    for depth in (1, *range(500, 1000), 100_000):  # Python loads somewhat deeper than it writes
        message = '{"a": ' + "[" * depth + "]" * depth + ', "b": 1}'
        assert pattern.matches(message) == (pattern.values(message).get("$.b") == "1")


def test_the_refusal_of_a_character_is_that_of_aws() -> None:
    with pytest.raises(ServiceError) as caught:
        compile_pattern("a(b")
    assert caught.value.message == "Invalid character(s) in term '('"


values = st.none() | st.booleans() | st.integers(-5, 5) | st.text('abé*"\\ ', max_size=4)


@given(wanted=st.text('ab é"\\', max_size=4), document=st.dictionaries(st.sampled_from("xyz"), values))
def test_a_quoted_string_equals_exactly(wanted: str, document: dict[str, Any]) -> None:
    escaped = wanted.replace("\\", "\\\\").replace('"', '\\"')
    test = compile_pattern('{ $.x = "%s" }' % escaped)
    found = document.get("x")
    expected = found == wanted if isinstance(found, str) else "x" in document and json.dumps(found) == wanted
    assert test(json.dumps(document)) is expected


@given(st.text(max_size=30))
def test_any_text_compiles_or_is_refused(pattern: str) -> None:
    try:
        compile_pattern(pattern)('{"a": [1, {"b": null}]}')
    except ServiceError as error:
        assert error.code == "InvalidParameterException"
