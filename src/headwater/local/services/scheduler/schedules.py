"""Schedules: made, replaced, shown, deleted; each change sets when it is due next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from headwater.local.schedules import At, ExpressionError, parse_expression
from headwater.local.schedules.expressions import zone_of
from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.scheduler.firing import Firing
from headwater.local.services.scheduler.records import (
    DEFAULT,
    SCHEDULE,
    SchedulerRecords,
    check_name,
    invalid,
    key_of,
    moment,
    page,
)
from headwater.local.services.scheduler.target_rules import check_target
from headwater.local.store import Record

OLDEST_START_S = 300
LONGEST_WINDOW_MIN = 1440
SHOWN = (
    "ActionAfterCompletion Description FlexibleTimeWindow GroupName KmsKeyArn Name ScheduleExpression "
    "ScheduleExpressionTimezone State Target"
).split()
MOMENTS = {
    "StartDate": "StartDate",
    "EndDate": "EndDate",
    "CreationDate": "created",
    "LastModificationDate": "modified",
}
# A change of these makes another timetable, on which a rate begins anew.
TIMING = ("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate")


class ScheduleOperations(SchedulerRecords):
    """Schedules."""

    firing: Firing

    @operation
    def create_schedule(self, call: Call, Name: str, **members: Any) -> Members:
        """Make a schedule; ConflictException when the group has one of that name."""
        check_name("name", Name)
        token = members.pop("ClientToken", None)
        now = self.firing.clock.now()
        record = self._record(Name, members, now)
        with self.store.transaction():
            key = key_of(record["GroupName"], Name)
            known = self.store.get(SCHEDULE, key)
            if known is not None and (token is None or known["ClientToken"] != token):
                raise ServiceError("ConflictException", f"Schedule {Name} already exists.", 409)
            if known is None:
                made = {**record, "ClientToken": token, "created": now, "modified": now, "anchored": now}
                self.store.put(SCHEDULE, key, made)
                self.firing.plan(key, made, now - 0.001)  # a rate without a start is due at once
        self.firing.wake()
        return {"ScheduleArn": self._schedule_arn(record)}

    @operation
    def update_schedule(self, call: Call, Name: str, **members: Any) -> Members:
        """Replace all of a schedule; what is not given becomes its default."""
        members.pop("ClientToken", None)
        now = self.firing.clock.now()
        record = self._record(Name, members, now)
        with self.store.transaction():
            known = self.schedule(record["GroupName"], Name)
            same = all(known.get(member) == record.get(member) for member in TIMING)
            kept = {member: known[member] for member in ("ClientToken", "created")}
            changed = {**record, **kept, "modified": now, "anchored": known["anchored"] if same else now}
            key = key_of(record["GroupName"], Name)
            self.store.put(SCHEDULE, key, changed)
            self.firing.plan(key, changed, now if same else now - 0.001)
        self.firing.wake()
        return {"ScheduleArn": self._schedule_arn(record)}

    @operation
    def get_schedule(self, call: Call, Name: str, GroupName: str = DEFAULT) -> Members:
        """A schedule."""
        record = self.schedule(GroupName, Name)
        shown = {member: record[member] for member in SHOWN if record.get(member) is not None}
        shown |= {member: moment(record[kept]) for member, kept in MOMENTS.items() if record.get(kept) is not None}
        return {**shown, "Arn": self._schedule_arn(record)}

    @operation
    def list_schedules(
        self,
        call: Call,
        GroupName: str | None = None,
        NamePrefix: str = "",
        State: str | None = None,
        NextToken: str | None = None,
        MaxResults: int | None = None,
    ) -> Members:
        """Schedules by group and name."""
        if GroupName is not None:
            self.group(GroupName)
        found = [
            self._summary(record)
            for _, record in self.store.scan(SCHEDULE, f"{GroupName}/" if GroupName else "")
            if record["Name"].startswith(NamePrefix) and State in (None, record["State"])
        ]
        shown, more = page(found, MaxResults, NextToken)
        return {"Schedules": shown, **more}

    @operation
    def delete_schedule(
        self, call: Call, Name: str, GroupName: str = DEFAULT, ClientToken: str | None = None
    ) -> Members:
        """Delete a schedule."""
        with self.store.transaction():
            self.schedule(GroupName, Name)
            self.firing.forget(key_of(GroupName, Name))
            self.store.delete(SCHEDULE, key_of(GroupName, Name))
        return {}

    def _schedule_arn(self, record: Record) -> str:
        return self.arn(f"schedule/{record['GroupName']}/{record['Name']}")

    def _summary(self, record: Record) -> Members:
        return {
            "Arn": self._schedule_arn(record),
            **{member: record[member] for member in ("Name", "GroupName", "State")},
            "CreationDate": moment(record["created"]),
            "LastModificationDate": moment(record["modified"]),
            "Target": {"Arn": record["Target"]["Arn"]},
        }

    def _record(self, name: str, members: Members, now_s: float) -> Record:
        """A schedule's record from a request that was checked."""
        group = self.group(members.get("GroupName"))["Name"]
        record: Record = {
            "ActionAfterCompletion": "NONE",
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            **{member: value for member, value in members.items() if value is not None},
            "Name": name,
            "GroupName": group,
        }
        for member in ("StartDate", "EndDate"):
            if isinstance(record.get(member), datetime):
                record[member] = record[member].timestamp()
        _check_timing(record, now_s)
        check_target(self.endpoint, record["Target"], self.arn(f"schedule-group/{record['GroupName']}"))
        return record


def _check_timing(record: Record, now_s: float) -> None:
    text = record["ScheduleExpression"]
    try:
        expression = parse_expression(text)
    except ExpressionError as error:
        raise invalid(f"Invalid Schedule Expression {text}. {error}") from error
    try:
        zone_of(record["ScheduleExpressionTimezone"])
    except ExpressionError as error:
        raise invalid(f"Invalid ScheduleExpressionTimezone {record['ScheduleExpressionTimezone']}. {error}") from error
    for member, values in (("State", ("ENABLED", "DISABLED")), ("ActionAfterCompletion", ("NONE", "DELETE"))):
        if record[member] not in values:
            raise invalid(f"Value '{record[member]}' at '{member}' failed to satisfy constraint: one of {values}")
    if not isinstance(expression, At):  # one-time schedules ignore start and end (API reference, CreateSchedule)
        _check_bounds(record.get("StartDate"), record.get("EndDate"), now_s)
    else:
        record.pop("StartDate", None)
        record.pop("EndDate", None)
    _check_window(record["FlexibleTimeWindow"])


def _check_bounds(start_s: float | None, end_s: float | None, now_s: float) -> None:
    if start_s is not None and start_s < now_s - OLDEST_START_S:
        raise invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if end_s is not None and end_s <= max(now_s, start_s or 0):
        raise invalid("The EndDate you specify must come after the StartDate and be in the future.")


def _check_window(window: Members) -> None:
    minutes = window.get("MaximumWindowInMinutes")
    if window["Mode"] == "FLEXIBLE":
        if minutes is None or not 1 <= minutes <= LONGEST_WINDOW_MIN:
            raise invalid("A flexible time window must have a MaximumWindowInMinutes of 1 to 1440.")
    elif window["Mode"] != "OFF" or minutes is not None:
        raise invalid("FlexibleTimeWindow: MaximumWindowInMinutes goes with the Mode FLEXIBLE, and only with it.")
