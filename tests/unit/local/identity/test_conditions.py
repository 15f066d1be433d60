"""Condition operators against an oracle that says each of AWS's rules once more, its own way."""

from __future__ import annotations

import base64
import fnmatch
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.identity.policies import conditions_hold

ROLE = "arn:aws:iam::111122223333:role/team/reader"
WORDS = ("a", "ab", "b", "", "A")
# operator → its values, and what a value of the policy says of one of the request
ORACLES: dict[str, tuple[tuple[str, ...], Any]] = {
    "StringEquals": (WORDS, lambda w, f: w == f),
    "StringEqualsIgnoreCase": (WORDS, lambda w, f: w.upper() == f.upper()),
    "StringLike": (("a*", "a", "?", "*b", "ab"), lambda w, f: fnmatch.fnmatchcase(f, w)),
    "NumericEquals": (("1", "1.0", "2", "-3"), lambda w, f: float(w) == float(f)),
    "NumericLessThan": (("1", "1.0", "2", "-3"), lambda w, f: float(f) < float(w)),
    "NumericGreaterThanEquals": (("1", "1.0", "2", "-3"), lambda w, f: not float(f) < float(w)),
    "Bool": (("true", "false"), lambda w, f: w == f),
    "BinaryEquals": (("QQ==", "Qg==", "QUI="), lambda w, f: base64.b64decode(w) == base64.b64decode(f)),
    "DateLessThan": (("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2027-01-01T00:00:00Z"), lambda w, f: f < w),
    "DateEquals": (("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), lambda w, f: f == w),
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}


def oracle(quantifier: str, operator: str, if_exists: bool, wanted: list[str], found: list[str]) -> bool:
    """AWS's rules for one key: values are alternatives, negated operators want none of them, sets may be empty."""
    says = ORACLES[NEGATED.get(operator, operator)][1]
    good = [(operator in NEGATED) != any(says(w, f) for w in wanted) for f in found]
    if not found:
        return if_exists or {"": operator in NEGATED, "ForAllValues:": True, "ForAnyValue:": False}[quantifier]
    return any(good) if quantifier == "ForAnyValue:" else all(good)


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, str, bool, list[str], list[str]]:
    operator = draw(st.sampled_from([*ORACLES, *NEGATED]))
    quantifier = draw(st.sampled_from(["", "ForAllValues:", "ForAnyValue:"]))
    values = st.sampled_from(ORACLES[NEGATED.get(operator, operator)][0])
    wanted = draw(st.lists(values, min_size=1, max_size=3))
    found = draw(st.lists(values, max_size=3 if quantifier else 1))
    return quantifier, operator, draw(st.booleans()), wanted, found


@given(cases(), st.booleans())
def test_an_operator_is_what_aws_documents(
    case: tuple[str, str, bool, list[str], list[str]], empty_is_absent: bool
) -> None:
    quantifier, operator, if_exists, wanted, found = case
    context = {} if not found and empty_is_absent else {"k:key": found}
    name = f"{quantifier}{operator}{'IfExists' if if_exists else ''}"
    assert conditions_hold({name: {"K:Key": wanted}}, context) is oracle(*case)


@given(cases(), cases())
def test_every_key_and_operator_must_hold(one: Any, other: Any) -> None:
    context = {"k:one": one[4], "k:other": other[4]}
    blocks = [
        (f"{quantifier}{operator}{'IfExists' if if_exists else ''}", {key: wanted})
        for key, (quantifier, operator, if_exists, wanted, _) in (("k:one", one), ("k:other", other))
    ]
    both: dict[str, dict[str, Any]] = {}
    for name, keys in blocks:
        both.setdefault(name, {}).update(keys)
    assert conditions_hold(both, context) is all(conditions_hold({name: keys}, context) for name, keys in blocks)


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "holds"),
    [
        ("ArnLike", "arn:aws:iam::111122223333:role/*", ROLE, True),
        ("ArnEquals", "arn:*:iam::*:role/team/*", ROLE, True),
        ("ArnLike", "arn:aws:iam:*:role/*", ROLE, False),  # a wildcard over two parts
        ("ArnLike", "arn:aws:*", ROLE, False),
        ("ArnNotLike", "arn:aws:iam:*:role/*", ROLE, True),
        ("ArnNotEquals", "arn:aws:iam::111122223333:role/*", ROLE, False),
        ("ArnLike", "arn:aws:logs:*:*:log-group:*", "arn:aws:logs:eu-west-1:1:log-group:a:b", True),
        ("BinaryEquals", "QQ", "QQ", False),  # is no base64
        ("NumericEquals", ["many", "9"], "9", True),
        ("NumericEquals", ["9", "many"], "9", True),
        ("NumericNotEquals", "9", "many", False),
        ("DateLessThan", "2026-01-01T00:00:00Z", "9" * 30, False),
        ("DateGreaterThan", "1000", "2026-01-01", True),
        ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
        ("NotIpAddress", ["10.0.0.0/8", "127.0.0.1"], "127.0.0.1", False),
        ("Null", ["true", "false"], "x", True),
        ("Null", "true", [], True),
        ("Null", "false", [], False),
        ("ForNoValue:StringEquals", "a", "a", False),
        ("StringLike", "${k:Who}-x", "ann-x", True),
        ("StringEquals", "${k:none, 'guest'}", "guest", True),
        ("StringLike", "${k:Star}", "anything", False),
        ("StringLike", "${k:Star}", "*", True),
        ("StringEquals", "${k:List}", "['a']", False),
    ],
)
def test_a_rule_of_its_own(operator: str, wanted: Any, found: Any, holds: bool) -> None:
    context = {"k:key": found, "k:who": "ann", "k:star": "*", "k:list": ["a"]}
    assert conditions_hold({operator: {"k:Key": wanted}}, context) is holds
