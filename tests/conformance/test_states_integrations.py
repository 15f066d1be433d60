"""Tasks that call Lambda, SQS, SNS, DynamoDB, EventBridge, S3, Secrets Manager and Step Functions: what AWS answered.

Each case is a behaviour of executions recorded on AWS by LocalStack's snapshot tests, with the recording's date.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from headwater.local.endpoint import LocalEndpoint
from tests.integration.command_line import wait_until

LIMIT_S = 60.0
STATES = "arn:aws:states:::"
RAISES = "def handler(event, context):\n    raise Exception('Some exception was raised.')\n"
ECHOES = "def handler(event, context):\n    return event\n"
REQUEST = "Request ID: [0-9a-f-]{36}"
HELLO = {"id": {"S": "id1"}, "data": {"S": "HelloWorld"}}
Aws = Callable[..., Any]
Parameters = dict[str, Any]


@pytest.fixture
def cloud(endpoint: LocalEndpoint, aws: Aws) -> Aws:
    """The clients, with two functions, a FIFO topic, a queue, a table, a bucket and a role made."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    aws("iam").create_role(RoleName="function", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    for name, source in (("raises", RAISES), ("echoes", ECHOES)):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("handler.py", source)
        role = f"arn:aws:iam::{endpoint.account}:role/function"
        code = {"ZipFile": packed.getvalue()}
        aws("lambda").create_function(
            FunctionName=name, Runtime="python3.12", Handler="handler.handler", Role=role, Code=code, Timeout=30
        )
    aws("sns").create_topic(Name="topic.fifo", Attributes={"FifoTopic": "true"})
    aws("sqs").create_queue(QueueName="queue")
    aws("s3").create_bucket(Bucket="bucket")
    aws("dynamodb").create_table(
        TableName="table",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return aws


def run(aws: Aws, resource: str, parameters: Parameters, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(description, history) of an execution of one task."""
    task: dict[str, Any] = {"Type": "Task", "Resource": resource, "End": True}
    if resource.startswith(STATES):
        task["Parameters"] = parameters
    definition = json.dumps({"StartAt": "Call", "States": {"Call": task}})
    client = aws("stepfunctions")
    role = "arn:aws:iam::000000000000:role/machine"
    machine = client.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=machine, input=json.dumps(parameters))["executionArn"]

    def ended() -> dict[str, Any] | None:
        described: dict[str, Any] = client.describe_execution(executionArn=arn)
        return None if described["status"] == "RUNNING" else described

    described = wait_until(ended, "the execution ends", LIMIT_S)
    return described, client.get_execution_history(executionArn=arn)["events"]


def v1(service: str, status: int, code: str) -> str:
    """The end of a cause of an optimized integration, as a pattern."""
    return rf" \(Service: {service}; Status Code: {status}; Error Code: {code}; {REQUEST}; Proxy: null\)"


FAILURES: list[tuple[str, Parameters, str, str]] = [
    # Lambda, 2023-06
    (
        "lambda:invoke",
        {"FunctionName": "nobody", "Payload": None},
        "Lambda.ResourceNotFoundException",
        r"Function not found: arn:aws:lambda:us-east-1:\d{12}:function:nobody"
        + v1("AWSLambda", 404, "ResourceNotFoundException"),
    ),
    (
        "lambda:invoke",
        {"FunctionName": "echoes", "InvocationType": "Later"},
        "Lambda.AWSLambdaException",
        r"1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: Member must "
        r"satisfy enum value set: \[.*\]" + v1("AWSLambda", 400, "ValidationException"),
    ),
    # SQS, 2023-06
    (
        "sqs:sendMessage",
        {"QueueUrl": "no-such-queue", "MessageBody": "m"},
        "SQS.SdkClientException",
        "Unable to execute HTTP request: no-such-queue: Name or service not known",
    ),
    (
        "sqs:sendMessage",
        {"QueueUrl": "http://localhost/000000000000/queue", "MessageBody": None},
        "SQS.AmazonSQSException",
        r"The request must contain the parameter MessageBody\." + v1("AmazonSQS", 400, "MissingParameter"),
    ),
    # SNS, 2024-02
    (
        "sns:publish",
        {"TopicArn": "arn:aws:sns:us-east-1:000000000000:topic.fifo", "Message": {"Message": "HelloWorld!"}},
        "SNS.InvalidParameterException",
        "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
        + v1("AmazonSNS", 400, "InvalidParameter"),
    ),
    (
        "sns:publish",
        {"TopicArn": "arn:aws:sns:us-east-1:000000000000:gone", "Message": "m"},
        "SNS.NotFoundException",
        "Topic does not exist" + v1("AmazonSNS", 404, "NotFound"),
    ),
    # DynamoDB, 2023-05
    (
        "dynamodb:putItem",
        {"TableName": "nothing", "Item": HELLO},
        "DynamoDB.ResourceNotFoundException",
        "Requested resource not found" + v1("AmazonDynamoDBv2", 400, "ResourceNotFoundException"),
    ),
    (
        "dynamodb:putItem",
        {"TableName": "/table", "Item": HELLO},
        "DynamoDB.AmazonDynamoDBException",
        "1 validation error detected: Value '/table' at 'tableName' failed to satisfy constraint: Member must satisfy "
        r"regular expression pattern: \[a-zA-Z0-9_\.-\]\+" + v1("AmazonDynamoDBv2", 400, "ValidationException"),
    ),
    (
        "dynamodb:putItem",
        {"TableName": "table", "Item": None},
        "DynamoDB.AmazonDynamoDBException",
        "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null"
        + v1("AmazonDynamoDBv2", 400, "ValidationException"),
    ),
    # EventBridge, 2023-09
    (
        "events:putEvents",
        {"Entries": [{"Detail": '"jsonstring"', "DetailType": "t", "Source": "some.source"}]},
        "EventBridge.FailedEntry",
        r'\{"FailedEntryCount":1,"Entries":\[\{"ErrorCode":"MalformedDetail",'
        r'"ErrorMessage":"Detail is malformed\."\}\]\}',
    ),
    # Step Functions, 2023-06 and 2024-04
    (
        "states:startExecution",
        {"StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:none", "Input": None, "Name": "n"},
        "StepFunctions.StateMachineDoesNotExistException",
        "State Machine Does Not Exist: 'arn:aws:states:us-east-1:000000000000:stateMachine:none'"
        + v1("AWSStepFunctions", 400, "StateMachineDoesNotExist"),
    ),
    (
        "aws-sdk:sfn:sendTaskSuccess",
        {"TaskToken": "NoSuchTaskToken", "Output": "ParameterOutput"},
        "Sfn.InvalidTokenException",
        rf"Invalid Token: 'Invalid token' \(Service: Sfn, Status Code: 400, {REQUEST}\)",
    ),
    # Secrets Manager and S3, 2023-06
    (
        "aws-sdk:secretsmanager:createSecret",
        {"Name": "Invalid Name", "SecretString": "HelloWorld"},
        "SecretsManager.SecretsManagerException",
        r"Invalid name\. Must be a valid name containing alphanumeric characters, or any of the following: -/_\+=\.@! "
        rf"\(Service: SecretsManager, Status Code: 400, {REQUEST}\)",
    ),
    (
        "aws-sdk:s3:listObjects",
        {"Bucket": "someNonexistentBucketName"},
        "S3.NoSuchBucketException",
        rf"The specified bucket does not exist \(Service: S3, Status Code: 404, {REQUEST}, Extended Request ID: \S+\)",
    ),
]


def test_what_a_service_refuses_fails_the_task_in_aws_s_words(cloud: Aws) -> None:
    for number, (resource, parameters, error, cause) in enumerate(FAILURES):
        ended, events = run(cloud, STATES + resource, parameters, f"refused-{number}")
        assert (ended["status"], ended.get("error")) == ("FAILED", error), (resource, ended)
        assert re.fullmatch(cause, ended["cause"], re.S), (resource, ended["cause"])
        assert [event["type"] for event in events] == [
            *("ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed", "ExecutionFailed")
        ]


def test_a_function_s_exception_is_the_task_s_cause(cloud: Aws) -> None:
    """Recorded 2023-06: the runtime's own text where the ARN is the resource, else written anew without spaces."""
    function = cloud("lambda").get_function(FunctionName="raises")["Configuration"]["FunctionArn"]
    for resource, comma in ((function, ", "), (STATES + "lambda:invoke", ",")):
        parameters = {"FunctionName": "raises", "Payload": None}
        ended, _ = run(cloud, resource, parameters, f"raises-{len(comma)}")
        assert ended["error"] == "Exception"
        cause = json.loads(ended["cause"])
        separators = (comma, comma.replace(",", ":"))
        assert ended["cause"] == json.dumps(cause, separators=separators)
        line = (
            "  File \"/var/task/handler.py\", line 2, in handler\n    raise Exception('Some exception was raised.')\n"
        )
        assert cause.pop("requestId")
        assert cause == {
            "errorMessage": "Some exception was raised.",
            "errorType": "Exception",
            "stackTrace": [line],
        }


def test_a_payload_that_is_text_is_json(cloud: Aws) -> None:
    """Recorded 2025-11."""
    for number, text in enumerate(("null", '"HelloWorld"', "0.0", "0", "true", "{}", "[]")):
        parameters = {"FunctionName": "echoes", "Payload": text}
        ended, events = run(cloud, STATES + "lambda:invoke", parameters, f"echo-{number}")
        output = json.loads(ended["output"])
        assert json.dumps(output["Payload"]) == text
        assert output["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"] == str(len(text))
        assert json.loads(events[2]["taskScheduledEventDetails"]["parameters"]) == parameters


def test_an_object_is_written_as_json_and_read_as_text(cloud: Aws) -> None:
    """Recorded 2024-05 and 2024-12."""
    for number, (body, stored) in enumerate((("text data", '"text data"'), ({"Dict": "Value"}, '{"Dict":"Value"}'))):
        put = {"Bucket": "bucket", "Key": "key", "Body": body}
        assert run(cloud, STATES + "aws-sdk:s3:putObject", put, f"put-{number}")[0]["status"] == "SUCCEEDED"
        read, _ = run(cloud, STATES + "aws-sdk:s3:getObject", {"Bucket": "bucket", "Key": "key"}, f"get-{number}")
        got = json.loads(read["output"])
        assert got["Body"] == stored
        assert set(got) == {
            *("AcceptRanges", "Body", "ContentLength", "ContentType", "ETag", "LastModified", "Metadata"),
            "ServerSideEncryption",
        }


def test_items_are_put_changed_and_deleted_without_a_word(cloud: Aws) -> None:
    """Recorded 2023-05."""
    key = {"TableName": "table", "Key": {"id": {"S": "id1"}}}
    change = {**key, "UpdateExpression": "set S=:r", "ExpressionAttributeValues": {":r": {"S": "HelloWorldUpdated"}}}
    calls: list[tuple[str, Parameters, Any]] = [
        ("putItem", {"TableName": "table", "Item": HELLO}, {}),
        ("updateItem", change, {}),
        ("getItem", key, {"Item": {**HELLO, "S": {"S": "HelloWorldUpdated"}}}),
        ("deleteItem", key, {}),
    ]
    for operation, parameters, expected in calls:
        ended, _ = run(cloud, f"{STATES}aws-sdk:dynamodb:{operation}", parameters, operation)
        assert json.loads(ended["output"]) == expected, operation
