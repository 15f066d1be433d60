"""Who may assume a role: the trust policy has to allow it, whatever identity policies do."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.local.identity.documents import statements_of
from headwater.local.identity.evaluation import Caller, PolicySet, decide_assuming
from headwater.local.identity.policies import Request

ROLE = "arn:aws:iam::000000000000:role"
CALLER = Caller("arn:aws:sts::000000000000:assumed-role/one/s", "000000000000", f"{ROLE}/one")


def policy(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": effect, "Action": "sts:AssumeRole", **more}]}


IDENTITY = policy(Resource="*")


@pytest.mark.parametrize(
    ("identity", "trust", "allowed"),
    [
        (IDENTITY, policy(Principal={"Service": "states.amazonaws.com"}), False),
        (IDENTITY, policy(Principal={"AWS": f"{ROLE}/other"}), False),
        (IDENTITY, policy(Principal={"AWS": "000000000000"}), True),
        (None, policy(Principal={"AWS": "000000000000"}), False),
        (None, policy(Principal={"AWS": f"{ROLE}/one"}), True),
        (policy("Deny", Resource="*"), policy(Principal={"AWS": f"{ROLE}/one"}), False),
    ],
)
def test_the_trust_policy_has_to_allow(identity: Any, trust: Any, allowed: bool) -> None:
    identity_statements = statements_of(identity, "identity") if identity else []
    policies = PolicySet(identity=identity_statements, resource=statements_of(trust, "trust"))
    assert decide_assuming(Request("sts:AssumeRole", f"{ROLE}/two", {}), policies, CALLER).allowed is allowed
