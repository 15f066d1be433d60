"""IAM's policy simulators answer by the evaluator that decides every call."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
Aws = Callable[..., Any]


def document(effect: str, *actions: str, resource: str = "*", **more: Any) -> str:
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def results(answer: Any) -> dict[tuple[str, str], str]:
    return {(r["EvalActionName"], r["EvalResourceName"]): r["EvalDecision"] for r in answer["EvaluationResults"]}


def test_given_policies_are_simulated(aws: Aws) -> None:
    raw, other = "arn:aws:s3:::lake/raw/a", "arn:aws:s3:::lake/other"
    answer = aws("iam").simulate_custom_policy(
        PolicyInputList=[
            document("Allow", "s3:*", resource="arn:aws:s3:::lake/raw/*"),
            document("Deny", "s3:DeleteObject"),
        ],
        ActionNames=["s3:GetObject", "s3:DeleteObject"],
        ResourceArns=[raw, other],
    )
    assert results(answer) == {
        ("s3:GetObject", raw): "allowed",
        ("s3:GetObject", other): "implicitDeny",
        ("s3:DeleteObject", raw): "explicitDeny",
        ("s3:DeleteObject", other): "explicitDeny",
    }
    first, _, denied, _ = answer["EvaluationResults"]
    assert [each["SourcePolicyId"] for each in first["MatchedStatements"]] == ["PolicyInputList.1"]
    assert [each["SourcePolicyId"] for each in denied["MatchedStatements"]] == ["PolicyInputList.2"]
    assert first["ResourceSpecificResults"][0]["EvalResourceDecision"] == "allowed"


def test_context_is_asked_for_and_taken(aws: Aws) -> None:
    policy = document("Allow", "s3:ListBucket", Condition={"StringLike": {"s3:prefix": "raw/*"}})
    ask = {"PolicyInputList": [policy], "ActionNames": ["s3:ListBucket"]}
    [missing] = aws("iam").simulate_custom_policy(**ask)["EvaluationResults"]
    assert (missing["EvalDecision"], missing["MissingContextValues"]) == ("implicitDeny", ["s3:prefix"])
    entry = {"ContextKeyName": "s3:prefix", "ContextKeyValues": ["raw/a/"], "ContextKeyType": "string"}
    [given] = aws("iam").simulate_custom_policy(**ask, ContextEntries=[entry])["EvaluationResults"]
    assert (given["EvalDecision"], given["MissingContextValues"]) == ("allowed", [])


def test_a_roles_own_policies_boundary_and_pages(aws: Aws) -> None:
    iam = aws("iam")
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=document("Allow", "s3:GetObject"))["Policy"]["Arn"]
    trust = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]})
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust, PermissionsBoundary=bound)["Role"]["Arn"]
    iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=document("Allow", "s3:*"))
    ask = {"PolicySourceArn": role, "ActionNames": ["s3:GetObject", "s3:PutObject", "glue:GetJob"]}
    pages = iam.get_paginator("simulate_principal_policy").paginate(**ask, PaginationConfig={"PageSize": 2})
    found = [result for page in pages for result in page["EvaluationResults"]]
    assert [each["EvalDecision"] for each in found] == ["allowed", "implicitDeny", "implicitDeny"]
    within = [each["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] for each in found]
    assert within == [True, False, False]
    assert found[0]["MatchedStatements"][0]["SourcePolicyId"] == "own"


def test_a_resource_policy_alone_lets_its_caller_in(aws: Aws) -> None:
    user = f"arn:aws:iam::{ACCOUNT}:user/me"
    target = "arn:aws:s3:::lake/a"
    policy = document("Allow", "s3:GetObject", resource=target, Principal={"AWS": user})
    [result] = aws("iam").simulate_custom_policy(
        PolicyInputList=[document("Allow", "glue:GetJob")],
        ActionNames=["s3:GetObject"],
        ResourceArns=[target],
        ResourcePolicy=policy,
        CallerArn=user,
    )["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"
    assert result["EvalDecisionDetails"] == {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"PolicyInputList": ["{"]}, "InvalidInput"),
        ({"PolicyInputList": ["{}"]}, "InvalidInput"),
        ({"PolicyInputList": [document("Maybe", "s3:*")]}, "InvalidInput"),
        ({"PolicyInputList": [document("Allow", "s3:*")], "ActionNames": ["everything"]}, "InvalidInput"),
        ({"PolicyInputList": [document("Allow", "s3:*")], "Marker": "x"}, "InvalidInput"),
    ],
)
def test_what_cannot_be_simulated_is_refused(aws: Aws, members: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        aws("iam").simulate_custom_policy(**{"ActionNames": ["s3:GetObject"], **members})
    assert refused.value.response["Error"]["Code"] == code


def test_a_role_that_is_not_there_is_no_entity(aws: Aws) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/none"
    with pytest.raises(ClientError) as refused:
        aws("iam").simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:GetObject"])
    assert refused.value.response["Error"]["Code"] == "NoSuchEntity"
