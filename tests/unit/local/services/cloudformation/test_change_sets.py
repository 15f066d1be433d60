"""Change sets: what they say, and that doing them does what they said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.cloud.stack_states import make_deployable
from headwater.cloud.stacks import Stacks
from headwater.errors import StackError
from tests.unit.local.services.cloudformation.conftest import settled

Deploy = Callable[..., dict[str, Any]]
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


def topic(name: str, **properties: Any) -> dict[str, Any]:
    """A topic of a template."""
    return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name, **properties}}


def change_set(cfn: Any, stack: str, template: Any, kind: str = "UPDATE", **options: Any) -> dict[str, Any]:
    """A change set, described."""
    made = cfn.create_change_set(
        StackName=stack, ChangeSetName="next", ChangeSetType=kind, TemplateBody=json.dumps(template), **options
    )
    described: dict[str, Any] = cfn.describe_change_set(ChangeSetName=made["Id"])
    return described


def test_a_stack_is_made_by_a_change_set(cfn: Any) -> None:
    found = change_set(cfn, "new", {"Resources": {"A": topic("a")}}, "CREATE")
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert [c["ResourceChange"]["Action"] for c in found["Changes"]] == ["Add"]
    assert cfn.describe_stacks(StackName="new")["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert [s["ChangeSetName"] for s in cfn.list_change_sets(StackName="new")["Summaries"]] == ["next"]
    cfn.execute_change_set(ChangeSetName="next", StackName="new")
    stack = settled(cfn, "new")
    assert (stack["StackStatus"], stack["ChangeSetId"]) == ("CREATE_COMPLETE", found["ChangeSetId"])
    with pytest.raises(ClientError) as error:
        cfn.describe_change_set(ChangeSetName="next", StackName="new")
    assert error.value.response["Error"]["Code"] == "ChangeSetNotFound"


def test_differences(cfn: Any, deploy: Deploy) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Seconds"}}}
    user = topic("user", DisplayName={"Fn::GetAtt": ["Moved", "TopicName"]})
    policy = {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:0:q", "TopicArn": {"Ref": "Moved"}},
    }
    parameter = {"Seconds": {"Type": "Number", "Default": 30}}
    first = {
        "Parameters": parameter,
        "Resources": {
            "Gone": topic("gone"),
            "Moved": topic("m1"),
            "Queue": queue,
            "Same": topic("same"),
            "Sub": policy,
            "User": user,
        },
    }
    second = {
        "Parameters": parameter,
        "Resources": {
            "Moved": topic("m2"),
            "New": topic("new"),
            "Queue": queue,
            "Same": topic("same"),
            "Sub": policy,
            "User": user,
        },
    }
    deploy("diff", first)
    seconds = {"ParameterKey": "Seconds", "ParameterValue": "60"}
    found = change_set(cfn, "diff", second, Parameters=[seconds])
    changes = {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"] for c in found["Changes"]}
    assert {name: (c["Action"], c.get("Replacement")) for name, c in changes.items()} == {
        "Gone": ("Remove", None),
        "Moved": ("Modify", "True"),
        "New": ("Add", None),
        "Queue": ("Modify", "False"),
        "Sub": ("Modify", "Conditional"),
        "User": ("Modify", "False"),
    }
    detail = changes["Queue"]["Details"][0]
    assert (detail["ChangeSource"], detail["CausingEntity"]) == ("ParameterReference", "Seconds")
    assert changes["Moved"]["Details"][0]["Target"]["RequiresRecreation"] == "Always"
    assert (changes["User"]["Details"][0]["Evaluation"], changes["User"]["Details"][0]["CausingEntity"]) == (
        "Dynamic",
        "Moved.TopicName",
    )
    cfn.execute_change_set(ChangeSetName="next", StackName="diff")
    assert settled(cfn, "diff")["StackStatus"] == "UPDATE_COMPLETE"


def test_a_change_set_without_changes_fails(cfn: Any, deploy: Deploy) -> None:
    template = {"Resources": {"A": topic("a")}}
    deploy("same", template)
    found = change_set(cfn, "same", template)
    assert (found["Status"], found["StatusReason"], found["ExecutionStatus"]) == ("FAILED", NO_CHANGES, "UNAVAILABLE")
    with pytest.raises(ClientError) as error:
        cfn.execute_change_set(ChangeSetName="next", StackName="same")
    assert error.value.response["Error"]["Code"] == "InvalidChangeSetStatus"
    cfn.delete_change_set(ChangeSetName="next", StackName="same")
    outputs = {**template, "Outputs": {"X": {"Value": "1"}}}
    assert change_set(cfn, "same", outputs)["Status"] == "CREATE_COMPLETE"


def test_a_template_from_s3(endpoint: Any, aws: Callable[..., Any], cfn: Any) -> None:
    body = json.dumps({"Resources": {"A": topic("a")}, "Outputs": {"Arn": {"Value": {"Ref": "A"}}}})
    s3 = aws("s3")
    s3.create_bucket(Bucket="assets")
    s3.put_object(Bucket="assets", Key="t/x.json", Body=body.encode())
    cfn.create_stack(StackName="url", TemplateURL=f"{endpoint.url}/assets/t/x.json")
    assert settled(cfn, "url")["Outputs"][0]["OutputValue"].endswith(":a")
    assert cfn.get_template(StackName="url")["TemplateBody"] == json.loads(body)
    summary = cfn.get_template_summary(StackName="url")
    assert summary["ResourceTypes"] == ["AWS::SNS::Topic"]
    with pytest.raises(ClientError) as error:
        cfn.validate_template(TemplateURL="https://assets.s3.amazonaws.com/t/none.json")
    assert "S3 error" in error.value.response["Error"]["Message"]


def test_what_exists_is_imported_when_asked(cfn: Any, deploy: Deploy, aws: Callable[..., Any]) -> None:
    lake: dict[str, Any] = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": "lake"}}
    group = {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Retain", "Properties": {"LogGroupName": "/a"}}
    template = {"Resources": {"Lake": lake, "Logs": group, "A": topic("a")}}
    stack = deploy("lake", template)
    aws("s3").put_object(Bucket="lake", Key="raw/x", Body=b"1")
    cfn.delete_stack(StackName="lake")
    settled(cfn, stack["StackId"])
    assert deploy("lake", template)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert aws("s3").head_object(Bucket="lake", Key="raw/x")
    cfn.delete_stack(StackName="lake")
    lake["Properties"]["VersioningConfiguration"] = {"Status": "Suspended"}
    found = change_set(cfn, "lake2", template, "CREATE", ImportExistingResources=True)
    actions = {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"]["Action"] for c in found["Changes"]}
    assert actions == {"A": "Add", "Lake": "Import", "Logs": "Import"}
    cfn.execute_change_set(ChangeSetName="next", StackName="lake2")
    assert settled(cfn, "lake2")["StackStatus"] == "CREATE_COMPLETE"
    assert aws("s3").get_bucket_versioning(Bucket="lake")["Status"] == "Suspended"
    bad = {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "p", "Roles": ["nobody"], "PolicyDocument": {}}}
    cfn.delete_stack(StackName="lake2")
    failing = {"Resources": {**template["Resources"], "Bad": {**bad, "DependsOn": ["Lake"]}}}
    options = {"ImportExistingResources": True, "Capabilities": ["CAPABILITY_IAM"]}
    change_set(cfn, "lake3", failing, "CREATE", **options)
    cfn.execute_change_set(ChangeSetName="next", StackName="lake3")
    assert settled(cfn, "lake3")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert aws("s3").head_object(Bucket="lake", Key="raw/x")


def test_the_cloud_library_deploys_explains_and_takes_over(endpoint: Any, aws: Callable[..., Any], cfn: Any) -> None:
    class Local:
        poll_s = 0.01

        def client(self, service: str) -> Any:
            return aws(service)

    stacks = Stacks(Local())  # type: ignore[arg-type]

    def deploy(name: str, body: str, tags: dict[str, str]) -> dict[str, str] | None:
        make_deployable(stacks, name)
        proposed = stacks.propose(name, body, {}, tags)
        return stacks.execute(proposed) if proposed else None

    lake = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": "lake"}}
    bad = {"Type": "AWS::SNS::Topic", "DependsOn": "Lake", "Properties": {"TopicName": "not a name"}}
    outputs = {"Bucket": {"Value": {"Ref": "Lake"}}}
    failing = json.dumps({"Resources": {"Lake": lake, "Bad": bad}, "Outputs": outputs})
    with pytest.raises(StackError, match="Bad: "):
        deploy("flights", failing, {})
    sound = json.dumps({"Resources": {"Lake": lake}, "Outputs": outputs})
    assert deploy("flights", sound, {"Environment": "demo"}) == {"Bucket": "lake"}
    assert deploy("flights", sound, {"Environment": "demo"}) is None
    stacks.delete("flights")
    assert stacks.describe("flights") is None
    assert aws("s3").head_bucket(Bucket="lake")


def test_a_change_set_tells_values_when_asked(cfn: Any, deploy: Deploy) -> None:
    deploy("values", {"Resources": {"A": topic("a", DisplayName="old"), "B": topic("b")}})
    second = {"Resources": {"A": topic("a", DisplayName="new", KmsMasterKeyId="k"), "C": topic("c")}}
    plain = change_set(cfn, "values", second)["Changes"]
    assert not any("AfterContext" in c["ResourceChange"] or "BeforeContext" in c["ResourceChange"] for c in plain)
    assert all("AfterValue" not in d["Target"] for d in plain[0]["ResourceChange"]["Details"])
    asked = cfn.describe_change_set(ChangeSetName="next", StackName="values", IncludePropertyValues=True)["Changes"]
    found = {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"] for c in asked}
    targets = {d["Target"]["Name"]: d["Target"] for d in found["A"]["Details"]}
    assert (targets["DisplayName"]["BeforeValue"], targets["DisplayName"]["AfterValue"]) == ("old", "new")
    assert targets["DisplayName"]["Path"] == "/Properties/DisplayName"
    assert targets["KmsMasterKeyId"]["AttributeChangeType"] == "Add"
    assert json.loads(found["B"]["BeforeContext"])["Properties"] == {"TopicName": "b"}
    assert json.loads(found["C"]["AfterContext"])["Properties"] == {"TopicName": "c"}


def test_nested_stacks_are_refused_by_name(cfn: Any) -> None:
    with pytest.raises(ClientError, match="does not compute nested stacks"):
        change_set(cfn, "nested", {"Resources": {"A": topic("a")}}, "CREATE", IncludeNestedStacks=True)
    with pytest.raises(ClientError, match="does not exist"):
        cfn.describe_stacks(StackName="nested")
