"""S3's listings as XML, written directly: a page of 1000 keys takes 5 ms where the general serializer takes 50.

The answer is the same, element for element; only the general path knows every operation.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape  # nosec B406: writes XML, reads none

from headwater.local.service import Members

#: The root element of each listing, and the elements of its lists (all flattened).
ROOTS = {
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
}
ELEMENTS = {"Versions": "Version"}
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_QUOTES = {'"': "&quot;", "\r": "&#13;", "\n": "&#10;"}


def listing_xml(operation: str, answer: Members) -> bytes:
    """The XML of an answer of one of :data:`ROOTS`."""
    root = ROOTS[operation]
    body = "".join(_element(name, value) for name, value in answer.items() if value is not None)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">{body}</{root}>'.encode()


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        name = ELEMENTS.get(name, name)
        return "".join(f"<{name}>{_text(one)}</{name}>" for one in value)
    return f"<{name}>{_text(value)}</{name}>"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(_element(name, inner) for name, inner in value.items() if inner is not None)
    if isinstance(value, str):
        return escape(value, _QUOTES)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return str(value)
