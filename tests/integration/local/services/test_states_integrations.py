"""Callbacks and HTTP Tasks against the live services: tokens go out as messages, events, inputs and payloads."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from headwater.local.endpoint import LocalEndpoint

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machine"
TOKEN = {"token.$": "$$.Task.Token"}
LIMIT_S = 60.0
ANSWERS = b"""
import boto3
def handler(event, context):
    boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output='"by the function"')
"""
Client = Callable[..., Any]


@pytest.fixture
def role(aws: Client) -> str:
    """A role that may do anything."""
    trust = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ]
    }
    aws("iam").create_role(RoleName="machine", AssumeRolePolicyDocument=json.dumps(trust))
    anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    aws("iam").put_role_policy(RoleName="machine", PolicyName="all", PolicyDocument=json.dumps(anything))
    return ROLE


@pytest.fixture
def queue(aws: Client) -> str:
    admit = {
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
        "Action": "sqs:SendMessage",
    }
    policy = {"Version": "2012-10-17", "Statement": [{**admit, "Resource": f"arn:aws:sqs:us-east-1:{ACCOUNT}:tokens"}]}
    made = aws("sqs").create_queue(QueueName="tokens", Attributes={"Policy": json.dumps(policy)})
    url: str = made["QueueUrl"]
    return url


def begin(aws: Client, role: str, resource: str, parameters: dict[str, Any], name: str = "callback") -> str:
    """Start a machine of one task; the execution's ARN."""
    task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True}
    definition = json.dumps({"StartAt": "ask", "States": {"ask": task}})
    client = aws("stepfunctions")
    machine = client.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    arn: str = client.start_execution(stateMachineArn=machine)["executionArn"]
    return arn


def ended(aws: Client, arn: str) -> dict[str, Any]:
    """The execution once it has ended."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        described: dict[str, Any] = aws("stepfunctions").describe_execution(executionArn=arn)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.05)
    raise TimeoutError(arn)


def receive(aws: Client, queue: str) -> str:
    """The body of the next message."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        messages = aws("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
        if messages:
            body: str = messages[0]["Body"]
            return body
    raise TimeoutError("no message came")


def answer(aws: Client, arn: str, token: str) -> None:
    """Answer with the token; the execution ends with that."""
    aws("stepfunctions").send_task_success(taskToken=token, output='"answered"')
    described = ended(aws, arn)
    assert (described["status"], described.get("output")) == ("SUCCEEDED", '"answered"'), described


def test_a_queue_carries_the_token(aws: Client, role: str, queue: str) -> None:
    arn = begin(aws, role, "sqs:sendMessage.waitForTaskToken", {"QueueUrl": queue, "MessageBody": TOKEN})
    answer(aws, arn, json.loads(receive(aws, queue))["token"])


def test_a_topic_carries_the_token(aws: Client, role: str, queue: str) -> None:
    topic = aws("sns").create_topic(Name="tokens")["TopicArn"]
    queue_arn = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    arn = begin(aws, role, "sns:publish.waitForTaskToken", {"TopicArn": topic, "Message": TOKEN})
    answer(aws, arn, json.loads(json.loads(receive(aws, queue))["Message"])["token"])


def test_an_event_carries_the_token(aws: Client, role: str, queue: str) -> None:
    queue_arn = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws("events").put_rule(Name="tokens", EventPattern=json.dumps({"source": ["a.test"]}))
    aws("events").put_targets(Rule="tokens", Targets=[{"Id": "queue", "Arn": queue_arn}])
    entry = {"Source": "a.test", "DetailType": "asked", "Detail": TOKEN}
    arn = begin(aws, role, "events:putEvents.waitForTaskToken", {"Entries": [entry]})
    event = json.loads(receive(aws, queue))
    assert arn in event["resources"]
    answer(aws, arn, event["detail"]["token"])


def test_an_execution_gets_the_token(aws: Client, role: str) -> None:
    inner = {"StartAt": "p", "States": {"p": {"Type": "Pass", "End": True}}}
    machine = aws("stepfunctions").create_state_machine(name="inner", definition=json.dumps(inner), roleArn=role)
    parameters = {"StateMachineArn": machine["stateMachineArn"], "Input": TOKEN}
    arn = begin(aws, role, "states:startExecution.waitForTaskToken", parameters)
    started = _first_execution(aws, machine["stateMachineArn"])
    assert ended(aws, started)["status"] == "SUCCEEDED"
    answer(aws, arn, json.loads(ended(aws, started)["output"])["token"])


def _first_execution(aws: Client, machine: str) -> str:
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        found = aws("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
        if found:
            arn: str = found[0]["executionArn"]
            return arn
        time.sleep(0.05)
    raise TimeoutError("the inner execution did not start")


def test_a_function_answers_with_the_token(aws: Client, role: str) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("answers.py", ANSWERS)
    aws("lambda").create_function(
        FunctionName="answers",
        Runtime="python3.12",
        Role=role,
        Handler="answers.handler",
        Code={"ZipFile": code.getvalue()},
        Timeout=30,
    )
    arn = begin(aws, role, "lambda:invoke.waitForTaskToken", {"FunctionName": "answers", "Payload": TOKEN})
    described = ended(aws, arn)
    assert (described["status"], described.get("output")) == ("SUCCEEDED", '"by the function"'), described


class Greeting(BaseHTTPRequestHandler):
    """Greets who authorizes."""

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["X-Key"] == "opens" else 401)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet."""


def test_an_http_task_uses_a_connection(aws: Client, role: str, endpoint: LocalEndpoint) -> None:
    server = HTTPServer(("127.0.0.1", 0), Greeting)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "opens"}}
        connection = aws("events").create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters=key)
        parameters = {
            "ApiEndpoint": f"http://127.0.0.1:{server.server_address[1]}/",
            "Method": "GET",
            "Authentication": {"ConnectionArn": connection["ConnectionArn"]},
        }
        described = ended(aws, begin(aws, role, "http:invoke", parameters))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert described["status"] == "SUCCEEDED", described
    assert json.loads(described["output"])["ResponseBody"] == "hello"


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        ("athena:startQueryExecution.sync", "Athena."),
        ("sagemaker:createTransformJob.sync", "SageMaker."),
    ],
)
def test_a_service_that_is_not_built_fails_by_name(aws: Client, role: str, resource: str, error: str) -> None:
    described = ended(aws, begin(aws, role, resource, {}))
    assert described["status"] == "FAILED"
    assert described["error"].startswith(error)
    assert "Headwater does not compute" in described["cause"], described


def test_a_required_member_that_is_missing_is_refused_by_the_service_s_error(aws: Client, role: str) -> None:
    described = ended(aws, begin(aws, role, "emr-serverless:startJobRun.sync", {}))
    assert (described["status"], described["error"]) == ("FAILED", "EMRServerless.ValidationException")
    assert "applicationId" in described["cause"], described


def test_a_made_up_role_calls_as_the_person_and_a_real_one_as_itself(aws: Client) -> None:
    """Tools and recordings name roles that do not exist; AWS would refuse the machine, here nothing decides for it."""
    states, iam = aws("stepfunctions"), aws("iam")
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues", "Parameters": {}, "End": True}
    definition = json.dumps({"StartAt": "A", "States": {"A": task}})
    arn = states.create_state_machine(name="made-up", definition=definition, roleArn=ROLE)["stateMachineArn"]

    def outcome() -> dict[str, Any]:
        run = states.start_execution(stateMachineArn=arn)["executionArn"]
        return ended(aws, run)

    assert outcome()["status"] == "SUCCEEDED"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:*"}]}
    iam.create_role(RoleName="machine", AssumeRolePolicyDocument=json.dumps(trust))
    refused = outcome()
    assert refused["status"] == "FAILED" and "is not authorized to perform: sqs:ListQueues" in refused["cause"]
