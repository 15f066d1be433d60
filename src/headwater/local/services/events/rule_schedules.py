"""Rules with a ScheduleExpression: each sends a "Scheduled Event" to its targets when it is due.

Source: EventBridge User Guide, "Creating a rule that runs on a schedule" (read 2026-11-25): cron expressions are in
UTC, a rate begins when the rule is made and is first due after one period.

As with the Scheduler, what fell due while the endpoint was down is not sent late, but for the last minute's; after a
suspension the latest is.
"""

from __future__ import annotations

import logging
import time
from zoneinfo import ZoneInfo

from headwater.local.schedules import Clock, DueTable, Timetable, Waker, parse_expression
from headwater.local.schedules.expressions import PRECISION_S
from headwater.local.service import Endpoint, Members
from headwater.local.services.events.records import DEFAULT, RULE, now_iso
from headwater.local.services.events.routing import RoutingOperations
from headwater.local.store import Record

LATEST_S = 86_400

log = logging.getLogger(__name__)


class RuleSchedules(RoutingOperations):
    """The schedules of the default bus's rules."""

    clock: Clock

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.due = DueTable(self.store, "event_rules_due")
        self._waker = Waker("event-schedules", self.fire, self.clock)

    def start_schedules(self) -> None:
        """Pass over what nobody was here for, and begin."""
        now_s = self.clock.now()
        for key, due_s in self.due.until(now_s - PRECISION_S):
            log.warning("rule %s was due at %s: nobody was here, it is not sent late", key, now_iso(due_s))
            record = self.store.get(RULE, key)
            self.due.set(key, None if record is None else _timetable(record).next_after(now_s - PRECISION_S))
        self._waker.start()

    def stop_schedules(self) -> None:
        """Stop."""
        self._waker.close()

    def wake(self) -> None:
        """Look again: what is due has changed."""
        self._waker.wake()

    def plan_rule(self, record: Record, before: Members) -> None:
        """Set when a rule is due next (in the caller's transaction, after it was put)."""
        key = self.rule_key(record["EventBusName"], record["Name"])
        if "ScheduleExpression" not in record:
            self.due.set(key, None)
            return
        now_s = self.clock.now()
        same = before.get("ScheduleExpression") == record["ScheduleExpression"]
        anchored = {**record, "anchored": before["anchored"] if same and "anchored" in before else now_s}
        self.put_record(DEFAULT, anchored)
        self.due.set(key, None if record["State"] == "DISABLED" else _timetable(anchored).next_after(now_s))

    def fire(self, now_s: float) -> float | None:
        """Send what is due by a moment; the answer is when the next is."""
        for key, due_s in self.due.until(now_s):
            with self.store.transaction():
                record = self.store.get(RULE, key)
                if record is None or record["State"] == "DISABLED":
                    self.due.set(key, None)
                    continue
                table = _timetable(record)
                latest_s = table.latest(max(due_s, now_s - LATEST_S), now_s)
                made = [] if latest_s is None else self._deliveries(record, latest_s)
                self.deliveries.keep(made)
                self.due.set(key, table.next_after(now_s))
            self.deliveries.begin(made)
        return self.due.next_s()

    def _deliveries(self, rule: Record, due_s: float) -> list[Members]:
        event = self.event("aws.events", "Scheduled Event", {}, [rule["Arn"]], due_s)
        return self.deliveries.new(event, rule, now_iso(time.time()))


def _timetable(record: Record) -> Timetable:
    """When a rule is due: never at the moment of its making."""
    return Timetable(parse_expression(record["ScheduleExpression"]), ZoneInfo("UTC"), record.get("anchored", 0.0))
