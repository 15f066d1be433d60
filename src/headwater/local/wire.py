"""HTTP on one side, operations and members on the other: the only module that touches moto.core and botocore's models.

moto.core routes a request to its operation and parses it by botocore's models, for every protocol of AWS; the same
models serialise the answers and name the errors. What is ours here is the glue, and the reverse direction that calls
in process need for the services that moto keeps (:func:`build_request`, :func:`parse_response`).

Not faithful to AWS: request ids are random UUIDs for every protocol.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape  # nosec B406: writes, never parses

from botocore import xform_name
from botocore.loaders import Loader
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.utils import parse_timestamp
from botocore.validate import ParamValidator
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import RestRouter, get_service_router
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from headwater.local.service import Members, ServiceError

# Operations whose body is an object and never passes through the parser or memory.
STREAMING_UPLOADS = {("s3", "PutObject"), ("s3", "UploadPart")}


@dataclass(frozen=True)
class HttpRequest:
    """A request as it arrived: ``path`` still percent-encoded, header names lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    host: str


@dataclass(frozen=True)
class HttpResponse:
    """An answer: ``body`` is bytes, or an object with ``iter_chunks`` (a :class:`FileBody`)."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Routed:
    """A request that found its operation, not yet parsed."""

    service: str
    operation: str
    request: Request
    uri_params: dict[str, Any]

    @property
    def streams(self) -> bool:
        """Whether the body is an object to be spooled to a file."""
        return (self.service, self.operation) in STREAMING_UPLOADS


def python_name(operation: str) -> str:
    """boto3's method name of an operation (``StartJobRun`` → ``start_job_run``)."""
    return str(xform_name(operation))


@functools.cache
def region_name(region: str) -> str:
    """What AWS calls a region in words: US East (N. Virginia); its code where it is not known."""
    partitions = Loader().load_data("endpoints")["partitions"]
    known = {code: each["description"] for partition in partitions for code, each in partition["regions"].items()}
    return str(known.get(region, region))


@functools.cache
def aws_names(service: str) -> dict[str, str]:
    """boto3's method name → AWS's operation name, of a whole service. Empty when botocore does not know it."""
    try:
        model = get_service_model(service)
    except Exception:  # botocore raises its own UnknownServiceError; moto wraps it differently by version
        return {}
    return {python_name(name): name for name in model.operation_names}


def aws_name(service: str, operation: str) -> str:
    """AWS's name of an operation given in either spelling; raises :class:`ServiceError` when there is none."""
    names = aws_names(service)
    if operation in names:
        return names[operation]
    if operation in names.values():
        return operation
    raise ServiceError("UnknownOperationException", f"{service} has no operation {operation}", 404)


@functools.cache
def _s3_router() -> RestRouter:
    # moto's own S3 router imports its whole S3 backend for virtual hosts; the gateway rewrites those paths itself.
    return RestRouter(get_service_model("s3"))


def to_werkzeug(http: HttpRequest) -> Request:
    """The request in the shape that moto.core reads."""
    headers = {k: v for k, v in http.headers.items() if k not in ("transfer-encoding", "content-length")}
    request: Request = Request.from_values(  # type: ignore[assignment]
        method=http.method,
        base_url=f"http://{http.host or 'localhost'}",
        path=http.path,
        query_string=http.query,
        data=http.body,
        headers=headers,
    )
    request.environ["RAW_URI"] = http.path + (f"?{http.query}" if http.query else "")
    return request


def route(service: str, http: HttpRequest) -> Routed:
    """Find the operation of a request; an unknown one is refused with AWS's error for it."""
    request = to_werkzeug(http)
    try:
        if service == "s3":
            model, params = _s3_router().match(request)
        else:
            model, params = get_service_router(service).match(request)
    except (NotFound, NotImplementedError) as error:
        target = http.headers.get("x-amz-target", f"{http.method} {http.path}")
        raise ServiceError("UnknownOperationException", f"{service} has no operation for {target}", 404) from error
    return Routed(service, str(model.name), request, params)


def parse(routed: Routed) -> Members:
    """The members of a request by the service's model. Raises :class:`ServiceError` (SerializationException)."""
    model = get_service_model(routed.service).operation_model(routed.operation)
    request = routed.request
    protocol = determine_request_protocol(model.service_model, request.content_type)
    try:
        parsed: Members = PROTOCOL_PARSERS[protocol](model, map_type=dict, timestamp_parser=parse_timestamp).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.get_data(),
                "url_path": request.path,
                "url_params": routed.uri_params,
            }
        )
    except Exception as error:
        raise ServiceError(
            "MalformedXML" if routed.service == "s3" else "SerializationException",
            f"{routed.operation}: the request's body could not be read as {protocol}: {error}",
        ) from error
    return {name: value for name, value in parsed.items() if value is not None and not _is_absent(model, name, value)}


def _is_absent(model: Any, name: str, value: Any) -> bool:
    """Whether a list of the query string was not given: moto's parser makes an empty one of it."""
    return value == [] and bool(model.input_shape.members[name].serialization.get("location") == "querystring")


def input_shape(service: str, operation: str) -> Any:
    """botocore's shape of an operation's request (AWS's spelling), or None when it takes nothing."""
    return get_service_model(service).operation_model(operation).input_shape


def validate(service: str, operation: str, members: Members) -> str | None:
    """What botocore's model finds wrong with a request's members, as text, or None."""
    shape = get_service_model(service).operation_model(operation).input_shape
    if shape is None:
        return None
    report = ParamValidator().validate(members, shape)
    return report.generate_report() if report.has_errors() else None


class _ModelledError(Exception):
    """What moto's serializers expect of an error: a code, a message, and the modelled members as attributes."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__(error.message)
        self.code = error.code
        self.message = error.message
        for name, value in error.members.items():
            setattr(self, name, value)


def _protocol(routed: Routed) -> str:
    protocol = determine_request_protocol(get_service_model(routed.service), routed.request.content_type)
    if protocol == "query" and routed.request.values.get("ContentType") == "JSON":
        return "query-json"
    return protocol


def serialize(routed: Routed, answer: Members | ServiceError, request_id: str) -> HttpResponse:
    """The HTTP answer for an operation's members or error."""
    if isinstance(answer, ServiceError) and not _models(routed.service, answer.code):
        return plain_error(routed.service, routed.request.method, routed.request.content_type, answer, request_id)
    model = get_service_model(routed.service).operation_model(routed.operation)
    serializer = get_serializer_class(routed.service, _protocol(routed))(
        model, context=SerializationContext(request_id)
    )
    result = _ModelledError(answer) if isinstance(answer, ServiceError) else answer
    response = serializer.serialize(result)
    status = int(response["status_code"])
    if isinstance(answer, ServiceError) and not _models_status(routed.service, answer.code):
        status = answer.status
    elif member := _status_member(routed.service, routed.operation):
        status = int(result.get(member, status)) if isinstance(result, dict) else status
    body = response["body"]
    headers = {str(k): str(v) for k, v in response["headers"].items()}
    headers.setdefault("x-amzn-RequestId", request_id)
    if routed.service == "s3":
        headers["x-amz-request-id"] = request_id
    if isinstance(body, str):
        body = body.encode()
    return HttpResponse(status, headers, body if body is not None else b"")


@functools.cache
def _status_member(service: str, operation: str) -> str | None:
    """The response's member that is the HTTP status (Lambda's Invoke), if there is one; moto leaves it out."""
    shape = get_service_model(service).operation_model(operation).output_shape
    members = shape.members.items() if shape is not None else ()
    return next((name for name, member in members if member.serialization.get("location") == "statusCode"), None)


@functools.cache
def _error_shapes(service: str) -> dict[str, bool]:
    """The codes of a service's modelled errors, and whether the model gives an HTTP status for them."""
    shapes: dict[str, bool] = {}
    for shape in get_service_model(service).error_shapes:
        traits = shape.metadata.get("error", {})
        shapes[shape.name] = shapes[traits.get("code", shape.name)] = "httpStatusCode" in traits
    return shapes


def _models(service: str, code: str) -> bool:
    return code in _error_shapes(service)


def _models_status(service: str, code: str) -> bool:
    return _error_shapes(service).get(code, False)


def plain_error(
    service: str, method: str, content_type: str | None, error: ServiceError, request_id: str
) -> HttpResponse:
    """The answer for an error that the service's model does not describe, in its protocol's common form."""
    headers = {"x-amzn-RequestId": request_id}
    if service == "s3":
        members = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in error.members.items())
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{escape(error.code)}</Code>'
            f"<Message>{escape(error.message)}</Message>{members}<RequestId>{request_id}</RequestId></Error>"
        )
        headers |= {"content-type": "application/xml", "x-amz-request-id": request_id}
    elif "x-www-form-urlencoded" in (content_type or ""):
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(error.code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        headers["content-type"] = "text/xml"
    else:
        body = json.dumps({"__type": error.code, "message": error.message, **error.members}, default=str)
        headers |= {"content-type": content_type or "application/json", "x-amzn-errortype": error.code}
    return HttpResponse(error.status, headers, b"" if method == "HEAD" else body.encode())


# -- the reverse direction: calls in process to what moto keeps ------------------------------------------------------


def build_request(service: str, operation: str, members: Members) -> HttpRequest:
    """The HTTP request that botocore would send for an operation."""
    model = get_service_model(service)
    operation_model = model.operation_model(operation)
    problem = validate(service, operation, members)
    if problem:
        raise ServiceError("ValidationException", f"{service}:{operation}: {problem}")
    built = create_serializer(model.protocol).serialize_to_request(members, operation_model)
    query = built.get("query_string") or ""
    body = built.get("body") or b""
    headers = {str(k).lower(): str(v) for k, v in dict(built.get("headers") or {}).items()}
    if isinstance(body, dict):  # the query protocol's parameters
        body = urlencode(body)
        headers.setdefault("content-type", "application/x-www-form-urlencoded; charset=utf-8")
    path, _, own_query = str(built["url_path"]).partition("?")
    if isinstance(query, Mapping):
        query = urlencode(query, doseq=True)
    return HttpRequest(
        method=str(built["method"]),
        path=path,
        query="&".join(part for part in (own_query, str(query)) if part),
        headers=headers,
        body=body.encode() if isinstance(body, str) else bytes(body),
        host=endpoint_host(service, "us-east-1"),
    )


def parse_response(service: str, operation: str, response: HttpResponse) -> Members:
    """The members of an HTTP answer; AWS errors are raised as :class:`ServiceError`."""
    model = get_service_model(service)
    output_shape = model.operation_model(operation).output_shape
    parsed: Members = create_parser(model.protocol).parse(
        {"status_code": response.status, "headers": response.headers, "body": response.body}, output_shape
    )
    parsed.pop("ResponseMetadata", None)
    if response.status >= 300:
        error = parsed.get("Error", {})
        raise ServiceError(str(error.get("Code", "InternalFailure")), str(error.get("Message", "")), response.status)
    return parsed


def endpoint_host(service: str, region: str) -> str:
    """AWS's host of a service, which moto's URL patterns ask for."""
    return f"{get_service_model(service).endpoint_prefix}.{region}.amazonaws.com"
