"""Alarms over time, by a clock that the test sets: states, history, and what a new process knows of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headwater.local.service import Call
from headwater.local.services.cloudwatch import CloudWatchService
from headwater.local.store import Store

MINUTE_S = 60
ALARM = {
    "AlarmName": "late",
    "Namespace": "app",
    "MetricName": "errors",
    "Statistic": "Sum",
    "Period": MINUTE_S,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}


class SetClock:
    """A clock that only the test moves; it begins at a full minute, an hour ago."""

    def __init__(self) -> None:
        self.start_s = (int(time.time()) // MINUTE_S - 60) * MINUTE_S
        self.time_s = float(self.start_s)

    def now(self) -> float:
        return self.time_s

    def wait(self, changed: threading.Condition, until_s: float | None) -> None:
        raise AssertionError("the test evaluates by hand")


class Watched:
    """The service over a store, evaluated by hand."""

    def __init__(self, store: Store, clock: SetClock) -> None:
        self.clock = clock
        endpoint = SimpleNamespace(store=store, region="us-east-1", account="000000000000")
        self.service = CloudWatchService(endpoint, clock)  # type: ignore[arg-type]
        self.service.watcher.read()

    def __call__(self, operation: str, **members: Any) -> Any:
        call = Call("cloudwatch", operation, None, "us-east-1", "000000000000", "request")  # type: ignore[arg-type]
        return getattr(self.service, operation)(call, **members)

    def at(self, minute: float, *values: float) -> str:
        """Come to a minute, put values there, evaluate; the alarm's state."""
        self.clock.time_s = self.clock.start_s + minute * MINUTE_S
        moment = datetime.fromtimestamp(self.clock.time_s, UTC)
        data = [{"MetricName": "errors", "Value": value, "Timestamp": moment} for value in values]
        if data:
            self("put_metric_data", Namespace="app", MetricData=data)
        self.service.watcher.evaluate_all(self.clock.time_s)
        return str(self.alarm()["StateValue"])

    def alarm(self) -> dict[str, Any]:
        (found,) = self("describe_alarms")["MetricAlarms"]
        return dict(found)

    def changes(self) -> list[tuple[float, str]]:
        """(minute, what changed) of the alarm's state, the oldest first."""
        items = self("describe_alarm_history", HistoryItemType="StateUpdate", ScanBy="TimestampAscending")
        return [
            ((item["Timestamp"].timestamp() - self.clock.start_s) / MINUTE_S, item["HistorySummary"][19:])
            for item in items["AlarmHistoryItems"]
        ]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state.sqlite")
    yield made
    made.close()


@pytest.fixture
def watched(store: Store) -> Watched:
    return Watched(store, SetClock())


def test_an_alarm_goes_through_its_states_as_time_passes(watched: Watched) -> None:
    watched("put_metric_alarm", **ALARM)
    assert watched.at(0.5) == "INSUFFICIENT_DATA"
    assert watched.at(0.6, 0) == "INSUFFICIENT_DATA"  # a period under way that does not breach does not count yet
    assert watched.at(1) == "OK"
    assert watched.at(1.5, 1) == "ALARM"
    assert watched.at(2.5, 0) == "ALARM"
    assert watched.at(3) == "OK"
    assert watched.at(5.9) == "OK"  # AWS looks at more periods than it evaluates
    assert watched.at(6) == "INSUFFICIENT_DATA"
    assert watched.at(30) == "INSUFFICIENT_DATA"
    assert watched.changes() == [
        (1, "INSUFFICIENT_DATA to OK"),
        (1.5, "OK to ALARM"),
        (3, "ALARM to OK"),
        (6, "OK to INSUFFICIENT_DATA"),
    ]


@pytest.mark.parametrize(
    ("treated", "later"),
    [("breaching", "ALARM"), ("ignore", "ALARM"), ("missing", "INSUFFICIENT_DATA"), ("notBreaching", "OK")],
)
def test_silence_after_an_alarm_is_what_the_alarm_says(watched: Watched, treated: str, later: str) -> None:
    watched("put_metric_alarm", **ALARM, TreatMissingData=treated)
    assert watched.at(1.5, 3) == "ALARM"
    assert watched.at(20) == later


def test_three_of_five_minutes_are_counted_one_after_the_other(watched: Watched) -> None:
    watched("put_metric_alarm", **{**ALARM, "EvaluationPeriods": 5, "DatapointsToAlarm": 3})
    states = [watched.at(minute + 0.5, value) for minute, value in enumerate((0, 1, 0, 1, 0, 1, 0, 0, 0, 0))]
    assert states == ["INSUFFICIENT_DATA", *["OK"] * 4, *["ALARM"] * 2, *["OK"] * 3]


def test_a_new_process_knows_the_state_and_since_when(watched: Watched, store: Store) -> None:
    watched("put_metric_alarm", **ALARM, TreatMissingData="ignore")
    assert watched.at(1.5, 1) == "ALARM"
    before = watched.alarm()
    again = Watched(store, watched.clock)
    assert again.at(9) == "ALARM"
    assert again.alarm() == before
    assert again.at(9.5, 0) == "ALARM" and again.at(10) == "OK"
    assert [what for _, what in again.changes()] == ["INSUFFICIENT_DATA to ALARM", "ALARM to OK"]
    again("put_metric_alarm", **{**ALARM, "Threshold": 5})  # a change keeps the state until the next evaluation
    assert again.alarm()["StateValue"] == "OK"
