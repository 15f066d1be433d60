"""Members between the spelling of AWS SDK integrations and that of clients.

A state machine, or a schedule's universal target, writes every member in PascalCase (``ApplicationId``); some services'
models say ``applicationId``. Answers come back the same way, with timestamps as text and bodies read, because a state's
data is JSON. This module reads botocore's models; it builds no request.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.utils import parse_timestamp

# AWS SDK integrations name services as the SDK for Java does; boto3's name where it differs.
SDK_CLIENTS = {
    "cloudwatchevents": "events",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "configservice": "config",
    "elasticloadbalancingv2": "elbv2",
    "emrserverless": "emr-serverless",
    "eventbridge": "events",
    "resourcegroupstaggingapi": "resourcegroupstaggingapi",
    "sagemakerruntime": "sagemaker-runtime",
    "servicediscovery": "servicediscovery",
    "sfn": "stepfunctions",
}


@cache
def _model(client: str) -> ServiceModel | None:
    loader = Loader()
    if client not in loader.list_available_services("service-2"):
        return None
    return ServiceModel(loader.load_service_model(client, "service-2"), client)


def knows(client: str) -> bool:
    """Whether botocore has a service of this name."""
    return _model(client) is not None


@cache
def operation_name(client: str, operation: str) -> str | None:
    """boto3's method name of an operation in camel case (``startJobRun`` → ``start_job_run``), None when unknown."""
    model = _model(client)
    wanted = operation[:1].upper() + operation[1:]
    if model is None or wanted not in model.operation_names:
        return None
    return str(xform_name(wanted))


# Codes of SQS's older protocol, which it still sends; its model names the exceptions only.
_OLDER_CODES = {"AWS.SimpleQueueService.NonExistentQueue": "QueueDoesNotExist"}


@cache
def error_name(client: str, code: str) -> str | None:
    """The exception's name in the SDK for Java of an error that the service's model names; None for any other."""
    model = _model(client)
    if model is None:
        return None
    code = _OLDER_CODES.get(code, code)
    for name in model.shape_names:
        metadata = model.shape_for(name).metadata
        if metadata.get("exception") and code in (name, metadata.get("error", {}).get("code")):
            return str(name)
    return None


@cache
def protocol(client: str) -> str:
    """The protocol of a service's API: ``json``, ``rest-json``, ``query``, ``rest-xml``, ``ec2``."""
    model = _model(client)
    return "" if model is None else str(model.metadata["protocol"])


@cache
def content_type(client: str) -> str:
    """What a service's answers say that they are."""
    model = _model(client)
    if model is None:
        return "application/json"
    if protocol(client) == "json":
        return f"application/x-amz-json-{model.metadata['jsonVersion']}"
    return "application/json" if protocol(client) == "rest-json" else "text/xml"


def _shape(client: str, operation: str, output: bool) -> Shape | None:
    model = _model(client)
    if model is None:
        return None
    name = operation[:1].upper() + operation[1:]
    found = model.operation_model(name)
    shape: Shape | None = found.output_shape if output else found.input_shape
    return shape


def input_shape(client: str, operation: str) -> Shape | None:
    """The shape of an operation's request, None when the client or the operation is unknown."""
    return None if operation_name(client, operation) is None else _shape(client, operation, output=False)


def output_shape(client: str, operation: str) -> Shape | None:
    """The shape of an operation's answer, None when the client or the operation is unknown."""
    return None if operation_name(client, operation) is None else _shape(client, operation, output=True)


def to_client(client: str, operation: str, arguments: Any) -> dict[str, Any]:
    """A task's arguments as the client's members; names that the model does not know are left as they are.

    An object or a list where the model has text is written as JSON, and a streamed body is JSON even where it is text:
    S3 gets ``"text"`` with its quotes (executions recorded on AWS, 2024).
    """
    shape = _shape(client, operation, output=False)
    found = _convert(arguments, shape, _lower, blob=_to_bytes, text=_to_text)
    return found if isinstance(found, dict) else {}


def from_client(
    client: str, operation: str, response: dict[str, Any], timestamp: Callable[[datetime], Any] | None = None
) -> dict[str, Any]:
    """A client's answer as a task's output."""
    shape = _shape(client, operation, output=True)
    answer = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    found: dict[str, Any] = _convert(answer, shape, _upper, blob=_from_bytes, timestamp=timestamp or _iso)
    return found


def _upper(name: str, shape: Shape) -> str:
    return name[:1].upper() + name[1:]


def _lower(name: str, shape: Shape) -> str:
    if name in shape.members:
        return name
    folded = name[:1].lower() + name[1:]
    if folded in shape.members:
        return folded
    return next((member for member in shape.members if member.lower() == name.lower()), name)


def _iso(moment: datetime) -> str:
    """A moment as Java writes it: no fraction when there is none."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").replace(".000Z", "Z")


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since the epoch: how optimized integrations show moments."""
    return int(moment.timestamp() * 1000)


def _to_bytes(value: Any, shape: Shape | None) -> Any:
    if value is None or isinstance(value, (bytes, bytearray)):
        return value
    streamed = shape is not None and shape.serialization.get("streaming")
    return value.encode() if isinstance(value, str) and not streamed else _json(value).encode()


def _to_text(value: Any) -> Any:
    return _json(value) if isinstance(value, (dict, list)) else value


def _to_moment(value: Any) -> Any:
    try:
        return parse_timestamp(value)
    except ValueError:
        return value  # the service says what it thinks of it


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _from_bytes(value: Any, shape: Shape | None) -> Any:
    if hasattr(value, "read"):
        with contextlib.closing(value) as body:
            value = body.read()
    if isinstance(value, (bytes, bytearray)):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    return value


def _convert(
    value: Any,
    shape: Shape | None,
    rename: Callable[[str, Shape], str],
    blob: Callable[[Any, Shape | None], Any],
    timestamp: Callable[[datetime], Any] | None = None,
    text: Callable[[Any], Any] | None = None,
) -> Any:
    def inner(item: Any, item_shape: Shape | None) -> Any:
        return _convert(item, item_shape, rename, blob, timestamp, text)

    kind = None if shape is None else shape.type_name
    if isinstance(value, datetime):
        return value if timestamp is None else timestamp(value)
    if kind == "blob" or isinstance(value, (bytes, bytearray)) or hasattr(value, "read"):
        return blob(value, shape)
    if kind == "string" and text is not None:
        return text(value)
    if kind == "timestamp" and text is not None and isinstance(value, (str, int, float)):
        return _to_moment(value)
    if isinstance(value, dict):
        if shape is not None and kind == "structure":
            pairs = ((rename(key, shape), item) for key, item in value.items() if item is not None)
            members = {member.lower(): found for member, found in shape.members.items()}
            return {key: inner(item, members.get(key.lower())) for key, item in pairs}
        item_shape = shape.value if shape is not None and kind == "map" else None
        return {key: inner(item, item_shape) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        item_shape = shape.member if shape is not None and kind == "list" else None
        return [inner(item, item_shape) for item in value]
    return value
