"""How often schedules fire, against a count minute by minute or day by day."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.plan.cost.frequency import runs_a_month

DAYS = [date(2025, 1, 1) + timedelta(days=number) for number in range(1461)]


@pytest.mark.parametrize(
    ("expression", "runs"),
    [
        ("rate(1 day)", 730 / 24),
        ("rate(15 minutes)", 2920),
        ("cron(0 6 1 * ? *)", 1),
        ("cron(0 6 L * ? *)", 1),
        ("cron(0 6 LW * ? *)", 1),
        ("cron(0 6 15W * ? *)", 1),
        ("cron(0/30 8-17 * * ? *)", 20 * 1461 / 48),
        ("cron(0 6 ? * MON-FRI *)", sum(day.weekday() < 5 for day in DAYS) / 48),
        ("cron(0 6 ? * FRI-MON *)", sum(day.weekday() in (4, 5, 6, 0) for day in DAYS) / 48),
        ("cron(0 6 ? * TUE#2 *)", 1),
        ("cron(0 6 ? * 6L *)", 1),
        ("cron(0 6 ? JAN,JUL SUN *)", sum(day.weekday() == 6 and day.month in (1, 7) for day in DAYS) / 48),
        ("cron(0 6 31 * ? *)", sum(monthrange(d.year, d.month)[1] == 31 and d.day == 31 for d in DAYS) / 48),
    ],
)
def test_runs_a_month(expression: str, runs: float) -> None:
    assert runs_a_month(expression) == pytest.approx(runs)


@given(
    st.lists(st.integers(0, 59), min_size=1, max_size=3),
    st.integers(0, 23),
    st.integers(1, 24),
    st.integers(1, 31),
    st.integers(1, 31),
)
def test_fields_against_a_count(minutes: list[int], hour: int, step: int, first: int, last: int) -> None:
    first, last = sorted((first, last))
    expression = f"cron({','.join(map(str, minutes))} {hour}/{step} {first}-{last} * ? *)"
    hours = [h for h in range(24) if h >= hour and (h - hour) % step == 0]
    expected = len(set(minutes)) * len(hours) * sum(first <= day.day <= last for day in DAYS) / 48
    assert runs_a_month(expression) == pytest.approx(expected)
