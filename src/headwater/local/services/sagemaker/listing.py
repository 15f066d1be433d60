"""Filters, order and pages of SageMaker's List operations, which are all alike."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from headwater.local.services.sagemaker.errors import check_choice, check_range, invalid
from headwater.local.store import Record

DEFAULT_RESULTS = 10
MAX_RESULTS = 100


def _epoch(value: datetime | float) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)


TIMES: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "CreationTimeAfter": ("created", lambda kept, given: kept > given),
    "CreationTimeBefore": ("created", lambda kept, given: kept < given),
    "LastModifiedTimeAfter": ("modified", lambda kept, given: kept > given),
    "LastModifiedTimeBefore": ("modified", lambda kept, given: kept < given),
}
ORDERS = {"CreationTime": "created", "Name": "name", "Status": "status"}


def listed(records: Iterable[Record], asked: Mapping[str, Any]) -> tuple[list[Record], dict[str, str]]:
    """One page of records, each with ``name``, ``created``, ``modified`` and ``status``.

    Parameters
    ----------
    asked:
        The request's members that choose: NameContains, StatusEquals, times, SortBy, SortOrder, MaxResults, NextToken.

    Returns
    -------
    (records, members)
        The page, and ``NextToken`` when there are more.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    check_choice("sortBy", given.get("SortBy"), ORDERS)
    check_choice("sortOrder", given.get("SortOrder"), {"Ascending", "Descending"})
    check_range("maxResults", given.get("MaxResults"), 1, MAX_RESULTS)
    order = ORDERS[given.get("SortBy", "CreationTime")]
    downwards = given.get("SortOrder") == "Descending"

    def place(record: Record) -> tuple[Any, str]:
        return record[order], record["name"]

    rows = sorted((record for record in records if _matches(record, given)), key=place, reverse=downwards)
    if "NextToken" in given:
        after = _read_token(given["NextToken"])
        rows = [row for row in rows if (place(row) < after if downwards else place(row) > after)]
    limit = int(given.get("MaxResults", DEFAULT_RESULTS))
    page = rows[:limit]
    return page, {"NextToken": _token(place(page[-1]))} if len(rows) > limit else {}


def _matches(record: Record, given: Mapping[str, Any]) -> bool:
    if given.get("NameContains", "").lower() not in record["name"].lower():
        return False
    if "StatusEquals" in given and record["status"] != given["StatusEquals"]:
        return False
    return all(test(record[field], _epoch(given[name])) for name, (field, test) in TIMES.items() if name in given)


def _token(place: tuple[Any, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read_token(token: str) -> tuple[Any, str]:
    try:
        value, name = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError) as error:
        raise invalid("The pagination token is not valid: it was not answered by this operation") from error
    return value, name
