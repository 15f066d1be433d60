"""The policies as documents: parliament finds nothing, each statement has a name of its own and a reason."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from headwater import Lake, Workflow, load_workflow
from headwater.plan.plan import Plan, make_plan
from headwater.plan.render import plain
from headwater.plan.render_policies import policies_json, policies_text
from headwater.plan.sweeper.stack import template as sweeper

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)  # it leaves two of its own files open
    import parliament

FLIGHTS = Path(__file__).resolve().parents[3] / "examples" / "flights"
ACCOUNT = "123456789012"
# What a reference in a policy becomes, by how the reference ends.
ARNS = {
    "Function.Arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f",
    "Logs.Arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/f:*",
    "LogsOfSpark.Arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/emr-serverless/w:*",
    "RoleOfEmr.Arn": f"arn:aws:iam::{ACCOUNT}:role/r.elasticmapreduce",
    "RoleOnEmr.Arn": f"arn:aws:iam::{ACCOUNT}:role/r.emr",
    "Role.Arn": f"arn:aws:iam::{ACCOUNT}:role/r",
    "SparkClusters": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:c",
    "Machine": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:m",
}
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": ACCOUNT, "Account": ACCOUNT}


def resolved(value: Any) -> Any:
    """A part of a template with its references replaced."""
    if isinstance(value, list):
        return [resolved(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        text = value["Fn::Sub"][0] if isinstance(value["Fn::Sub"], list) else value["Fn::Sub"]
        return re.sub(r"\$\{([^}]+)\}", lambda match: referred(match[1]), text)
    if "Ref" in value:
        return referred(value["Ref"])
    if "Fn::GetAtt" in value:
        return referred(".".join(value["Fn::GetAtt"]))
    return {key: resolved(each) for key, each in value.items()}


def referred(name: str) -> str:
    return PSEUDO.get(name) or next((arn for end, arn in ARNS.items() if name.endswith(end)), "name")


def findings(document: dict[str, Any]) -> list[str]:
    policy = parliament.analyze_policy_string(json.dumps(resolved(document)))
    return [f"{each.issue} {each.detail}" for each in policy.findings]


def policies_of(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    roles = {name: found for name, found in template["Resources"].items() if found["Type"] == "AWS::IAM::Role"}
    return {name: found["Properties"]["Policies"][0]["PolicyDocument"] for name, found in roles.items()}


@pytest.fixture(scope="module")
def templates(sample: Plan) -> list[dict[str, Any]]:
    return [sample.template, make_plan(load_workflow(FLIGHTS)).template, sweeper()]


def test_parliament_finds_nothing(templates: list[dict[str, Any]]) -> None:
    for template in templates:
        documents = policies_of(template)
        assert documents
        assert {name: found for name in documents if (found := findings(documents[name]))} == {}


def mismatches(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Each action and the kind of resource that parliament misses beside it in the same statement."""
    policy = parliament.analyze_policy_string(json.dumps(resolved(document)))
    assert {each.issue for each in policy.findings} <= {"RESOURCE_MISMATCH", "RESOURCE_STAR"}
    found = [each.detail for each in policy.findings if each.issue == "RESOURCE_MISMATCH"]
    return {(each["action"], each["required_format"]) for detail in found for each in detail}


def test_of_a_cluster_parliament_says_only_what_it_says_of_awss_own_policy(tmp_path: Path) -> None:
    """It wants every resource of RunInstances in one statement; AWS's policy for EMR's role has them in several."""
    lake = Lake("lake")
    workflow = Workflow("big", lake)
    workflow.root = tmp_path
    (tmp_path / "big.py").write_text("")
    workflow.spark("big", "big.py", reads=lake.raw("x"), engine="emr")
    documents = policies_of(make_plan(workflow).template)
    own = mismatches(documents.pop("RoleOfEmr"))
    managed = json.loads(aws_managed_policies_data)
    assert own and own <= mismatches(managed["AmazonEMRServicePolicy_v2"]["Document"])
    # The machine of clusters is a standard one: its executions have no express ARN.
    express = {("states:DescribeExecution", "arn:*:states:*:*:express:*:*:*")}
    assert mismatches(documents.pop("RoleOfStateMachine")) == express
    assert {name: found for name in documents if (found := findings(documents[name]))} == {}


def test_parliament_would_find_something(sample: Plan) -> None:
    document = json.loads(json.dumps(policies_of(sample.template)["CleanRole"]))
    document["Statement"][0]["Action"] = ["s3:GetObjects"]
    assert any("UNKNOWN_ACTION" in found for found in findings(document))


def test_each_statement_has_a_name_of_its_own(templates: list[dict[str, Any]]) -> None:
    for template in templates:
        for role, document in policies_of(template).items():
            names = [statement["Sid"] for statement in document["Statement"]]
            assert len(set(names)) == len(names), role
            assert all(re.fullmatch("[A-Z][A-Za-z0-9]+", name) for name in names), names


def test_each_role_of_the_template_is_shown_with_its_trust_and_its_statements(sample: Plan) -> None:
    shape = json.loads(json.dumps(policies_json(sample)))
    documents = policies_of(sample.template)
    assert {role["role"] for role in shape["roles"]} == set(documents)
    for role in shape["roles"]:
        assert [each["sid"] for each in role["statements"]] == [s["Sid"] for s in documents[role["role"]]["Statement"]]
        assert role["trust"]["principal"] == role["service"]
    assert [role["what"] for role in shape["roles"]][-2:] == ["State machine", "Schedule"]


def test_every_mark_names_an_action_of_its_statement_and_a_reason(sample: Plan) -> None:
    marked = 0
    for role in sample.roles:
        for each in role.permissions:
            marks = {**each.aws_only, **each.sometimes}
            assert set(marks) <= set(each.actions)
            assert not set(each.aws_only) & set(each.sometimes)
            assert all(len(why.split()) >= 3 for why in marks.values())
            marked += len(marks)
    assert marked > 50


def test_the_tree_gives_the_reason_of_every_statement(sample: Plan) -> None:
    text = plain(policies_text(sample))
    for role in sample.roles:
        for each in role.permissions:
            assert f"{each.sid}: {each.reason}" in text
    assert "AssumedByGlue: glue.amazonaws.com may assume it" in text
    assert "on AWS alone: SageMaker pulls the image from ECR" in text
    assert "only when (glue:BatchStopJobRun): a run is stopped" in text


def test_a_star_has_the_reason_why_nothing_narrower_exists(sample: Plan) -> None:
    stars = [each for role in sample.roles for each in role.permissions if "*" in each.resources]
    assert stars and all("no resource level" in each.reason for each in stars)
