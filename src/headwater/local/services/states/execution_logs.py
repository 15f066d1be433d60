"""Exports execution history to CloudWatch Logs, by the state machine's ``LoggingConfiguration``.

Levels: ALL exports every event; ERROR failures, time-outs and aborts; FATAL those of executions only; OFF nothing.
Streams are named ``states/<machine>/<date-and-minute>/<id>`` as AWS names them.
Source: Developer Guide, "Using CloudWatch Logs to log execution history in Step Functions", 2025.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from headwater.local.services.states.execution import Execution
from headwater.local.services.states.history import log_event
from headwater.local.store import Store

_FATAL = frozenset({"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"})
_ERROR_ENDINGS = ("Aborted", "Failed", "ScheduleFailed", "StartFailed", "SubmitFailed", "TimedOut")


def exported(type: str, level: str) -> bool:
    """Whether an event of this type is exported at this level."""
    if level == "ALL":
        return True
    if level == "FATAL":
        return type in _FATAL
    return level == "ERROR" and type.endswith(_ERROR_ENDINGS)


def log_group(configuration: dict[str, Any]) -> str | None:
    """The log group that a logging configuration names."""
    for destination in configuration.get("destinations", ()):
        arn = destination.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        name = arn.partition(":log-group:")[2].removesuffix(":*")
        if name:
            return str(name)
    return None


class ExecutionLogs:
    """Appends the new events of executions to their log groups, inside the journal's transaction."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._streams: dict[tuple[str, str], str] = {}

    def export(self, executions: list[Execution]) -> None:
        """Append what the executions have recorded since the last commit."""
        for execution in executions:
            if execution.events and execution.record_.logging:
                self._export(execution, execution.record_.logging)

    def _export(self, execution: Execution, configuration: dict[str, Any]) -> None:
        level, group = configuration.get("level", "OFF"), log_group(configuration)
        if level == "OFF" or group is None or not self._exists(group):
            return
        record = execution.record_
        first = execution.next_event_id - len(execution.events)
        with_data = bool(configuration.get("includeExecutionData"))
        lines = [
            (event[0], log_event(first + offset, event, record.arn, with_data, record.redrive_count))
            for offset, event in enumerate(execution.events)
            if exported(event[1], level)
        ]
        if lines:
            self.store.append_logs(group, self._stream(record.machine_name), lines)

    def _exists(self, group: str) -> bool:
        """Whether the log group is there still: nothing is delivered to a deleted one, nor is it made again."""
        return bool(self.store.query("SELECT 1 FROM log_groups WHERE log_group = ?", (group,)))

    def _stream(self, machine: str) -> str:
        now = datetime.now(UTC)
        key = (machine, f"{now:%Y-%m-%d-%H}")
        if key not in self._streams:
            self._streams[key] = f"states/{machine}/{now:%Y-%m-%d-%H-%M}/{uuid.uuid4().hex[:8]}"
        return self._streams[key]
