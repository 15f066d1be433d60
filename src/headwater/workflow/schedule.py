"""EventBridge Scheduler expressions: enough of the grammar to refuse what AWS would refuse.

Source: EventBridge Scheduler user guide, "Schedule types in EventBridge Scheduler", read 2026-11. One-time `at(…)`
schedules are refused: a workflow's schedule recurs.
"""

from __future__ import annotations

import re

_RATE = re.compile(r"rate\(([1-9][0-9]*) (minute|minutes|hour|hours|day|days)\)")
_NAMES = {
    "month": ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    "day of week": ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
}
# field → least, most, letters allowed beside , - * /
_FIELDS: tuple[tuple[str, int, int, str], ...] = (
    ("minutes", 0, 59, ""),
    ("hours", 0, 23, ""),
    ("day of month", 1, 31, "?LW"),
    ("month", 1, 12, ""),
    ("day of week", 1, 7, "?L#"),
    ("year", 1970, 2199, ""),
)


def schedule_mistake(expression: object) -> str | None:
    """Return what is wrong with a schedule expression, or None."""
    text = str(expression)
    if text.startswith("rate("):
        return None if _RATE.fullmatch(text) else f"schedule {text!r}: expected rate(<number> minutes|hours|days)"
    if not (text.startswith("cron(") and text.endswith(")")):
        return f"schedule {text!r}: expected cron(<6 fields>) or rate(<number> <unit>)"
    fields = text[5:-1].split()
    if len(fields) != 6:
        expected = "minutes hours day-of-month month day-of-week year"
        return f"schedule {text!r}: cron has 6 fields ({expected}), got {len(fields)}"
    for value, (name, least, most, letters) in zip(fields, _FIELDS, strict=True):
        if not all(_is_part(part, name, least, most, letters) for part in value.split(",")):
            return f"schedule {text!r}: {name} is {value!r}, expected {least} to {most} with , - * / {letters}".rstrip()
    if (fields[2] == "?") == (fields[4] == "?"):
        return f"schedule {text!r}: exactly one of day of month and day of week is ? (AWS: you can't give both)"
    return None


def _is_part(part: str, name: str, least: int, most: int, letters: str) -> bool:
    if part == "*" or (part == "?" and "?" in letters) or (part in ("L", "LW") and "L" in letters):
        return True
    body, _, step = part.partition("/")
    if step and not step.isdigit() or part.endswith("/"):
        return False
    if "W" in letters and body.endswith("W") or "L" in letters and body.endswith("L"):
        body = body[:-1]
    if "#" in letters and "#" in body:
        body, _, nth = body.partition("#")
        if nth not in ("1", "2", "3", "4", "5"):
            return False
    return body == "*" or all(_is_value(value, name, least, most) for value in body.split("-", 1))


def _is_value(value: str, name: str, least: int, most: int) -> bool:
    if value.upper() in _NAMES.get(name, ()):
        return True
    return value.isdigit() and least <= int(value) <= most
