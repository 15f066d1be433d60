"""A planned workflow tells who listens to its topic of a run that failed, and lets nobody else speak there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headwater import Lake, Workflow
from headwater.local.endpoint import LocalEndpoint
from headwater.plan.plan import make_plan
from tests.integration.plan.docs_commands import run_shown
from tests.integration.plan.test_planned_functions import deploy, run, settled

Client = Callable[..., Any]
FAILS = "def handler(event, context):\n    raise ValueError('no rows today')\n"
PREFIX = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"


def test_a_failed_run_raises_its_alarm_and_tells_who_listens(tmp_path: Path, aws: Client) -> None:
    (tmp_path / "fails.py").write_text(FAILS)
    workflow = Workflow("Short-Rows", Lake("words"))
    workflow.root = tmp_path
    workflow.function("count", "fails.py")
    outputs = deploy(make_plan(workflow), aws)
    topic, machine = outputs["AlarmTopicArn"], outputs["StateMachineArn"]
    sqs, cloudwatch, cloudformation = aws("sqs"), aws("cloudwatch"), aws("cloudformation")
    url = sqs.create_queue(QueueName="listens")["QueueUrl"]
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:listens")
    states = {each["AlarmName"]: each for each in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert set(states) == {"short-rows-failed", "short-rows-timed-out", "short-rows-aborted"}

    # Who is no alarm of the workflow is not heard, though it is of the same account.
    cloudwatch.put_metric_alarm(
        AlarmName="stranger",
        Namespace="Other",
        MetricName="Other",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )
    cloudwatch.set_alarm_state(AlarmName="stranger", StateValue="ALARM", StateReason="by hand")
    failed = run(machine, aws)
    assert (failed["status"], failed["error"]) == ("FAILED", "ValueError")

    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MaxNumberOfMessages=10)["Messages"]
    told = json.loads(json.loads(message["Body"])["Message"])
    assert (told["AlarmName"], told["NewStateValue"]) == ("short-rows-failed", "ALARM")
    dimension = told["Trigger"]["Dimensions"][0]
    assert machine in dimension.values()
    found = {each["AlarmName"]: each["StateValue"] for each in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert found["short-rows-failed"] == "ALARM"
    assert found["short-rows-timed-out"] != "ALARM" and found["short-rows-aborted"] != "ALARM"
    history = cloudwatch.describe_alarm_history(AlarmName="stranger", HistoryItemType="Action")["AlarmHistoryItems"]
    assert any("not authorized to perform: SNS:Publish" in item["HistoryData"] for item in history), history

    board = cloudwatch.get_dashboard(DashboardName="Short-Rows-us-east-1")
    widgets = {each["properties"]["title"]: each for each in json.loads(board["DashboardBody"])["widgets"]}
    assert widgets["Runs"]["properties"]["metrics"][0][-1] == machine
    assert f"{PREFIX}short-rows-failed" in widgets["Alarms"]["properties"]["alarms"]
    tags = cloudwatch.list_tags_for_resource(ResourceARN=board["DashboardArn"])["Tags"]
    assert {"Key": "headwater:workflow", "Value": "Short-Rows"} in tags

    stack = cloudformation.describe_stacks(StackName=workflow.name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=workflow.name)
    gone = settled(lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0], "StackStatus")
    assert gone["StackStatus"] == "DELETE_COMPLETE", gone
    assert [each["AlarmName"] for each in cloudwatch.describe_alarms()["MetricAlarms"]] == ["stranger"]
    assert not cloudwatch.list_dashboards()["DashboardEntries"] and not aws("sns").list_topics()["Topics"]


def test_people_subscribe_as_the_docs_say(tmp_path: Path, endpoint: LocalEndpoint, aws: Client) -> None:
    (tmp_path / "fails.py").write_text(FAILS)
    workflow = Workflow("Short-Rows", Lake("words"))
    workflow.root = tmp_path
    workflow.function("count", "fails.py")
    topic = deploy(make_plan(workflow), aws)["AlarmTopicArn"]
    run_shown(endpoint.url, "sns subscribe", {"<AlarmTopicArn>": topic})
    (found,) = aws("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (found["Protocol"], found["Endpoint"]) == ("email", "you@example.com")
