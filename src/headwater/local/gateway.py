"""HTTP ↔ operation ↔ handler.

An ordered chain, once a request: health, host and origin, service, signature, route, body, members, dispatch, answer.
Served by uvicorn on loopback only. A web page must not reach the endpoint, so a foreign ``Host`` or any foreign
``Origin`` is refused before anything else is read.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

import uvicorn

from headwater.local import bodies, constraints, s3_http, wire
from headwater.local.endpoint import LocalEndpoint, unknown_operation
from headwater.local.identity import Principal
from headwater.local.service import Call, Members, ServiceError
from headwater.local.identity.sigv4 import Signature, check_signature, read_signature
from headwater.local.wire import HttpRequest, HttpResponse, Routed

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_MEMORY_BODY = 80 << 20  # Lambda's zipped code, base64 in JSON, is the largest body that AWS takes this way
CHUNK = 1 << 20
USES_PAGE = "/_headwater/policy-uses"
SIGNED_PATH = "x-headwater-signed-path"  # ours, set after the client's headers were read
# A credential scope names the signing name, which is not always botocore's service name.
SIGNING_NAMES = {
    "aoss": "opensearchserverless",
    "elasticmapreduce": "emr",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
LOOPBACK = re.compile(
    r"(?:[\w.-]+\.)?(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?|[\w.-]+\.localhost\.localstack\.cloud(?::\d+)?"
)
VIRTUAL_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+?)\.(?:s3[.-][\w.-]*?)?(?:localhost|127\.0\.0\.1)(?::\d+)?")

log = logging.getLogger(__name__)


class RequestBody:
    """What of a request's body was read. An early refusal leaves some of it, which must not be taken for a request."""

    def __init__(self, receive: Receive, awaits_permission: bool) -> None:
        self._receive = receive
        self._awaits_permission = awaits_permission
        self._ended = False

    async def receive(self) -> MutableMapping[str, Any]:
        """The next piece, which also tells a client that waits for ``100 Continue`` to send."""
        self._awaits_permission = False
        message = await self._receive()
        self._ended = message["type"] == "http.disconnect" or not message.get("more_body")
        return message

    async def skip(self) -> bool:
        """Read what is left; returns whether the client still waits to send, so that the connection must be closed.

        Closing it on a client that is sending would reset it before it reads the answer.
        """
        while not self._ended and not self._awaits_permission:
            await self.receive()
        return not self._ended


class Gateway:
    """The HTTP side of one endpoint."""

    def __init__(self, endpoint: LocalEndpoint) -> None:
        self.endpoint = endpoint
        self.tmp = endpoint.home / "tmp"
        self.tmp.mkdir(exist_ok=True)
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    # -- serving -------------------------------------------------------------------------------------------------

    @staticmethod
    def bind(port: int) -> socket.socket:
        """A listening socket on loopback; raises OSError when the port is taken."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # with proto, asyncio sets NODELAY
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError as error:
            sock.close()
            raise OSError(f"port {port} of 127.0.0.1 cannot be had: {error.strerror}; choose another --port") from error
        sock.listen(512)
        return sock

    async def serve(self, sock: socket.socket) -> None:
        """Begin to answer on ``sock``; returns once it does."""
        config = uvicorn.Config(
            self,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=65,
            timeout_graceful_shutdown=3,
            ws="none",
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server._serve([sock]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Stop answering, after the requests under way or three seconds."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    # -- a request -----------------------------------------------------------------------------------------------

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI)."""
        if scope["type"] != "http":
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        headers.pop(SIGNED_PATH, None)
        http = HttpRequest(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            headers,
            b"",
            headers.get("host", ""),
        )
        started = time.perf_counter()
        request_id = str(uuid.uuid4())
        name = "?"
        body = RequestBody(receive, "100-continue" in headers.get("expect", "").lower())
        try:
            response, name = await self._answer(http, body.receive, request_id)
            rest_is_coming = await body.skip()
        except ConnectionResetError:
            return
        if rest_is_coming:
            response = replace(response, headers={**response.headers, "connection": "close"})
        await _send(response, send, http.method == "HEAD", self.endpoint)
        log.info(
            "%s %s %.1f ms",
            name,
            response.status,
            (time.perf_counter() - started) * 1000,
            extra={"request_id": request_id},
        )

    async def _answer(self, http: HttpRequest, receive: Receive, request_id: str) -> tuple[HttpResponse, str]:
        refused = _refuse_strangers(http)
        if refused:
            return refused, "stranger"
        if http.path.startswith("/_headwater/"):
            return self._own_page(http), http.path
        service = "s3"
        routed: Routed | None = None
        try:
            found = read_signature(http.headers, http.query)
            service = _service_of(http, found)
            http = _path_style(http) if service == "s3" else http
            if found is None:
                raise _missing_token(service, http)
            principal, http, routed, upload = await self._authenticated(service, http, found, receive)
            members = wire.parse(routed)
            if upload is not None:
                members["Body"] = upload
            call = Call(
                service,
                routed.operation,
                principal,
                found.region,
                self.endpoint.account,
                request_id,
                http.headers,
                http.host,
            )
            try:
                return await self._run(call, routed, http, members), f"{service}:{routed.operation}"
            finally:
                if upload is not None:
                    upload.discard()
        except ServiceError as error:
            log.info("%s %s: %s", routed.operation if routed else service, error.code, error.message)
            if routed is None:
                return _early(service, http, error, request_id), service
            return wire.serialize(routed, error, request_id), f"{service}:{routed.operation}"
        except ConnectionResetError:
            raise
        except Exception as error:
            log.exception("%s failed", routed.operation if routed else service)
            failure = ServiceError("InternalFailure", f"Headwater's own fault: {type(error).__name__}: {error}", 500)
            if routed is None:
                return _early(service, http, failure, request_id), service
            return wire.serialize(routed, failure, request_id), f"{service}:{routed.operation}"

    async def _authenticated(
        self, service: str, http: HttpRequest, found: Signature, receive: Receive
    ) -> tuple[Principal, HttpRequest, Routed, bodies.UploadBody | None]:
        """The caller, the request with its body, and its operation. Only S3 is routed before its body is read."""
        identity, asked = self.endpoint.identity, (found.access_key, found.token, service)
        if identity.is_long_term(found.access_key):  # one of IAM's records, which others may hold for a while
            principal, secret = await self.endpoint.in_worker(identity.authenticate, *asked)
        else:
            principal, secret = identity.authenticate(*asked)
        signed_path = http.path if found.version == 2 else http.headers.get(SIGNED_PATH, http.path)
        if service == "s3":
            routed = wire.route(service, http)
            if routed.streams:
                check_signature(found, secret, http.method, signed_path, http.query, http.headers, None)
                return principal, http, routed, await bodies.spool(receive, http.headers, self.tmp)
        body = await _read_body(receive)
        digest = hashlib.sha256(body).hexdigest()
        check_signature(found, secret, http.method, signed_path, http.query, http.headers, digest)
        stated = http.headers.get("x-amz-content-sha256", "")
        if len(stated) == 64 and stated != digest:
            raise ServiceError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        http = HttpRequest(http.method, http.path, http.query, http.headers, body, http.host)
        return principal, http, wire.route(service, http), None

    async def _run(self, call: Call, routed: Routed, http: HttpRequest, members: Members) -> HttpResponse:
        if self.endpoint.keeps_record(call.service, call.operation):
            # moto reads and writes its own HTTP: passing it on as it came keeps every detail of the protocol.
            await self.endpoint.in_worker(self.endpoint.authorizer.authorize, call, members)
            response = await self.endpoint.in_worker(
                self.endpoint.records.handle, call.service, call.operation, http, members, call.region
            )
            if call.service == "iam":
                self.endpoint.authorizer.forget()
            return HttpResponse(response.status, response.headers, response.body)
        problem = wire.validate(call.service, call.operation, members)
        if problem:
            constraints.check_members(call.service, call.operation, members)  # AWS's words, where they are known
            raise ServiceError("ValidationException", problem)
        answer = await self.endpoint.dispatch(call, members)
        if call.service == "s3" and call.operation in s3_http.ROOTS:
            headers = {"content-type": "application/xml", "x-amz-request-id": call.request_id}
            return HttpResponse(200, headers, s3_http.listing_xml(call.operation, answer))
        streamed = answer.get("Body") if call.service == "s3" else None
        if not isinstance(streamed, bodies.FileBody):
            response = wire.serialize(routed, answer, call.request_id)
            if call.service == "s3" and "ContentRange" in answer:  # a HEAD of a range
                return HttpResponse(206, response.headers, response.body)
            return response
        try:
            response = wire.serialize(routed, {k: v for k, v in answer.items() if k != "Body"}, call.request_id)
        except BaseException:
            streamed.close()
            raise
        return HttpResponse(206 if "ContentRange" in answer else response.status, response.headers, streamed)

    def _own_page(self, http: HttpRequest) -> HttpResponse:
        if http.path == "/_headwater/health" and http.method in ("GET", "HEAD"):
            body = {
                "status": "running",
                "account": self.endpoint.account,
                "region": self.endpoint.region,
                "home": str(self.endpoint.home),
                "iam": self.endpoint.authorizer.mode,
                "next_schedule": self._next_schedule(),
                "spark_master": self.endpoint.settings.spark_master,
            }
            return HttpResponse(200, {"content-type": "application/json"}, json.dumps(body).encode())
        if http.path == USES_PAGE and http.method in ("GET", "HEAD"):
            used = {"mode": self.endpoint.authorizer.mode, "uses": self.endpoint.authorizer.uses.listed()}
            return HttpResponse(200, {"content-type": "application/json"}, json.dumps(used).encode())
        return HttpResponse(404, {"content-type": "text/plain"}, b"no such page\n")

    def _next_schedule(self) -> dict[str, str] | None:
        """The schedule that fires next here, and when (UTC)."""
        due = getattr(self.endpoint.service("scheduler"), "next_due", None)
        found = due() if due else None
        return None if found is None else {"name": found[0], "due": f"{found[1]:%Y-%m-%dT%H:%M:%SZ}"}


def _refuse_strangers(http: HttpRequest) -> HttpResponse | None:
    origin = http.headers.get("origin")
    foreign_origin = origin is not None and not LOOPBACK.fullmatch(re.sub(r"^https?://", "", origin))
    if foreign_origin or not LOOPBACK.fullmatch(http.host):
        return HttpResponse(403, {"content-type": "text/plain"}, b"this endpoint answers its own machine only\n")
    return None


def _service_of(http: HttpRequest, found: Signature | None) -> str:
    if found is None:
        target = http.headers.get("x-amz-target", "")
        return "s3" if not target and http.method != "POST" or _is_form(http) else "sts"
    service = SIGNING_NAMES.get(found.service, found.service)
    if service == "sagemaker" and re.match(r"/endpoints/[^/]+/(invocations|async-invocations)", http.path):
        service = "sagemaker-runtime"
    if not wire.aws_names(service):
        raise unknown_operation(service, http.headers.get("x-amz-target", http.path))
    return service


def _early(service: str, http: HttpRequest, error: ServiceError, request_id: str) -> HttpResponse:
    """The answer for an error before the operation is known."""
    return wire.plain_error(service, http.method, http.headers.get("content-type"), error, request_id)


def _is_form(http: HttpRequest) -> bool:
    """Whether a browser's form is sent: S3's PostObject, whose policy and signature are among the fields."""
    return http.method == "POST" and http.headers.get("content-type", "").startswith("multipart/form-data")


def _missing_token(service: str, http: HttpRequest) -> ServiceError:
    if _is_form(http):
        text = "Headwater does not compute uploads by a form (PostObject), and refuses them. Presign a PUT instead."
        return ServiceError("NotImplemented", text, 501)
    if service == "s3":
        return ServiceError("AccessDenied", "Access Denied: the request is not signed; use the endpoint's key.", 403)
    return ServiceError("MissingAuthenticationToken", "Missing Authentication Token", 403)


def _path_style(http: HttpRequest) -> HttpRequest:
    """A virtual-host request as a path-style one; the path that was signed is kept aside."""
    match = VIRTUAL_HOST.fullmatch(http.host)
    bucket = match["bucket"] if match else ""
    if not bucket or bucket == "s3":
        return http
    headers: Mapping[str, str] = {**http.headers, SIGNED_PATH: http.path}
    return HttpRequest(http.method, f"/{bucket}{http.path}", http.query, headers, http.body, http.host)


async def _read_body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client went away before its body ended")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > MAX_MEMORY_BODY:
            raise ServiceError("RequestEntityTooLarge", f"a body over {MAX_MEMORY_BODY} bytes", 413)
        if not message.get("more_body"):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _send(response: HttpResponse, send: Send, head: bool, endpoint: LocalEndpoint) -> None:
    headers = {k.lower(): v for k, v in response.headers.items() if k.lower() != "status"}
    body = response.body
    if not head or "content-length" not in headers:
        headers["content-length"] = str(len(body))
    if response.status in (204, 304):
        headers.pop("content-length", None)
        body = b""
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(k.encode("latin-1"), str(v).encode("utf-8")) for k, v in headers.items()],
        }
    )
    if isinstance(body, bodies.FileBody):
        await _send_file(body, send, head, endpoint)
    else:
        await send({"type": "http.response.body", "body": b"" if head else body})


async def _send_file(body: bodies.FileBody, send: Send, head: bool, endpoint: LocalEndpoint) -> None:
    with body:
        left = 0 if head else len(body)
        while left > 0:
            chunk = body.read(CHUNK) if left <= CHUNK else await endpoint.in_worker(body.read, CHUNK)
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
