"""Alarms: made, shown, switched, deleted; what they are in is decided by :mod:`watching`."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from headwater.local.paging import page, position, token
from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.cloudwatch.alarm_rules import ACTIONS, check_alarm
from headwater.local.services.cloudwatch.evaluation import ALARM, INSUFFICIENT, OK
from headwater.local.services.cloudwatch.metrics import Dimensions, MetricOperations, bad_token, dimensions_key
from headwater.local.services.cloudwatch.watching import ALARMS, Watcher, moment, shown_alarm
from headwater.local.store import Record

PAGE = 50
HISTORY_PAGE = 100


class AlarmOperations(MetricOperations):
    """Metric alarms."""

    watcher: Watcher

    @operation
    def put_metric_alarm(
        self,
        call: Call,
        AlarmName: str,
        EvaluationPeriods: int,
        ComparisonOperator: str,
        AlarmDescription: str | None = None,
        ActionsEnabled: bool = True,
        OKActions: list[str] | None = None,
        AlarmActions: list[str] | None = None,
        InsufficientDataActions: list[str] | None = None,
        MetricName: str | None = None,
        Namespace: str | None = None,
        Statistic: str | None = None,
        ExtendedStatistic: str | None = None,
        Dimensions: Dimensions | None = None,
        Period: int | None = None,
        Unit: str | None = None,
        DatapointsToAlarm: int | None = None,
        Threshold: float | None = None,
        TreatMissingData: str | None = None,
        Tags: list[dict[str, str]] | None = None,
    ) -> Members:
        """Make an alarm, or replace all of it but its state and tags; it is evaluated at once."""
        given = {
            "AlarmDescription": AlarmDescription,
            "MetricName": MetricName,
            "Namespace": Namespace,
            "Statistic": Statistic,
            "ExtendedStatistic": ExtendedStatistic,
            "Period": Period,
            "Unit": Unit,
            "DatapointsToAlarm": DatapointsToAlarm,
            "Threshold": Threshold,
            "TreatMissingData": TreatMissingData,
        }
        alarm: Record = {
            "AlarmName": AlarmName,
            "ActionsEnabled": ActionsEnabled,
            "OKActions": OKActions or [],
            "AlarmActions": AlarmActions or [],
            "InsufficientDataActions": InsufficientDataActions or [],
            "Dimensions": Dimensions or [],
            "EvaluationPeriods": EvaluationPeriods,
            "ComparisonOperator": ComparisonOperator,
            **{member: value for member, value in given.items() if value is not None},
        }
        check_alarm(AlarmName, alarm)
        self.watcher.put(alarm, Tags or [])
        return {}

    @operation
    def describe_alarms(
        self,
        call: Call,
        AlarmNames: list[str] | None = None,
        AlarmNamePrefix: str = "",
        AlarmTypes: list[str] | None = None,
        StateValue: str | None = None,
        ActionPrefix: str = "",
        MaxRecords: int = PAGE,
        NextToken: str | None = None,
    ) -> Members:
        """Alarms by name; there are no composite ones here."""
        found = [
            alarm
            for name, alarm in self.store.scan(ALARMS, AlarmNamePrefix)
            if (not AlarmNames or name in AlarmNames)
            and StateValue in (None, alarm["state"]["value"])
            and (not ActionPrefix or any(a.startswith(ActionPrefix) for kind in ACTIONS for a in alarm[kind]))
        ]
        if AlarmTypes and "MetricAlarm" not in AlarmTypes:
            found = []
        alarms, more = page(found, MaxRecords, NextToken, bad_token(NextToken))
        return {"MetricAlarms": [shown_alarm(alarm) for alarm in alarms], "CompositeAlarms": [], **more}

    @operation
    def describe_alarms_for_metric(
        self,
        call: Call,
        MetricName: str,
        Namespace: str,
        Statistic: str | None = None,
        ExtendedStatistic: str | None = None,
        Dimensions: Dimensions | None = None,
        Period: int | None = None,
        Unit: str | None = None,
    ) -> Members:
        """The alarms on one metric."""
        asked = {"Statistic": Statistic, "ExtendedStatistic": ExtendedStatistic, "Period": Period, "Unit": Unit}
        found = [
            shown_alarm(alarm)
            for _, alarm in self.store.scan(ALARMS)
            if (alarm["Namespace"], alarm["MetricName"]) == (Namespace, MetricName)
            and dimensions_key(alarm["Dimensions"]) == dimensions_key(Dimensions)
            and all(value in (None, alarm.get(member)) for member, value in asked.items())
        ]
        return {"MetricAlarms": found}

    @operation
    def set_alarm_state(
        self, call: Call, AlarmName: str, StateValue: str, StateReason: str, StateReasonData: str | None = None
    ) -> Members:
        """Set a state by hand, with its actions; the next evaluation decides anew."""
        if StateValue not in (ALARM, OK, INSUFFICIENT):
            raise ServiceError("ValidationError", f"StateValue must be {ALARM}, {OK} or {INSUFFICIENT}.")
        if StateReasonData is not None:
            try:
                json.loads(StateReasonData)
            except ValueError as error:
                raise ServiceError("InvalidFormat", "StateReasonData was not in a valid JSON format") from error
        self.watcher.set_state(AlarmName, StateValue, StateReason, StateReasonData)
        return {}

    @operation
    def enable_alarm_actions(self, call: Call, AlarmNames: list[str]) -> Members:
        """Let alarms do their actions."""
        return self._switch(AlarmNames, True)

    @operation
    def disable_alarm_actions(self, call: Call, AlarmNames: list[str]) -> Members:
        """Keep alarms from doing their actions."""
        return self._switch(AlarmNames, False)

    def _switch(self, names: list[str], enabled: bool) -> Members:
        with self.store.transaction():
            for name in names:
                if (alarm := self.store.get(ALARMS, name)) is not None:
                    self.store.put(ALARMS, name, {**alarm, "ActionsEnabled": enabled})
        return {}

    @operation
    def delete_alarms(self, call: Call, AlarmNames: list[str]) -> Members:
        """Delete alarms; names that are not there are no error."""
        with self.store.transaction():
            for name in AlarmNames:
                self.store.delete(ALARMS, name)
        self.watcher.read()
        return {}

    @operation
    def describe_alarm_history(
        self,
        call: Call,
        AlarmName: str | None = None,
        AlarmTypes: list[str] | None = None,
        HistoryItemType: str | None = None,
        StartDate: datetime | None = None,
        EndDate: datetime | None = None,
        MaxRecords: int = HISTORY_PAGE,
        NextToken: str | None = None,
        ScanBy: str = "TimestampDescending",
    ) -> Members:
        """What happened to alarms, the newest first."""
        order = "ASC" if ScanBy == "TimestampAscending" else "DESC"
        start = position(NextToken, bad_token(NextToken))
        limits = (StartDate.timestamp() if StartDate else None, EndDate.timestamp() if EndDate else None)
        values: tuple[Any, ...] = (AlarmName, AlarmName, HistoryItemType, HistoryItemType)
        rows = self.store.query(
            "SELECT * FROM alarm_history WHERE (? IS NULL OR alarm = ?) AND (? IS NULL OR kind = ?)"  # nosec B608
            " AND (? IS NULL OR timestamp_s >= ?) AND (? IS NULL OR timestamp_s <= ?)"
            f" ORDER BY timestamp_s {order}, id {order} LIMIT ? OFFSET ?",
            (*values, limits[0], limits[0], limits[1], limits[1], MaxRecords + 1, start),
        )
        items = [
            {
                "AlarmName": row["alarm"],
                "AlarmType": "MetricAlarm",
                "Timestamp": moment(row["timestamp_s"]),
                "HistoryItemType": row["kind"],
                "HistorySummary": row["summary"],
                "HistoryData": row["data"],
            }
            for row in rows[:MaxRecords]
        ]
        return {
            "AlarmHistoryItems": items,
            **({"NextToken": token(start + MaxRecords)} if len(rows) > MaxRecords else {}),
        }
