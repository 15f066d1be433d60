"""AWS's cron expressions: six fields, read once, then asked for the next time on a wall clock. Pure.

Source: EventBridge Scheduler User Guide, "Schedule types on EventBridge Scheduler", and EventBridge User Guide, "Cron
expressions" (read 2026-11-25): minutes, hours, day of month, month, day of week, year; ``, - * /`` anywhere, ``?`` in
exactly one of the day fields, ``L`` and ``W`` in the day of month, ``L`` and ``#`` in the day of week, which begins
with 1 = SUN. ``3W`` is the weekday nearest the 3rd in its month, ``6L`` the last Friday, ``3#2`` the second Tuesday.

AWS does not say what ``LW`` is; it is the last weekday of the month here, as in Quartz, whose grammar this is.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIRST_YEAR, LAST_YEAR = 1970, 2199


class CronError(ValueError):
    """A field that cannot be read: which, what it is, what was expected."""


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def value(self, text: str) -> int:
        """One number or name."""
        if text.upper() in self.names:
            return self.names.index(text.upper()) + 1
        if not (text.isascii() and text.isdigit()) or not self.least <= int(text) <= self.most:
            raise CronError(f"{self.name}: expected {self.least} to {self.most}, got {text!r}")
        return int(text)

    def values(self, text: str) -> frozenset[int]:
        """Everything that a field without day letters names."""
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, part: str) -> range:
        body, slash, step_text = part.partition("/")
        if slash and not (step_text.isascii() and step_text.isdigit() and int(step_text) > 0):
            raise CronError(f"{self.name}: expected a number above 0 after /, got {part!r}")
        step = int(step_text) if slash else 1
        if body == "*":
            return range(self.least, self.most + 1, step)
        low, dash, high = body.partition("-")
        first = self.value(low)
        last = self.value(high) if dash else (self.most if slash else first)
        if last < first:
            raise CronError(f"{self.name}: the range {body!r} runs backwards")
        return range(first, last + 1, step)


MINUTES = _Field("minutes", 0, 59)
HOURS = _Field("hours", 0, 23)
DAY_OF_MONTH = _Field("day of month", 1, 31)
MONTH = _Field("month", 1, 12, MONTHS)
DAY_OF_WEEK = _Field("day of week", 1, 7, WEEKDAYS)
YEAR = _Field("year", FIRST_YEAR, LAST_YEAR)


@dataclass(frozen=True)
class Cron:
    """A cron expression.

    Parameters
    ----------
    minutes, hours, months, years:
        The values that match.
    day_of_month, day_of_week:
        The text of these fields; exactly one is ``?``.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    day_of_month: str
    months: frozenset[int]
    day_of_week: str
    years: frozenset[int]

    @classmethod
    def parse(cls, fields: str) -> Cron:
        """Read the six fields between the brackets. Raises :class:`CronError`."""
        given = fields.split()
        if len(given) != 6:
            raise CronError(f"expected 6 fields, got {len(given)}")
        minutes, hours, day, month, weekday, year = given
        if (day == "?") == (weekday == "?"):
            raise CronError("exactly one of day of month and day of week must be ?")
        found = cls(
            tuple(sorted(MINUTES.values(minutes))),
            tuple(sorted(HOURS.values(hours))),
            day,
            MONTH.values(month),
            weekday.upper(),
            YEAR.values(year),
        )
        found.days(2024, 2)  # reads the day fields
        return found

    def days(self, year: int, month: int) -> list[int]:
        """The days of a month that match, in order."""
        if self.day_of_week == "?":
            return sorted(_month_days(self.day_of_month.upper(), year, month))
        return sorted(_weekdays(self.day_of_week, year, month))

    def after(self, moment: datetime) -> datetime | None:
        """The first matching minute after a moment of the wall clock (no time zone), or None when there is none."""
        start = (moment + timedelta(minutes=1)).replace(second=0, microsecond=0)
        for year in sorted(year for year in self.years if year >= start.year):
            for month in sorted(self.months):
                if (year, month) < (start.year, start.month):
                    continue
                for day in self.days(year, month):
                    if (found := self._on(date(year, month, day), start)) is not None:
                        return found
        return None

    def _on(self, day: date, start: datetime) -> datetime | None:
        if day < start.date():
            return None
        for hour in self.hours:
            for minute in self.minutes:
                found = datetime(day.year, day.month, day.day, hour, minute)
                if found >= start:
                    return found
        return None


def _month_days(text: str, year: int, month: int) -> set[int]:
    last = calendar.monthrange(year, month)[1]
    found: set[int] = set()
    for part in text.split(","):
        if part == "L":
            found.add(last)
        elif part == "LW":
            found.add(_nearest_weekday(year, month, last, last))
        elif part.endswith("W"):
            wanted = DAY_OF_MONTH.value(part[:-1])
            if wanted <= last:
                found.add(_nearest_weekday(year, month, wanted, last))
        else:
            found |= {day for day in DAY_OF_MONTH.values(part) if day <= last}
    return found


def _nearest_weekday(year: int, month: int, day: int, last: int) -> int:
    """Monday to Friday nearest a day, never in another month."""
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def _weekdays(text: str, year: int, month: int) -> set[int]:
    last = calendar.monthrange(year, month)[1]
    by_weekday: dict[int, list[int]] = {number: [] for number in range(1, 8)}  # 1 = Sunday
    for day in range(1, last + 1):
        by_weekday[(date(year, month, day).weekday() + 1) % 7 + 1].append(day)
    if "#" in text:
        weekday, _, nth = text.partition("#")  # with # there is one expression only, says AWS
        if nth not in ("1", "2", "3", "4", "5"):
            raise CronError(f"day of week: expected 1 to 5 after #, got {text!r}")
        return set(by_weekday[DAY_OF_WEEK.value(weekday)][int(nth) - 1 : int(nth)])
    found: set[int] = set()
    for part in text.split(","):
        if part == "L":  # the last day of the week
            found |= set(by_weekday[7])
        elif part.endswith("L"):
            found.add(by_weekday[DAY_OF_WEEK.value(part[:-1])][-1])
        else:
            found |= {day for weekday in DAY_OF_WEEK.values(part) for day in by_weekday[weekday]}
    return found
