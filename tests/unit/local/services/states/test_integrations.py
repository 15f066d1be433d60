"""The table of integrations, and names between state machines and clients."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.states.integrations import OPTIMIZED, SYNC, parse_resource
from headwater.local.services.states.member_names import epoch_ms, from_client, operation_name, to_client
from headwater.local.services.states.task_results import service_failure

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


def test_every_job_s_operations_exist() -> None:
    for (service, _), api in OPTIMIZED.items():
        if api.job is None or service == "elasticmapreduce":
            continue
        camel = api.job.describe.split("_")[0] + "".join(part.title() for part in api.job.describe.split("_")[1:])
        assert operation_name(api.client, api.operation), api
        assert operation_name(api.client, camel) or api.job.describe == "describe_hyper_parameter_tuning_job", api
        assert SYNC in api.patterns


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
    assert from_client("glue", "getJobRun", answer) == {"JobRun": {"Id": "jr", "StartedOn": "2026-01-02T03:04:05.000Z"}}
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
