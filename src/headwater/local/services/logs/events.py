"""Log events: put, get with forward and backward tokens, filter.

Events are ordered by (timestamp, arrival), and a token is a position in that order, so tailing a stream asks only for
what follows. A forward token at the end stays the same until more arrives. What arrives late with a timestamp before
that position is not seen by the token.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from headwater.local.service import Call, Members, operation
from headwater.local.services.logs.filter_pattern import compile_pattern
from headwater.local.services.logs.log_groups import (
    DAY_MS,
    GroupOperations,
    decode_token,
    encode_token,
    invalid,
    no_stream,
    now_ms,
)

MAX_EVENTS = 10_000
MAX_PAGE_BYTES = 1 << 20
MAX_BATCH_BYTES = 1_048_576
EVENT_OVERHEAD_BYTES = 26
MAX_AGE_MS = 14 * DAY_MS
MAX_AHEAD_MS = 2 * 3_600_000
SCAN_BATCH = 2_000
MAX_SCANNED = 100_000
SEQUENCE_TOKEN = "0" * 56  # ignored by AWS since 2023, and always answered
END_OF_TIME_MS = 2**62

Position = tuple[int, int]


class EventOperations(GroupOperations):
    """Events of log streams."""

    @operation
    def put_log_events(
        self,
        call: Call,
        logGroupName: str,
        logStreamName: str,
        logEvents: list[dict[str, Any]],
        sequenceToken: str | None = None,
    ) -> Members:
        """Append events; those too old or too new are rejected and counted, as on AWS."""
        self.settings(logGroupName)
        self._check_stream(logGroupName, logStreamName)
        _check_batch(logEvents)
        rejected = _rejected(logEvents, self.oldest_ms(logGroupName))
        first = max(rejected.get("tooOldLogEventEndIndex", 0), rejected.get("expiredLogEventEndIndex", 0))
        last = rejected.get("tooNewLogEventStartIndex", len(logEvents))
        accepted = [(event["timestamp"], event["message"]) for event in logEvents[first:last]]
        self.store.append_logs(logGroupName, logStreamName, accepted)
        found: Members = {"nextSequenceToken": SEQUENCE_TOKEN}
        return found | ({"rejectedLogEventsInfo": rejected} if rejected else {})

    @operation
    def get_log_events(
        self,
        call: Call,
        logStreamName: str,
        logGroupName: str | None = None,
        logGroupIdentifier: str | None = None,
        startTime: int | None = None,
        endTime: int | None = None,
        nextToken: str | None = None,
        limit: int = MAX_EVENTS,
        startFromHead: bool = False,
    ) -> Members:
        """A stream's events from ``startTime`` (in) to ``endTime`` (out), oldest first within a page."""
        group = self.group(logGroupName, logGroupIdentifier)
        self._check_stream(group, logStreamName)
        low: Position = (max(startTime or 0, self.oldest_ms(group)), 0)
        high: Position = (END_OF_TIME_MS if endTime is None else endTime, 0)
        forward, position = _position(nextToken, startFromHead)
        if position is not None:
            low, high = (max(low, position), high) if forward else (low, min(high, position))
        rows = self._stream_rows(group, logStreamName, low, high, forward, limit)
        rows = _fitting(rows) if forward else _fitting(rows)[::-1]
        start = (rows[0]["timestamp_ms"], rows[0]["id"]) if rows else (position or low)
        end = (rows[-1]["timestamp_ms"], rows[-1]["id"] + 1) if rows else (position or low)
        return {
            "events": [_shown(row) for row in rows],
            "nextForwardToken": f"f/{end[0]}/{end[1]}",
            "nextBackwardToken": f"b/{start[0]}/{start[1]}",
        }

    @operation
    def filter_log_events(
        self,
        call: Call,
        logGroupName: str | None = None,
        logGroupIdentifier: str | None = None,
        logStreamNames: list[str] | None = None,
        logStreamNamePrefix: str | None = None,
        startTime: int | None = None,
        endTime: int | None = None,
        filterPattern: str | None = None,
        nextToken: str | None = None,
        limit: int = MAX_EVENTS,
        startFromHead: bool = True,
        interleaved: bool = True,
    ) -> Members:
        """A group's events that match a pattern, by time, from ``startTime`` to ``endTime`` (both in).

        A page ends after 100,000 events looked at as well, and may then be empty and have a token, as on AWS.
        """
        if logStreamNames is not None and logStreamNamePrefix is not None:
            raise invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
        group = self.group(logGroupName, logGroupIdentifier)
        matches = compile_pattern(filterPattern)
        low: Position = (max(startTime or 0, self.oldest_ms(group)), 0)
        high: Position = (END_OF_TIME_MS if endTime is None else endTime + 1, 0)
        forward = startFromHead
        if nextToken:
            direction, stamp, number = decode_token(nextToken, str, int, int)
            forward = direction == "f"
            low, high = (max(low, (stamp, number)), high) if forward else (low, min(high, (stamp, number)))
        where, values = _streams_condition(logStreamNames, logStreamNamePrefix)
        found: list[sqlite3.Row] = []
        scanned = size_bytes = 0
        token: dict[str, str] = {}
        while not token:
            rows = self._group_rows(group, where, values, low, high, forward)
            for row in rows:
                scanned += 1
                low, high = _past(row, low, high, forward)
                if matches(row["message"]):
                    found.append(row)
                    size_bytes += _size(row)
                if len(found) >= limit or size_bytes >= MAX_PAGE_BYTES or scanned >= MAX_SCANNED:
                    token = {"nextToken": encode_token("f", *low) if forward else encode_token("b", *high)}
                    break
            if len(rows) < SCAN_BATCH:
                break
        if token and not self._group_rows(group, where, values, low, high, forward, limit=1):
            token = {}
        events = [_shown(row) | {"logStreamName": row["log_stream"], "eventId": f"{row['id']:056}"} for row in found]
        return {"events": events, "searchedLogStreams": [], **token}

    def _check_stream(self, group: str, stream: str) -> None:
        names = (group, stream)
        if not self.store.query("SELECT 1 FROM log_streams WHERE log_group = ? AND log_stream = ?", names):
            raise no_stream()

    def _stream_rows(
        self, group: str, stream: str, low: Position, high: Position, forward: bool, limit: int
    ) -> list[sqlite3.Row]:
        direction = "ASC" if forward else "DESC"
        return self.store.query(
            "SELECT * FROM log_events WHERE log_group = ? AND log_stream = ?"  # nosec B608
            " AND (timestamp_ms, id) >= (?, ?) AND (timestamp_ms, id) < (?, ?)"
            f" ORDER BY timestamp_ms {direction}, id {direction} LIMIT ?",
            (group, stream, *low, *high, min(limit, MAX_EVENTS)),
        )

    def _group_rows(
        self,
        group: str,
        where: str,
        values: tuple[Any, ...],
        low: Position,
        high: Position,
        forward: bool,
        limit: int = SCAN_BATCH,
    ) -> list[sqlite3.Row]:
        direction = "ASC" if forward else "DESC"
        return self.store.query(
            f"SELECT * FROM log_events WHERE log_group = ? {where}"  # nosec B608
            " AND (timestamp_ms, id) >= (?, ?) AND (timestamp_ms, id) < (?, ?)"
            f" ORDER BY timestamp_ms {direction}, id {direction} LIMIT ?",
            (group, *values, *low, *high, limit),
        )


def _past(row: sqlite3.Row, low: Position, high: Position, forward: bool) -> tuple[Position, Position]:
    """The range that is left after ``row``."""
    position = (row["timestamp_ms"], row["id"])
    return ((position[0], position[1] + 1), high) if forward else (low, position)


def _position(token: str | None, start_from_head: bool) -> tuple[bool, Position | None]:
    """Whether a GetLogEvents page goes forward, and from where."""
    if token is None:
        return start_from_head, None
    direction, _, rest = token.partition("/")
    stamp, _, number = rest.partition("/")
    if direction not in ("b", "f") or not stamp.isdigit() or not number.isdigit() or len(rest) > 40:
        raise invalid("The specified nextToken is invalid.")
    return direction == "f", (min(int(stamp), END_OF_TIME_MS), min(int(number), END_OF_TIME_MS))


def _fitting(rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
    """The first rows that fit in a page of 1 MiB; one at least."""
    size_bytes = 0
    for number, row in enumerate(rows):
        size_bytes += _size(row)
        if size_bytes > MAX_PAGE_BYTES and number:
            return rows[:number]
    return rows


def _size(row: sqlite3.Row) -> int:
    return len(row["message"]) + EVENT_OVERHEAD_BYTES


def _shown(row: sqlite3.Row) -> Members:
    return {"timestamp": row["timestamp_ms"], "message": row["message"], "ingestionTime": row["ingestion_ms"]}


def _streams_condition(names: list[str] | None, prefix: str | None) -> tuple[str, tuple[Any, ...]]:
    if names is not None:
        return f"AND log_stream IN ({', '.join('?' * len(names))})", tuple(names)
    if prefix is not None:
        return "AND substr(log_stream, 1, ?) = ?", (len(prefix), prefix)
    return "", ()


def _check_batch(events: list[dict[str, Any]]) -> None:
    stamps = [event["timestamp"] for event in events]
    if any(later < earlier for earlier, later in zip(stamps, stamps[1:], strict=False)):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if len(events) > MAX_EVENTS:
        raise invalid(f"A PutLogEvents request holds at most {MAX_EVENTS} events, this one {len(events)}.")
    size_bytes = sum(len(event["message"].encode()) + EVENT_OVERHEAD_BYTES for event in events)
    if size_bytes > MAX_BATCH_BYTES:
        raise invalid(f"Upload too large: {size_bytes} bytes exceeds limit of {MAX_BATCH_BYTES}")
    if stamps and stamps[-1] - stamps[0] > DAY_MS:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")


def _rejected(events: list[dict[str, Any]], oldest_ms: int) -> dict[str, int]:
    now = now_ms()
    too_old = sum(event["timestamp"] < now - MAX_AGE_MS for event in events)
    expired = sum(event["timestamp"] < oldest_ms for event in events)
    too_new = sum(event["timestamp"] > now + MAX_AHEAD_MS for event in events)
    found = {}
    if too_old:
        found["tooOldLogEventEndIndex"] = too_old
    if expired:
        found["expiredLogEventEndIndex"] = expired
    if too_new:
        found["tooNewLogEventStartIndex"] = len(events) - too_new
    return found
