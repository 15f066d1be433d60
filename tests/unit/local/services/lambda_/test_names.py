"""The ways to name a function."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from headwater.local.services.lambda_.names import FunctionName, function_arn

NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True).filter(lambda name: name != "function")
QUALIFIERS = st.none() | st.just("$LATEST") | st.from_regex(r"[a-zA-Z0-9_-]{1,30}", fullmatch=True)


@given(NAMES, QUALIFIERS)
def test_every_form_means_the_same(name: str, qualifier: str | None) -> None:
    end = "" if qualifier is None else f":{qualifier}"
    expected = FunctionName(name, qualifier)
    assert FunctionName.parse(function_arn("us-east-1", "123456789012", name, qualifier)) == expected
    assert FunctionName.parse(f"123456789012:function:{name}{end}") == expected
    assert FunctionName.parse(name, qualifier) == expected


@pytest.mark.parametrize("text", ["", "a b", "a:b:c:d", "arn:aws:s3:::bucket", "x" * 65])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ServiceError) as caught:
        FunctionName.parse(text)
    assert caught.value.code == "ValidationException"


def test_two_qualifiers_must_agree() -> None:
    assert FunctionName.parse("f:1", "1").qualifier == "1"
    with pytest.raises(ServiceError) as caught:
        FunctionName.parse("f:1", "2")
    assert "does not match the specified qualifier" in caught.value.message
