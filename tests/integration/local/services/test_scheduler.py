"""Schedules through boto3 and CloudFormation: they really start a state machine, as a role that may."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from tests.conftest import client_factory

Clients = Callable[..., Any]
ACCOUNT = "000000000000"
PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
OFF = {"Mode": "OFF"}


def role(aws: Clients, name: str, service: str, allow: list[str]) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    may = {"Effect": "Allow", "Action": allow, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    aws("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def soon(seconds: float = 1.0) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return f"at({moment.replace(microsecond=0) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})"


class Ended:
    """Waits for the end of an execution."""

    def __init__(self, endpoint: LocalEndpoint) -> None:
        self.arns: list[str] = []
        self.event = threading.Event()
        endpoint.bus.subscribe("states.execution", self._hear)

    def _hear(self, told: dict[str, Any]) -> None:
        if told["status"] == "SUCCEEDED":
            self.arns.append(told["id"])
            self.event.set()

    def wait(self) -> str:
        assert self.event.wait(30), "no execution ended"
        self.event.clear()
        return self.arns[-1]


def test_a_stack_schedules_its_machine(endpoint: LocalEndpoint, aws: Clients) -> None:
    ended = Ended(endpoint)
    starts = role(aws, "starts", "scheduler.amazonaws.com", ["states:StartExecution"])
    runs = role(aws, "runs", "states.amazonaws.com", ["sns:Publish"])
    schedule = {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "Name": "soon",
            "ScheduleExpression": soon(),
            "FlexibleTimeWindow": OFF,
            "Target": {"Arn": {"Ref": "M"}, "RoleArn": starts, "Input": '{"when": "<aws.scheduler.scheduled-time>"}'},
        },
    }
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString": PASS, "RoleArn": runs}}
    template = {
        "Resources": {"M": machine, "S": schedule},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["S", "Arn"]}}},
    }
    stacks = aws("cloudformation")
    stacks.create_stack(StackName="scheduled", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName="scheduled", WaiterConfig={"Delay": 0.1})
    found = aws("stepfunctions").describe_execution(executionArn=ended.wait())
    due = schedule["Properties"]["ScheduleExpression"]  # type: ignore[index]
    assert json.loads(found["input"]) == {"when": str(due)[3:-1] + "Z"}
    (output,) = stacks.describe_stacks(StackName="scheduled")["Stacks"][0]["Outputs"]
    assert output["OutputValue"] == f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/soon"
    stacks.delete_stack(StackName="scheduled")
    stacks.get_waiter("stack_delete_complete").wait(StackName="scheduled", WaiterConfig={"Delay": 0.1})
    assert aws("scheduler").list_schedules()["Schedules"] == []


def test_a_role_that_may_not_start_leaves_a_dead_letter(aws: Clients) -> None:
    url = aws("sqs").create_queue(QueueName="dead")["QueueUrl"]
    machine = aws("stepfunctions").create_state_machine(
        name="m", definition=PASS, roleArn=role(aws, "runs", "states.amazonaws.com", ["sns:Publish"])
    )["stateMachineArn"]
    target = {
        "Arn": machine,
        "RoleArn": role(aws, "buries", "scheduler.amazonaws.com", ["sqs:SendMessage"]),
        "Input": "{}",
        "DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead"},
    }
    aws("scheduler").create_schedule(Name="s", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF, Target=target)
    (message,) = aws("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])["Messages"]
    told = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert told["ERROR_CODE"] == "NO_PERMISSIONS" and "states:StartExecution" in told["ERROR_MESSAGE"]
    assert (message["Body"], told["RETRY_ATTEMPTS"], told["TARGET_ARN"]) == ("{}", "0", machine)


def test_what_is_due_fires_after_a_restart_and_never_for_one_command(tmp_path: Path) -> None:
    def start(**settings: Any) -> tuple[LocalEndpoint, Clients]:
        live = LocalEndpoint(EndpointSettings(home=tmp_path / ".headwater", **settings))
        live.start()
        return live, client_factory(live.url)

    live, aws = start(fire_schedules=False)
    try:
        machine = aws("stepfunctions").create_state_machine(
            name="m", definition=PASS, roleArn=role(aws, "runs", "states.amazonaws.com", ["sns:Publish"])
        )["stateMachineArn"]
        target = {"Arn": machine, "RoleArn": role(aws, "r", "scheduler.amazonaws.com", ["states:*"]), "Input": "{}"}
        aws("scheduler").create_schedule(
            Name="s", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF, Target=target
        )
        assert aws("stepfunctions").list_executions(stateMachineArn=machine)["executions"] == []
    finally:
        live.stop()
    again, aws = start(resume_work=True)
    try:
        ended = Ended(again)
        if not aws("stepfunctions").list_executions(stateMachineArn=machine, statusFilter="SUCCEEDED")["executions"]:
            ended.wait()
        assert len(aws("stepfunctions").list_executions(stateMachineArn=machine)["executions"]) == 1
    finally:
        again.stop()
    third, aws = start()
    try:
        assert len(aws("stepfunctions").list_executions(stateMachineArn=machine)["executions"]) == 1
    finally:
        third.stop()


def test_groups_hold_schedules_and_bear_tags(aws: Clients) -> None:
    client = aws("scheduler")
    arn = client.create_schedule_group(Name="g", Tags=[{"Key": "a", "Value": "1"}])["ScheduleGroupArn"]
    queue = {
        "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q",
        "RoleArn": role(aws, "r", "scheduler.amazonaws.com", ["sns:Publish"]),
    }
    settings = {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": OFF, "Target": queue, "State": "DISABLED"}
    client.create_schedule(Name="s", GroupName="g", **settings)
    client.create_schedule(Name="s", **settings)
    assert [each["GroupName"] for each in client.list_schedules()["Schedules"]] == ["default", "g"]
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    client.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert [each["Name"] for each in client.list_schedule_groups()["ScheduleGroups"]] == ["default", "g"]
    with pytest.raises(ClientError, match="ConflictException"):
        client.create_schedule(Name="s", **settings)
    with pytest.raises(ClientError, match="Schedule group h does not exist"):
        client.create_schedule(Name="s", GroupName="h", **settings)
    client.delete_schedule_group(Name="g")
    assert [each["Arn"] for each in client.list_schedules()["Schedules"]] == [
        f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/s"
    ]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_schedule(Name="s", GroupName="g")
    shown = client.get_schedule(Name="s")
    assert (shown["ScheduleExpressionTimezone"], shown["ActionAfterCompletion"], shown["Target"]) == (
        "UTC",
        "NONE",
        queue,
    )
