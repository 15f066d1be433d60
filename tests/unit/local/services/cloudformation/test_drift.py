"""Drift: what is changed or deleted behind a stack's back is found, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.services.cloudformation.drift_readers import differences
from tests.unit.local.services.cloudformation.conftest import settled

Deploy = Callable[..., dict[str, Any]]
Aws = Callable[..., Any]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
READ = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::lake/raw/*"]}],
}
BLOCK = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}
TEMPLATE = {
    "Resources": {
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "logs", "RetentionInDays": 30}},
        "Filter": {
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {
                "LogGroupName": {"Ref": "Logs"},
                "FilterPattern": "{ $.auc = * && $.job = * }",
                "MetricTransformations": [
                    {
                        "MetricName": "auc",
                        "MetricNamespace": "Models",
                        "MetricValue": "$.auc",
                        "Dimensions": [{"Key": "job", "Value": "$.job"}],
                    }
                ],
            },
        },
        "Lake": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketName": "lake", "PublicAccessBlockConfiguration": BLOCK},
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "job",
                "AssumeRolePolicyDocument": TRUST,
                "Policies": [{"PolicyName": "plan", "PolicyDocument": READ}],
            },
        },
        "Database": {
            "Type": "AWS::Glue::Database",
            "Properties": {"CatalogId": {"Ref": "AWS::AccountId"}, "DatabaseInput": {"Name": "lake"}},
        },
        "Job": {
            "Type": "AWS::Glue::Job",
            "Properties": {
                "Name": "clean",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Command": {"Name": "glueetl", "ScriptLocation": "s3://lake/clean.py", "PythonVersion": "3"},
                "DefaultArguments": {"--job-language": "python"},
                "NumberOfWorkers": 2,
                "WorkerType": "G.1X",
                "GlueVersion": "5.0",
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "news"}},
    }
}


def detected(cfn: Any, stack: str) -> dict[str, dict[str, Any]]:
    """The drifts of a stack's resources, detected now."""
    detection = cfn.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
    found = cfn.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    assert found["DetectionStatus"] == "DETECTION_COMPLETE"
    drifts = cfn.describe_stack_resource_drifts(StackName=stack)["StackResourceDrifts"]
    assert found["DriftedStackResourceCount"] == sum(d["StackResourceDriftStatus"] != "IN_SYNC" for d in drifts)
    return {drift["LogicalResourceId"]: drift for drift in drifts}


def test_drift_is_what_changed_behind_the_stacks_back(cfn: Any, aws: Aws, deploy: Deploy) -> None:
    assert deploy("lake", TEMPLATE)["StackStatus"] == "CREATE_COMPLETE"
    found = detected(cfn, "lake")
    assert {n: d["StackResourceDriftStatus"] for n, d in found.items()} == dict.fromkeys(
        ("Database", "Filter", "Job", "Lake", "Logs", "Role"), "IN_SYNC"
    )
    assert settled(cfn, "lake")["DriftInformation"]["StackDriftStatus"] == "IN_SYNC"

    aws("logs").put_retention_policy(logGroupName="logs", retentionInDays=7)
    wider = json.loads(json.dumps(READ).replace("raw/*", "*"))
    aws("iam").put_role_policy(RoleName="job", PolicyName="plan", PolicyDocument=json.dumps(wider))
    aws("iam").put_role_policy(RoleName="job", PolicyName="more", PolicyDocument=json.dumps(READ))
    aws("s3").delete_public_access_block(Bucket="lake")
    aws("glue").delete_job(JobName="clean")
    (filtered,) = aws("logs").describe_metric_filters(logGroupName="logs")["metricFilters"]
    name = filtered["filterName"]
    aws("logs").delete_metric_filter(logGroupName="logs", filterName=name)
    found = detected(cfn, "lake")
    assert {n: d["StackResourceDriftStatus"] for n, d in found.items()} == {
        "Database": "IN_SYNC",
        "Filter": "DELETED",
        "Job": "DELETED",
        "Lake": "MODIFIED",
        "Logs": "MODIFIED",
        "Role": "MODIFIED",
    }
    (retention,) = found["Logs"]["PropertyDifferences"]
    assert retention == {
        "PropertyPath": "/RetentionInDays",
        "ExpectedValue": "30",
        "ActualValue": "7",
        "DifferenceType": "NOT_EQUAL",
    }
    assert json.loads(found["Logs"]["ActualProperties"])["RetentionInDays"] == 7
    (policies,) = found["Role"]["PropertyDifferences"]
    assert [p["PolicyName"] for p in json.loads(policies["ActualValue"])] == ["plan", "more"]
    summaries = cfn.list_stack_resources(StackName="lake")["StackResourceSummaries"]
    status = {s["LogicalResourceId"]: s["DriftInformation"]["StackResourceDriftStatus"] for s in summaries}
    assert (status["Job"], status["Topic"]) == ("DELETED", "NOT_CHECKED")
    one = cfn.detect_stack_resource_drift(StackName="lake", LogicalResourceId="Logs")["StackResourceDrift"]
    assert one["StackResourceDriftStatus"] == "MODIFIED"


def test_what_cannot_be_detected_is_refused(cfn: Any, deploy: Deploy) -> None:
    deploy("bad", {"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "not a name"}}}})
    for call in (
        lambda: cfn.detect_stack_drift(StackName="bad"),
        lambda: cfn.detect_stack_drift(StackName="none"),
        lambda: cfn.describe_stack_drift_detection_status(StackDriftDetectionId="0"),
    ):
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] == "ValidationError"


def test_values_compare_as_aws_writes_them() -> None:
    declared = {"Size": "2", "On": "true", "Role": "arn:aws:iam::0:role/job", "Map": {"A": 1}, "Unseen": 1, "One": "x"}
    actual = {"size": 2.0, "on": True, "role": "job", "map": {"a": "1", "b": 2}, "one": ["x"], "More": 1}
    assert differences(declared, actual) == []
    assert [path for path, _, _ in differences(declared, {**actual, "map": {}, "one": ["x", "y"]})] == ["/Map", "/One"]
