"""Which state an alarm is in, from the datapoints of its periods. Pure.

Source: CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data" (read
2026-11-25). CloudWatch looks at more periods than the alarm evaluates, and fills in what is missing only as often as
the real datapoints do not suffice; with missing data ``missing`` an alarm goes off early when the oldest breaching
datapoint is old enough and everything after it is breaching or missing.

How many periods more is not documented but for the guide's example, which has two more; so it is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ALARM, OK, INSUFFICIENT = "ALARM", "OK", "INSUFFICIENT_DATA"
EXTRA_PERIODS = 2

COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (lambda value, limit: value >= limit, "greater than or equal to"),
    "GreaterThanThreshold": (lambda value, limit: value > limit, "greater than"),
    "LessThanOrEqualToThreshold": (lambda value, limit: value <= limit, "less than or equal to"),
    "LessThanThreshold": (lambda value, limit: value < limit, "less than"),
}
MISSING = ("breaching", "ignore", "missing", "notBreaching")


@dataclass(frozen=True)
class Point:
    """The statistic of one period: its start in seconds since the epoch, and the value, None where nothing came."""

    start_s: int
    value: float | None


@dataclass(frozen=True)
class Verdict:
    """The state, why in AWS's words, and the datapoints that decided."""

    state: str
    reason: str
    points: tuple[Point, ...]


def statistic_of(alarm: dict[str, Any]) -> str:
    """The statistic that an alarm is on, plain or extended (``p99``)."""
    return str(alarm.get("Statistic") or alarm["ExtendedStatistic"])


def evaluate(alarm: dict[str, Any], points: Sequence[Point], current: str) -> Verdict:
    """Decide an alarm's state.

    Parameters
    ----------
    alarm:
        With PutMetricAlarm's members.
    points:
        Of the periods of the evaluation range, the oldest first.
    current:
        The state that it is in.
    """
    wanted = int(alarm["EvaluationPeriods"])
    enough = int(alarm.get("DatapointsToAlarm", wanted))
    breaches, _ = COMPARISONS[alarm["ComparisonOperator"]]
    treat = alarm.get("TreatMissingData", "missing")
    real = [point for point in points if point.value is not None]
    counted = real[-wanted:]
    bad = sum(breaches(point.value, alarm["Threshold"]) for point in counted if point.value is not None)
    missing = wanted - len(counted)
    if missing == 0 or treat == "notBreaching":
        state = ALARM if bad >= enough else OK
    elif treat == "breaching":
        state = ALARM if bad + missing >= enough else OK
    elif bad >= enough:
        state = ALARM
    elif bad < len(counted):
        state = OK
    elif treat == "ignore":
        state = current
    elif not counted:
        state = INSUFFICIENT
    else:
        oldest = next(age for age, point in enumerate(reversed(points), 1) if point is counted[0])
        state = ALARM if enough <= oldest <= wanted else current
    return Verdict(state, _reason(alarm, state, counted, bad, missing, treat), tuple(counted))


def _reason(alarm: dict[str, Any], state: str, counted: list[Point], bad: int, missing: int, treat: str) -> str:
    wanted, limit = int(alarm["EvaluationPeriods"]), float(alarm["Threshold"])
    words = COMPARISONS[alarm["ComparisonOperator"]][1]
    if state == INSUFFICIENT:
        return f"Insufficient Data: {wanted} {_points(wanted)} {'were' if wanted > 1 else 'was'} unknown."
    if not counted:
        treated = {"breaching": "Breaching", "notBreaching": "NonBreaching"}.get(treat, "Ignored")
        return (
            f"Threshold Crossed: no datapoints were received for {wanted} {_periods(wanted)} and {wanted} missing "
            f"{_points(wanted)} {'were' if wanted > 1 else 'was'} treated as [{treated}]."
        )
    number = bad if state == ALARM else len(counted) - bad
    shown = ", ".join(f"{point.value} ({_moment(point.start_s)})" for point in reversed(counted))
    verb = f"{'were' if number > 1 else 'was'}{'' if state == ALARM else ' not'}"
    enough = int(alarm.get("DatapointsToAlarm", wanted))
    needed = enough if state == ALARM else wanted - enough + 1
    change = "OK -> ALARM" if state == ALARM else "ALARM -> OK"
    return (
        f"Threshold Crossed: {number} out of the last {wanted} datapoints [{shown}] {verb} {words} the threshold "
        f"({limit}) (minimum {needed} {_points(needed)} for {change} transition)."
    )


def _points(number: int) -> str:
    return "datapoint" if number == 1 else "datapoints"


def _periods(number: int) -> str:
    return "period" if number == 1 else "periods"


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d/%m/%y %H:%M:%S")
