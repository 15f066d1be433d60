from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.parsers import create_parser
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.s3_http import listing_xml
from headwater.local.service import Members

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENTRY: Members = {
    "Key": "a&b<é> \n\"'",
    "LastModified": MOMENT,
    "ETag": '"abc"',
    "Size": 3,
    "StorageClass": "STANDARD",
    "ChecksumAlgorithm": ["CRC32"],
    "ChecksumType": "FULL_OBJECT",
    "Owner": {"ID": "0"},
}


S3 = get_session().get_service_model("s3")


def read(operation: str, xml: bytes) -> Members:
    shape = S3.operation_model(operation).output_shape
    parsed: Members = create_parser("rest-xml").parse({"status_code": 200, "headers": {}, "body": xml}, shape)
    parsed.pop("ResponseMetadata")
    return parsed


@pytest.mark.parametrize("operation", ["ListObjects", "ListObjectsV2"])
def test_botocore_reads_what_was_listed(operation: str) -> None:
    answer: Members = {
        "Name": "lake",
        "Prefix": "",
        "MaxKeys": 1000,
        "IsTruncated": True,
        "Contents": [ENTRY, ENTRY],
        "CommonPrefixes": [{"Prefix": "x/"}, {"Prefix": "y/"}],
    }
    assert read(operation, listing_xml(operation, answer)) == answer


def test_versions_have_an_element_of_their_own_name() -> None:
    answer: Members = {"Name": "lake", "Versions": [ENTRY | {"VersionId": "null", "IsLatest": True}]}
    assert read("ListObjectVersions", listing_xml("ListObjectVersions", answer)) == answer


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1))
def test_any_printable_key_survives(key: str) -> None:
    answer: Members = {"Contents": [{"Key": key}]}
    assert read("ListObjectsV2", listing_xml("ListObjectsV2", answer)) == answer
