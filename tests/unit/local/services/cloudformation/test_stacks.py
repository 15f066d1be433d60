"""Stacks through boto3: made, changed, rolled back, deleted, with their events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.local.services.cloudformation.conftest import reasons, settled

Deploy = Callable[..., dict[str, Any]]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def topic(name: str | None = None, **properties: Any) -> dict[str, Any]:
    """A topic of a template."""
    return {"Type": "AWS::SNS::Topic", "Properties": {**({"TopicName": name} if name else {}), **properties}}


def failure(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    """(code, message) of a client's error."""
    body = error.value.response["Error"]
    return body["Code"], body["Message"]


def test_create_stack_makes_resources_in_order_and_gives_outputs(cfn: Any, deploy: Deploy, aws: Any) -> None:
    template = {
        "Description": "two records",
        "Resources": {
            "Allow": {
                "Type": "AWS::IAM::Policy",
                "Properties": {
                    "PolicyName": "publish",
                    "Roles": [{"Ref": "Job"}],
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [{"Effect": "Allow", "Action": "sns:Publish", "Resource": {"Ref": "News"}}],
                    },
                },
            },
            "Job": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "News": topic(),
        },
        "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["Job", "Arn"]}}, "Topic": {"Value": {"Ref": "News"}}},
    }
    stack = deploy("flights", template, Tags=[{"Key": "Environment", "Value": "demo"}])
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    role = outputs["RoleArn"].split("/")[-1]
    assert role.startswith("flights-Job-")
    document = aws("iam").get_role_policy(RoleName=role, PolicyName="publish")["PolicyDocument"]
    assert document["Statement"][0]["Resource"] == outputs["Topic"]
    assert {"Key": "Environment", "Value": "demo"} in aws("iam").list_role_tags(RoleName=role)["Tags"]
    events = [(name, status) for name, status, _ in reasons(cfn, "flights")]
    assert events[0] == ("flights", "CREATE_IN_PROGRESS") and events[-1] == ("flights", "CREATE_COMPLETE")
    assert events.index(("Job", "CREATE_COMPLETE")) < events.index(("Allow", "CREATE_IN_PROGRESS"))


def test_failure_rolls_back_and_says_why(cfn: Any, deploy: Deploy, aws: Any) -> None:
    template = {
        "Resources": {
            "Bad": {
                "Type": "AWS::IAM::Policy",
                "DependsOn": "News",
                "Properties": {"PolicyName": "p", "Roles": ["nobody"], "PolicyDocument": {"Statement": []}},
            },
            "News": topic("news"),
        }
    }
    stack = deploy("broken", template)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = reasons(cfn, "broken")
    assert any(name == "Bad" and status == "CREATE_FAILED" and "nobody" in why for name, status, why in events)
    rollback = next(why for _, status, why in events if status == "ROLLBACK_IN_PROGRESS")
    assert rollback == "The following resource(s) failed to create: [Bad]. Rollback requested by user."
    assert aws("sns").list_topics()["Topics"] == []
    with pytest.raises(ClientError) as error:
        deploy("broken", template, update=True)
    assert "is in ROLLBACK_COMPLETE state and can not be updated." in failure(error)[1]


def test_update_modifies_replaces_and_removes(cfn: Any, deploy: Deploy, aws: Any) -> None:
    first = {"Resources": {"A": topic("a"), "B": topic("b", DisplayName="old"), "C": topic("c")}}
    second = {"Resources": {"A": topic("a2"), "B": topic("b", DisplayName="new")}}
    before = deploy("change", first)
    ids = {r["LogicalResourceId"]: r for r in cfn.describe_stack_resources(StackName="change")["StackResources"]}
    after = deploy("change", second, update=True)
    assert (before["StackStatus"], after["StackStatus"]) == ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    assert after["LastUpdatedTime"] >= before["CreationTime"]
    names = sorted(t["TopicArn"].split(":")[-1] for t in aws("sns").list_topics()["Topics"])
    assert names == ["a2", "b"]
    attributes = aws("sns").get_topic_attributes(TopicArn=ids["B"]["PhysicalResourceId"])["Attributes"]
    assert attributes["DisplayName"] == "new"
    assert {r["LogicalResourceId"] for r in cfn.describe_stack_resources(StackName="change")["StackResources"]} == {
        "A",
        "B",
    }
    with pytest.raises(ClientError) as error:
        deploy("change", second, update=True)
    assert failure(error) == ("ValidationError", "No updates are to be performed.")


def test_failed_update_restores_what_was(cfn: Any, deploy: Deploy, aws: Any) -> None:
    first = {"Resources": {"A": topic("a"), "B": topic("b", DisplayName="old")}}
    bad: dict[str, Any] = {"Type": "AWS::IAM::Policy", "DependsOn": ["A", "B", "D"]}
    bad["Properties"] = {"PolicyName": "p", "Roles": ["nobody"], "PolicyDocument": {}}
    second = {"Resources": {"A": topic("a2"), "B": topic("b", DisplayName="new"), "D": topic("d"), "Bad": bad}}
    deploy("restore", first)
    after = deploy("restore", second, update=True)
    assert after["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    topics = {t["TopicArn"].split(":")[-1]: t["TopicArn"] for t in aws("sns").list_topics()["Topics"]}
    assert sorted(topics) == ["a", "b"]
    assert aws("sns").get_topic_attributes(TopicArn=topics["b"])["Attributes"]["DisplayName"] == "old"
    found = cfn.describe_stack_resources(StackName="restore")["StackResources"]
    assert {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in found} == {"A": topics["a"], "B": topics["b"]}
    assert deploy("restore", {"Resources": {"A": topic("a")}}, update=True)["StackStatus"] == "UPDATE_COMPLETE"


def test_delete_removes_in_reverse_and_keeps_what_is_retained(cfn: Any, deploy: Deploy, aws: Any) -> None:
    stack = deploy("gone", {"Resources": {"A": topic("a"), "K": {**topic("kept"), "DeletionPolicy": "Retain"}}})
    cfn.delete_stack(StackName="gone")
    assert settled(cfn, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert [t["TopicArn"].split(":")[-1] for t in aws("sns").list_topics()["Topics"]] == ["kept"]
    assert ("K", "DELETE_SKIPPED", "") in reasons(cfn, stack["StackId"])
    with pytest.raises(ClientError) as error:
        cfn.describe_stacks(StackName="gone")
    assert failure(error) == ("ValidationError", "Stack with id gone does not exist")
    assert [s["StackName"] for s in cfn.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]] == [
        "gone"
    ]


@pytest.mark.parametrize(
    ("resource", "code", "message"),
    [
        (
            {"Type": "AWS::EC2::Instance"},
            "ValidationError",
            "Headwater does not compute these resource types, which AWS has: [AWS::EC2::Instance]. Nothing was made. "
            "Keep them in a template of their own, which is deployed to AWS alone",
        ),
        (
            topic("x", DisplayName={"Fn::GetAtt": ["W", "Size"]}),
            "ValidationError",
            "Template error: resource type AWS::CloudFormation::WaitConditionHandle does not support attribute type "
            "Size in Fn::GetAtt (it has: none)",
        ),
        (
            topic("x", Colour="red"),
            "ValidationError",
            "Resource R (AWS::SNS::Topic): Encountered unsupported property Colour",
        ),
        (
            {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "me", "AssumeRolePolicyDocument": TRUST}},
            "InsufficientCapabilitiesException",
            "Requires capabilities : [CAPABILITY_NAMED_IAM]",
        ),
    ],
)
def test_create_stack_refuses_by_name(deploy: Deploy, resource: Any, code: str, message: str) -> None:
    with pytest.raises(ClientError) as error:
        handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
        deploy("refused", {"Resources": {"R": resource, "W": handle}}, Capabilities=[])
    assert failure(error) == (code, message)


def test_exports_bind_stacks(cfn: Any, deploy: Deploy) -> None:
    output = {"Value": {"Fn::GetAtt": ["A", "TopicName"]}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-topic"}}}
    deploy("owner", {"Resources": {"A": topic("a")}, "Outputs": {"T": output}})
    user = {"Resources": {"B": topic(DisplayName="x")}, "Outputs": {"U": {"Value": {"Fn::ImportValue": "owner-topic"}}}}
    assert deploy("user", user)["Outputs"][0]["OutputValue"] == "a"
    assert cfn.list_exports()["Exports"][0]["Name"] == "owner-topic"
    assert cfn.list_imports(ExportName="owner-topic")["Imports"] == ["user"]
    with pytest.raises(ClientError) as error:
        cfn.delete_stack(StackName="owner")
    assert failure(error)[1] == "Export owner-topic cannot be deleted as it is in use by user"


def test_termination_protection(cfn: Any, deploy: Deploy) -> None:
    deploy("safe", {"Resources": {"A": topic("a")}}, EnableTerminationProtection=True)
    with pytest.raises(ClientError) as error:
        cfn.delete_stack(StackName="safe")
    assert failure(error)[1] == "Stack [safe] cannot be deleted while TerminationProtection is enabled"
    cfn.update_termination_protection(StackName="safe", EnableTerminationProtection=False)
    cfn.delete_stack(StackName="safe")


def test_parameters_are_hidden_kept_and_checked(cfn: Any, deploy: Deploy) -> None:
    template = {
        "Parameters": {
            "Stage": {"Type": "String", "AllowedValues": ["dev", "prod"], "Default": "dev"},
            "Secret": {"Type": "String", "NoEcho": True},
        },
        "Resources": {"A": topic(DisplayName={"Ref": "Stage"})},
        "Outputs": {"Stage": {"Value": {"Ref": "Stage"}}},
    }
    secret = {"ParameterKey": "Secret", "ParameterValue": "hush"}
    stack = deploy("params", template, Parameters=[secret])
    assert {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]} == {"Stage": "dev", "Secret": "****"}
    kept = {"ParameterKey": "Secret", "UsePreviousValue": True}
    prod = {"ParameterKey": "Stage", "ParameterValue": "prod"}
    assert deploy("params", template, update=True, Parameters=[kept, prod])["Outputs"][0]["OutputValue"] == "prod"
    with pytest.raises(ClientError) as error:
        deploy("params", template, update=True, Parameters=[kept, {**prod, "ParameterValue": "test"}])
    assert failure(error)[1] == "Parameter 'Stage' must be one of AllowedValues"


def test_events_come_by_pages(cfn: Any, deploy: Deploy) -> None:
    resources = {f"W{n}": {"Type": "AWS::CloudFormation::WaitConditionHandle"} for n in range(60)}
    deploy("many", {"Resources": resources})
    first = cfn.describe_stack_events(StackName="many")
    assert len(first["StackEvents"]) == 100 and first["NextToken"]
    assert len(reasons(cfn, "many")) == 122
