"""The table of integrations, and names between state machines and clients."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.states.integration_api import SYNC
from headwater.local.services.states.integrations import parse_resource
from headwater.local.member_names import epoch_ms, from_client, operation_name, to_client
from headwater.local.services.states.task_results import service_failure
from tests.unit.local.services.states.harness import SmallEndpoint, chain

PREFIX = "arn:aws:states:::"


@pytest.mark.parametrize(
    ("arn", "kind", "type", "name"),
    [
        (PREFIX + "glue:startJobRun.sync", "optimized", "glue", "startJobRun.sync"),
        (PREFIX + "states:startExecution.sync:2", "optimized", "states", "startExecution.sync:2"),
        (PREFIX + "lambda:invoke.waitForTaskToken", "optimized", "lambda", "invoke.waitForTaskToken"),
        (PREFIX + "aws-sdk:s3:getObject", "sdk", "aws-sdk:s3", "getObject"),
        (
            "arn:aws:lambda:us-east-1:000000000000:function:f:live",
            "lambda",
            "lambda",
            "arn:aws:lambda:us-east-1:000000000000:function:f:live",
        ),
        (
            "arn:aws:states:us-east-1:000000000000:activity:a",
            "activity",
            "activity",
            "arn:aws:states:us-east-1:000000000000:activity:a",
        ),
    ],
)
def test_resources_are_read(arn: str, kind: str, type: str, name: str) -> None:
    resource = parse_resource(arn)
    assert resource is not None
    assert (resource.kind, resource.type, resource.name) == (kind, type, name)


@pytest.mark.parametrize(
    "rest", ["lambda:invoke.sync", "glue:getJobs", "aws-sdk:s3:getObject.sync", "nothing:at.all", "aws-sdk:s3"]
)
def test_what_aws_does_not_integrate_is_no_resource(rest: str) -> None:
    assert parse_resource(PREFIX + rest) is None


NAMED = {
    "athena": ["startQueryExecution.sync", "stopQueryExecution", "getQueryExecution", "getQueryResults"],
    "dynamodb": ["getItem", "putItem", "updateItem", "deleteItem"],
    "elasticmapreduce": ["createCluster.sync", "addStep.sync", "cancelStep", "terminateCluster.sync"],
    "emr-serverless": ["startJobRun.sync", "createApplication.sync", "startApplication.sync", "cancelJobRun.sync"],
    "events": ["putEvents", "putEvents.waitForTaskToken"],
    "glue": ["startJobRun", "startJobRun.sync"],
    "http": ["invoke"],
    "lambda": ["invoke", "invoke.waitForTaskToken"],
    "sagemaker": [
        *("createTrainingJob.sync", "createProcessingJob.sync", "createTransformJob.sync"),
        *("createHyperParameterTuningJob.sync", "createModel", "createEndpointConfig", "createEndpoint"),
    ],
    "sns": ["publish", "publish.waitForTaskToken"],
    "sqs": ["sendMessage", "sendMessage.waitForTaskToken"],
    "states": ["startExecution", "startExecution.sync", "startExecution.sync:2", "startExecution.waitForTaskToken"],
}


@pytest.mark.parametrize("rest", [f"{service}:{name}" for service, names in NAMED.items() for name in names])
def test_an_integration_has_a_row_that_the_service_s_model_knows(rest: str) -> None:
    resource = parse_resource(PREFIX + rest)
    assert resource is not None and resource.api is not None
    api = resource.api
    if resource.type == "http":
        return
    assert operation_name(api.client, api.service_operation)
    if not resource.pattern.startswith(SYNC):
        return
    assert api.job is not None
    for operation in (api.job.describe, *([api.job.stop[0]] if api.job.stop else [])):
        first, *others = operation.split("_")
        assert operation_name(api.client, first + "".join(word.capitalize() for word in others)) == operation


def test_an_emr_cluster_lives_by_the_service_s_own_operations(small: SmallEndpoint) -> None:
    """As it will be once the service exists: here a service of three functions."""
    states = iter(["WAITING", "TERMINATED"])

    def cluster(ClusterId: str) -> dict[str, object]:
        return {"Cluster": {"Id": ClusterId, "Status": {"State": next(states)}}}

    small.on("emr", "run_job_flow", lambda **members: {"JobFlowId": "j-1"})
    small.on("emr", "describe_cluster", cluster)
    small.on("emr", "add_job_flow_steps", lambda JobFlowId, Steps: {"StepIds": [f"s-{Steps[0]['Name']}"]})
    small.on("emr", "describe_step", lambda **m: {"Step": {"Id": m["StepId"], "Status": {"State": "COMPLETED"}}})
    small.on("emr", "terminate_job_flows", lambda JobFlowIds: {})

    def task(name: str, **parameters: object) -> dict[str, object]:
        resource = f"{PREFIX}elasticmapreduce:{name}.sync"
        return {"Type": "Task", "Resource": resource, "Parameters": parameters}

    made = {**task("createCluster", Name="c", Instances={}), "ResultPath": "$.made"}
    step = {**task("addStep", **{"ClusterId.$": "$.made.ClusterId", "Step": {"Name": "a"}}), "ResultPath": "$.step"}
    gone = task("terminateCluster", **{"ClusterId.$": "$.made.ClusterId"})
    ended = small.run(chain(("make", made), ("add", step), ("end", {**gone, "ResultPath": "$.gone"})))
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert output["made"]["Cluster"]["Status"]["State"] == "WAITING"
    assert output["step"]["Step"]["Id"] == "s-a"
    asked = [name for name, _ in small.calls if name.startswith("emr:")]
    assert asked == [
        *("emr:run_job_flow", "emr:describe_cluster", "emr:add_job_flow_steps", "emr:describe_step"),
        *("emr:terminate_job_flows", "emr:describe_cluster"),
    ]


def test_a_failed_entry_fails_the_task(small: SmallEndpoint) -> None:
    small.on(
        "events", "put_events", lambda Entries: {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
    )
    entry = {"Source": "a", "DetailType": "b", "Detail": {"n": 1}}
    task = {"Type": "Task", "Resource": PREFIX + "events:putEvents", "Parameters": {"Entries": [entry]}}
    ended = small.run(chain(("tell", task)))
    assert ended["error"] == "EventBridge.FailedEntry"
    sent = dict(small.calls)["events:put_events"]
    assert json.loads(sent["Entries"][0]["Detail"]) == {"n": 1}
    assert ended["executionArn"] in sent["Entries"][0]["Resources"]


@pytest.mark.parametrize(
    ("rest", "error"),
    [
        ("elasticmapreduce:createCluster.sync", "ElasticMapReduce.AmazonElasticMapReduceException"),
        ("emr-serverless:startJobRun.sync", "EMRServerless.AWSEMRServerlessException"),
        ("athena:startQueryExecution.sync", "Athena.AmazonAthenaException"),
        ("sagemaker:createTransformJob.sync", "SageMaker.AmazonSageMakerException"),
        ("sagemaker:createHyperParameterTuningJob.sync", "SageMaker.AmazonSageMakerException"),
    ],
)
def test_a_service_that_is_not_built_fails_by_its_name(small: SmallEndpoint, rest: str, error: str) -> None:
    ended = small.run(chain(("call", {"Type": "Task", "Resource": PREFIX + rest, "Parameters": {}})))
    assert ended["error"] == error
    assert "UnknownOperationException" in ended["cause"]


def test_members_are_renamed_by_the_model() -> None:
    sent = to_client(
        "emr-serverless", "startJobRun", {"ApplicationId": "a", "JobDriver": {"SparkSubmit": {"EntryPoint": "e"}}}
    )
    assert sent == {"applicationId": "a", "jobDriver": {"sparkSubmit": {"entryPoint": "e"}}}
    assert to_client("glue", "startJobRun", {"JobName": "j", "Arguments": {"--x": "y"}}) == {
        "JobName": "j",
        "Arguments": {"--x": "y"},
    }
    assert to_client("lambda", "invoke", {"FunctionName": "f", "Payload": {"a": 1}})["Payload"] == b'{"a":1}'


def test_answers_become_json() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    answer = {"JobRun": {"Id": "jr", "StartedOn": moment}, "ResponseMetadata": {}}
    assert from_client("glue", "getJobRun", answer) == {"JobRun": {"Id": "jr", "StartedOn": "2026-01-02T03:04:05Z"}}
    assert from_client("glue", "getJobRun", answer, epoch_ms)["JobRun"]["StartedOn"] == 1767323045000
    assert from_client("s3", "getObject", {"Body": b"text"}) == {"Body": "text"}


@pytest.mark.parametrize(
    ("rest", "code", "name"),
    [
        ("glue:startJobRun.sync", "ConcurrentRunsExceededException", "Glue.ConcurrentRunsExceededException"),
        ("glue:startJobRun", "ThrottlingException", "Glue.ThrottlingException"),
        ("lambda:invoke", "TooManyRequestsException", "Lambda.TooManyRequestsException"),
        ("lambda:invoke", "AccessDeniedException", "Lambda.AWSLambdaException"),
        ("sagemaker:createTrainingJob.sync", "ResourceLimitExceeded", "SageMaker.ResourceLimitExceededException"),
        ("sagemaker:createTrainingJob.sync", "ValidationException", "SageMaker.AmazonSageMakerException"),
        ("aws-sdk:s3:getObject", "NoSuchKey", "S3.NoSuchKeyException"),
        ("aws-sdk:s3:getObject", "SlowDown", "S3.S3Exception"),
        ("aws-sdk:sagemaker:createModelPackage", "ConflictException", "SageMaker.ConflictException"),
    ],
)
def test_errors_have_the_names_of_the_java_sdk(rest: str, code: str, name: str) -> None:
    resource = parse_resource(PREFIX + rest)
    assert resource is not None
    error, cause = service_failure(resource, ServiceError(code, "why"))
    assert error == name
    assert cause.startswith("why (Service: ")


def put_item(members: dict[str, object]) -> dict[str, object]:
    """A task that puts an item into DynamoDB."""
    return {"Type": "Task", "Resource": PREFIX + "dynamodb:putItem", "Parameters": {"TableName": "t", **members}}


def test_an_optimized_result_shows_the_http_answer(small: SmallEndpoint) -> None:
    small.on("dynamodb", "put_item", lambda **members: {})
    output = json.loads(small.run(chain(("put", put_item({"Item": {"id": {"S": "a"}}}))))["output"])
    assert output["SdkHttpMetadata"]["HttpHeaders"]["Content-Type"] == "application/x-amz-json-1.0"
    assert set(output["SdkHttpMetadata"]["HttpHeaders"]) == {
        *("Connection", "Content-Length", "Content-Type", "Date", "Server", "x-amz-crc32", "x-amzn-RequestId")
    }
    assert output["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert output["SdkResponseMetadata"] == {"RequestId": output["SdkHttpMetadata"]["HttpHeaders"]["x-amzn-RequestId"]}


def test_events_show_no_http_answer(small: SmallEndpoint) -> None:
    small.on("events", "put_events", lambda **members: {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
    entry = {"Detail": {}, "DetailType": "t", "Source": "s"}
    task = {"Type": "Task", "Resource": PREFIX + "events:putEvents", "Parameters": {"Entries": [entry]}}
    output = json.loads(small.run(chain(("put", task)))["output"])
    assert output == {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
    sent = next(members for name, members in small.calls if name == "events:put_events")
    assert [arn.split(":")[5] for arn in sent["Entries"][0]["Resources"]] == ["stateMachine", "execution"]


def test_a_field_that_the_operation_does_not_have_fails_the_state_before_a_call(small: SmallEndpoint) -> None:
    arn = small.begin(chain(("put", put_item({"Item": {}, "Kez": 1}))))
    ended = small.wait(arn)
    assert ended["error"] == "States.Runtime"
    assert ended["cause"] == (
        "An error occurred while executing the state 'put' (entered at the event id #2). The Parameters "
        '\'{"TableName":"t","Item":{},"Kez":1}\' could not be used to start the Task: '
        '[The field "Kez" is not supported by Step Functions]'
    )
    assert small.event_types(arn) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


def test_a_required_member_that_is_null_is_refused_in_the_services_words(small: SmallEndpoint) -> None:
    small.on("dynamodb", "put_item", lambda **members: {})
    small.on("sqs", "send_message", lambda **members: {})
    ended = small.run(chain(("put", put_item({"Item": None}))))
    assert ended["error"] == "DynamoDB.AmazonDynamoDBException"
    assert ended["cause"].startswith(
        "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null "
        "(Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: "
    )
    send = {
        "Type": "Task",
        "Resource": PREFIX + "sqs:sendMessage",
        "Parameters": {"QueueUrl": "http://q", "MessageBody": None},
    }
    ended = small.run(chain(("send", send)), name="sender")
    assert ended["error"] == "SQS.AmazonSQSException"
    assert ended["cause"].startswith(
        "The request must contain the parameter MessageBody. (Service: AmazonSQS; Status Code: 400; "
        "Error Code: MissingParameter; "
    )


def test_a_queue_that_does_not_exist_and_a_bucket_have_their_own_texts() -> None:
    queue, bucket = parse_resource(PREFIX + "sqs:sendMessage"), parse_resource(PREFIX + "aws-sdk:s3:listObjects")
    assert queue is not None and bucket is not None
    name, _ = service_failure(queue, ServiceError("AWS.SimpleQueueService.NonExistentQueue", "gone"))
    assert name == "SQS.QueueDoesNotExistException"
    _, cause = service_failure(bucket, ServiceError("NoSuchBucket", "gone", 404))
    assert ", Extended Request ID: " in cause
