"""IAM's evaluation: deny before allow, patterns, conditions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.identity.policies import Request, is_allowed, matches

READ = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::lake/raw/*"}


def allowed(action: str, resource: str | None, *statements: dict[str, Any], **context: Any) -> bool:
    keys = {key.replace("_", ":", 1): value for key, value in context.items()}
    return is_allowed(statements, Request(action, resource, keys))


def test_nothing_is_allowed_by_default() -> None:
    assert not allowed("s3:GetObject", "arn:aws:s3:::lake/raw/x")


def test_an_allow_names_action_and_resource() -> None:
    assert allowed("s3:getobject", "arn:aws:s3:::lake/raw/a/b", READ)
    assert not allowed("s3:PutObject", "arn:aws:s3:::lake/raw/a", READ)
    assert not allowed("s3:GetObject", "arn:aws:s3:::lake/processed/a", READ)


def test_a_deny_wins() -> None:
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    assert not allowed("s3:GetObject", "arn:aws:s3:::lake/raw/x", READ, deny)


def test_not_action_and_not_resource() -> None:
    rest = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    assert allowed("glue:GetTable", "arn:x", rest) and not allowed("iam:PassRole", "arn:x", rest)
    outside = {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::lake/raw/*"}
    assert allowed("s3:GetObject", "arn:aws:s3:::lake/raw/x", READ, outside)


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ({"StringEquals": {"s3:prefix": ["raw/", ""]}}, "raw/", True),
        ({"StringEquals": {"s3:prefix": "raw/"}}, "processed/", False),
        ({"StringLike": {"s3:prefix": "raw/*"}}, "raw/2013/", True),
        ({"StringNotEquals": {"s3:prefix": "raw/"}}, "raw/", False),
        ({"StringNotEquals": {"s3:prefix": "raw/"}}, None, True),
        ({"StringEquals": {"s3:prefix": "raw/"}}, None, False),
        ({"StringEqualsIfExists": {"s3:prefix": "raw/"}}, None, True),
        ({"Null": {"s3:prefix": "true"}}, None, True),
        ({"Null": {"s3:prefix": "true"}}, "x", False),
        ({"NumericLessThan": {"s3:prefix": "10"}}, 9, True),
        ({"NumericLessThan": {"s3:prefix": "10"}}, "many", False),
        ({"Bool": {"s3:prefix": True}}, "true", True),
        ({"DateGreaterThan": {"s3:prefix": "2024-01-01T00:00:00Z"}}, "2024-06-01T00:00:00Z", True),
        ({"IpAddress": {"s3:prefix": "127.0.0.0/8"}}, "127.0.0.1", True),
        ({"ForAnyValue:StringEquals": {"s3:prefix": ["a", "b"]}}, ["x", "b"], True),
        ({"ForAllValues:StringEquals": {"s3:prefix": ["a", "b"]}}, ["x", "b"], False),
        ({"StringEquals": {"s3:prefix": "a${*}${?}${$}"}}, "a*?$", True),
        ({"StringEquals": {"s3:prefix": "a${*}"}}, "ab", False),
        ({"StringLike": {"s3:prefix": "a${*}*"}}, "a*b", True),
        ({"StringLike": {"s3:prefix": "a${*}"}}, "ab", False),
        ({"StringFrobs": {"s3:prefix": "raw/"}}, "raw/", False),
    ],
)
def test_conditions(condition: dict[str, Any], value: Any, holds: bool) -> None:
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*", "Condition": condition}
    context = {} if value is None else {"s3:prefix": value}
    assert is_allowed([statement], Request("s3:ListBucket", "arn:aws:s3:::lake", context)) is holds


def test_a_policy_variable_is_filled() -> None:
    home = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/${aws:userid}/*"}
    assert allowed("s3:GetObject", "arn:aws:s3:::lake/me/x", home, aws_userid="me")
    assert not allowed("s3:GetObject", "arn:aws:s3:::lake/me/x", home)


@given(st.text(max_size=20))
def test_a_pattern_without_wildcards_matches_itself_alone(text: str) -> None:
    literal = text.replace("*", "").replace("?", "").replace("[", "")
    assert matches(literal, literal)
    assert not matches(literal, literal + "x")
    assert matches(literal + "*", literal + "anything\nat all")
