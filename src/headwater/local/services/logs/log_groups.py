"""Log groups and log streams: making, describing, deleting, retention."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from typing import Any

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.logs.filter_records import METRIC_FILTERS

GROUP_NAME = re.compile(r"[\.\-_/#A-Za-z0-9]{1,512}")
STREAM_NAME = re.compile(r"[^:*]{1,512}")
RETENTION_DAYS = frozenset(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
)
DAY_MS = 86_400_000
MAX_PAGE = 50


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def no_group() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified log group does not exist.")


def no_stream() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified log stream does not exist.")


def encode_token(*parts: Any) -> str:
    """A paging token that says where the page ended."""
    return urlsafe_b64encode(json.dumps(parts).encode()).decode()


def decode_token(token: str, *kinds: type) -> list[Any]:
    """The parts of a paging token; InvalidParameterException when it is none of ours."""
    try:
        parts = json.loads(urlsafe_b64decode(token.encode("ascii")))
    except ValueError:
        parts = None
    if isinstance(parts, list) and len(parts) == len(kinds) and all(map(isinstance, parts, kinds)):
        return parts
    raise invalid("The specified nextToken is invalid.")


class GroupOperations(Service):
    """Log groups and streams, kept in ``log_groups`` and ``log_streams`` of the store."""

    @operation
    def create_log_group(
        self,
        call: Call,
        logGroupName: str,
        kmsKeyId: str | None = None,
        tags: dict[str, str] | None = None,
        logGroupClass: str = "STANDARD",
    ) -> Members:
        """Make a log group; ResourceAlreadyExistsException when there is one of that name."""
        _check_name("logGroupName", logGroupName, GROUP_NAME)
        settings = {"kmsKeyId": kmsKeyId, "tags": tags or {}, "logGroupClass": logGroupClass}
        made = self.store.execute(
            "INSERT OR IGNORE INTO log_groups VALUES (?, ?, ?)", (logGroupName, now_ms(), json.dumps(settings))
        )
        if made.rowcount == 0:
            raise ServiceError("ResourceAlreadyExistsException", "The specified log group already exists")
        return {}

    @operation
    def delete_log_group(self, call: Call, logGroupName: str) -> Members:
        """Delete a log group with its streams and events."""
        with self.store.transaction() as connection:
            if connection.execute("DELETE FROM log_groups WHERE log_group = ?", (logGroupName,)).rowcount == 0:
                raise no_group()
            connection.execute("DELETE FROM log_streams WHERE log_group = ?", (logGroupName,))
            connection.execute("DELETE FROM log_events WHERE log_group = ?", (logGroupName,))
        return {}

    @operation
    def describe_log_groups(
        self,
        call: Call,
        logGroupNamePrefix: str = "",
        logGroupNamePattern: str = "",
        nextToken: str | None = None,
        limit: int = MAX_PAGE,
        logGroupClass: str | None = None,
        logGroupIdentifiers: list[str] | None = None,
    ) -> Members:
        """The log groups by name, a page at a time; ``logGroupNamePattern`` is found anywhere, in any case."""
        if logGroupNamePrefix and logGroupNamePattern:
            raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
        after = decode_token(nextToken, str)[0] if nextToken else ""
        rows = self.store.query(
            "SELECT g.*, (SELECT sum(stored_bytes) FROM log_streams s WHERE s.log_group = g.log_group) AS stored_bytes"
            " FROM log_groups g WHERE log_group > ? AND substr(log_group, 1, ?) = ? AND instr(lower(log_group), ?)"
            " ORDER BY log_group",
            (after, len(logGroupNamePrefix), logGroupNamePrefix, logGroupNamePattern.lower()),
        )
        wanted = {group_of(identifier) for identifier in logGroupIdentifiers or []}
        filters = Counter(record["logGroupName"] for _, record in self.store.scan(METRIC_FILTERS))
        groups = [
            _shown_group(call, row, filters[row["log_group"]])
            for row in rows
            if not wanted or row["log_group"] in wanted
        ]
        groups = [group for group in groups if logGroupClass in (None, group["logGroupClass"])]
        found: Members = {"logGroups": groups[:limit]}
        return found | ({"nextToken": encode_token(groups[limit - 1]["logGroupName"])} if len(groups) > limit else {})

    @operation
    def create_log_stream(self, call: Call, logGroupName: str, logStreamName: str) -> Members:
        """Make a log stream; ResourceAlreadyExistsException when the group has one of that name."""
        _check_name("logStreamName", logStreamName, STREAM_NAME)
        with self.store.transaction() as connection:
            self.settings(logGroupName)
            made = connection.execute(
                "INSERT OR IGNORE INTO log_streams (log_group, log_stream, created_ms) VALUES (?, ?, ?)",
                (logGroupName, logStreamName, now_ms()),
            )
            if made.rowcount == 0:
                raise ServiceError("ResourceAlreadyExistsException", "The specified log stream already exists")
        return {}

    @operation
    def delete_log_stream(self, call: Call, logGroupName: str, logStreamName: str) -> Members:
        """Delete a log stream with its events."""
        names = (logGroupName, logStreamName)
        with self.store.transaction() as connection:
            self.settings(logGroupName)
            deleted = connection.execute("DELETE FROM log_streams WHERE log_group = ? AND log_stream = ?", names)
            if deleted.rowcount == 0:
                raise no_stream()
            connection.execute("DELETE FROM log_events WHERE log_group = ? AND log_stream = ?", names)
        return {}

    @operation
    def describe_log_streams(
        self,
        call: Call,
        logGroupName: str | None = None,
        logGroupIdentifier: str | None = None,
        logStreamNamePrefix: str = "",
        orderBy: str = "LogStreamName",
        descending: bool = False,
        nextToken: str | None = None,
        limit: int = MAX_PAGE,
    ) -> Members:
        """A group's streams, by name or by the time of their last event, a page at a time."""
        by_time = orderBy == "LastEventTime"
        if by_time and logStreamNamePrefix:
            raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        group = self.group(logGroupName, logGroupIdentifier)
        after = decode_token(nextToken, int, str) if nextToken else None
        # The order is part of the statement, from constants only.
        column = "coalesce(last_ms, 0)" if by_time else "0"
        direction, sign = ("DESC", "<") if descending else ("ASC", ">")
        more = f"AND ({column}, log_stream) {sign} (?, ?)" if after else ""
        rows = self.store.query(
            f"SELECT *, {column} AS position FROM log_streams WHERE log_group = ?"  # nosec B608
            f" AND substr(log_stream, 1, ?) = ? {more} ORDER BY position {direction}, log_stream {direction} LIMIT ?",
            (group, len(logStreamNamePrefix), logStreamNamePrefix, *(after or ()), limit + 1),
        )
        found: Members = {"logStreams": [_shown_stream(call, row) for row in rows[:limit]]}
        if len(rows) > limit:
            found["nextToken"] = encode_token(rows[limit - 1]["position"], rows[limit - 1]["log_stream"])
        return found

    @operation
    def put_retention_policy(self, call: Call, logGroupName: str, retentionInDays: int) -> Members:
        """Let a group's events expire; older ones are deleted at once."""
        if retentionInDays not in RETENTION_DAYS:
            raise invalid(f"1 validation error detected: retentionInDays must be one of {sorted(RETENTION_DAYS)}")
        self.change_settings(logGroupName, retentionInDays=retentionInDays)
        self.delete_expired(logGroupName, retentionInDays)
        return {}

    @operation
    def delete_retention_policy(self, call: Call, logGroupName: str) -> Members:
        """Let a group's events live for ever."""
        self.change_settings(logGroupName, retentionInDays=None)
        return {}

    def settings(self, group: str) -> Members:
        """A group's settings; ResourceNotFoundException when there is no such group."""
        rows = self.store.query("SELECT settings FROM log_groups WHERE log_group = ?", (group,))
        if not rows:
            raise no_group()
        settings: Members = json.loads(rows[0]["settings"])
        return settings

    def change_settings(self, group: str, **changes: Any) -> None:
        """Change some of a group's settings."""
        with self.store.transaction() as connection:
            settings = json.dumps(self.settings(group) | changes)
            connection.execute("UPDATE log_groups SET settings = ? WHERE log_group = ?", (settings, group))

    def group(self, name: str | None, identifier: str | None) -> str:
        """The group that a request names; ResourceNotFoundException when there is none."""
        if (name is None) == (identifier is None):
            raise invalid("Exactly one of logGroupName and logGroupIdentifier must be given.")
        found = name if name is not None else group_of(identifier or "")
        self.settings(found)
        return found

    def oldest_ms(self, group: str) -> int:
        """The oldest timestamp that has not expired."""
        days = self.settings(group).get("retentionInDays")
        return now_ms() - days * DAY_MS if days else 0

    def retentions(self) -> list[tuple[str, int]]:
        """(group, days) of the groups whose events expire."""
        rows = self.store.query("SELECT log_group, settings FROM log_groups")
        found = ((row["log_group"], json.loads(row["settings"]).get("retentionInDays")) for row in rows)
        return [(group, days) for group, days in found if days]

    def delete_expired(self, group: str, days: int) -> None:
        """Delete a group's events that are older than ``days``."""
        self.store.execute(
            "DELETE FROM log_events WHERE log_group = ? AND timestamp_ms < ?", (group, now_ms() - days * DAY_MS)
        )


def group_of(identifier: str) -> str:
    """The name in a log group's name or ARN."""
    if not identifier.startswith("arn:"):
        return identifier
    return identifier.split(":log-group:", 1)[-1].removesuffix(":*")


def group_arn(call: Call, name: str) -> str:
    """A log group's ARN, without the ``:*`` that policies have."""
    return f"arn:aws:logs:{call.region}:{call.account}:log-group:{name}"


def _check_name(member: str, value: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(value):
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {pattern.pattern}"
        )


def _shown_group(call: Call, row: sqlite3.Row, metric_filters: int) -> Members:
    settings = json.loads(row["settings"])
    members = {
        "logGroupName": row["log_group"],
        "creationTime": row["created_ms"],
        "metricFilterCount": metric_filters,
        "arn": f"{group_arn(call, row['log_group'])}:*",
        "logGroupArn": group_arn(call, row["log_group"]),
        "logGroupClass": settings.get("logGroupClass", "STANDARD"),
        "storedBytes": row["stored_bytes"] or 0,
    }
    return members | {name: settings[name] for name in ("kmsKeyId", "retentionInDays") if settings.get(name)}


def _shown_stream(call: Call, row: sqlite3.Row) -> Members:
    members = {
        "logStreamName": row["log_stream"],
        "creationTime": row["created_ms"],
        "arn": f"{group_arn(call, row['log_group'])}:log-stream:{row['log_stream']}",
        "storedBytes": 0,  # AWS answers 0 since 2019 (API reference, LogStream)
    }
    if row["last_ms"] is not None:
        members |= {
            "firstEventTimestamp": row["first_ms"],
            "lastEventTimestamp": row["last_ms"],
            "lastIngestionTime": row["ingestion_ms"],
            "uploadSequenceToken": "0" * 56,
        }
    return members
