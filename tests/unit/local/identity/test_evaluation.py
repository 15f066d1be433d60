"""Who a resource's policy speaks of, and what that decides."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.local.identity.evaluation import Caller, PolicySet, decide
from headwater.local.identity.policies import Request

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
SESSION = Caller(f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/me", ACCOUNT, ROLE)
READ = Request("s3:GetObject", "arn:aws:s3:::lake/x", {})


def statement(effect: str, **principal: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "s3:*", "Resource": "*", **principal}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([statement("Allow", Principal={"AWS": ROLE})], True),
        ([statement("Allow", Principal={"AWS": ACCOUNT})], False),  # the account's own policies must allow it
        ([statement("Allow", NotPrincipal={"AWS": ROLE})], False),
        ([statement("Allow", NotPrincipal={"AWS": f"{ROLE}-of-another"})], True),
        ([statement("Allow", Principal="*"), statement("Deny", NotPrincipal={"AWS": ROLE})], True),
        ([statement("Allow", Principal="*"), statement("Deny", NotPrincipal={"AWS": f"{ROLE}s"})], False),
    ],
)
def test_a_resources_policy_alone(statements: list[dict[str, Any]], allowed: bool) -> None:
    assert decide(READ, PolicySet(resource=statements), SESSION).allowed is allowed


def test_a_session_policy_bounds_what_a_resources_policy_gives_the_role_and_not_the_session() -> None:
    nothing: list[dict[str, Any]] = []
    to_role = [statement("Allow", Principal={"AWS": ROLE})]
    to_session = [statement("Allow", Principal={"AWS": SESSION.arn})]
    assert not decide(READ, PolicySet(session=nothing, resource=to_role), SESSION).allowed
    assert decide(READ, PolicySet(session=nothing, boundary=nothing, resource=to_session), SESSION).allowed
