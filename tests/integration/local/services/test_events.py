"""Rules through boto3: a failing execution reaches a function, an event of one's own a queue, also after a restart."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.services.events.deliveries import DELIVERY

Clients = Callable[..., Any]
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/events-test"
QUEUE_ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
TELL = """
import json, os, boto3
def handler(event, context):
    queue = boto3.client("sqs").get_queue_url(QueueName="told")["QueueUrl"]
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(event))
"""


@pytest.fixture
def role(aws: Clients) -> str:
    iam = aws("iam")
    services = ["lambda.amazonaws.com", "states.amazonaws.com", "events.amazonaws.com"]
    trust = [{"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}]
    iam.create_role(
        RoleName="events-test", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust})
    )
    allow = [{"Effect": "Allow", "Action": ["sqs:*", "states:StartExecution"], "Resource": "*"}]
    iam.put_role_policy(
        RoleName="events-test", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow})
    )
    return ROLE


def queue(aws: Clients, name: str, admit: bool = True) -> str:
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Resource": QUEUE_ARN + name}]})
    made = aws("sqs").create_queue(QueueName=name, Attributes={"Policy": policy} if admit else {})
    return str(made["QueueUrl"])


def receive(aws: Clients, url: str, wait_s: int = 10) -> list[dict[str, Any]]:
    answer = aws("sqs").receive_message(
        QueueUrl=url, WaitTimeSeconds=wait_s, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    return list(answer.get("Messages", []))


def machine(aws: Clients, role: str, name: str, state: dict[str, Any]) -> str:
    definition = json.dumps({"StartAt": "S", "States": {"S": state}})
    made = aws("stepfunctions").create_state_machine(name=name, definition=definition, roleArn=role)
    return str(made["stateMachineArn"])


def failing(aws: Clients, role: str) -> str:
    return machine(aws, role, "fails", {"Type": "Fail", "Error": "Bad", "Cause": "no data"})


def telling_function(aws: Clients, role: str, rule: str) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", TELL)
    functions = aws("lambda")
    made = functions.create_function(
        FunctionName="tell",
        Runtime="python3.11",
        Role=role,
        Handler="main.handler",
        Timeout=20,
        Code={"ZipFile": buffer.getvalue()},
    )
    functions.add_permission(
        FunctionName="tell",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    return str(made["FunctionArn"])


def failure_rule(aws: Clients, role: str) -> None:
    """Rule "failed": FAILED executions → function "tell", by an InputTransformer."""
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    }
    rule = aws("events").put_rule(Name="failed", EventPattern=json.dumps(pattern))["RuleArn"]
    transformer = {
        "InputPathsMap": {"name": "$.detail.name", "status": "$.detail.status", "input": "$.detail.input"},
        "InputTemplate": '{"run": <name>, "text": "<name> is <status>", "input": <input>, '
        '"rule": <aws.events.rule-name>}',
    }
    target = {"Id": "tell", "Arn": telling_function(aws, role, rule), "InputTransformer": transformer}
    assert aws("events").put_targets(Rule="failed", Targets=[target])["FailedEntryCount"] == 0


def test_a_failed_execution_reaches_a_function(aws: Clients, role: str) -> None:
    told = queue(aws, "told")
    failure_rule(aws, role)
    arn = failing(aws, role)
    aws("stepfunctions").start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    found = [json.loads(message["Body"]) for message in receive(aws, told, 20)]
    assert found == [{"run": "one", "text": "one is FAILED", "input": '{"a": 1}', "rule": "failed"}]


def test_a_stack_wires_a_rule_to_a_function(aws: Clients, role: str) -> None:
    told = queue(aws, "told")
    code = TELL.strip()
    resources = {
        "Tell": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.11",
                "Handler": "index.handler",
                "Role": role,
                "Timeout": 20,
                "Code": {"ZipFile": code},
            },
        },
        "May": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Fn::GetAtt": ["Tell", "Arn"]},
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.states"], "detail": {"status": ["FAILED"]}},
                "Targets": [
                    {
                        "Id": "tell",
                        "Arn": {"Fn::GetAtt": ["Tell", "Arn"]},
                        "InputTransformer": {
                            "InputPathsMap": {"error": "$.detail.error", "cause": "$.detail.cause"},
                            "InputTemplate": '{"error": <error>, "cause": <cause>}',
                        },
                        "RetryPolicy": {"MaximumRetryAttempts": 2},
                    }
                ],
            },
        },
    }
    aws("cloudformation").create_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
    waiter = aws("cloudformation").get_waiter("stack_create_complete")
    waiter.wait(StackName="s", WaiterConfig={"Delay": 0.2, "MaxAttempts": 100})
    aws("stepfunctions").start_execution(stateMachineArn=failing(aws, role))
    assert [json.loads(m["Body"]) for m in receive(aws, told, 20)] == [{"error": "Bad", "cause": "no data"}]


def test_a_stop_right_after_the_end_still_tells(endpoint: LocalEndpoint, aws: Clients, role: str) -> None:
    told = queue(aws, "told")
    failure_rule(aws, role)
    arn = failing(aws, role)
    begun = endpoint.call("stepfunctions", "start_execution", stateMachineArn=arn, name="one")
    ask = {"executionArn": begun["executionArn"]}
    deadline = time.monotonic() + 20
    while endpoint.call("stepfunctions", "describe_execution", **ask)["status"] == "RUNNING":
        assert time.monotonic() < deadline
    endpoint.stop()
    again = LocalEndpoint(EndpointSettings(home=endpoint.home))
    again.start()
    try:
        found = again.call("sqs", "receive_message", QueueUrl=told, MaxNumberOfMessages=10)["Messages"]
        assert [json.loads(message["Body"])["run"] for message in found] == ["one"]
    finally:
        again.stop()


def test_the_event_of_an_execution(aws: Clients, role: str) -> None:
    url = queue(aws, "all")
    aws("events").put_rule(Name="all", EventPattern='{"source": ["aws.states"]}')
    aws("events").put_targets(Rule="all", Targets=[{"Id": "q", "Arn": QUEUE_ARN + "all"}])
    machine_arn = machine(aws, role, "passes", {"Type": "Pass", "Result": {"b": 2}, "End": True})
    arn = aws("stepfunctions").start_execution(stateMachineArn=machine_arn, name="one", input="{}")["executionArn"]
    events = receive(aws, url)
    while len(events) < 2 and (more := receive(aws, url)):
        events += more
    found = {event["detail"]["status"]: event for event in (json.loads(m["Body"]) for m in events)}
    begun, ended = found["RUNNING"], found["SUCCEEDED"]
    assert begun["detail"]["stopDate"] is None and begun["detail"]["output"] is None
    assert ended["resources"] == [arn] and ended["detail-type"] == "Step Functions Execution Status Change"
    described = aws("stepfunctions").describe_execution(executionArn=arn)
    detail = ended["detail"]
    assert detail["stopDate"] == round(described["stopDate"].timestamp() * 1000)
    assert (detail["input"], detail["output"], detail["error"]) == ("{}", '{"b":2}', None)
    assert detail["outputDetails"] == {"included": True} and detail["redriveCount"] == 0
    assert detail["stateMachineArn"] == machine_arn and detail["redriveStatus"] == "NOT_REDRIVABLE"


def test_own_events_go_through_a_bus_to_a_queue(aws: Clients) -> None:
    events, url = aws("events"), queue(aws, "orders")
    events.create_event_bus(Name="shop")
    pattern = {"detail": {"total": [{"numeric": [">", 10]}], "$or": [{"vip": [True]}, {"country": ["DE"]}]}}
    events.put_rule(Name="big", EventBusName="shop", EventPattern=json.dumps(pattern))
    target = {"Id": "q", "Arn": QUEUE_ARN + "orders", "InputPath": "$.detail"}
    events.put_targets(Rule="big", EventBusName="shop", Targets=[target])
    entry = {"Source": "my.shop", "DetailType": "order", "EventBusName": "shop"}
    details = [{"total": 5, "vip": True}, {"total": 50, "vip": True}, {"total": 50, "vip": False}]
    answer = events.put_events(Entries=[{**entry, "Detail": json.dumps(detail)} for detail in details])
    assert answer["FailedEntryCount"] == 0 and len({e["EventId"] for e in answer["Entries"]}) == 3
    assert [json.loads(m["Body"]) for m in receive(aws, url)] == [{"total": 50, "vip": True}]
    assert receive(aws, url, 0) == []


def test_refused_entries(aws: Clients) -> None:
    good = {"Source": "a", "DetailType": "b", "Detail": "{}"}
    entries = [good, {**good, "Detail": "[]"}, {**good, "Source": "aws.s3"}, {"Source": "a", "DetailType": "b"}]
    answer = aws("events").put_events(Entries=entries)
    codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
    assert answer["FailedEntryCount"] == 3
    assert codes == [None, "MalformedDetail", "NotAuthorizedForSource", "InvalidArgument"]


def test_a_target_that_does_not_admit_events_is_buried(aws: Clients) -> None:
    events = aws("events")
    queue(aws, "closed", admit=False)
    dead = queue(aws, "dead")
    events.put_rule(Name="r", EventPattern='{"source": ["mine"]}')
    dead_letters = {"DeadLetterConfig": {"Arn": QUEUE_ARN + "dead"}}
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": QUEUE_ARN + "closed", **dead_letters}])
    events.put_events(Entries=[{"Source": "mine", "DetailType": "x", "Detail": "{}"}])
    (message,) = receive(aws, dead)
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS" and attributes["TARGET_ARN"] == QUEUE_ARN + "closed"
    assert attributes["RULE_ARN"].endswith(":rule/r") and json.loads(message["Body"])["source"] == "mine"


def test_a_machine_and_a_log_group_are_targets(aws: Clients, role: str) -> None:
    events, ends = aws("events"), queue(aws, "ends")
    aws("logs").create_log_group(logGroupName="/aws/events/all")
    done = machine(aws, role, "done", {"Type": "Pass", "End": True})
    events.put_rule(Name="r", EventPattern='{"source": ["mine"]}')
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/events/all"
    targets = [{"Id": "m", "Arn": done, "RoleArn": role, "Input": '{"k": 1}'}, {"Id": "l", "Arn": group}]
    events.put_targets(Rule="r", Targets=targets)
    pattern = {"source": ["aws.states"], "detail": {"status": ["SUCCEEDED"]}}
    events.put_rule(Name="ends", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="ends", Targets=[{"Id": "q", "Arn": QUEUE_ARN + "ends", "InputPath": "$.detail.input"}])
    answer = events.put_events(Entries=[{"Source": "mine", "DetailType": "x", "Detail": "{}"}])
    assert [json.loads(json.loads(m["Body"])) for m in receive(aws, ends)] == [{"k": 1}]
    (line,) = aws("logs").filter_log_events(logGroupName="/aws/events/all")["events"]
    assert json.loads(line["message"])["id"] == answer["Entries"][0]["EventId"]


def test_a_delivery_that_a_kill_cut_off_is_made_at_the_next_start(tmp_path: Path) -> None:
    first = LocalEndpoint(EndpointSettings(home=tmp_path / "home"))
    first.start()
    made = first.call(
        "sqs",
        "create_queue",
        QueueName="q",
        Attributes={"Policy": json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*"}]})},
    )
    event = {"version": "0", "id": "e", "source": "s", "detail-type": "t", "detail": {}}
    rule = {"Name": "r", "Arn": "arn:aws:events:us-east-1:000000000000:rule/r"}
    first.stop()
    second = LocalEndpoint(EndpointSettings(home=tmp_path / "home"))
    delivery = {"id": "d", "event": event, "rule": rule, "target": {"Id": "q", "Arn": QUEUE_ARN + "q"}}
    second.store.put(DELIVERY, "d", {**delivery, "received": "", "accepted": 0.0, "attempts": 0, "due": 0.0})
    second.start()
    try:
        found = second.call("sqs", "receive_message", QueueUrl=made["QueueUrl"], WaitTimeSeconds=5)["Messages"]
        assert [json.loads(message["Body"]) for message in found] == [event]
    finally:
        second.stop()
    assert made["QueueUrl"]


def test_refusals(aws: Clients) -> None:
    events = aws("events")

    def refusal(call: Callable[..., Any], **members: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            call(**members)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    code, text = refusal(events.put_rule, Name="r", EventPattern='{"source": "mine"}')
    assert code == "InvalidEventPatternException" and '"source" must be an object or an array' in text
    assert refusal(events.put_rule, Name="r")[0] == "ValidationException"
    assert refusal(events.put_rule, Name="r", ScheduleExpression="rate(1 hours)")[0] == "ValidationException"
    assert refusal(events.describe_rule, Name="r") == (
        "ResourceNotFoundException",
        "Rule r does not exist on EventBus default.",
    )
    assert refusal(events.put_rule, Name="r", EventBusName="none", EventPattern='{"a": [1]}')[1].startswith("Event bus")
    events.put_rule(Name="r", EventPattern='{"source": ["mine"]}', State="DISABLED")
    kinesis = {"Id": "k", "Arn": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/s", "RoleArn": ROLE}
    assert "kinesis" in refusal(events.put_targets, Rule="r", Targets=[kinesis])[1]
    state_machine = {"Id": "m", "Arn": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:m"}
    assert "RoleArn is required" in refusal(events.put_targets, Rule="r", Targets=[state_machine])[1]
    assert refusal(events.create_archive, ArchiveName="a", EventSourceArn="x")[0] == "UnknownOperationException"


def test_rules_targets_and_tags(aws: Clients) -> None:
    events = aws("events")
    for name in ("a1", "a2", "b"):
        events.put_rule(Name=name, EventPattern='{"source": ["mine"]}', Tags=[{"Key": "k", "Value": name}])
    first = events.list_rules(NamePrefix="a", Limit=1)
    assert [rule["Name"] for rule in first["Rules"]] == ["a1"]
    assert [r["Name"] for r in events.list_rules(NamePrefix="a", NextToken=first["NextToken"])["Rules"]] == ["a2"]
    target = {"Id": "q", "Arn": QUEUE_ARN + "q", "Input": '{"fixed": true}'}
    events.put_targets(Rule="a1", Targets=[target])
    assert events.list_targets_by_rule(Rule="a1")["Targets"] == [target]
    assert events.list_rule_names_by_target(TargetArn=QUEUE_ARN + "q")["RuleNames"] == ["a1"]
    events.disable_rule(Name="a1")
    assert events.describe_rule(Name="a1")["State"] == "DISABLED"
    arn = events.describe_rule(Name="a1")["Arn"]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "l", "Value": "2"}])
    events.untag_resource(ResourceARN=arn, TagKeys=["k"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "l", "Value": "2"}]
    with pytest.raises(ClientError, match="since it has targets"):
        events.delete_rule(Name="a1")
    assert events.remove_targets(Rule="a1", Ids=["q", "none"])["FailedEntryCount"] == 1
    events.delete_rule(Name="a1")
    assert [rule["Name"] for rule in events.list_rules()["Rules"]] == ["a2", "b"]
    events.create_event_bus(Name="own")
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default", "own"]
    events.delete_event_bus(Name="own")
