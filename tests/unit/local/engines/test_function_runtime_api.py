"""The runtime API over a real socket."""

from __future__ import annotations

import asyncio
import json

from headwater.local.engines.function_runtime_api import RuntimeConnection


class Recorder:
    """A runtime that has one invocation and remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def next(self, connection: RuntimeConnection) -> None:
        connection.send({"Lambda-Runtime-Aws-Request-Id": "r1"}, b'{"a":1}')

    def answer(self, request_id: str, kind: str, body: bytes) -> bool:
        self.told.append((request_id, kind, body.decode()))
        return request_id == "r1"

    def init_error(self, body: bytes) -> None:
        self.told.append(("init", body.decode()))


async def talk(recorder: Recorder, *requests: bytes) -> list[tuple[int, bytes]]:
    server = await asyncio.get_running_loop().create_server(lambda: RuntimeConnection(recorder), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        answers = []
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if b"100 Continue" in head:
                head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            answers.append((int(head.split()[1]), await reader.readexactly(length)))
        writer.close()
        await writer.wait_closed()
    return answers


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST /2018-06-01/runtime/{path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_one_connection_serves_many_invocations() -> None:
    recorder = Recorder()
    following = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = asyncio.run(
        talk(
            recorder,
            following,
            post("invocation/r1/response", b"{}"),
            following,
            post("invocation/r1/error", b"bad", "Expect: 100-continue"),
            post("init/error", b"worse"),
        )
    )
    assert answers[0] == (200, b'{"a":1}') and [status for status, _ in answers] == [200, 202, 200, 202, 202]
    assert recorder.told == [("r1", "response", "{}"), ("r1", "error", "bad"), ("init", "worse")]


def test_a_chunked_answer_is_put_together() -> None:
    recorder = Recorder()
    head = b"POST /2018-06-01/runtime/invocation/r1/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    asyncio.run(talk(recorder, head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
    assert recorder.told == [("r1", "response", "abcde")]


def test_what_is_not_expected_is_refused_by_name() -> None:
    answers = asyncio.run(talk(Recorder(), post("invocation/other/response", b""), post("nothing", b"")))
    assert [(status, json.loads(body)["errorType"]) for status, body in answers] == [
        (400, "InvalidRequestID"),
        (404, "NotFound"),
    ]
