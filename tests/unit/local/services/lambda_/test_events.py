"""The queue of Event invocations, over a real store and a function that is a coroutine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headwater.local.engines.function_spec import Outcome
from headwater.local.service import ServiceError
from headwater.local.services.lambda_.events import EVENT, EventQueue
from headwater.local.store import Store

LIMIT_S = 10
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:ends"


class Account:
    """An endpoint with a store and an SQS queue that remembers."""

    region, account = "us-east-1", "000000000000"

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sent: list[dict[str, Any]] = []
        self.received = threading.Semaphore(0)

    def call(self, service: str, operation: str, **members: Any) -> dict[str, Any]:
        if operation == "send_message":
            self.sent.append(members)
            self.received.release()
        return {"QueueUrl": "http://queue"}

    def assume(self, role: str, session: str) -> Any:
        return SimpleNamespace(principal=role)


class Function:
    """Answers with the given outcomes, one an attempt."""

    def __init__(self, *outcomes: Outcome | ServiceError) -> None:
        self.outcomes = list(outcomes)
        self.attempts: list[tuple[str, str | None, bytes, str]] = []
        self.attempted = threading.Event()

    async def __call__(
        self, name: str, qualifier: str | None, payload: bytes, request_id: str
    ) -> tuple[str, Outcome, str]:
        self.attempts.append((name, qualifier, payload, request_id))
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.attempted.set()
        if isinstance(outcome, ServiceError):
            raise outcome
        return "$LATEST", outcome, "role"


FAILED = Outcome(b'{"errorMessage":"no"}', "Unhandled", b"")
DONE = Outcome(b'"yes"', None, b"")


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    store = Store(tmp_path / "state.sqlite")
    target = {"Destination": QUEUE_ARN}
    settings = {"DestinationConfig": {"OnFailure": target, "OnSuccess": target}}
    record = {"configuration": {"DeadLetterConfig": {"TargetArn": QUEUE_ARN}}, "event_invoke": {"$LATEST": settings}}
    store.put("lambda.function", "f", record)
    yield Account(store)
    store.close()


def test_a_failed_event_is_tried_again_until_it_succeeds(account: Account) -> None:
    function = Function(FAILED, FAILED, DONE)
    queue = EventQueue(account, function, (0.0, 0.0))  # type: ignore[arg-type]
    queue.put("f", None, b'{"a":1}', "r1")
    assert account.received.acquire(timeout=LIMIT_S)
    queue.close()
    assert function.attempts == [("f", None, b'{"a":1}', "r1")] * 3
    report = json.loads(account.sent[0]["MessageBody"])
    assert report["requestContext"]["condition"] == "Success"
    assert report["requestContext"]["approximateInvokeCount"] == 3
    assert report["responsePayload"] == "yes"


def test_retries_end_after_the_third_attempt(account: Account) -> None:
    function = Function(FAILED, FAILED, FAILED)
    queue = EventQueue(account, function, (0.0, 0.0))  # type: ignore[arg-type]
    queue.put("f", None, b"{}", "r1")
    assert function.attempted.wait(LIMIT_S)
    assert all(account.received.acquire(timeout=LIMIT_S) for _ in range(2))
    queue.close()
    report, letter = account.sent
    assert json.loads(report["MessageBody"])["requestContext"]["condition"] == "RetriesExhausted"
    assert letter["MessageBody"] == "{}"
    assert letter["MessageAttributes"]["ErrorMessage"] == {"DataType": "String", "StringValue": "no"}


def test_what_waits_when_the_endpoint_ends_runs_after_the_next_start(account: Account) -> None:
    function = Function(FAILED)
    queue = EventQueue(account, function, (3600.0,))  # type: ignore[arg-type]
    queue.put("f", "live", b"1", "r1")
    assert function.attempted.wait(LIMIT_S)
    queue.close()
    event = account.store.get(EVENT, "r1")
    assert event is not None
    account.store.put(EVENT, "r1", event | {"due": 0})
    later = Function(DONE)
    second = EventQueue(account, later, (0.0,))  # type: ignore[arg-type]
    second.resume()
    assert later.attempted.wait(LIMIT_S)
    second.close()
    assert later.attempts == [("f", "live", b"1", "r1")]


def test_an_event_for_a_deleted_function_is_dropped(account: Account) -> None:
    function = Function(ServiceError("ResourceNotFoundException", "gone"))
    queue = EventQueue(account, function)  # type: ignore[arg-type]
    queue.put("f", None, b"1", "r1")
    assert function.attempted.wait(LIMIT_S)
    queue.close()
    assert account.sent == []
