"""What S3 and IAM say of a resource's policy that they do not keep."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.local.identity.policy_checks import bucket_policy_problem, trust_policy_problem

READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/*"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}


def without(statement: dict[str, Any], *names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name not in names} | more


def text(*statements: Any, version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (text(READ), None),
        (text(without(READ, "Action", NotAction="s3:*", Condition={"ForAllValues:StringLikeIfExists": {}})), None),
        (text(without(READ, Action="S3:Get?bject", Resource=["arn:aws:s3:::lake", "arn:aws:s3:::la*/x"])), None),
        ("[1]", "Policies must be valid JSON and the first byte must be '{'"),
        ("{}", "Missing required field Statement"),
        (text(READ, version="2020-01-01"), "The policy must contain a valid version string"),
        (text(READ, without(READ, "Principal")), "Missing required field Principal"),
        (text(without(READ, Effect="Maybe")), "Invalid effect: Maybe"),
        (text(without(READ, "Effect")), "Missing required field Effect"),
        (text(without(READ, "Resource")), "Missing required field Resource"),
        (text(without(READ, Action=["s3:Get*", "sqs:SendMessage"])), "Policy has invalid action"),
        (text(without(READ, Resource="arn:aws:s3:::lake-of-another/*")), "Policy has invalid resource"),
        (text(without(READ, Resource="*")), "Policy has invalid resource"),
        (text(without(READ, Principal={"AWS": ["111122223333", "somebody"]})), "Invalid principal in policy"),
        (text(without(READ, Condition={"StringIs": {"a": "b"}})), "Invalid Condition type : StringIs"),
    ],
)
def test_a_buckets_policy(policy: str, problem: str | None) -> None:
    assert bucket_policy_problem(policy, "lake") == problem


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (text(TRUST), None),
        ("no", "This policy contains invalid Json"),
        (text(without(TRUST, "Principal")), "Missing required field Principal"),
        (text({**TRUST, "Resource": "*"}), "Has prohibited field Resource"),
        (text({**TRUST, "Action": "s3:GetObject"}), "AssumeRole policy may only specify STS AssumeRole actions."),
    ],
)
def test_who_may_assume_a_role(policy: str, problem: str | None) -> None:
    assert trust_policy_problem(policy) == problem
