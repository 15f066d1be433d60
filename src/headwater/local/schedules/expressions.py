"""Schedule expressions: ``rate(…)``, ``cron(…)``, ``at(…)``, and the moments at which they are due. Pure.

Source: EventBridge Scheduler User Guide, "Schedule types on EventBridge Scheduler" (read 2026-11-25):

- a rate begins at its StartDate, without one at once, and its days have 24 hours whatever the clocks do;
- a cron expression and a one-time schedule are read in a time zone; a time that a clock skips in spring is skipped, a
  time that comes twice in autumn is due once (here the first of the two).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headwater.local.schedules.cron import Cron, CronError

RATE = re.compile(r"rate\(([1-9]\d{0,8}) (minute|hour|day)s?\)")
CRON = re.compile(r"cron\((.+)\)")
AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
# "All schedule types invoke their targets with 60 second precision" (the same page): so late is still on time.
PRECISION_S = 60.0
UNIT_S = {"minute": 60, "hour": 3600, "day": 86_400}


class ExpressionError(ValueError):
    """An expression or time zone that cannot be read, and why."""


@dataclass(frozen=True)
class Rate:
    """Every so many seconds."""

    period_s: int


@dataclass(frozen=True)
class At:
    """Once, at a moment of the wall clock."""

    moment: datetime


Expression = Rate | Cron | At


def parse_expression(text: str) -> Expression:
    """Read an expression. Raises :class:`ExpressionError`."""
    if found := RATE.fullmatch(text):
        return Rate(int(found[1]) * UNIT_S[found[2]])
    if found := AT.fullmatch(text):
        try:
            return At(datetime.fromisoformat(found[1]))
        except ValueError as error:
            raise ExpressionError(str(error)) from error
    if found := CRON.fullmatch(text):
        try:
            return Cron.parse(found[1])
        except CronError as error:
            raise ExpressionError(str(error)) from error
    raise ExpressionError("expected rate(<number> <unit>), cron(<6 fields>) or at(<yyyy-mm-ddThh:mm:ss>)")


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name in the tz database. Raises :class:`ExpressionError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ExpressionError(f"there is no time zone {name!r}") from error


@dataclass(frozen=True)
class Timetable:
    """An expression with what bounds it.

    Parameters
    ----------
    expression, zone:
        What is due when, and where the clock hangs.
    anchor_s:
        Where a rate begins, in seconds since the epoch: StartDate, or the moment of creation.
    start_s, end_s:
        What is due before the start or at or after the end does not happen; None is no bound.
    """

    expression: Expression
    zone: ZoneInfo
    anchor_s: float
    start_s: float | None = None
    end_s: float | None = None

    def next_after(self, moment_s: float) -> float | None:
        """The first moment after ``moment_s`` at which it is due, or None."""
        lowest = moment_s if self.start_s is None else max(moment_s, self.start_s - 0.001)
        found = self._next(lowest)
        return None if found is None or (self.end_s is not None and found >= self.end_s) else found

    def latest(self, first_s: float, now_s: float) -> float | None:
        """The latest due moment from ``first_s`` to ``now_s``: of those that a suspended machine missed, one counts."""
        found, following = None, self.next_after(first_s - 0.001)
        while following is not None and following <= now_s:
            found, following = following, self.next_after(following)
        return found

    def _next(self, moment_s: float) -> float | None:
        if isinstance(self.expression, Rate):
            if moment_s < self.anchor_s:
                return self.anchor_s
            passed = math.floor((moment_s - self.anchor_s) / self.expression.period_s)
            return self.anchor_s + (passed + 1) * self.expression.period_s
        if isinstance(self.expression, At):
            due_s = self._on_earth(self.expression.moment)
            return due_s if due_s is not None and due_s > moment_s else None
        local: datetime | None = datetime.fromtimestamp(moment_s, self.zone).replace(tzinfo=None, fold=0)
        while local is not None and (local := self.expression.after(local)) is not None:
            due_s = self._on_earth(local)
            # In the hour that comes twice, the second time, what is found next was due the first time.
            if due_s is not None and due_s > moment_s:
                return due_s
        return None

    def _on_earth(self, wall: datetime) -> float | None:
        """Seconds since the epoch, the first time the clock shows it; None when it skips it."""
        due = wall.replace(tzinfo=self.zone, fold=0)
        there = due.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None, fold=0)
        return due.timestamp() if there == wall else None
