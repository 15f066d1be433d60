"""Schedule expressions: those of AWS's own documentation are taken, wrong ones are refused."""

from __future__ import annotations

import pytest

from headwater.workflow.schedule import schedule_mistake

GOOD = [
    "rate(1 day)",
    "rate(5 minutes)",
    "cron(0 10 * * ? *)",
    "cron(15 12 * * ? *)",
    "cron(0 18 ? * MON-FRI *)",
    "cron(0 8 1 * ? *)",
    "cron(0/10 * ? * MON-FRI *)",
    "cron(0/5 8-17 ? * MON-FRI *)",
    "cron(0 9 ? * 2#1 *)",
    "cron(15 10 ? * 6L 2022-2023)",
    "cron(0 6 L * ? *)",
    "cron(0 6 15W JAN,JUL ? *)",
]
BAD = [
    "0 6 * * *",
    "rate(0 days)",
    "rate(1 week)",
    "at(2026-01-01T00:00:00)",
    "cron(0 6 1 * *)",
    "cron(60 6 1 * ? *)",
    "cron(0 24 1 * ? *)",
    "cron(0 6 1 * 1 *)",
    "cron(0 6 ? * ? *)",
    "cron(0 6 1 FOO ? *)",
    "cron(0 6 1 * ? *) ",
    "cron(0 9 ? * 2#6 *)",
    "cron(0/ 6 1 * ? *)",
]


@pytest.mark.parametrize("expression", GOOD)
def test_it_takes_what_aws_takes(expression: str) -> None:
    assert schedule_mistake(expression) is None


@pytest.mark.parametrize("expression", BAD)
def test_it_refuses_what_aws_refuses(expression: str) -> None:
    assert schedule_mistake(expression)
