from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.s3.conditions import check_read, check_write, names_etag, read_range
from headwater.local.services.s3.objects import StoredObject

STORED = StoredObject("k", "/k", 10, 1_000_000_000_500_000_000, "abc")
BEFORE, AT, AFTER = (datetime.fromtimestamp(1_000_000_000 + delta, UTC) for delta in (-1, 0, 1))


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({}, 200),
        ({"IfMatch": '"abc"'}, 200),
        ({"IfMatch": '"x", "abc"'}, 200),
        ({"IfMatch": '"x"'}, 412),
        ({"IfNoneMatch": '"abc"'}, 304),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfNoneMatch": '"x"'}, 200),
        ({"IfModifiedSince": BEFORE}, 200),
        ({"IfModifiedSince": AT}, 304),
        ({"IfUnmodifiedSince": AT}, 200),
        ({"IfUnmodifiedSince": BEFORE}, 412),
        ({"IfMatch": '"abc"', "IfUnmodifiedSince": BEFORE}, 200),
        ({"IfNoneMatch": '"x"', "IfModifiedSince": AFTER}, 200),
    ],
)
def test_reads_are_conditional_as_http_has_it(members: dict[str, object], status: int) -> None:
    if status == 200:
        check_read(STORED, members)
        return
    with pytest.raises(ServiceError) as refused:
        check_read(STORED, members)
    assert refused.value.status == status


def test_a_failed_condition_on_a_copy_source_is_412() -> None:
    with pytest.raises(ServiceError) as refused:
        check_read(STORED, {"CopySourceIfNoneMatch": '"abc"'}, "CopySource")
    assert refused.value.status == 412


def test_writes_are_conditional() -> None:
    check_write(None, "k", None, "*")
    check_write(STORED, "k", '"abc"', None)
    for current, match, none_match, code in (
        (STORED, None, "*", "PreconditionFailed"),
        (STORED, '"x"', None, "PreconditionFailed"),
        (None, '"x"', None, "NoSuchKey"),
        (None, None, '"x"', "NotImplemented"),
    ):
        with pytest.raises(ServiceError) as refused:
            check_write(current, "k", match, none_match)
        assert refused.value.code == code


def test_weak_tags_and_lists_are_read() -> None:
    assert names_etag('W/"abc"', "abc")
    assert not names_etag('"abcd"', "abc")


@pytest.mark.parametrize(
    ("header", "stretch"),
    [
        (None, None),
        ("bytes=0-3", (0, 4)),
        ("bytes=4-", (4, 6)),
        ("bytes=-3", (7, 3)),
        ("bytes=-30", (0, 10)),
        ("bytes=8-99", (8, 2)),
        ("bytes=3-2", None),
        ("bytes=0-1,3-4", None),
        ("chars=0-1", None),
        ("bytes=-", None),
    ],
)
def test_ranges(header: str | None, stretch: tuple[int, int] | None) -> None:
    assert read_range(header, 10) == stretch


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_a_range_without_a_byte_is_416(header: str, size: int) -> None:
    with pytest.raises(ServiceError) as refused:
        read_range(header, size)
    assert (refused.value.code, refused.value.status) == ("InvalidRange", 416)
