"""How often a schedule fires: the mean number of runs a month.

EventBridge Scheduler's grammar (user guide, "Schedule types", read 2026-11-25), already checked by the declaration. The
year field is passed over: a schedule is taken to fire on.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

HOURS_A_MONTH = 730
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Four years hold one leap day: the mean month has 30.4375 days.
_FIRST, _COUNT, _MEAN_OF = date(2025, 1, 1), 1461, 48


def runs_a_month(expression: str) -> float:
    """Return how often a `cron(…)` or `rate(…)` fires in a month, in the mean."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        return HOURS_A_MONTH * 60 / (int(rate[1]) * _MINUTES[rate[2]])
    minutes, hours, days, months, weekdays, _ = expression[5:-1].split()
    a_day = len(_values(minutes, 0, 59)) * len(_values(hours, 0, 23))
    wanted = _values(months, 1, 12, _MONTHS)
    every = (_FIRST + timedelta(days=number) for number in range(_COUNT))
    return a_day * sum(day.month in wanted and _fires(day, days, weekdays) for day in every) / _MEAN_OF


def _values(field: str, least: int, most: int, names: tuple[str, ...] = ()) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        body, _, step = part.partition("/")
        first, _, last = body.partition("-")
        low = least if body == "*" else _number(first, least, names)
        high = _number(last, least, names) if last else most if step or body == "*" else low
        span = range(low, high + 1) if low <= high else (*range(low, most + 1), *range(least, high + 1))
        found.update(span[:: int(step or 1)])
    return found


def _number(text: str, least: int, names: tuple[str, ...]) -> int:
    return names.index(text.upper()) + least if text.upper() in names else int(text)


def _fires(day: date, days: str, weekdays: str) -> bool:
    if days != "?":
        return any(day.day in _month_days(part, day) for part in days.split(","))
    return any(_is_weekday(part, day) for part in weekdays.split(","))


def _month_days(part: str, day: date) -> set[int]:
    last = calendar.monthrange(day.year, day.month)[1]
    if part == "L":
        return {last}
    if part.endswith("W"):
        return {_nearest_weekday(day, last if part == "LW" else min(int(part[:-1]), last), last)}
    return _values(part, 1, 31)


def _nearest_weekday(day: date, wanted: int, last: int) -> int:
    weekday = day.replace(day=wanted).weekday()
    if weekday == 5:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == 6:
        return wanted + 1 if wanted < last else wanted - 2
    return wanted


def _is_weekday(part: str, day: date) -> bool:
    today = (day.weekday() + 1) % 7 + 1
    if "#" in part:
        name, _, nth = part.partition("#")
        return today == _number(name, 1, _DAYS) and (day.day - 1) // 7 + 1 == int(nth)
    if part != "L" and part.endswith("L"):
        is_last = day.day + 7 > calendar.monthrange(day.year, day.month)[1]
        return today == _number(part[:-1], 1, _DAYS) and is_last
    return today in ({7} if part == "L" else _values(part, 1, 7, _DAYS))
