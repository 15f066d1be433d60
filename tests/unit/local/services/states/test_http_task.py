"""HTTP Tasks: requests to a real server on loopback, and refusals by name."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from headwater.local.service import ServiceError
from tests.unit.local.services.states.harness import Definition, SmallEndpoint, chain

CONNECTION = "arn:aws:events:us-east-1:000000000000:connection/api/1"


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked; ``/status/<code>`` answers with the code."""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        asked = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        text = json.dumps(asked).encode()
        self.send_response(int(self.path.removeprefix("/status/")) if self.path.startswith("/status/") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def with_connection(small: SmallEndpoint, kind: str, secret: dict[str, str], **parameters: Any) -> None:
    described = {
        "ConnectionArn": CONNECTION,
        "AuthorizationType": kind,
        "SecretArn": "secret",
        "AuthParameters": {"InvocationHttpParameters": parameters},
    }
    small.on("events", "describe_connection", lambda Name: described)
    small.on("secretsmanager", "get_secret_value", lambda SecretId: {"SecretString": json.dumps(secret)})


def task(endpoint: str, **arguments: Any) -> Definition:
    given = {"ApiEndpoint": endpoint, "Method": "POST", "Authentication": {"ConnectionArn": CONNECTION}, **arguments}
    return chain(("call", {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": given}))


def test_a_request_has_what_the_task_and_the_connection_say(small: SmallEndpoint, url: str) -> None:
    extra = {"QueryStringParameters": [{"Key": "from", "Value": "connection"}]}
    with_connection(small, "BASIC", {"username": "u", "password": "p"}, **extra)
    machine = task(
        url + "/flights?a=1", Headers={"X-Mine": "yes"}, QueryParameters={"b": ["2", 3]}, RequestBody={"n.$": "$.n"}
    )
    output = json.loads(small.run(machine, {"n": 7})["output"])
    assert (output["StatusCode"], output["StatusText"]) == (200, "OK")
    assert output["Headers"]["content-type"] == ["application/json"]
    asked = output["ResponseBody"]
    assert asked["path"] == "/flights?a=1&b=2&b=3&from=connection"
    assert json.loads(asked["body"]) == {"n": 7}
    assert asked["headers"]["authorization"] == "Basic dTpw"
    assert asked["headers"]["x-mine"] == "yes"


@pytest.mark.parametrize(
    ("array_format", "body"),
    [("INDICES", "a%5B0%5D=1&a%5B1%5D=2&b=x"), ("REPEAT", "a=1&a=2&b=x"), ("COMMAS", "a=1%2C2&b=x")],
)
def test_a_form_is_encoded_as_asked(small: SmallEndpoint, url: str, array_format: str, body: str) -> None:
    with_connection(small, "API_KEY", {"api_key_name": "X-Key", "api_key_value": "secret"})
    transform = {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": array_format}}
    machine = task(url, RequestBody={"a": [1, 2], "b": "x"}, Transform=transform)
    asked = json.loads(small.run(machine)["output"])["ResponseBody"]
    assert asked["body"] == body
    assert asked["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert asked["headers"]["x-key"] == "secret"


def test_a_status_is_an_error_by_its_code(small: SmallEndpoint, url: str) -> None:
    with_connection(small, "API_KEY", {"api_key_name": "X-Key", "api_key_value": "k"})
    assert small.run(task(url + "/status/429"))["error"] == "States.Http.StatusCode.429"


@pytest.mark.parametrize(
    ("machine", "error", "why"),
    [
        (task("https://example.com/x"), "States.Http.Socket", "loopback hosts only, and refuses example.com"),
        (task("http://10.0.0.1/x"), "States.Http.Socket", "refuses 10.0.0.1"),
        (task("http://127.0.0.1:1/x"), "States.Http.Socket", "ConnectionRefusedError"),
        (task("nonsense"), "States.Runtime", "must be a URL"),
        (task("http://127.0.0.1:1", Method="FETCH"), "States.Runtime", "Method must be one of"),
        (task("http://127.0.0.1:1", Headers={"Authorization": "x"}), "States.Runtime", "must not have Authorization"),
        (task("http://127.0.0.1:1", Authentication={}), "States.Runtime", "ConnectionArn"),
    ],
)
def test_what_cannot_be_called_fails_by_name(small: SmallEndpoint, machine: Definition, error: str, why: str) -> None:
    with_connection(small, "API_KEY", {"api_key_name": "X-Key", "api_key_value": "k"})
    ended = small.run(machine)
    assert ended["error"] == error
    assert why in ended["cause"]


def test_a_connection_that_is_not_there_is_named(small: SmallEndpoint, url: str) -> None:
    def absent(Name: str) -> dict[str, Any]:
        raise ServiceError("ResourceNotFoundException", f"Connection '{Name}' does not exist.")

    small.on("events", "describe_connection", absent)
    assert small.run(task(url))["error"] == "Events.ConnectionResource.ResourceNotFound"
