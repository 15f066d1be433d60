"""Timestamps: RFC 3339 with an offset, as the language reads and the history writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)")


def parse_timestamp(text: object) -> datetime | None:
    """The moment that ``text`` names, or None when it is no extended offset date-time (upper-case ``T`` and ``Z``)."""
    found = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    year, month, day, hour, minute = (int(found.group(i)) for i in range(1, 6))
    microsecond = int((found.group(7) or "").ljust(6, "0")[:6])
    offset = found.group(8)
    zone: timezone = UTC
    if offset != "Z":
        minutes = int(offset[1:3]) * 60 + int(offset[4:6])
        zone = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    try:
        return datetime(year, month, day, hour, minute, int(found.group(6) or 0), microsecond, zone)
    except ValueError:
        return None


def iso_ms(epoch_ms: int) -> str:
    """A moment in milliseconds since the epoch as ``2026-01-02T03:04:05.678Z``."""
    moment = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"


def moment_of(epoch_ms: int) -> datetime:
    """A moment in milliseconds since the epoch as a datetime, as boto3 gives it."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
