"""Watching alarms: each is evaluated when a period of it ends, and its actions are journaled with its new state.

**Sooner than on AWS**, which waits for the end of the period: where a value cannot become better any more (a Sum, a
Maximum or a SampleCount that must not exceed, a Minimum that must not fall below), the period under way counts as soon
as its datapoint is there. A failed run raises its alarm at once.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from headwater.local.schedules import Clock, Waker
from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.cloudwatch.datapoints import Sample, by_period, statistic
from headwater.local.services.cloudwatch.evaluation import (
    ALARM,
    EXTRA_PERIODS,
    INSUFFICIENT,
    OK,
    Point,
    evaluate,
    statistic_of,
)
from headwater.local.services.cloudwatch.history import SCHEMA, note
from headwater.local.services.cloudwatch.notifications import Notifications, iso
from headwater.local.store import Record

ALARMS = "cloudwatch.alarm"
ACTIONS_OF = {ALARM: "AlarmActions", OK: "OKActions", INSUFFICIENT: "InsufficientDataActions"}
# What only grows within a period, or only shrinks: (statistic, how the comparison's name begins).
ONE_WAY = {("Maximum", "Greater"), ("Minimum", "Less"), ("SampleCount", "Greater"), ("Sum", "Greater")}
NOT_SHOWN = frozenset({"state", "tags", "configured_s"})

Reader = Callable[..., list[Sample]]

log = logging.getLogger(__name__)


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as boto3 answers them."""
    return datetime.fromtimestamp(seconds, UTC)


def shown_alarm(alarm: Record) -> Members:
    """An alarm as DescribeAlarms answers it."""
    state = alarm["state"]
    shown = {member: value for member, value in alarm.items() if member not in NOT_SHOWN}
    return {
        **shown,
        "AlarmConfigurationUpdatedTimestamp": moment(alarm["configured_s"]),
        "StateValue": state["value"],
        "StateReason": state["reason"],
        **({"StateReasonData": state["data"]} if state.get("data") else {}),
        "StateUpdatedTimestamp": moment(state["updated_s"]),
        "StateTransitionedTimestamp": moment(state["changed_s"]),
    }


class Watcher:
    """Evaluates alarms. Thread-safe.

    Parameters
    ----------
    samples:
        Reads a metric: namespace, name, dimensions, start, end, unit.
    clock:
        Tells the time.
    """

    def __init__(self, endpoint: Endpoint, samples: Reader, clock: Clock) -> None:
        self._endpoint = endpoint
        self._store = endpoint.store
        self._samples = samples
        self.clock = clock
        self.notifications = Notifications(endpoint)
        self._waker = Waker("alarms", self.evaluate_all, clock)
        self._lock = threading.Lock()
        self._watched: frozenset[tuple[str, str]] = frozenset()
        self._store.schema(SCHEMA)

    def start(self) -> None:
        """Begin, with what an earlier process left."""
        self.read()
        self.notifications.resume()
        self._waker.start()

    def drain(self, limit_s: float) -> None:
        """Evaluate what has come, and let the notifications under way end."""
        self.evaluate_all(self.clock.now())
        self.notifications.drain(limit_s)

    def stop(self) -> None:
        """Stop."""
        self._waker.close()
        self.notifications.close()

    def heard(self, metrics: set[tuple[str, str]]) -> None:
        """New values of (namespace, name): evaluate soon, if an alarm is on one of them."""
        if not self._watched.isdisjoint(metrics):
            self._waker.wake()

    def read(self) -> None:
        """Know which metrics have alarms."""
        self._watched = frozenset((alarm["Namespace"], alarm["MetricName"]) for _, alarm in self._store.scan(ALARMS))

    # -- changes -------------------------------------------------------------------------------------------------

    def put(self, alarm: Record, tags: list[dict[str, str]]) -> None:
        """Keep an alarm, with the state and tags of the one that it replaces."""
        name, now_s = alarm["AlarmName"], self.clock.now()
        with self._store.transaction():
            before = self._store.get(ALARMS, name)
            state = {
                "value": INSUFFICIENT,
                "reason": "Unchecked: Initial alarm creation",
                "updated_s": now_s,
                "changed_s": now_s,
            }
            kept = {
                **alarm,
                "AlarmArn": f"arn:aws:cloudwatch:{self._endpoint.region}:{self._endpoint.account}:alarm:{name}",
                "configured_s": now_s,
                "state": state if before is None else before["state"],
                "tags": tags if before is None else before["tags"],
            }
            self._store.put(ALARMS, name, kept)
            verb = "created" if before is None else "updated"
            note(
                self._store,
                name,
                now_s,
                "ConfigurationUpdate",
                f'Alarm "{name}" {verb}',
                {"type": verb, "version": "1.0"},
            )
        self.read()
        self._waker.wake()

    def set_state(self, name: str, value: str, reason: str, data: str | None) -> None:
        """Change an alarm's state by hand. Raises ResourceNotFound."""
        with self._store.transaction():
            alarm = self._store.get(ALARMS, name)
            if alarm is None:
                raise ServiceError("ResourceNotFound", f"Unknown alarm: {name}", 404)
            made = self._change(alarm, value, reason, data, self.clock.now())
        self.notifications.begin(made)

    # -- evaluation ----------------------------------------------------------------------------------------------

    def evaluate_all(self, now_s: float) -> float | None:
        """Evaluate every alarm; the answer is when the next period of any of them ends."""
        ends = []
        with self._lock:
            for _, alarm in self._store.scan(ALARMS):
                self._evaluate(alarm["AlarmName"], now_s)
                ends.append((int(now_s // alarm["Period"]) + 1) * alarm["Period"])
        return min(ends, default=None)

    def _evaluate(self, name: str, now_s: float) -> None:
        with self._store.transaction():
            alarm = self._store.get(ALARMS, name)
            if alarm is None:
                return
            state = alarm["state"]
            verdict = evaluate(alarm, self._points(alarm, now_s), state["value"])
            if verdict.state == state["value"] and not state["reason"].startswith("Unchecked"):
                return
            data = {
                "version": "1.0",
                "queryDate": iso(now_s),
                **({"startDate": iso(verdict.points[0].start_s)} if verdict.points else {}),
                "statistic": statistic_of(alarm),
                "period": alarm["Period"],
                "recentDatapoints": [point.value for point in verdict.points],
                "threshold": alarm["Threshold"],
            }
            made = self._change(alarm, verdict.state, verdict.reason, json.dumps(data), now_s)
        self.notifications.begin(made)

    def _points(self, alarm: Record, now_s: float) -> list[Point]:
        """The datapoints of the evaluation range: of periods that ended, and of the one under way if it breaches."""
        period_s, name = alarm["Period"], statistic_of(alarm)
        running_s = int(now_s // period_s) * period_s
        count = alarm["EvaluationPeriods"] + EXTRA_PERIODS
        first_s = running_s - count * period_s
        found = self._samples(
            alarm["Namespace"],
            alarm["MetricName"],
            alarm["Dimensions"],
            moment(first_s),
            moment(running_s + period_s),
            alarm.get("Unit"),
        )
        grouped = by_period(found, period_s)
        points = [
            Point(start, statistic(name, grouped[start]) if start in grouped else None)
            for start in range(first_s, running_s + period_s, period_s)
        ]
        one_way = any(name == each and alarm["ComparisonOperator"].startswith(begin) for each, begin in ONE_WAY)
        running = Point(running_s, points[-1].value)
        alone = {**alarm, "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "TreatMissingData": "notBreaching"}
        if one_way and evaluate(alone, [running], OK).state == ALARM:
            return points[1:]
        return points[:-1]

    def _change(self, alarm: Record, value: str, reason: str, data: str | None, now_s: float) -> list[Members]:
        """Keep a new state with its history and notifications (in the caller's transaction); what is to be sent."""
        before = alarm["state"]
        changed = value != before["value"]
        state = {
            "value": value,
            "reason": reason,
            "data": data,
            "updated_s": now_s,
            "changed_s": now_s if changed else before["changed_s"],
        }
        name = alarm["AlarmName"]
        self._store.put(ALARMS, name, {**alarm, "state": state})
        if not changed:
            return []
        told = {"version": "1.0", "oldState": _told(before), "newState": _told(state)}
        note(self._store, name, now_s, "StateUpdate", f"Alarm updated from {before['value']} to {value}", told)
        log.info("alarm %s: %s to %s: %s", name, before["value"], value, reason)
        actions = alarm[ACTIONS_OF[value]] if alarm["ActionsEnabled"] else []
        made = [self.notifications.new(alarm, before, state, action) for action in actions]
        self.notifications.keep(made)
        return made


def _told(state: Members) -> Members:
    data = {"stateReasonData": json.loads(state["data"])} if state.get("data") else {}
    return {"stateValue": state["value"], "stateReason": state["reason"], **data}
