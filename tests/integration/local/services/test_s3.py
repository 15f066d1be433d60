"""S3 through boto3, the AWS CLI and plain HTTP, against a live endpoint."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint

AWKWARD_KEYS = [
    "%~",
    "../up",
    "/lead",
    "L" * 700 + "/" + "z" * 300,
    "a b+c%é.csv",
    "a/./b",
    "dir/",
    "q/.x.crc",
    "x",
    "x//y",
    "x/y",
    "x/y/z",
    "é/ü",
]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEndpoint]:
    """One endpoint for the module; each test has a bucket of its own."""
    endpoint = LocalEndpoint(EndpointSettings(home=tmp_path_factory.mktemp("home") / ".headwater"))
    endpoint.start()
    yield endpoint
    endpoint.stop()


@pytest.fixture
def s3(live: LocalEndpoint) -> Any:
    return client(live)


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = request.node.name.split("[")[0].replace("_", "-")[:50].strip("-") + f"-{os.urandom(3).hex()}"
    s3.create_bucket(Bucket=name)
    return name


def client(live: LocalEndpoint, **config: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=live.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}, **config),
    )


def refusal(call: Callable[..., Any], **members: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        call(**members)
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def folder(live: LocalEndpoint, bucket: str) -> Path:
    return live.s3_root / bucket


# -- buckets -----------------------------------------------------------------------------------------------------------


def test_buckets_are_made_found_paged_and_removed(s3: Any) -> None:
    for number in range(3):
        s3.create_bucket(Bucket=f"paged-{number}")
    pages = s3.get_paginator("list_buckets").paginate(Prefix="paged-", PaginationConfig={"PageSize": 2})
    assert [[one["Name"] for one in page["Buckets"]] for page in pages] == [["paged-0", "paged-1"], ["paged-2"]]
    assert s3.head_bucket(Bucket="paged-0")["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket="paged-0")["LocationConstraint"] is None
    s3.delete_bucket(Bucket="paged-0")
    assert refusal(s3.head_bucket, Bucket="paged-0") == ("404", 404)
    assert refusal(s3.list_objects_v2, Bucket="paged-0") == ("NoSuchBucket", 404)


@pytest.mark.parametrize("name", ["Upper", "a..b", "192.168.0.1", "under_score", "xn--a", "ab-"])
def test_bucket_names_keep_awss_rules(live: LocalEndpoint, name: str) -> None:
    s3 = client(live)
    s3.meta.events.unregister("before-parameter-build.s3", None)
    assert refusal(s3.create_bucket, Bucket=name) == ("InvalidBucketName", 400)


def test_a_bucket_with_anything_in_it_stays(s3: Any, live: LocalEndpoint, bucket: str) -> None:
    (folder(live, bucket) / "spark").mkdir()
    (folder(live, bucket) / "spark" / "part-0").write_bytes(b"x")
    assert refusal(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    (folder(live, bucket) / "spark" / "part-0").unlink()
    s3.delete_bucket(Bucket=bucket)
    assert not folder(live, bucket).exists()


# -- objects -----------------------------------------------------------------------------------------------------------


def test_every_key_comes_back_and_is_listed_in_order(s3: Any, bucket: str) -> None:
    for key in AWKWARD_KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in AWKWARD_KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    listed = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(AWKWARD_KEYS, key=str.encode)
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in AWKWARD_KEYS]})
    assert len(deleted["Deleted"]) == len(AWKWARD_KEYS)
    s3.delete_bucket(Bucket=bucket)


def test_an_object_keeps_what_it_was_put_with(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"hello",
        ContentType="text/csv",
        CacheControl="no-cache",
        ContentEncoding="gzip",
        Expires=datetime(2030, 1, 1, tzinfo=UTC),
        Metadata={"Who": "me"},
        StorageClass="STANDARD_IA",
        Tagging="a=b&c=d",
    )
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert (head["ContentType"], head["CacheControl"], head["ContentEncoding"]) == ("text/csv", "no-cache", "gzip")
    assert (head["Metadata"], head["StorageClass"], head["ChecksumCRC32"]) == (
        {"who": "me"},
        "STANDARD_IA",
        "NhCmhg==",
    )
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [
        {"Key": "a", "Value": "b"},
        {"Key": "c", "Value": "d"},
    ]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    shown = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="x/y", ResponseCacheControl="max-age=1")
    assert (shown["ContentType"], shown["CacheControl"], shown["TagCount"] if "TagCount" in shown else 0) == (
        "x/y",
        "max-age=1",
        0,
    )
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "Checksum", "StorageClass"]
    )
    assert (attributes["ObjectSize"], attributes["StorageClass"]) == (5, "STANDARD_IA")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_each_checksum_is_kept_and_verified_on_the_way_back(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    assert got["Body"].read() == b"hello"
    wrong = s3.put_object(Bucket=bucket, Key="other", Body=b"other", ChecksumAlgorithm=algorithm)
    assert refusal(
        s3.put_object,
        Bucket=bucket,
        Key="k",
        Body=b"hello",
        **{f"Checksum{algorithm}": wrong[f"Checksum{algorithm}"]},
    ) == ("BadDigest", 400)


def test_ranges_and_conditions_over_http(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    part = s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-4")
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (part["Body"].read(), part["ContentRange"]) == (b"234", "bytes 2-4/10")
    etag = part["ETag"]
    assert refusal(s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-") == ("InvalidRange", 416)
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == ("304", 304)
    assert refusal(s3.head_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == ("304", 304)
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfMatch='"x"') == ("PreconditionFailed", 412)
    later = datetime.now(UTC) + timedelta(hours=1)
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=later) == ("304", 304)
    assert refusal(s3.put_object, Bucket=bucket, Key="k", IfNoneMatch="*") == ("PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="k", Body=b"", IfMatch=etag)
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", IfMatch=etag) == ("PreconditionFailed", 412)
    assert refusal(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert refusal(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)


def test_only_one_of_many_conditional_puts_wins(s3: Any, bucket: str) -> None:
    def attempt(number: int) -> int:
        try:
            s3.put_object(Bucket=bucket, Key="lock", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as refused:
            return int(refused.response["ResponseMetadata"]["HTTPStatusCode"])
        return 200

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(attempt, range(16)))
    assert answers == [200] + [412] * 15


def test_what_is_not_kept_is_refused_by_name(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k")
    assert refusal(s3.get_object, Bucket=bucket, Key="k", VersionId="abc") == ("NoSuchVersion", 404)
    assert refusal(s3.put_object, Bucket=bucket, Key="k", ObjectLockLegalHoldStatus="ON") == ("NotImplemented", 501)
    assert refusal(s3.put_object, Bucket=bucket, Key="k", ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert refusal(s3.put_object, Bucket=bucket, Key="k", StorageClass="GLACIER") == ("NotImplemented", 501)
    assert refusal(s3.put_object, Bucket=bucket, Key="é" * 600) == ("KeyTooLongError", 400)


def test_copies_carry_or_replace_their_metadata(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from é", Body=b"hello", ContentType="a/b", Metadata={"m": "1"}, Tagging="t=1")
    s3.create_bucket(Bucket=f"{bucket}-2")
    source = {"Bucket": bucket, "Key": "from é"}
    copied = s3.copy_object(Bucket=f"{bucket}-2", Key="to", CopySource=source)["CopyObjectResult"]
    assert copied["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    head = s3.head_object(Bucket=f"{bucket}-2", Key="to")
    assert (head["ContentType"], head["Metadata"]) == ("a/b", {"m": "1"})
    assert s3.get_object_tagging(Bucket=f"{bucket}-2", Key="to")["TagSet"] == [{"Key": "t", "Value": "1"}]
    assert refusal(s3.copy_object, Bucket=bucket, Key="from é", CopySource=source) == ("InvalidRequest", 400)
    s3.copy_object(Bucket=bucket, Key="from é", CopySource=source, MetadataDirective="REPLACE", Metadata={"m": "2"})
    assert s3.head_object(Bucket=bucket, Key="from é")["Metadata"] == {"m": "2"}
    assert refusal(s3.copy_object, Bucket=bucket, Key="c", CopySource=source, CopySourceIfMatch='"x"') == (
        "PreconditionFailed",
        412,
    )
    assert refusal(s3.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/none") == ("NoSuchKey", 404)
    for directive in ("MetadataDirective", "TaggingDirective"):
        wrong = {"Key": "c", "CopySource": source, directive: "REPLACED"}
        assert refusal(s3.copy_object, Bucket=bucket, **wrong) == ("InvalidArgument", 400)
    both = {"Key": "from é", "PartNumber": 1, "Range": "bytes=0-1"}
    assert refusal(s3.get_object, Bucket=bucket, **both) == ("InvalidRequest", 400)


# -- files behind the API's back ---------------------------------------------------------------------------------------


def test_files_written_directly_are_objects_at_once(s3: Any, live: LocalEndpoint, bucket: str) -> None:
    path = folder(live, bucket) / "processed" / "ts=10%3A00" / "part-0.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a,b\n")
    (path.parent / ".part-0.csv.crc").write_bytes(b"crc")
    (path.parent / "_SUCCESS").write_bytes(b"")
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [one["Key"] for one in listed] == ["processed/ts=10%3A00/_SUCCESS", "processed/ts=10%3A00/part-0.csv"]
    got = s3.get_object(Bucket=bucket, Key="processed/ts=10%3A00/part-0.csv")
    assert (got["Body"].read(), got["ETag"]) == (b"a,b\n", listed[1]["ETag"])
    assert got["ETag"].endswith('-1"')
    path.write_bytes(b"a,b\n1,2\n")
    assert s3.head_object(Bucket=bucket, Key="processed/ts=10%3A00/part-0.csv")["ETag"] != got["ETag"]
    s3.delete_object(Bucket=bucket, Key="processed/ts=10%3A00/part-0.csv")
    s3.delete_object(Bucket=bucket, Key="processed/ts=10%3A00/_SUCCESS")
    assert os.listdir(folder(live, bucket)) == []


def test_an_object_is_a_plain_file(s3: Any, live: LocalEndpoint, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="raw/flights/2013.csv", Body=b"x")
    assert (folder(live, bucket) / "raw" / "flights" / "2013.csv").read_bytes() == b"x"


# -- listing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_paging_with_a_delimiter_sees_each_key_and_prefix_once(s3: Any, bucket: str, operation: str) -> None:
    keys = ["a", "b/1", "b/2", "c d/1", "e", "f/1/2", "é/1"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key)
    for size in (1, 2, 3, 10):
        pages = list(
            s3.get_paginator(operation).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size})
        )
        seen = [
            [one["Key"] for one in page.get("Contents", [])] + [one["Prefix"] for one in page.get("CommonPrefixes", [])]
            for page in pages
        ]
        assert sorted(sum(seen, [])) == ["a", "b/", "c d/", "e", "f/", "é/"]
        assert all(len(page) <= size for page in seen)
    whole = s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [one["Key"] for page in whole for one in page["Contents"]] == sorted(keys, key=str.encode)


def test_other_delimiters_start_after_and_key_counts(s3: Any, bucket: str) -> None:
    for key in ("2013-01", "2013-02", "2014-01", "x"):
        s3.put_object(Bucket=bucket, Key=key)
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="-", MaxKeys=1)
    assert (page["CommonPrefixes"], page["KeyCount"], page["IsTruncated"]) == ([{"Prefix": "2013-"}], 1, True)
    rest = s3.list_objects_v2(Bucket=bucket, Delimiter="-", ContinuationToken=page["NextContinuationToken"])
    assert (rest["CommonPrefixes"], rest["Contents"][0]["Key"]) == ([{"Prefix": "2014-"}], "x")
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="2013-02", FetchOwner=True)["Contents"]
    assert [one["Key"] for one in after] == ["2014-01", "x"]
    assert after[0]["Owner"]["ID"]
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0
    assert refusal(s3.list_objects_v2, Bucket=bucket, ContinuationToken="!") == ("InvalidArgument", 400)
    versions = s3.list_object_versions(Bucket=bucket, Prefix="x")["Versions"]
    assert [(one["VersionId"], one["IsLatest"]) for one in versions] == [("null", True)]


def test_listing_while_others_write_never_fails_and_keeps_order(s3: Any, bucket: str) -> None:
    def churn(worker: int) -> None:
        for number in range(25):
            s3.put_object(Bucket=bucket, Key=f"d{worker}/{number}", Body=b"x")
            if number % 2:
                s3.delete_object(Bucket=bucket, Key=f"d{worker}/{number}")

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(churn, worker) for worker in range(3)]
        while not all(writer.done() for writer in writers):
            listed = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
            assert listed == sorted(set(listed))
        for writer in writers:
            writer.result()
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 39


# -- multipart ---------------------------------------------------------------------------------------------------------


def test_a_multipart_transfer_goes_there_and_back(s3: Any, live: LocalEndpoint, bucket: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(17 << 20))
    config = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20)
    s3.upload_file(str(source), bucket, "big", Config=config)
    s3.download_file(bucket, "big", str(target), Config=config)
    assert target.read_bytes() == source.read_bytes()
    head = s3.head_object(Bucket=bucket, Key="big", PartNumber=3)
    assert (head["PartsCount"], head["ContentLength"], head["ETag"][-3:]) == (3, 1 << 20, '-3"')
    assert list((live.home / "multipart").iterdir()) == []
    assert list((live.home / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("algorithm", "kind", "suffix"),
    [("CRC32", "COMPOSITE", "-2"), ("CRC32C", "FULL_OBJECT", ""), ("SHA256", "COMPOSITE", "-2"), (None, None, "")],
)
def test_parts_are_checked_joined_and_summed(
    s3: Any, bucket: str, algorithm: str | None, kind: str | None, suffix: str
) -> None:
    asked = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if algorithm else {}
    first, last = b"a" * (5 << 20), b"tail"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ContentType="x/y", **asked)["UploadId"]
    name = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part_options = {"ChecksumAlgorithm": algorithm} if algorithm else {}
    etags = [
        s3.upload_part(**name, PartNumber=number, Body=data, **part_options)["ETag"]
        for number, data in ((1, b"replaced"), (1, first), (2, last))
    ][1:]
    listed = s3.get_paginator("list_parts").paginate(**name, PaginationConfig={"PageSize": 1})
    assert [part["Size"] for page in listed for part in page["Parts"]] == [5 << 20, 4]
    assert s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["UploadId"] == upload
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
    assert refusal(s3.complete_multipart_upload, **name, MultipartUpload={"Parts": parts[::-1]})[0] == (
        "InvalidPartOrder"
    )
    wrong = [{"PartNumber": 1, "ETag": '"no"'}]
    assert refusal(s3.complete_multipart_upload, **name, MultipartUpload={"Parts": wrong})[0] == "InvalidPart"
    assert refusal(s3.complete_multipart_upload, **name, MultipartUpload={"Parts": []})[0] == "MalformedXML"
    done = s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
    again = s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
    assert done["ETag"] == again["ETag"]
    whole = s3.put_object(Bucket=bucket, Key="whole", Body=first + last, ChecksumAlgorithm=algorithm or "CRC64NVME")
    member = f"Checksum{algorithm or 'CRC64NVME'}"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    if suffix:
        assert head[member].endswith(suffix)
    else:
        assert head[member] == whole[member]
    assert head["ContentType"] == "x/y"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == first + last


def test_small_parts_and_aborted_uploads_are_refused(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    name = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**name, PartNumber=number, Body=b"x")["ETag"]}
        for number in (1, 2)
    ]
    assert refusal(s3.complete_multipart_upload, **name, MultipartUpload={"Parts": parts})[0] == "EntityTooSmall"
    assert refusal(s3.upload_part, **name, PartNumber=10_001, Body=b"x")[0] == "InvalidArgument"
    s3.abort_multipart_upload(**name)
    assert refusal(s3.upload_part, **name, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)


def test_parts_are_copied_from_objects(s3: Any, bucket: str) -> None:
    data = os.urandom(6 << 20)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    s3.copy(
        {"Bucket": bucket, "Key": "source"},
        bucket,
        "copy",
        Config=TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=5 << 20),
    )
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == data
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    name = {"Bucket": bucket, "Key": "k", "UploadId": upload, "CopySource": f"{bucket}/source", "PartNumber": 1}
    assert refusal(s3.upload_part_copy, **name, CopySourceRange="bytes=0-99999999")[0] == "InvalidArgument"


# -- configuration -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("bucket_cors", "NoSuchCORSConfiguration"),
        ("bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("bucket_policy", "NoSuchBucketPolicy"),
        ("bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("bucket_tagging", "NoSuchTagSet"),
        ("bucket_website", "NoSuchWebsiteConfiguration"),
        ("object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_an_absent_configuration_has_awss_error(s3: Any, bucket: str, resource: str, code: str) -> None:
    assert refusal(getattr(s3, f"get_{resource}"), Bucket=bucket) == (code, 404)


def test_configurations_are_stored_given_back_and_removed(s3: Any, bucket: str) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObjectAcl", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert refusal(s3.put_bucket_policy, Bucket=bucket, Policy="no") == ("MalformedPolicy", 400)
    rules = [
        {
            "ID": "x",
            "Status": "Enabled",
            "Filter": {"Prefix": "tmp/"},
            "Expiration": {"Date": datetime(2030, 1, 1, tzinfo=UTC)},
        }
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    s3.delete_public_access_block(Bucket=bucket)
    assert refusal(s3.get_public_access_block, Bucket=bucket) == ("NoSuchPublicAccessBlockConfiguration", 404)
    s3.delete_bucket_policy(Bucket=bucket)
    assert refusal(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    s3.put_bucket_metrics_configuration(Bucket=bucket, Id="i", MetricsConfiguration={"Id": "i"})
    assert s3.list_bucket_metrics_configurations(Bucket=bucket)["MetricsConfigurationList"] == [{"Id": "i"}]
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"


# -- other clients -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_work_without_a_client(live: LocalEndpoint, bucket: str, version: str) -> None:
    s3 = client(live, signature_version=version)
    name = {"Bucket": bucket, "Key": "a b+é/c"}
    put = urllib.request.Request(
        s3.generate_presigned_url("put_object", Params=name),
        data=b"hello",
        method="PUT",
        headers={"Content-Type": ""},
    )
    with urllib.request.urlopen(put) as answer:
        assert answer.status == 200
    url = s3.generate_presigned_url("get_object", Params=name | {"ResponseContentType": "text/x"})
    with urllib.request.urlopen(url) as answer:
        assert (answer.read(), answer.headers["content-type"]) == (b"hello", "text/x")
    bad_urls = [url.replace("a%20b", "a%20c")]
    if version == "s3":  # botocore's own signer of the other refuses a time past
        bad_urls.append(s3.generate_presigned_url("get_object", Params=name, ExpiresIn=-1))
    for bad in bad_urls:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(bad)
        assert refused.value.code == 403
        refused.value.close()


def test_virtual_hosts_name_the_bucket(s3: Any, live: LocalEndpoint, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b/c", Body=b"hello")
    host = f"{bucket}.localhost:{urlparse(live.url).port}"
    request = AWSRequest("GET", f"http://{host}/a%20b/c")
    S3SigV4Auth(Credentials("test", "test"), "s3", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", urlparse(live.url).port or 0)
    try:
        connection.request("GET", "/a%20b/c", headers={**dict(request.headers), "Host": host})
        assert connection.getresponse().read() == b"hello"
    finally:
        connection.close()


def test_the_aws_cli_copies_lists_and_syncs(live: LocalEndpoint, bucket: str, tmp_path: Path) -> None:
    def aws(*arguments: str) -> str:
        command = [str(Path(sys.executable).with_name("aws")), "--endpoint-url", live.url, "s3", *arguments]
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **keys}, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "up" / "sub").mkdir(parents=True)
    (tmp_path / "up" / "one.txt").write_text("one")
    (tmp_path / "up" / "sub" / "big.bin").write_bytes(os.urandom(9 << 20))
    for path in (tmp_path / "up").rglob("*.*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))  # older than the upload by more than S3's whole seconds
    aws("sync", str(tmp_path / "up"), f"s3://{bucket}/data")
    assert (folder(live, bucket) / "data" / "one.txt").read_text() == "one"
    assert "one.txt" in aws("ls", "--recursive", f"s3://{bucket}/")
    assert aws("sync", str(tmp_path / "up"), f"s3://{bucket}/data") == ""  # nothing new
    aws("cp", "--recursive", f"s3://{bucket}/data", str(tmp_path / "down"))
    assert (tmp_path / "down" / "sub" / "big.bin").read_bytes() == (tmp_path / "up" / "sub" / "big.bin").read_bytes()


def test_calls_in_process_take_bytes_and_paths(live: LocalEndpoint, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"from a path")
    live.call("s3", "put_object", Bucket=bucket, Key="a", Body=b"bytes")
    live.call("s3", "put_object", Bucket=bucket, Key="b", Body=tmp_path / "f")
    with live.call("s3", "get_object", Bucket=bucket, Key="b")["Body"] as body:
        assert (body.path, body.read()) == (folder(live, bucket) / "b", b"from a path")
    assert (tmp_path / "f").exists()
    listed = live.call("s3", "list_objects_v2", Bucket=bucket)
    assert [one["Key"] for one in listed["Contents"]] == ["a", "b"]


def test_nothing_is_lost_when_the_endpoint_starts_again(tmp_path: Path) -> None:
    settings = EndpointSettings(home=tmp_path / ".headwater")
    first = LocalEndpoint(settings)
    first.start()
    s3 = client(first)
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="k", Body=b"x", Metadata={"a": "b"})
    upload = s3.create_multipart_upload(Bucket="lake", Key="m")["UploadId"]
    etag = s3.upload_part(Bucket="lake", Key="m", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    first.stop()
    (settings.home / "tmp" / "upload-left-by-a-kill").write_bytes(b"")
    second = LocalEndpoint(settings)
    second.start()
    try:
        s3 = client(second)
        assert s3.head_object(Bucket="lake", Key="k")["Metadata"] == {"a": "b"}
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        s3.complete_multipart_upload(Bucket="lake", Key="m", UploadId=upload, MultipartUpload=parts)
        assert s3.get_object(Bucket="lake", Key="m")["Body"].read() == b"part"
        assert os.listdir(settings.home / "tmp") == []
    finally:
        second.stop()
