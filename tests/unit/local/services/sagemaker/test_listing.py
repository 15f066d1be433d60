"""Filters, order and pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from headwater.local.services.sagemaker.listing import listed

RECORDS = [
    {"name": f"job-{n}", "created": 100.0 - n // 2, "modified": 100.0, "status": "Failed" if n % 3 else "Completed"}
    for n in range(7)
]


@given(
    st.integers(1, 9),
    st.sampled_from(["CreationTime", "Name", "Status"]),
    st.sampled_from(["Ascending", "Descending"]),
)
def test_pages_hold_everything_once_and_in_order(size: int, by: str, order: str) -> None:
    asked = {"MaxResults": size, "SortBy": by, "SortOrder": order}
    found, token = [], {"NextToken": None}
    while token:
        page, token = listed(RECORDS, {**asked, **token})  # type: ignore[assignment]
        assert 0 < len(page) <= size
        found += page
    assert sorted(r["name"] for r in found) == sorted(r["name"] for r in RECORDS)
    whole, _ = listed(RECORDS, {**asked, "MaxResults": 100})
    assert found == whole


def test_filters() -> None:
    after = datetime.fromtimestamp(98.5, UTC)
    names = [r["name"] for r in listed(RECORDS, {"CreationTimeAfter": after, "StatusEquals": "Failed"})[0]]
    assert names == ["job-2", "job-1"]
    assert [r["name"] for r in listed(RECORDS, {"NameContains": "B-6"})[0]] == ["job-6"]


@pytest.mark.parametrize("asked", [{"NextToken": "rubbish"}, {"SortBy": "Colour"}, {"MaxResults": 0}])
def test_what_aws_refuses(asked: dict[str, object]) -> None:
    with pytest.raises(ServiceError, match="ValidationException"):
        listed(RECORDS, asked)
