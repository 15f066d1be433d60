"""How answers and errors of services appear to a state machine."""

from __future__ import annotations

import base64
import secrets
import time
import uuid
import zlib
from email.utils import formatdate
from typing import Any

from headwater.local.service import ServiceError
from headwater.local.services.states.integrations import Resource
from headwater.local.member_names import content_type, error_name, protocol
from headwater.local.services.states.json_text import dumps

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
# What the SDK for Java v1 calls a service in a cause, where that is not the base exception's name.
_SERVICE_NAMES = {"DynamoDB": "AmazonDynamoDBv2"}
# Integrations whose results say nothing of the HTTP answer.
_BARE = frozenset({"events", "http"})
# Services that write this header's name so.
_LOWER_CASE = frozenset({"sns", "sqs", "stepfunctions"})


def service_failure(target: Resource, error: ServiceError) -> tuple[str, str]:
    """(error name, cause) of a task whose call was answered with an error.

    The name is the prefix of the service and the Java exception's name, as AWS gives it:
    ``Glue.EntityNotFoundException``, ``S3.NoSuchKeyException`` for ``aws-sdk``.
    """
    api = target.api
    prefix, client = ("Lambda", "lambda") if api is None else (api.error_prefix, api.client)
    modelled = error_name(client, error.code)
    request = str(uuid.uuid4())
    status = 400 if protocol(client) == "json" and error.status < 500 else error.status
    java = None if modelled is None else modelled.removesuffix("Exception") + "Exception"
    if target.kind == "sdk":
        extended = f", Extended Request ID: {_extended_id()}" if client == "s3" else ""
        cause = f"{error.message} (Service: {prefix}, Status Code: {status}, Request ID: {request}{extended})"
        return f"{prefix}.{java or prefix + 'Exception'}", cause
    base = _BASE_EXCEPTIONS.get(prefix, f"Amazon{prefix}Exception")
    service = _SERVICE_NAMES.get(prefix, base.removesuffix("Exception"))
    cause = (
        f"{error.message} (Service: {service}; Status Code: {status}; "
        f"Error Code: {error.code}; Request ID: {request}; Proxy: null)"
    )
    return f"{prefix}.{java or base}", cause


def _extended_id() -> str:
    return base64.b64encode(secrets.token_bytes(56)).decode()


def invoke_result(response: dict[str, Any], payload: Any, length: int) -> dict[str, Any]:
    """What ``lambda:invoke`` hands on, for a payload of ``length`` bytes."""
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(length),
        "X-Amzn-Trace-Id": f"root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};sampled=0",
        "x-amzn-Remapped-Content-Length": "0",
    }
    result = {"Payload": payload, "StatusCode": response.get("StatusCode", 200)}
    if "ExecutedVersion" in response:
        result["ExecutedVersion"] = headers["X-Amz-Executed-Version"] = response["ExecutedVersion"]
    if "LogResult" in response:
        result["LogResult"] = headers["X-Amz-Log-Result"] = response["LogResult"]
    return _with_metadata(result, "application/json", headers, result["StatusCode"])


def with_metadata(target: Resource, result: Any) -> Any:
    """The result of an optimized integration with what it says of the HTTP answer.

    Which headers a service sends was recorded on AWS, 2024 and 2025. Not faithful: the length and the checksum are
    those of the result as JSON, whatever the service's protocol.
    """
    api = target.api
    if target.kind != "optimized" or api is None or api.client in _BARE or not isinstance(result, dict):
        return result
    text = dumps(result).encode()
    headers = {"connection" if api.client in _LOWER_CASE else "Connection": "keep-alive"}
    headers["Content-Length"] = str(len(text))
    if api.client == "dynamodb":
        headers |= {"Server": "Server", "x-amz-crc32": str(zlib.crc32(text))}
    return _with_metadata(result, content_type(api.client), headers, 200)


def _with_metadata(result: dict[str, Any], type: str, given: dict[str, str], status: int) -> dict[str, Any]:
    request = str(uuid.uuid4())
    headers = {
        "Content-Type": type,
        "Date": formatdate(usegmt=True),
        "x-amzn-RequestId": request,
        **given,
    }
    metadata = {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in sorted(headers.items())},
            "HttpHeaders": dict(sorted(headers.items())),
            "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": request},
    }
    return dict(sorted({**result, **metadata}.items()))
