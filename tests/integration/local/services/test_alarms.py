"""Alarms through boto3 and CloudFormation: a run that really fails tells a queue that listens to the topic."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import LocalEndpoint

Clients = Callable[..., Any]
ACCOUNT = "000000000000"
HANDLER = "def handler(event, context):\n    raise ValueError('no rows today')\n"
TRIGGERED = {"Namespace": "AWS/States", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0}
BODY = {"widgets": [{"type": "text", "properties": {"markdown": "# Runs"}}]}


def trust(service: str) -> dict[str, Any]:
    allowed = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [allowed]}


def failing_function(aws: Clients) -> str:
    """A function that raises; its ARN."""
    aws("iam").create_role(RoleName="works", AssumeRolePolicyDocument=json.dumps(trust("lambda.amazonaws.com")))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("work.py", HANDLER)
    made = aws("lambda").create_function(
        FunctionName="raises",
        Runtime="python3.11",
        Role=f"arn:aws:iam::{ACCOUNT}:role/works",
        Handler="work.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    return str(made["FunctionArn"])


def stack_of(function: str) -> dict[str, Any]:
    """A machine that calls the function, an alarm on its failures, a topic that only CloudWatch publishes to."""
    state = {"Type": "Task", "Resource": function, "End": True}
    may = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}
    publish = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": {"Ref": "Topic"},
    }
    return {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": trust("states.amazonaws.com"),
                "Policies": [
                    {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [may]}},
                ],
            },
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": json.dumps({"StartAt": "Work", "States": {"Work": state}}),
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "heard"}},
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"Subscription": [{"Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]}}]},
        },
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Topic"}],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [publish]},
            },
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                **TRIGGERED,
                "AlarmName": "failed",
                "MetricName": "ExecutionsFailed",
                "Dimensions": [{"Name": "StateMachineArn", "Value": {"Ref": "Machine"}}],
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [{"Ref": "Topic"}],
            },
        },
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": "runs", "DashboardBody": json.dumps(BODY)},
        },
    }


def received(aws: Clients, queue: str, limit_s: float = 40) -> dict[str, Any]:
    """The next alarm that the queue is told of."""
    url = aws("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        for message in aws("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages", []):
            aws("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            told: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])
            return told
    pytest.fail(f"the queue {queue} heard nothing")


def test_a_failed_run_raises_the_stacks_alarm_and_tells_the_queue(endpoint: LocalEndpoint, aws: Clients) -> None:
    template = json.dumps({"Resources": stack_of(failing_function(aws))})
    cloudformation, cloudwatch = aws("cloudformation"), aws("cloudwatch")
    cloudformation.create_stack(StackName="watched", TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName="watched", WaiterConfig={"Delay": 1})
    found = cloudformation.describe_stack_resources(StackName="watched")["StackResources"]
    machine = next(each["PhysicalResourceId"] for each in found if each["LogicalResourceId"] == "Machine")
    assert json.loads(cloudwatch.get_dashboard(DashboardName="runs")["DashboardBody"]) == BODY

    aws("stepfunctions").start_execution(stateMachineArn=machine)
    told = received(aws, "heard")

    assert (told["AlarmName"], told["NewStateValue"], told["Region"]) == ("failed", "ALARM", "US East (N. Virginia)")
    assert told["Trigger"]["Dimensions"] == [{"name": "StateMachineArn", "value": machine}]
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["failed"])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM"
    assert "greater than the threshold (0.0)" in alarm["StateReason"]
    history = cloudwatch.describe_alarm_history(AlarmName="failed", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert history[0]["HistorySummary"].endswith("to ALARM")
    assert acted(cloudwatch, "failed")["HistorySummary"].startswith("Successfully executed action arn:aws:sns:")
    names = {each["MetricName"] for each in cloudwatch.list_metrics(Namespace="AWS/States")["Metrics"]}
    assert names == {"ExecutionsStarted", "ExecutionsFailed", "ExecutionTime"}

    cloudformation.delete_stack(StackName="watched")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="watched", WaiterConfig={"Delay": 1})
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []


def test_a_state_set_by_hand_acts_only_while_actions_are_on(aws: Clients) -> None:
    sns, sqs, cloudwatch = aws("sns"), aws("sqs"), aws("cloudwatch")
    topic = sns.create_topic(Name="t")["TopicArn"]
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    alarm = {**TRIGGERED, "Namespace": "app", "MetricName": "ms", "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName="a", **alarm, TreatMissingData="ignore", AlarmActions=[topic])
    assert [each["AlarmName"] for each in metric_alarms(cloudwatch)] == ["a"]

    cloudwatch.disable_alarm_actions(AlarmNames=["a"])
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="unheard")
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="OK", StateReason="again")
    cloudwatch.enable_alarm_actions(AlarmNames=["a"])
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="heard")
    assert received(aws, "q")["NewStateReason"] == "heard"

    cloudwatch.delete_alarms(AlarmNames=["a", "never made"])
    assert metric_alarms(cloudwatch) == []


KEY_POLICY = {
    "Effect": "Allow",
    "Principal": {"Service": "cloudwatch.amazonaws.com"},
    "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
    "Resource": "*",
}


@pytest.mark.parametrize("key", ["alias/aws/sns", "closed", "open"])
def test_an_encrypted_topic_is_told_only_when_its_key_lets_cloudwatch_in(aws: Clients, key: str) -> None:
    sns, cloudwatch = aws("sns"), aws("cloudwatch")
    if key in ("closed", "open"):
        own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*"}
        statements = [{**own, "Resource": "*"}, *([KEY_POLICY] if key == "open" else [])]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        key = aws("kms").create_key(Policy=policy)["KeyMetadata"]["KeyId"]
        may = len(statements) == 2
    else:
        may = False
    topic = sns.create_topic(Name="t", Attributes={"KmsMasterKeyId": key})["TopicArn"]
    alarm = {**TRIGGERED, "Namespace": "app", "MetricName": "ms", "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName="a", **alarm, AlarmActions=[topic])

    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="by hand")

    summary = acted(cloudwatch, "a")["HistorySummary"]
    assert summary == (
        f"Successfully executed action {topic}"
        if may
        else f'Failed to execute action {topic}. Received error: "CloudWatch Alarms does not have authorization to '
        'access the SNS topic encryption key."'
    )


def acted(cloudwatch: Any, alarm: str, limit_s: float = 20) -> dict[str, Any]:
    """What became of the latest action of an alarm."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        for item in cloudwatch.describe_alarm_history(AlarmName=alarm, HistoryItemType="Action")["AlarmHistoryItems"]:
            return dict(item)
    pytest.fail(f"the alarm {alarm} did nothing")


def metric_alarms(cloudwatch: Any) -> list[dict[str, Any]]:
    found = cloudwatch.describe_alarms_for_metric(Namespace="app", MetricName="ms")["MetricAlarms"]
    return list(found)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"Period": 45}, "Period must be"),
        ({"Statistic": "Median"}, "Median is not computed here"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "Invalid arn syntax"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must be 1 to"),
    ],
)
def test_an_alarm_that_cannot_be_kept_to_is_refused(aws: Clients, given: dict[str, Any], complaint: str) -> None:
    alarm = {**TRIGGERED, "AlarmName": "a", "MetricName": "m", "ComparisonOperator": "GreaterThanThreshold", **given}
    with pytest.raises(ClientError, match=complaint):
        aws("cloudwatch").put_metric_alarm(**alarm)
    assert aws("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_a_dashboard_that_aws_could_not_draw_is_refused(aws: Clients) -> None:
    body = json.dumps({"widgets": [{"type": "metric", "width": 25, "properties": {"metrics": "all"}}]})
    with pytest.raises(ClientError, match="2 validation errors") as caught:
        aws("cloudwatch").put_dashboard(DashboardName="d", DashboardBody=body)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterInput"
