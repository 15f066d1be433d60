"""From an event to deliveries: PutEvents, TestEventPattern, and the match of rules.

An event is in the journal, once for each target of each rule that it matches, before PutEvents answers. As on AWS an
event that no rule matches is gone, also one for a bus that does not exist (which is logged here).
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from headwater.local.service import Call, Endpoint, Members, ServiceError, operation
from headwater.local.services.events.deliveries import Deliveries
from headwater.local.services.events.pattern import PatternError, compiled
from headwater.local.services.events.records import EventRecords, invalid, now_iso

ENTRY_BYTES = 1_048_576  # 1 MB since 2026-01-29, 256 KB before
MOST_ENTRIES = 10
REQUIRED = ("Source", "DetailType", "Detail")
EVENT_FIELDS = ("id", "account", "source", "time", "region", "resources", "detail-type")

log = logging.getLogger(__name__)


def check_pattern(text: str) -> None:
    """Raise InvalidEventPatternException, with the reason, for a pattern that is none."""
    try:
        compiled(text)
    except PatternError as error:
        raise ServiceError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {error}") from error


class RoutingOperations(EventRecords):
    """Events in."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.deliveries = Deliveries(endpoint)

    @operation
    def put_events(self, call: Call, Entries: list[Members]) -> Members:
        """Send events to buses; each entry is accepted or refused on its own."""
        if not 1 <= len(Entries) <= MOST_ENTRIES:
            raise invalid(
                f"1 validation error detected: Value at 'entries' failed to satisfy constraint: "
                f"1 to {MOST_ENTRIES} entries, got {len(Entries)}"
            )
        if sum(_size_bytes(entry) for entry in Entries) > ENTRY_BYTES:
            raise invalid(f"Total size of the entries in the request is over the limit of {ENTRY_BYTES} bytes.")
        answers = [self._put(entry) for entry in Entries]
        return {"FailedEntryCount": sum("ErrorCode" in answer for answer in answers), "Entries": answers}

    def _put(self, entry: Members) -> Members:
        refused = _refusal(entry)
        if refused is not None:
            return {"ErrorCode": refused[0], "ErrorMessage": refused[1]}
        moment = entry.get("Time")
        event = self.event(
            entry["Source"],
            entry["DetailType"],
            json.loads(entry["Detail"]),
            entry.get("Resources", []),
            moment.timestamp() if isinstance(moment, datetime) else None,
        )
        bus = self.bus_name(entry.get("EventBusName"))
        if self.find_bus(bus) is None:
            log.warning("the event %s is dropped: there is no event bus %s", event["id"], bus)
        self.route(bus, event)
        return {"EventId": event["id"]}

    @operation
    def test_event_pattern(self, call: Call, EventPattern: str, Event: str) -> Members:
        """Whether a pattern matches an event."""
        check_pattern(EventPattern)
        try:
            event = json.loads(Event)
        except ValueError as error:
            raise invalid("Parameter Event is not valid. Reason: it is not JSON.") from error
        absent = [name for name in EVENT_FIELDS if not isinstance(event, dict) or name not in event]
        if absent:
            raise invalid(f"Parameter Event is not valid. Reason: {', '.join(absent)} must be present.")
        return {"Result": compiled(EventPattern)(event)}

    def event(
        self, source: str, kind: str, detail: Members, resources: list[str], moment_s: float | None = None
    ) -> Members:
        """An event as rules see it and targets get it."""
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": kind,
            "source": source,
            "account": self.endpoint.account,
            "time": now_iso(moment_s),
            "region": self.endpoint.region,
            "resources": resources,
            "detail": detail,
        }

    def route(self, bus: str, event: Members, beside: Callable[[], bool] | None = None) -> int:
        """Journal an event for each target of each matching rule, and begin to deliver.

        Parameters
        ----------
        bus, event:
            The bus's name, and the event.
        beside:
            Done in the same transaction; when it answers False the event is not sent.

        Returns
        -------
        int
            The number of deliveries.
        """
        received = now_iso()
        found: list[Members] = []
        for rule in self.rules(bus):
            if rule["State"] != "DISABLED" and "EventPattern" in rule and compiled(rule["EventPattern"])(event):
                found += self.deliveries.new(event, rule, received)
        if not found and beside is None:
            return 0
        with self.store.transaction():
            if beside is not None and not beside():
                return 0
            self.deliveries.keep(found)
        self.deliveries.begin(found)
        return len(found)


def _refusal(entry: Members) -> tuple[str, str] | None:
    """(code, message) of an entry that is refused."""
    for name in REQUIRED:
        if not entry.get(name):
            return "InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument."
    if entry["Source"].startswith("aws."):
        return "NotAuthorizedForSource", "Not authorized for the source."
    try:
        detail: Any = json.loads(entry["Detail"])
    except ValueError:
        detail = None
    return None if isinstance(detail, dict) else ("MalformedDetail", "Detail is malformed.")


def _size_bytes(entry: Members) -> int:
    """An entry's size as EventBridge counts it ("PutEvents event entry size", User Guide, 2026)."""
    texts = [entry.get(name) or "" for name in REQUIRED] + list(entry.get("Resources", []))
    return sum(len(text.encode()) for text in texts) + (14 if "Time" in entry else 0)
