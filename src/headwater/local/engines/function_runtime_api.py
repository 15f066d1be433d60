"""The Lambda runtime API: what the runtime inside an execution environment asks for work and answers to.

Each environment has a loopback port of its own, as on AWS it has an address of its own, because AWS's runtime client
takes a host and port and nothing more. A raw protocol over httptools keeps a warm call under a millisecond: asyncio
sets TCP_NODELAY and each answer is one write, so no delayed acknowledgement is ever waited for.

Source: "Using the Lambda runtime API" (Lambda developer guide, 2025). Not faithful to AWS: response streaming is
gathered into one answer.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Protocol

import httptools

PREFIX = "/2018-06-01/runtime/"
ANSWER = re.compile(r"invocation/([^/]+)/(response|error)")


class Runtime(Protocol):
    """What the API serves: one execution environment."""

    def next(self, connection: RuntimeConnection) -> None:
        """The runtime waits for an invocation, which :meth:`RuntimeConnection.send` delivers."""

    def answer(self, request_id: str, kind: str, body: bytes) -> bool:
        """The runtime answers an invocation (``kind`` is response or error); False when it is not the current one."""
        ...

    def init_error(self, body: bytes) -> None:
        """The runtime could not initialise."""


class RuntimeConnection(asyncio.Protocol):
    """One keep-alive connection of a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._path = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A runtime connected."""
        assert isinstance(transport, asyncio.Transport)  # nosec B101: create_server makes these
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    # httptools' callbacks

    def on_message_begin(self) -> None:
        """A new request."""
        self._path, self._body = b"", []

    def on_url(self, url: bytes) -> None:
        """A piece of its path."""
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; curl waits a second for the answer to this one."""
        if name.lower() == b"expect" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """A piece of its body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """The whole request is here."""
        method = self._parser.get_method()
        path = self._path.decode("latin-1").removeprefix(PREFIX)
        if method == b"GET" and path == "invocation/next":
            self._runtime.next(self)
        elif method == b"POST" and path == "init/error":
            self._runtime.init_error(b"".join(self._body))
            self._accept()
        elif method == b"POST" and (match := ANSWER.fullmatch(path)):
            if self._runtime.answer(match[1], match[2], b"".join(self._body)):
                self._accept()
            else:
                self._refuse(400, "InvalidRequestID", f"invocation {match[1]} is not in progress")
        else:
            self._refuse(404, "NotFound", f"the runtime API has no {method.decode()} {self._path.decode('latin-1')}")

    def _accept(self) -> None:
        self.send({}, b'{"status":"OK"}\n', "202 Accepted")

    def _refuse(self, status: int, kind: str, message: str) -> None:
        body = json.dumps({"errorMessage": message, "errorType": kind}).encode()
        self.send({}, body, f"{status} {kind}")

    def send(self, headers: Mapping[str, str], body: bytes, status: str = "200 OK") -> None:
        """Answer the request in one write."""
        if self._transport is None or self._transport.is_closing():
            return
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._transport.write(f"{head}{''.join(lines)}\r\n".encode("latin-1", "replace") + body)

    @property
    def closing(self) -> bool:
        """Whether nobody listens any more."""
        return self._transport is None or self._transport.is_closing()
