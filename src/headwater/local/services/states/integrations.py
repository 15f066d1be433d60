"""What a Task can call: one table, a row an API, read by the compiler and by the caller.

A row of :data:`OPTIMIZED` says which client operation starts the work and, where ``.sync`` waits, how to find the job
again, which bus topic tells of it, and what its states mean. Whether the service behind exists is not known here: a
call to one that does not fails with the endpoint's own error, and works by itself once it exists.

Source: Step Functions Developer Guide, "Integrating optimized services with Step Functions", 2025.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from headwater.local.member_names import SDK_CLIENTS
from headwater.local.services.states.emr_integrations import EMR, EMR_SERVERLESS
from headwater.local.services.states.integration_api import (
    REQUEST_RESPONSE,
    SYNC,
    SYNC_2,
    TOKEN,
    Api,
    Job,
    Members,
)


def _sagemaker(kind: str, name: str, good: str = "Completed") -> Job:
    """A SageMaker job: named by the caller, described and stopped by name."""

    def named(arguments: Members, response: Members) -> Members:
        return {name: arguments[name]}

    status = f"{kind}Status"
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()
    return Job(
        topic=f"sagemaker.{snake.replace('_', '-')}",
        id=lambda arguments, response: str(arguments[name]),
        describe=f"describe_{snake}",
        describe_with=named,
        status=(status,),
        good=frozenset({good}),
        bad=frozenset({"Failed", "Stopped"}),
        stop=(f"stop_{snake}", named),
        named=True,
    )


def _execution_job() -> Job:
    def described(arguments: Members, response: Members) -> Members:
        return {"executionArn": response["ExecutionArn"]}

    return Job(
        topic="states.execution",
        id=lambda arguments, response: str(response["ExecutionArn"]),
        describe="describe_execution",
        describe_with=described,
        status=("Status",),
        good=frozenset({"SUCCEEDED"}),
        bad=frozenset({"ABORTED", "FAILED", "TIMED_OUT"}),
        stop=("stop_execution", described),
    )


GLUE_JOB_RUN = Job(
    topic="glue.job-run",
    id=lambda arguments, response: str(response["JobRunId"]),
    describe="get_job_run",
    describe_with=lambda arguments, response: {"JobName": arguments["JobName"], "RunId": response["JobRunId"]},
    status=("JobRun", "JobRunState"),
    good=frozenset({"SUCCEEDED"}),
    bad=frozenset({"ERROR", "EXPIRED", "FAILED", "STOPPED", "TIMEOUT"}),
    result=("JobRun",),
    stop=(
        "batch_stop_job_run",
        lambda arguments, response: {"JobName": arguments["JobName"], "JobRunIds": [response["JobRunId"]]},
    ),
)

ATHENA_QUERY = Job(
    topic="athena.query-execution",
    id=lambda arguments, response: str(response["QueryExecutionId"]),
    describe="get_query_execution",
    describe_with=lambda arguments, response: {"QueryExecutionId": response["QueryExecutionId"]},
    status=("QueryExecution", "Status", "State"),
    good=frozenset({"SUCCEEDED"}),
    bad=frozenset({"CANCELLED", "FAILED"}),
    stop=(
        "stop_query_execution",
        lambda arguments, response: {"QueryExecutionId": response["QueryExecutionId"]},
    ),
)

_ONLY = frozenset({REQUEST_RESPONSE})
_WITH_TOKEN = frozenset({REQUEST_RESPONSE, TOKEN})
_WITH_SYNC = frozenset({REQUEST_RESPONSE, SYNC})


def _api(client: str, operation: str, patterns: frozenset[str], prefix: str, job: Job | None = None) -> Api:
    return Api(client, operation, patterns, prefix, job)


OPTIMIZED: dict[tuple[str, str], Api] = {
    ("athena", "getQueryExecution"): _api("athena", "getQueryExecution", _ONLY, "Athena"),
    ("athena", "getQueryResults"): _api("athena", "getQueryResults", _ONLY, "Athena"),
    ("athena", "startQueryExecution"): _api("athena", "startQueryExecution", _WITH_SYNC, "Athena", ATHENA_QUERY),
    ("athena", "stopQueryExecution"): _api("athena", "stopQueryExecution", _ONLY, "Athena"),
    ("dynamodb", "deleteItem"): _api("dynamodb", "deleteItem", _ONLY, "DynamoDB"),
    ("dynamodb", "getItem"): _api("dynamodb", "getItem", _ONLY, "DynamoDB"),
    ("dynamodb", "putItem"): _api("dynamodb", "putItem", _ONLY, "DynamoDB"),
    ("dynamodb", "updateItem"): _api("dynamodb", "updateItem", _ONLY, "DynamoDB"),
    ("events", "putEvents"): _api("events", "putEvents", _WITH_TOKEN, "EventBridge"),
    ("glue", "startJobRun"): _api("glue", "startJobRun", _WITH_SYNC, "Glue", GLUE_JOB_RUN),
    # Called by http_task: the service is whatever answers at ApiEndpoint.
    ("http", "invoke"): _api("http", "invoke", _ONLY, "States.Http"),
    ("lambda", "invoke"): _api("lambda", "invoke", _WITH_TOKEN, "Lambda"),
    ("sagemaker", "createEndpoint"): _api("sagemaker", "createEndpoint", _ONLY, "SageMaker"),
    ("sagemaker", "createEndpointConfig"): _api("sagemaker", "createEndpointConfig", _ONLY, "SageMaker"),
    ("sagemaker", "createHyperParameterTuningJob"): _api(
        "sagemaker",
        "createHyperParameterTuningJob",
        _WITH_SYNC,
        "SageMaker",
        _sagemaker("HyperParameterTuningJob", "HyperParameterTuningJobName"),
    ),
    ("sagemaker", "createModel"): _api("sagemaker", "createModel", _ONLY, "SageMaker"),
    ("sagemaker", "createProcessingJob"): _api(
        "sagemaker", "createProcessingJob", _WITH_SYNC, "SageMaker", _sagemaker("ProcessingJob", "ProcessingJobName")
    ),
    ("sagemaker", "createTrainingJob"): _api(
        "sagemaker", "createTrainingJob", _WITH_SYNC, "SageMaker", _sagemaker("TrainingJob", "TrainingJobName")
    ),
    ("sagemaker", "createTransformJob"): _api(
        "sagemaker", "createTransformJob", _WITH_SYNC, "SageMaker", _sagemaker("TransformJob", "TransformJobName")
    ),
    ("sagemaker", "updateEndpoint"): _api("sagemaker", "updateEndpoint", _ONLY, "SageMaker"),
    ("sns", "publish"): _api("sns", "publish", _WITH_TOKEN, "SNS"),
    ("sqs", "sendMessage"): _api("sqs", "sendMessage", _WITH_TOKEN, "SQS"),
    ("states", "startExecution"): _api(
        "stepfunctions",
        "startExecution",
        frozenset({REQUEST_RESPONSE, SYNC, SYNC_2, TOKEN}),
        "StepFunctions",
        _execution_job(),
    ),
}

_SYNC_AND_TOKEN = frozenset({REQUEST_RESPONSE, SYNC, TOKEN})
# Integrations that AWS has and this endpoint cannot wait for or call: a state machine with them is accepted, as by AWS,
# and a task that reaches one fails by name.
_OTHERS: dict[tuple[str, str], frozenset[str]] = {
    ("apigateway", "invoke"): _WITH_TOKEN,
    ("batch", "submitJob"): _WITH_SYNC,
    ("bedrock", "createModelCustomizationJob"): _WITH_SYNC,
    ("bedrock", "invokeModel"): _ONLY,
    ("codebuild", "batchDeleteBuilds"): _ONLY,
    ("codebuild", "startBuild"): _WITH_SYNC,
    ("codebuild", "startBuildBatch"): _WITH_SYNC,
    ("codebuild", "stopBuild"): _ONLY,
    ("databrew", "startJobRun"): _WITH_SYNC,
    ("ecs", "runTask"): _SYNC_AND_TOKEN,
    ("eks", "call"): _ONLY,
    ("eks", "runJob"): _WITH_SYNC,
    ("emr-containers", "createVirtualCluster"): _ONLY,
    ("emr-containers", "deleteVirtualCluster"): _WITH_SYNC,
    ("emr-containers", "startJobRun"): _WITH_SYNC,
    ("mediaconvert", "createJob"): _WITH_SYNC,
    ("sagemaker", "createLabelingJob"): _WITH_SYNC,
}
OPTIMIZED |= {("elasticmapreduce", api.operation): api for api in EMR}
OPTIMIZED |= {("emr-serverless", api.operation): api for api in EMR_SERVERLESS}
_PREFIXES = {
    "apigateway": "ApiGateway",
    "codebuild": "CodeBuild",
    "databrew": "DataBrew",
    "ecs": "ECS",
    "eks": "EKS",
    "emr-containers": "EMRContainers",
    "mediaconvert": "MediaConvert",
    "sagemaker": "SageMaker",
}
OPTIMIZED |= {
    key: Api(key[0], key[1], patterns, _PREFIXES.get(key[0], key[0].capitalize())) for key, patterns in _OTHERS.items()
}

# How the SDK for Java spells them in exception names, where capitalising is not enough.
SDK_PREFIXES = {
    "applicationautoscaling": "ApplicationAutoScaling",
    "athena": "Athena",
    "cloudformation": "CloudFormation",
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "dynamodb": "DynamoDb",
    "ec2": "Ec2",
    "ecr": "Ecr",
    "emr": "Emr",
    "emrserverless": "EmrServerless",
    "eventbridge": "EventBridge",
    "iam": "Iam",
    "kms": "Kms",
    "rds": "Rds",
    "resourcegroupstaggingapi": "ResourceGroupsTaggingApi",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "secretsmanager": "SecretsManager",
    "sfn": "Sfn",
    "sns": "Sns",
    "sqs": "Sqs",
    "ssm": "Ssm",
    "sts": "Sts",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A Task's ``Resource``, read.

    Attributes
    ----------
    kind:
        ``"lambda"`` (a function's ARN), ``"activity"``, ``"optimized"`` or ``"sdk"``.
    arn:
        As written.
    type, name:
        As history events show them: ``glue`` and ``startJobRun.sync``.
    pattern:
        One of the suffixes.
    """

    kind: str
    arn: str
    type: str
    name: str
    pattern: str = REQUEST_RESPONSE
    api: Api | None = None


_ARN = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]*:\d*:(.+)")
_LAMBDA = re.compile(r"arn:aws[a-z-]*:lambda:[^:]+:[^:]+:function:.+")
_SDK = re.compile(r"aws-sdk:([a-z0-9]+):([a-z][A-Za-z0-9]*)(\.waitForTaskToken)?")
_OPTIMIZED = re.compile(r"([a-z][a-z0-9-]*):([a-z][A-Za-z0-9]*)(\.sync:2|\.sync|\.waitForTaskToken)?")


def parse_resource(arn: str) -> Resource | None:
    """The resource that an ARN names, or None when a Task cannot call it."""
    if _LAMBDA.fullmatch(arn):
        return Resource("lambda", arn, "lambda", arn)
    found = _ARN.fullmatch(arn)
    if not found:
        return None
    rest = found.group(1)
    if rest.startswith("activity:"):
        return Resource("activity", arn, "activity", arn)
    sdk = _SDK.fullmatch(rest)
    if sdk:
        service, operation, pattern = sdk.group(1), sdk.group(2), sdk.group(3) or ""
        prefix = SDK_PREFIXES.get(service, service.capitalize())
        api = Api(SDK_CLIENTS.get(service, service), operation, _WITH_TOKEN, prefix)
        return Resource("sdk", arn, f"aws-sdk:{service}", operation + pattern, pattern, api)
    optimized = _OPTIMIZED.fullmatch(rest)
    row = OPTIMIZED.get((optimized.group(1), optimized.group(2))) if optimized else None
    if not optimized or row is None:
        return None
    pattern = optimized.group(3) or ""
    if pattern not in row.patterns:
        return None
    return Resource("optimized", arn, optimized.group(1), optimized.group(2) + pattern, pattern, row)
