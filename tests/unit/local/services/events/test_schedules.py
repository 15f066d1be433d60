"""Rules with a schedule send their event when they are due. The test sets the clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headwater.local.bus import Bus
from headwater.local.service import Call, Members, ServiceError
from headwater.local.services.events import EventsService
from headwater.local.services.events.deliveries import DELIVERY
from headwater.local.store import Store

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


class SetClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.set("2026-11-25T05:00:00")

    def set(self, moment: str) -> None:
        self.time_s = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()

    def now(self) -> float:
        return self.time_s

    def wait(self, changed: threading.Condition, until_s: float | None) -> None:
        changed.wait(10)


class World:
    """The endpoint, with queues that take nothing: deliveries are looked at in the journal."""

    region, account, resume_work, fires_schedules = "us-east-1", "000000000000", True, True

    def __init__(self, store: Store) -> None:
        self.store, self.bus = store, Bus()

    def call(self, service: str, operation: str, **members: Any) -> Members:
        raise ServiceError("ServiceUnavailable", "not yet", 503)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state.sqlite")
    yield made
    made.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def events(store: Store, clock: SetClock) -> EventsService:
    made = EventsService(World(store), clock)  # type: ignore[arg-type]
    made.deliveries.close()  # what is to be delivered stays in the journal
    return made


def do(events: EventsService, operation: str, **members: Any) -> None:
    call = Call("events", operation, None, "us-east-1", "000000000000", "id")  # type: ignore[arg-type]
    getattr(events, operation)(call, **members)


def rule(events: EventsService, expression: str) -> None:
    do(events, "put_rule", Name="r", ScheduleExpression=expression)
    do(events, "put_targets", Rule="r", Targets=[{"Id": "q", "Arn": QUEUE}])


def sent(events: EventsService, clock: SetClock, moment: str) -> list[str]:
    """Set the clock, fire, and take what was journaled since."""
    clock.set(moment)
    events.fire(clock.now())
    found = [(key, each["event"]["time"]) for key, each in events.store.scan(DELIVERY)]
    for key, _ in found:
        events.store.delete(DELIVERY, key)
    return [time for _, time in found]


def test_a_rate_is_first_due_after_one_period(events: EventsService, clock: SetClock) -> None:
    rule(events, "rate(5 minutes)")
    assert sent(events, clock, "2026-11-25T05:00:00") == []
    assert sent(events, clock, "2026-11-25T05:05:01") == ["2026-11-25T05:05:00Z"]
    assert sent(events, clock, "2026-11-25T05:05:02") == []


def test_a_cron_is_due_in_utc_until_the_rule_is_disabled(events: EventsService, clock: SetClock) -> None:
    rule(events, "cron(0 6 * * ? *)")
    assert sent(events, clock, "2026-11-25T06:00:00") == ["2026-11-25T06:00:00Z"]
    do(events, "disable_rule", Name="r")
    assert sent(events, clock, "2026-11-26T06:00:00") == []
    do(events, "enable_rule", Name="r")
    assert sent(events, clock, "2026-11-27T06:00:00") == ["2026-11-27T06:00:00Z"]


def test_what_nobody_was_here_for_is_passed_over(events: EventsService, clock: SetClock, store: Store) -> None:
    rule(events, "cron(0 * * * ? *)")
    clock.set("2026-11-25T09:30:00")
    again = EventsService(World(store), clock)  # type: ignore[arg-type]
    again.start()
    again.stop()
    assert store.scan(DELIVERY) == []
    assert again.due.next_s() == datetime(2026, 11, 25, 10, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("text", ["rate(1 minutes)", "rate(5 minute)", "at(2026-12-01T00:00:00)", "cron(0 6 * * * *)"])
def test_bad_expressions_are_refused(events: EventsService, text: str) -> None:
    with pytest.raises(ServiceError, match="Parameter ScheduleExpression is not valid"):
        rule(events, text)
