"""How answers and errors of services appear to a state machine."""

from __future__ import annotations

import uuid
from typing import Any

from headwater.local.service import ServiceError
from headwater.local.services.states.integrations import Resource

# Optimized integrations call through the SDK for Java v1, whose fallback for an error that a service's model does not
# name is the service's base exception.
_BASE_EXCEPTIONS = {
    "Athena": "AmazonAthenaException",
    "DynamoDB": "AmazonDynamoDBException",
    "EMRServerless": "AWSEMRServerlessException",
    "ElasticMapReduce": "AmazonElasticMapReduceException",
    "EventBridge": "AmazonEventBridgeException",
    "Glue": "AWSGlueException",
    "Lambda": "AWSLambdaException",
    "SNS": "AmazonSNSException",
    "SQS": "AmazonSQSException",
    "SageMaker": "AmazonSageMakerException",
    "StepFunctions": "AWSStepFunctionsException",
}
_UNMODELLED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "InternalFailure",
        "MissingAuthenticationToken",
        "ThrottlingException",
        "UnknownOperationException",
        "ValidationException",
    }
)


def service_failure(target: Resource, error: ServiceError) -> tuple[str, str]:
    """(error name, cause) of a task whose call was answered with an error.

    The name is the prefix of the service and the Java exception's name, as AWS gives it:
    ``Glue.EntityNotFoundException``, ``S3.NoSuchKeyException`` for ``aws-sdk``.
    """
    prefix = "Lambda" if target.api is None else target.api.error_prefix
    request = str(uuid.uuid4())
    if target.kind == "sdk":
        code = error.code.split(".")[-1]
        name = code if code.endswith("Exception") else f"{code}Exception"
        if error.code in _UNMODELLED and target.type != "aws-sdk:dynamodb":
            name = f"{prefix}Exception"
        cause = f"{error.message} (Service: {prefix}, Status Code: {error.status}, Request ID: {request})"
        return f"{prefix}.{name}", cause
    name = _BASE_EXCEPTIONS.get(prefix, error.code) if error.code in _UNMODELLED else error.code
    service = _BASE_EXCEPTIONS.get(prefix, prefix).removesuffix("Exception")
    cause = (
        f"{error.message} (Service: {service}; Status Code: {error.status}; Error Code: {error.code}; "
        f"Request ID: {request}; Proxy: null)"
    )
    return f"{prefix}.{name}", cause


def invoke_result(response: dict[str, Any], payload: Any) -> dict[str, Any]:
    """What ``lambda:invoke`` hands on."""
    request = str(uuid.uuid4())
    return {
        "ExecutedVersion": response.get("ExecutedVersion", "$LATEST"),
        "Payload": payload,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {"x-amzn-RequestId": [request], "Content-Type": ["application/json"]},
            "HttpHeaders": {"Content-Type": "application/json", "x-amzn-RequestId": request},
            "HttpStatusCode": response.get("StatusCode", 200),
        },
        "SdkResponseMetadata": {"RequestId": request},
        "StatusCode": response.get("StatusCode", 200),
    }
