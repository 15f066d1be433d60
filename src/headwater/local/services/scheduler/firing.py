"""When each schedule is due next, and what is done when it is.

A table holds the next moment of every schedule that has one. Firing journals the invocation and sets the next moment
in one transaction; the invocation is then made by :class:`Invocations`, also after a kill.
"""

from __future__ import annotations

import logging
import secrets
import uuid

from headwater.local.schedules import Clock, DueTable, ExpressionError, Waker
from headwater.local.schedules.expressions import PRECISION_S
from headwater.local.service import Endpoint, Members
from headwater.local.services.scheduler.invocations import Invocations
from headwater.local.services.scheduler.records import SCHEDULE, moment, timetable
from headwater.local.store import Record

LONGEST_AGE_S = 86_400

log = logging.getLogger(__name__)


class Firing:
    """The due table, its clock and the invocations.

    Parameters
    ----------
    clock:
        Tells the time.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._store = endpoint.store
        self.clock = clock
        self.deliveries = Invocations(endpoint)
        self._waker = Waker("schedules", self.fire, clock)
        self._due = DueTable(self._store, "scheduler_due")

    def start(self) -> None:
        """Pass over what fell due in the past, deliver what was cut off, and begin."""
        self.pass_over(self.clock.now())
        self.deliveries.resume()
        self._waker.start()

    def stop(self) -> None:
        """Stop."""
        self._waker.close()
        self.deliveries.close()

    def wake(self) -> None:
        """Look again: what is due has changed."""
        self._waker.wake()

    # -- the table -----------------------------------------------------------------------------------------------

    def plan(self, key: str, record: Record, after_s: float) -> None:
        """Set when a schedule is due next after a moment (in the caller's transaction)."""
        self._due.set(key, timetable(record).next_after(after_s) if record["State"] == "ENABLED" else None)

    def forget(self, key: str) -> None:
        """A schedule is due no more."""
        self._due.set(key, None)

    def next(self) -> tuple[str, float] | None:
        """The schedule that is due next, and when."""
        due_s = self._due.next_s()
        return None if due_s is None else self._due.until(due_s)[0]

    def pass_over(self, now_s: float) -> None:
        """Move past the moments that nobody was here for, but for those within AWS's precision."""
        for key, due_s in self._due.until(now_s - PRECISION_S):
            record = self._store.get(SCHEDULE, key)
            if record is None:
                self.forget(key)
                continue
            log.warning("schedule %s was due at %s: nobody was here, it is not fired late", key, moment(due_s))
            with self._store.transaction():
                self.plan(key, record, now_s - PRECISION_S)

    # -- firing --------------------------------------------------------------------------------------------------

    def fire(self, now_s: float) -> float | None:
        """Fire everything that is due by a moment; the answer is when the next is due."""
        for key, due_s in self._due.until(now_s):
            try:
                self._fire(key, due_s, now_s)
            except ExpressionError:
                log.exception("schedule %s cannot be read any more", key)
                self.forget(key)
        return self._due.next_s()

    def _fire(self, key: str, due_s: float, now_s: float) -> None:
        with self._store.transaction():
            record = self._store.get(SCHEDULE, key)
            if record is None or record["State"] != "ENABLED":
                self.forget(key)
                return
            oldest_s = now_s - record["Target"].get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", LONGEST_AGE_S)
            scheduled_s = timetable(record).latest(max(due_s, oldest_s), now_s)
            made = [] if scheduled_s is None else [self._invocation(record, scheduled_s, now_s)]
            self.deliveries.keep(made)
            self.plan(key, record, now_s)
            last = timetable(record).next_after(now_s) is None
            if made and last and record["ActionAfterCompletion"] == "DELETE":
                self._store.delete(SCHEDULE, key)
        self.deliveries.begin(made)
        if not made:
            log.warning("schedule %s was due at %s: too late to fire it", key, moment(due_s))

    def _invocation(self, record: Record, scheduled_s: float, now_s: float) -> Members:
        window_s = 60 * record["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0)
        due_s = scheduled_s + secrets.randbelow(window_s) if window_s else 0.0
        resource = f"schedule/{record['GroupName']}/{record['Name']}"
        arn = f"arn:aws:scheduler:{self._endpoint.region}:{self._endpoint.account}:{resource}"
        return {
            "id": uuid.uuid4().hex,
            "schedule": {"Name": record["Name"], "Arn": arn},
            "target": record["Target"],
            "scheduled": scheduled_s,
            "accepted": max(now_s, due_s),
            "attempts": 0,
            "due": due_s,
        }
