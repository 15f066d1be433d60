"""The events of Step Functions: "Step Functions Execution Status Change", each exactly once.

What was announced is in a table, written in the transaction that journals the deliveries. An execution that ended
while nobody listened (the process was killed in between, or the endpoint stops at once) is found there by its missing
end, and announced late rather than never. Express executions send no events, as on AWS.

Source: Step Functions Developer Guide, "Automating Step Functions event delivery with EventBridge" (2026).
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.events.records import DEFAULT
from headwater.local.services.events.routing import RoutingOperations

SCHEMA = """
CREATE TABLE IF NOT EXISTS event_executions (
    arn TEXT NOT NULL, redrive INTEGER NOT NULL, begun INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (arn, redrive)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_executions_open ON event_executions (arn) WHERE ended = 0;
"""
KIND = "Step Functions Execution Status Change"
PAYLOAD_BYTES = 248 * 1024
# Members of DescribeExecution that the event repeats, null where they are absent.
REPEATED = (
    "executionArn stateMachineArn name status startDate stopDate input output stateMachineVersionArn "
    "stateMachineAliasArn redriveCount redriveDate redriveStatus redriveStatusReason inputDetails outputDetails error "
    "cause"
).split()

log = logging.getLogger(__name__)


class ExecutionEvents(RoutingOperations):
    """Turns what the bus tells of executions into events of the default event bus."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.store.schema(SCHEMA)

    def listen(self) -> None:
        """Announce every later change, and the ends that an earlier process did not announce."""
        self.endpoint.bus.subscribe("states.execution", lambda told: self._changed(told["id"], told["status"]))
        if self.endpoint.resume_work:
            self.announce_missed()

    def announce_missed(self) -> None:
        """Announce the end of every execution whose beginning was announced and that has ended since."""
        for row in self.store.query("SELECT arn FROM event_executions WHERE ended = 0"):
            try:
                described = self.endpoint.call("stepfunctions", "describe_execution", executionArn=row["arn"])
            except ServiceError as error:
                log.warning("%s cannot be described: %s", row["arn"], error)
                self.store.execute("DELETE FROM event_executions WHERE arn = ? AND ended = 0", (row["arn"],))
                continue
            superseded = (row["arn"], described["redriveCount"])
            self.store.execute("UPDATE event_executions SET ended = 1 WHERE arn = ? AND redrive < ?", superseded)
            if described["status"] != "RUNNING":
                self._announce(described)

    def _changed(self, arn: str, status: str) -> None:
        if ":express:" in arn or not self.anyone_listens(DEFAULT):
            return
        described = self.endpoint.call("stepfunctions", "describe_execution", executionArn=arn)
        if described["status"] == status:
            self._announce(described)
        elif status == "RUNNING":  # it has ended since: tell of the beginning as it was, the end follows
            self._announce(_as_begun(described))

    def _announce(self, described: Members) -> None:
        arn = described["executionArn"]
        column = "begun" if described["status"] == "RUNNING" else "ended"
        key = (arn, described["redriveCount"])

        def claim() -> bool:
            self.store.execute("INSERT OR IGNORE INTO event_executions (arn, redrive) VALUES (?, ?)", key)
            statement = (
                f"UPDATE event_executions SET {column} = 1 WHERE arn = ? AND redrive = ? AND {column} = 0"  # nosec
            )
            return self.store.execute(statement, key).rowcount > 0

        detail = execution_detail(described)
        moment = described.get("stopDate") or described.get("redriveDate") or described["startDate"]
        self.route(DEFAULT, self.event("aws.states", KIND, detail, [arn], moment.timestamp()), claim)


def _as_begun(described: Members) -> Members:
    later = ("stopDate", "output", "outputDetails", "error", "cause")
    begun = {name: value for name, value in described.items() if name not in later}
    reason = "Execution is RUNNING and cannot be redriven"
    return begun | {"status": "RUNNING", "redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}


def execution_detail(described: Members) -> Members:
    """The detail of the event, from DescribeExecution's answer: dates in ms, payloads left out when over 248 KB."""
    detail = {name: _plain(described.get(name)) for name in REPEATED}
    output_bytes = _size_bytes(detail["output"])
    if output_bytes > PAYLOAD_BYTES:
        detail |= {"output": None, "outputDetails": {"included": False}}
        output_bytes = 0
    if _size_bytes(detail["input"]) + output_bytes > PAYLOAD_BYTES:
        detail |= {"input": None, "inputDetails": {"included": False}}
    return detail


def _plain(value: Any) -> Any:
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value


def _size_bytes(text: str | None) -> int:
    return len(text.encode()) if text else 0
