"""How answers and errors of services appear to a state machine."""

from __future__ import annotations

import time
import uuid
from email.utils import formatdate
from typing import Any

from headwater.local.service import ServiceError
from headwater.local.services.states.integrations import Resource
from headwater.local.member_names import error_name

# Optimized integrations show the SDK for Java v1, aws-sdk ones v2. In both, an error that the service's model does not
# name (AccessDenied of S3, say) appears as the service's base exception.
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


def service_failure(target: Resource, error: ServiceError) -> tuple[str, str]:
    """(error name, cause) of a task whose call was answered with an error.

    The name is the prefix of the service and the Java exception's name, as AWS gives it:
    ``Glue.EntityNotFoundException``, ``S3.NoSuchKeyException`` for ``aws-sdk``.
    """
    api = target.api
    prefix, client = ("Lambda", "lambda") if api is None else (api.error_prefix, api.client)
    modelled = error_name(client, error.code)
    request = str(uuid.uuid4())
    java = None if modelled is None else modelled.removesuffix("Exception") + "Exception"
    if target.kind == "sdk":
        cause = f"{error.message} (Service: {prefix}, Status Code: {error.status}, Request ID: {request})"
        return f"{prefix}.{java or prefix + 'Exception'}", cause
    base = _BASE_EXCEPTIONS.get(prefix, f"Amazon{prefix}Exception")
    cause = (
        f"{error.message} (Service: {base.removesuffix('Exception')}; Status Code: {error.status}; "
        f"Error Code: {error.code}; Request ID: {request}; Proxy: null)"
    )
    return f"{prefix}.{java or base}", cause


def invoke_result(response: dict[str, Any], payload: Any, length: int) -> dict[str, Any]:
    """What ``lambda:invoke`` hands on, for a payload of ``length`` bytes."""
    request = str(uuid.uuid4())
    version = response.get("ExecutedVersion", "$LATEST")
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(length),
        "Content-Type": "application/json",
        "Date": formatdate(usegmt=True),
        "X-Amz-Executed-Version": version,
        "X-Amzn-Trace-Id": f"root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};sampled=0",
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": request,
    }
    return {
        "ExecutedVersion": version,
        "Payload": payload,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": response.get("StatusCode", 200),
        },
        "SdkResponseMetadata": {"RequestId": request},
        "StatusCode": response.get("StatusCode", 200),
    }
