"""Periods of a backfill: months or days, from the first to the last, both included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from headwater.errors import UsageError

MONTH = re.compile(r"(\d{4})-(\d{2})")
DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
MOST = 5000


def periods(first: str, last: str) -> list[str]:
    """Every period of a range, as RUN_DATE values.

    Parameters
    ----------
    first, last:
        Both ``YYYY-MM`` or both ``YYYY-MM-DD``.

    Raises
    ------
    UsageError
        When they are of different kinds, not dates, in the wrong order, or more than 5,000 apart.
    """
    for pattern, steps in ((DAY, _days), (MONTH, _months)):
        if pattern.fullmatch(first) and pattern.fullmatch(last):
            start, end = _date(first), _date(last)
            if start > end:
                raise UsageError(f"the range ends before it begins: {first} to {last}")
            found = list(steps(start, end))
            if len(found) > MOST:
                raise UsageError(f"{first} to {last} is {len(found)} periods, more than {MOST}: split the range")
            return found
    raise UsageError(f"expected two months (YYYY-MM) or two days (YYYY-MM-DD), got {first!r} and {last!r}")


def check_run_date(text: str) -> str:
    """A single RUN_DATE; raises :class:`UsageError` when it is neither a month nor a day."""
    if text:
        periods(text, text)
    return text


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text if DAY.fullmatch(text) else f"{text}-01")
    except ValueError as error:
        raise UsageError(f"{text!r} is no date: {error}") from error


def _months(start: date, end: date) -> Iterator[str]:
    year, month = start.year, start.month
    while (year, month) <= (end.year, end.month):
        yield f"{year:04d}-{month:02d}"
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _days(start: date, end: date) -> Iterator[str]:
    for offset in range((end - start).days + 1):
        yield (start + timedelta(days=offset)).isoformat()
