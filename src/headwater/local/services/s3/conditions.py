"""Conditional requests and ranges, in the order that HTTP and S3 give them.

Sources: RFC 9110 sections 13 and 14; Amazon S3 User Guide, "Add preconditions to S3 operations" (2025).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from headwater.local.service import ServiceError
from headwater.local.services.s3 import errors
from headwater.local.services.s3.objects import StoredObject

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def epoch_s(value: Any) -> int:
    """Seconds since the epoch of a timestamp member (datetime, HTTP date, ISO text or number)."""
    if isinstance(value, (int, float)):
        return int(value)
    if isinstance(value, str):
        try:
            value = parsedate_to_datetime(value)
        except ValueError:
            value = datetime.fromisoformat(value)
    moment: datetime = value
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def names_etag(header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match header names ``etag`` (given without quotes)."""
    return any(tag.strip() == "*" or tag.strip().removeprefix("W/").strip('"') == etag for tag in header.split(","))


def check_read(stored: StoredObject, members: Mapping[str, Any], prefix: str = "") -> None:
    """Raise PreconditionFailed (412) or NotModified (304) when a read's conditions do not hold.

    Parameters
    ----------
    stored:
        The object to be read.
    members:
        The request's members.
    prefix:
        ``"CopySource"`` for the conditions on a copy's source, of which all failures are 412.
    """
    match, none_match = members.get(f"{prefix}IfMatch"), members.get(f"{prefix}IfNoneMatch")
    since, until = members.get(f"{prefix}IfModifiedSince"), members.get(f"{prefix}IfUnmodifiedSince")
    if match is not None:
        if not names_etag(match, stored.etag):
            raise errors.precondition_failed("If-Match")
    elif until is not None and stored.modified_s > epoch_s(until):
        raise errors.precondition_failed("If-Unmodified-Since")
    if none_match is not None:
        if names_etag(none_match, stored.etag):
            raise errors.precondition_failed("If-None-Match") if prefix else _not_modified()
    elif since is not None and stored.modified_s <= epoch_s(since):
        raise errors.precondition_failed("If-Modified-Since") if prefix else _not_modified()


def _not_modified() -> ServiceError:
    return ServiceError("NotModified", "Not Modified", 304)


def check_write(current: StoredObject | None, key: str, if_match: str | None, if_none_match: str | None) -> None:
    """Raise when a conditional write or delete may not go on; the caller holds the key's lock.

    Raises PreconditionFailed, or NoSuchKey for If-Match without an object.
    """
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise errors.not_kept("If-None-Match other than * on a write", "S3 takes only * there.")
        if current is not None:
            raise errors.precondition_failed("If-None-Match")
    if if_match is not None:
        if current is None:
            raise errors.no_such_key(key)
        if not names_etag(if_match, current.etag):
            raise errors.precondition_failed("If-Match")


def read_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """(offset, length) of a Range header, or None when it is absent, malformed or of several ranges, which S3 ignores.

    Raises InvalidRange (416) when no byte is in it.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last), size_bytes - 1) if last else size_bytes - 1
        if last and int(last) < start:
            return None
    else:
        start, end = max(size_bytes - int(last), 0), size_bytes - 1
    if start >= size_bytes or end < start:
        raise ServiceError(
            "InvalidRange",
            "The requested range is not satisfiable",
            416,
            RangeRequested=header,
            ActualObjectSize=str(size_bytes),
        )
    return start, end - start + 1
