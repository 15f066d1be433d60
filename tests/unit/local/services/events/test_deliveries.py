"""Deliveries are retried by the target's policy, buried when hopeless, and kept until they are done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.local.service import Members, ServiceError
from headwater.local.services.events.deliveries import DELIVERY, Deliveries
from headwater.local.store import Store

RULE = {"Name": "r", "Arn": "arn:aws:events:us-east-1:000000000000:rule/r"}
QUEUE = "arn:aws:sqs:us-east-1:000000000000:"
ALLOW = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]}'


class Queues:
    """An endpoint whose only service is SQS; sends to "target" fail with the given errors first."""

    account = "000000000000"

    def __init__(self, store: Store, errors: list[ServiceError]) -> None:
        self.store = store
        self.errors = errors
        self.sent: list[tuple[str, Members]] = []
        self.done = threading.Event()

    def call(self, service: str, operation: str, *, principal: Any = None, **members: Any) -> Members:
        if operation == "get_queue_url":
            return {"QueueUrl": members["QueueName"]}
        if operation == "get_queue_attributes":
            return {"Attributes": {"Policy": ALLOW}}
        if members["QueueUrl"] == "target" and self.errors:
            raise self.errors.pop(0)
        self.sent.append((members["QueueUrl"], members))
        self.done.set()
        return {}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state.sqlite")
    yield made
    made.close()


def deliver(queues: Queues, **target: Any) -> None:
    deliveries = Deliveries(queues, first_pause_s=0.01)  # type: ignore[arg-type]
    rule = {**RULE, "Targets": [{"Id": "q", "Arn": QUEUE + "target", **target}]}
    made = deliveries.new({"id": "e"}, rule, "now")
    deliveries.keep(made)
    deliveries.begin(made)
    assert queues.done.wait(10)
    assert deliveries.drain(10)
    deliveries.close()


def throttled() -> ServiceError:
    return ServiceError("ThrottlingException", "slow down", 429)


def test_throttling_is_retried(store: Store) -> None:
    queues = Queues(store, [throttled(), ServiceError("InternalError", "x", 500)])
    deliver(queues)
    assert [name for name, _ in queues.sent] == ["target"]
    assert store.scan(DELIVERY) == []


def test_retries_end_in_the_dead_letter_queue(store: Store) -> None:
    queues = Queues(store, [throttled(), throttled(), throttled()])
    deliver(queues, RetryPolicy={"MaximumRetryAttempts": 1}, DeadLetterConfig={"Arn": QUEUE + "dead"})
    ((name, members),) = queues.sent
    told = {key: value["StringValue"] for key, value in members["MessageAttributes"].items()}
    assert name == "dead" and len(queues.errors) == 1
    assert told["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert (told["ERROR_CODE"], told["RETRY_ATTEMPTS"]) == ("THROTTLING", "1")
    assert store.scan(DELIVERY) == []


def test_a_target_that_is_gone_is_not_retried(store: Store) -> None:
    queues = Queues(store, [ServiceError("QueueDoesNotExist", "gone"), throttled()])
    deliver(queues, DeadLetterConfig={"Arn": QUEUE + "dead"})
    ((name, members),) = queues.sent
    assert name == "dead" and len(queues.errors) == 1
    assert members["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


def test_what_is_left_at_the_close_is_delivered_by_the_next(store: Store) -> None:
    queues = Queues(store, [])
    first = Deliveries(queues)  # type: ignore[arg-type]
    first.close()
    made = first.new({"id": "e"}, {**RULE, "Targets": [{"Id": "q", "Arn": QUEUE + "target"}]}, "now")
    first.keep(made)
    first.begin(made)
    assert queues.sent == []
    second = Deliveries(queues)  # type: ignore[arg-type]
    second.resume()
    assert second.drain(10)
    second.close()
    assert [name for name, _ in queues.sent] == ["target"]
    assert store.scan(DELIVERY) == []
