"""Schedules and groups in the store, and how they are named and refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from headwater.local.schedules import Timetable, parse_expression
from headwater.local.schedules.expressions import zone_of
from headwater.local import paging
from headwater.local.service import Members, Service, ServiceError
from headwater.local.store import Record

SCHEDULE, GROUP = "scheduler.schedule", "scheduler.group"
DEFAULT = "default"
NAME = re.compile(r"[0-9a-zA-Z\-_.]{1,64}")


def invalid(text: str) -> ServiceError:
    """AWS's ValidationException."""
    return ServiceError("ValidationException", text)


def check_name(member: str, value: str) -> None:
    """Refuse a name that AWS would refuse."""
    if not NAME.fullmatch(value):
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$, 1 to 64 characters"
        )


class SchedulerRecords(Service):
    """Reads and writes schedules and groups. Moments are kept as seconds since the epoch."""

    name = "scheduler"

    def arn(self, resource: str) -> str:
        """An ARN of this account and region."""
        return f"arn:aws:scheduler:{self.endpoint.region}:{self.endpoint.account}:{resource}"

    def group(self, name: str | None) -> Record:
        """A group's record; the default group is always there. Raises ResourceNotFoundException."""
        wanted = name or DEFAULT
        found = self.store.get(GROUP, wanted)
        if found is None and wanted == DEFAULT:
            return {"Name": DEFAULT, "Tags": [], "created": 0.0, "modified": 0.0}
        if found is None:
            raise ServiceError("ResourceNotFoundException", f"Schedule group {wanted} does not exist.")
        return found

    def schedule(self, group: str | None, name: str) -> Record:
        """A schedule's record; raises ResourceNotFoundException."""
        found = self.store.get(SCHEDULE, key_of(group, name))
        if found is None:
            raise ServiceError("ResourceNotFoundException", f"Schedule {name} does not exist.")
        return found


def key_of(group: str | None, name: str) -> str:
    """Where a schedule's record is."""
    return f"{group or DEFAULT}/{name}"


def timetable(record: Record) -> Timetable:
    """When a schedule is due. Raises ExpressionError."""
    start_s = record.get("StartDate")
    return Timetable(
        parse_expression(record["ScheduleExpression"]),
        zone_of(record["ScheduleExpressionTimezone"]),
        record["anchored"] if start_s is None else start_s,
        start_s,
        record.get("EndDate"),
    )


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as boto3 answers them."""
    return datetime.fromtimestamp(seconds, UTC)


def page(items: list[Any], limit: int | None, token: str | None) -> tuple[list[Any], Members]:
    """One page of a list (100 unless said), and its NextToken if there is more."""
    return paging.page(items, limit or 100, token, invalid("The NextToken you provided is not valid."))
