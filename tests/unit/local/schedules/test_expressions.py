"""Cron, rate and at: against a brute-force walk over minutes, and against AWS's documented cases."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.local.schedules import ExpressionError, Timetable, parse_expression
from headwater.local.schedules.cron import Cron
from headwater.local.schedules.expressions import zone_of

MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split()


# -- the oracle: does one minute match? --------------------------------------------------------------------------------


def one(text: str, names: list[str]) -> int:
    return names.index(text) + 1 if text in names else int(text)


def part_matches(part: str, value: int, least: int, most: int, names: list[str]) -> bool:
    body, _, step = part.partition("/")
    if body == "*":
        low, high = least, most
    elif "-" in body:
        low, high = (one(each, names) for each in body.split("-"))
    else:
        low = one(body, names)
        high = most if step else low
    return low <= value <= high and (value - low) % int(step or 1) == 0


def matches(text: str, value: int, least: int, most: int, names: list[str] | None = None) -> bool:
    return any(part_matches(part, value, least, most, names or []) for part in text.split(","))


def working_day_nearest(day: date) -> date:
    same_month = [date(day.year, day.month, n) for n in range(1, calendar.monthrange(day.year, day.month)[1] + 1)]
    return min((d for d in same_month if d.weekday() < 5), key=lambda d: (abs((d - day).days), d))


def day_of_month_matches(text: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    for part in text.split(","):
        if part == "L" and day.day == last:
            return True
        if part == "LW" and day == max(
            date(day.year, day.month, n) for n in range(1, last + 1) if date(day.year, day.month, n).weekday() < 5
        ):
            return True
        if part.endswith("W") and part != "LW":
            wanted = int(part[:-1])
            if wanted <= last and working_day_nearest(date(day.year, day.month, wanted)) == day:
                return True
        if part[-1].isdigit() or part == "*":
            if part_matches(part, day.day, 1, 31, []):
                return True
    return False


def day_of_week_matches(text: str, day: date) -> bool:
    number = day.isoweekday() % 7 + 1
    for part in text.split(","):
        if part == "L":
            found = number == 7
        elif part.endswith("L"):
            found = number == one(part[:-1], WEEKDAYS) and (day + timedelta(days=7)).month != day.month
        elif "#" in part:
            weekday, nth = part.split("#")
            found = number == one(weekday, WEEKDAYS) and (day.day - 1) // 7 + 1 == int(nth)
        else:
            found = part_matches(part, number, 1, 7, WEEKDAYS)
        if found:
            return True
    return False


def is_due(fields: str, moment: datetime) -> bool:
    minutes, hours, day, month, weekday, year = fields.split()
    return (
        matches(minutes, moment.minute, 0, 59)
        and matches(hours, moment.hour, 0, 23)
        and matches(month, moment.month, 1, 12, MONTHS)
        and matches(year, moment.year, 1970, 2199)
        and (
            day_of_month_matches(day, moment.date()) if weekday == "?" else day_of_week_matches(weekday, moment.date())
        )
    )


def walk(fields: str, after: datetime, days: int) -> datetime | None:
    """The first due minute after a moment, by looking at every minute of the days that can match."""
    moment = (after + timedelta(minutes=1)).replace(second=0, microsecond=0)
    end = after + timedelta(days=days)
    while moment < end:
        if not is_due_day(fields, moment):
            moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
        elif is_due(fields, moment):
            return moment
        else:
            moment += timedelta(minutes=1)
    return None


def is_due_day(fields: str, moment: datetime) -> bool:
    _, _, day, month, weekday, year = fields.split()
    return is_due(f"* * {day} {month} {weekday} {year}", moment)


# -- expressions -------------------------------------------------------------------------------------------------------


def field(least: int, most: int, names: list[str] | None = None) -> st.SearchStrategy[str]:
    value = st.integers(least, most).map(str)
    if names:
        value = st.one_of(value, st.sampled_from(names))
    spans = st.tuples(st.integers(least, most), st.integers(least, most)).map(lambda p: f"{min(p)}-{max(p)}")
    steps = st.tuples(st.one_of(st.just("*"), value, spans), st.integers(1, 30)).map(lambda p: f"{p[0]}/{p[1]}")
    parts = st.lists(st.one_of(value, spans, steps), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), parts)


def day_fields() -> st.SearchStrategy[tuple[str, str]]:
    nearest = st.integers(1, 31).map(lambda n: f"{n}W")
    month_day = st.one_of(field(1, 31), st.sampled_from(["L", "LW", "L,15"]), nearest)
    weekday = st.one_of(st.integers(1, 7).map(str), st.sampled_from(WEEKDAYS))
    special = st.one_of(
        st.tuples(weekday, st.integers(1, 5)).map(lambda p: f"{p[0]}#{p[1]}"), weekday.map("{}L".format), st.just("L")
    )
    week_day = st.one_of(field(1, 7, WEEKDAYS), special)
    return st.one_of(month_day.map(lambda d: (d, "?")), week_day.map(lambda d: ("?", d)))


@st.composite
def crons(draw: st.DrawFn) -> str:
    day, weekday = draw(day_fields())
    year = draw(st.sampled_from(["*", "2023-2026", "2024/2"]))
    return f"{draw(field(0, 59))} {draw(field(0, 23))} {day} {draw(field(1, 12, MONTHS))} {weekday} {year}"


@settings(max_examples=150, deadline=None)
@given(crons(), st.datetimes(datetime(2023, 1, 1), datetime(2025, 6, 30)))
def test_cron_finds_what_a_walk_over_minutes_finds(fields: str, after: datetime) -> None:
    found = Cron.parse(fields).after(after)
    walked = walk(fields, after, 500)
    if walked is None:
        assert found is None or found >= after + timedelta(days=500)
    else:
        assert found == walked


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("cron(0 6 1 * ? *)", "2026-11-25T00:00", "2026-12-01T06:00"),
        ("cron(0 10 * * ? *)", "2026-11-25T10:00", "2026-11-26T10:00"),
        ("cron(15 12 * * ? *)", "2026-11-25T12:14", "2026-11-25T12:15"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-27T18:00", "2026-11-30T18:00"),
        ("cron(0/15 * * * ? *)", "2026-11-25T10:46", "2026-11-25T11:00"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-25T17:55", "2026-11-26T08:00"),
        ("cron(0 9 ? * 2#1 *)", "2026-11-02T09:00", "2026-12-07T09:00"),
        ("cron(0 0 L * ? *)", "2028-02-01T00:00", "2028-02-29T00:00"),
        ("cron(0 0 31 * ? *)", "2026-11-25T00:00", "2026-12-31T00:00"),
        ("cron(0 0 29 2 ? *)", "2026-11-25T00:00", "2028-02-29T00:00"),
        ("cron(0 0 1W * ? *)", "2026-07-25T00:00", "2026-08-03T00:00"),  # the 1st is a Saturday
        ("cron(0 0 31W * ? *)", "2026-01-31T00:00", "2026-03-31T00:00"),
        ("cron(15 10 ? * 6L 2022-2030)", "2026-11-01T00:00", "2026-11-27T10:15"),
    ],
)
def test_documented_expressions(text: str, after: str, due: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = Timetable(parse_expression(text), ZoneInfo("UTC"), 0).next_after(moment.timestamp())
    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "cron(0 6 1 * * *)",
        "cron(0 6 ? * ? *)",
        "cron(0 6 1 * ?)",
        "cron(60 6 1 * ? *)",
        "cron(0 24 1 * ? *)",
        "cron(0 6 32 * ? *)",
        "cron(0 6 1 13 ? *)",
        "cron(0 6 ? * 8 *)",
        "cron(0 6 ? * 3#6 *)",
        "cron(0 6 ? * 3#1,6#3 *)",
        "cron(0 6 1 * ? 1969)",
        "cron(5-1 6 1 * ? *)",
        "cron(0/0 6 1 * ? *)",
        "cron()",
        "rate(0 minutes)",
        "rate(1 week)",
        "rate(-1 days)",
        "rate(1.5 days)",
        "at(2026-02-30T00:00:00)",
        "at(2026-02-20)",
        "every day",
        "",
    ],
)
def test_bad_expressions_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)


# -- time zones --------------------------------------------------------------------------------------------------------


def dues(text: str, zone: str, start: str, end: str) -> list[str]:
    """Every due moment between two of UTC, as UTC."""
    table = Timetable(parse_expression(text), ZoneInfo(zone), 0)
    moment, last = (datetime.fromisoformat(each).replace(tzinfo=UTC).timestamp() for each in (start, end))
    found = []
    while (due := table.next_after(moment)) is not None and due <= last:
        found.append(datetime.fromtimestamp(due, UTC).strftime("%m-%dT%H:%M"))
        moment = due
    return found


def test_a_time_that_spring_skips_is_skipped() -> None:
    found = dues("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-27T12:00", "2026-03-30T12:00")
    assert found == ["03-28T01:30", "03-30T00:30"]
    assert dues("at(2026-03-29T02:30:00)", "Europe/Berlin", "2026-01-01T00:00", "2026-12-31T00:00") == []


def test_a_time_that_autumn_repeats_is_due_once() -> None:
    found = dues("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00", "2026-10-26T12:00")
    assert found == ["10-25T00:30", "10-26T01:30"]
    every = dues("cron(0/30 * * * ? *)", "Europe/Berlin", "2026-10-24T23:59", "2026-10-25T02:30")
    assert every == ["10-25T00:00", "10-25T00:30", "10-25T02:00", "10-25T02:30"]


def test_days_of_a_rate_have_24_hours() -> None:
    anchor = datetime(2026, 3, 28, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    table = Timetable(parse_expression("rate(1 day)"), ZoneInfo("Europe/Berlin"), anchor)
    assert table.next_after(anchor - 5) == anchor
    assert table.next_after(anchor) == anchor + 86_400


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 90),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.integers(int(datetime(2026, 1, 1).timestamp()), int(datetime(2027, 1, 1).timestamp())),
)
def test_a_zoned_cron_is_the_first_moment_whose_clock_shows_it(step: int, zone: str, after: int) -> None:
    fields = f"{step % 60} {step % 24} * * ? *"
    found = Timetable(parse_expression(f"cron({fields})"), ZoneInfo(zone), 0).next_after(after)
    moment = after - after % 60 + 60
    while True:
        wall = datetime.fromtimestamp(moment, ZoneInfo(zone))
        if wall.fold == 0 and is_due(fields, wall.replace(tzinfo=None)):
            break
        moment += 60
    assert found == moment


def test_start_and_end_bound_it() -> None:
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
    table = Timetable(parse_expression("cron(0 * * * ? *)"), ZoneInfo("UTC"), 0, noon, noon + 7200)
    assert table.next_after(0) == noon
    assert table.next_after(noon) == noon + 3600
    assert table.next_after(noon + 3600) is None


def test_an_unknown_time_zone_is_refused() -> None:
    for name in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(ExpressionError, match="no time zone"):
            zone_of(name)
