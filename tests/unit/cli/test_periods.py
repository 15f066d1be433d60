"""Ranges of a backfill."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.cli.periods import periods
from headwater.errors import UsageError


def test_a_year_has_twelve_months() -> None:
    found = periods("2013-01", "2013-12")
    assert len(found) == 12 and found[0] == "2013-01" and found[-1] == "2013-12"


def test_months_go_over_the_year() -> None:
    assert periods("2013-11", "2014-02") == ["2013-11", "2013-12", "2014-01", "2014-02"]


@given(st.dates(date(1990, 1, 1), date(2040, 1, 1)), st.integers(0, 400))
def test_days_are_all_there_once(start: date, length: int) -> None:
    end = start + timedelta(days=length)
    found = periods(start.isoformat(), end.isoformat())
    assert len(found) == len(set(found)) == length + 1 and found == sorted(found)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2013-02", "2013-01"),
        ("2013-13", "2013-14"),
        ("2013", "2014"),
        ("2013-01", "2013-01-02"),
        ("1000-01-01", "2000-01-01"),
    ],
)
def test_a_bad_range_is_named(first: str, last: str) -> None:
    with pytest.raises(UsageError):
        periods(first, last)
