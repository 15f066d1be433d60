"""Put, get, head, copy and delete objects; their tags and attributes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from headwater.local import bodies
from headwater.local.bodies import checksums, copying
from headwater.local.bodies import FileBody, UploadBody
from headwater.local.bodies.checksums import ALGORITHMS
from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.s3 import errors
from headwater.local.services.s3.attributes import (
    CHECKED,
    OVERRIDES,
    STORED,
    check_acl,
    check_tags,
    check_version,
    checksum_attributes,
    checksum_members,
    encryption,
    read_attributes,
    refuse_others,
    shown,
)
from headwater.local.services.s3.buckets import BucketOperations
from headwater.local.services.s3.conditions import check_read, check_write, read_range
from headwater.local.services.s3.objects import StoredObject

READ = frozenset(
    {
        "ChecksumMode",
        "ExpectedBucketOwner",
        "IfMatch",
        "IfModifiedSince",
        "IfNoneMatch",
        "IfUnmodifiedSince",
        "PartNumber",
        "Range",
        "RequestPayer",
        "VersionId",
        *OVERRIDES,
    }
)
WRITE = STORED | CHECKED | {"IfMatch", "IfNoneMatch"}
COPY_CONDITIONS = frozenset(
    {"CopySourceIfMatch", "CopySourceIfModifiedSince", "CopySourceIfNoneMatch", "CopySourceIfUnmodifiedSince"}
)
COPY = (
    STORED
    | COPY_CONDITIONS
    | {
        "ACL",
        "ChecksumAlgorithm",
        "ExpectedBucketOwner",
        "ExpectedSourceBucketOwner",
        "IfMatch",
        "IfNoneMatch",
        "MetadataDirective",
        "RequestPayer",
        "TaggingDirective",
    }
)
MAX_COPY_BYTES = 5 << 30
MAX_DELETES = 1000


class ObjectOperations(BucketOperations):
    """The operations on single objects."""

    @property
    def tmp(self) -> Path:
        """The folder of files that have no name yet; on the lake's file system."""
        return self.endpoint.home / "tmp"

    # -- put -------------------------------------------------------------------------------------------------------

    @operation
    def put_object(self, call: Call, Bucket: str, Key: str, Body: Any = b"", **members: Any) -> Members:
        """Store an object: the spooled body gets its name by a rename."""
        body = self.as_upload(Body, members)
        try:
            refuse_others("PutObject", members, WRITE)
            check_acl(members.get("ACL"))
            self.bucket_folder(Bucket, members.get("ExpectedBucketOwner"))
            _check_key(Key)
            storage_class, kept = read_attributes(members)
            algorithm, value = next(iter(body.checksums.items()))
            kept |= checksum_attributes(algorithm, value)
            with self.objects.locked(Bucket, Key):
                self._check_write(Bucket, Key, members)
                kind = f"{algorithm}:FULL_OBJECT"
                self.objects.install(Bucket, Key, body.path, body.md5_hex, kept, storage_class, kind)
        finally:
            body.discard()
        return {"ETag": f'"{body.md5_hex}"', **checksum_members(kept), **encryption(kept)}

    def _check_write(self, bucket: str, key: str, members: Mapping[str, Any]) -> None:
        match, none_match = members.get("IfMatch"), members.get("IfNoneMatch")
        if match is not None or none_match is not None:
            check_write(self.objects.find(bucket, key), key, match, none_match)

    def as_upload(self, body: Any, members: Mapping[str, Any]) -> UploadBody:
        """The body as a verified file; one that came over HTTP is so already."""
        if isinstance(body, UploadBody):
            return body
        sent = {name: members[f"Checksum{name}"] for name in ALGORITHMS if f"Checksum{name}" in members}
        asked = {members["ChecksumAlgorithm"]} if members.get("ChecksumAlgorithm") else set()
        upload = bodies.spool_source(body, self.tmp, frozenset(sent) or frozenset(asked))
        for name, value in sent.items():
            if upload.checksums[name] != value:
                upload.discard()
                raise ServiceError("BadDigest", f"The {name} you specified did not match the calculated checksum.")
        return upload

    # -- get -------------------------------------------------------------------------------------------------------

    @operation
    def get_object(self, call: Call, Bucket: str, Key: str, **members: Any) -> Members:
        """An object, or a range or a part of it, as a :class:`FileBody`."""
        refuse_others("GetObject", members, READ)
        with self._absence_told_to_who_may_list(call, Bucket):
            stored, stream = self.opened(Bucket, Key, members)
        try:
            answer, offset, length = _read_answer(stored, members)
        except BaseException:
            stream.close()
            raise
        return answer | {"Body": FileBody(Path(stored.path), offset, length, stream)}

    @operation
    def head_object(self, call: Call, Bucket: str, Key: str, **members: Any) -> Members:
        """What GetObject says of an object, without its bytes."""
        refuse_others("HeadObject", members, READ)
        with self._absence_told_to_who_may_list(call, Bucket):
            stored = self.found(Bucket, Key, members)
        return _read_answer(stored, members)[0]

    @contextmanager
    def _absence_told_to_who_may_list(self, call: Call, bucket: str) -> Iterator[None]:
        """AccessDenied in place of NoSuchKey for others (S3 API Reference, GetObject, "Permissions", 2026-11)."""
        try:
            yield
        except ServiceError as error:
            if error.code == "NoSuchKey":
                self.endpoint.authorize(call, "HeadBucket", Bucket=bucket)
            raise

    def opened(self, bucket: str, key: str, members: Mapping[str, Any]) -> tuple[StoredObject, BinaryIO]:
        """The object and its open file. Raises NoSuchBucket, NoSuchKey or NoSuchVersion."""
        self.bucket_folder(bucket, members.get("ExpectedBucketOwner"))
        check_version(members.get("VersionId"))
        found = self.objects.open(bucket, key)
        if found is None:
            raise errors.no_such_key(key)
        return found

    def found(self, bucket: str, key: str, members: Mapping[str, Any]) -> StoredObject:
        """The object. Raises NoSuchBucket, NoSuchKey or NoSuchVersion."""
        self.bucket_folder(bucket, members.get("ExpectedBucketOwner"))
        check_version(members.get("VersionId"))
        stored = self.objects.find(bucket, key)
        if stored is None:
            raise errors.no_such_key(key)
        return stored

    # -- copy ------------------------------------------------------------------------------------------------------

    @operation
    def copy_object(
        self, call: Call, Bucket: str, Key: str, CopySource: str | Mapping[str, str], **members: Any
    ) -> Members:
        """Copy an object, by reflink or in the kernel when its MD5 and checksum are known."""
        refuse_others("CopyObject", members, COPY)
        check_acl(members.get("ACL"))
        self.bucket_folder(Bucket, members.get("ExpectedBucketOwner"))
        _check_key(Key)
        source_bucket, source_key, source_members = read_copy_source(CopySource, members)
        source, stream = self.opened(source_bucket, source_key, source_members)
        with stream:
            check_read(source, members, "CopySource")
            if source.size_bytes > MAX_COPY_BYTES:
                raise ServiceError(
                    "InvalidRequest",
                    f"The specified copy source is larger than the maximum allowable size for a copy source: "
                    f"{MAX_COPY_BYTES}",
                )
            storage_class, kept = _copied_attributes(source, members, (source_bucket, source_key) == (Bucket, Key))
            body = self._duplicate(source, stream, members.get("ChecksumAlgorithm"))
        try:
            algorithm, value = next(iter(body.checksums.items()))
            kept |= checksum_attributes(algorithm, value)
            with self.objects.locked(Bucket, Key):
                self._check_write(Bucket, Key, members)
                kind = f"{algorithm}:FULL_OBJECT"
                new = self.objects.install(Bucket, Key, body.path, body.md5_hex, kept, storage_class, kind)
        finally:
            body.discard()
        result = {"ETag": f'"{new.etag}"', "LastModified": datetime.fromtimestamp(new.modified_s, UTC)}
        return {"CopyObjectResult": result | checksum_members(kept), **encryption(kept)}

    def _duplicate(self, source: StoredObject, stream: BinaryIO, algorithm: str | None) -> UploadBody:
        """A copy of an open object in a temporary file, with its MD5 and checksum: read only when they are unknown."""
        known = source.attributes.get("Checksum", {})
        plain = "-" not in source.etag and known.get("Type") == "FULL_OBJECT"
        wanted = algorithm or known.get("Algorithm")
        if not plain or wanted != known["Algorithm"]:
            return bodies.spool_source(stream, self.tmp, frozenset({wanted} if wanted else ()))
        target = bodies.Spool(self.tmp)
        try:
            target.copy_from(stream.fileno(), source.size_bytes)
            target.close()
        except BaseException:
            target.abandon()
            raise
        return UploadBody(target.path, source.size_bytes, source.etag, {wanted: known["Value"]})

    # -- delete ----------------------------------------------------------------------------------------------------

    @operation
    def delete_object(
        self,
        call: Call,
        Bucket: str,
        Key: str,
        VersionId: str | None = None,
        IfMatch: str | None = None,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
    ) -> Members:
        """Remove an object and the folders that it leaves empty; one that is not there is no error, as on AWS."""
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        check_version(VersionId)
        self._remove_object(Bucket, Key, IfMatch)
        return {}

    def _remove_object(self, bucket: str, key: str, if_match: str | None) -> None:
        with self.objects.locked(bucket, key):
            if if_match is not None:
                check_write(self.objects.find(bucket, key), key, if_match, None)
            self.objects.remove(bucket, key)

    @operation
    def delete_objects(
        self,
        call: Call,
        Bucket: str,
        Delete: Members,
        ChecksumAlgorithm: str | None = None,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
        **sent_checksums: Any,
    ) -> Members:
        """Remove up to 1000 objects; each one's error is told beside the others' success."""
        refuse_others("DeleteObjects", sent_checksums, CHECKED)
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        wanted = Delete.get("Objects") or []
        if not 1 <= len(wanted) <= MAX_DELETES:
            raise errors.malformed_xml()
        deleted, failed = [], []
        for one in wanted:
            try:
                refuse_others("DeleteObjects", one, frozenset({"ETag", "Key", "VersionId"}))
                check_version(one.get("VersionId"))
                which = {key: one[key] for key in ("Key", "VersionId") if one.get(key)}
                self.endpoint.authorize(call, "DeleteObject", Bucket=Bucket, **which)
                self._remove_object(Bucket, one["Key"], one.get("ETag"))
                deleted.append({"Key": one["Key"]})
            except ServiceError as error:
                failed.append({"Key": one["Key"], "Code": error.code, "Message": error.message})
        answer: Members = {} if Delete.get("Quiet") else {"Deleted": deleted}
        return answer | ({"Errors": failed} if failed else {})

    # -- tags and attributes ---------------------------------------------------------------------------------------

    @operation
    def get_object_tagging(
        self,
        call: Call,
        Bucket: str,
        Key: str,
        VersionId: str | None = None,
        ExpectedBucketOwner: str | None = None,
        RequestPayer: str | None = None,
    ) -> Members:
        """An object's tags."""
        stored = self.found(Bucket, Key, {"VersionId": VersionId, "ExpectedBucketOwner": ExpectedBucketOwner})
        return {"TagSet": stored.attributes.get("Tags", [])}

    @operation
    def put_object_tagging(
        self,
        call: Call,
        Bucket: str,
        Key: str,
        Tagging: Members,
        VersionId: str | None = None,
        ContentMD5: str | None = None,
        ChecksumAlgorithm: str | None = None,
        ExpectedBucketOwner: str | None = None,
        RequestPayer: str | None = None,
    ) -> Members:
        """Replace an object's tags."""
        members = {"VersionId": VersionId, "ExpectedBucketOwner": ExpectedBucketOwner}
        self._set_tags(Bucket, Key, members, check_tags(Tagging.get("TagSet") or []))
        return {}

    @operation
    def delete_object_tagging(
        self,
        call: Call,
        Bucket: str,
        Key: str,
        VersionId: str | None = None,
        ExpectedBucketOwner: str | None = None,
    ) -> Members:
        """Remove an object's tags."""
        self._set_tags(Bucket, Key, {"VersionId": VersionId, "ExpectedBucketOwner": ExpectedBucketOwner}, [])
        return {}

    def _set_tags(self, bucket: str, key: str, members: Mapping[str, Any], tags: list[dict[str, str]]) -> None:
        with self.objects.locked(bucket, key):
            stored = self.found(bucket, key, members)
            stored.attributes["Tags"] = tags
            self.objects.save(bucket, stored)

    @operation
    def get_object_attributes(
        self,
        call: Call,
        Bucket: str,
        Key: str,
        ObjectAttributes: list[str],
        VersionId: str | None = None,
        MaxParts: int = 1000,
        PartNumberMarker: int = 0,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
    ) -> Members:
        """The asked attributes of an object: ETag, Checksum, ObjectParts, StorageClass, ObjectSize."""
        stored = self.found(Bucket, Key, {"VersionId": VersionId, "ExpectedBucketOwner": ExpectedBucketOwner})
        # over HTTP the list is one header, with commas
        asked = {name.strip() for part in ObjectAttributes for name in part.split(",")}
        known: Members = {
            "ETag": stored.etag,
            "StorageClass": stored.storage_class,
            "ObjectSize": stored.size_bytes,
        }
        if checksum := checksum_members(stored.attributes):
            known["Checksum"] = checksum
        if parts := stored.attributes.get("Parts"):
            known["ObjectParts"] = _parts_page(stored.attributes, parts, int(PartNumberMarker), min(MaxParts, 1000))
        answer = {name: value for name, value in known.items() if name in asked}
        return {"LastModified": datetime.fromtimestamp(stored.modified_s, UTC), **answer}


def _parts_page(kept: Mapping[str, Any], parts: list[list[Any]], marker: int, limit: int) -> Members:
    """Parts of a multipart object; those uploaded without a checksum are only counted, as on AWS."""
    answer: Members = {"TotalPartsCount": len(parts)}
    if kept.get("Checksum", {}).get("Type") != "COMPOSITE":
        return answer
    name = f"Checksum{kept['Checksum']['Algorithm']}"
    page = [
        {"PartNumber": number, "Size": size, name: value}
        for number, (size, value) in enumerate(parts, 1)
        if number > marker
    ][:limit]
    last = page[-1]["PartNumber"] if page else marker
    return answer | {
        "Parts": page,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": last,
        "MaxParts": limit,
        "IsTruncated": last < len(parts),
    }


def _check_key(key: str) -> None:
    if not key:
        raise errors.invalid_argument("key", key, "The key of an object has at least one character")


def _read_answer(stored: StoredObject, members: Mapping[str, Any]) -> tuple[Members, int, int]:
    """(answer, offset, length) of a read. Raises as conditions and ranges do."""
    check_read(stored, members)
    part = members.get("PartNumber")
    if part and members.get("Range"):
        raise ServiceError("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    stretch = _part_range(stored, part) if part else read_range(members.get("Range"), stored.size_bytes)
    answer = shown(stored, members.get("ChecksumMode") == "ENABLED" and stretch is None)
    answer |= {name: members[override] for override, name in OVERRIDES.items() if override in members}
    offset, length = stretch or (0, stored.size_bytes)
    if stretch and length:
        answer |= {
            "ContentRange": f"bytes {offset}-{offset + length - 1}/{stored.size_bytes}",
            "ContentLength": length,
        }
    if part and stored.attributes.get("Parts"):
        answer["PartsCount"] = len(stored.attributes["Parts"])
    return answer, offset, length


def _part_range(stored: StoredObject, part: int) -> tuple[int, int]:
    sizes = [size for size, _ in stored.attributes.get("Parts", [])] or [stored.size_bytes]
    if not 1 <= part <= len(sizes):
        raise ServiceError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416)
    return sum(sizes[: part - 1]), sizes[part - 1]


def read_copy_source(
    source: str | Mapping[str, str], members: Mapping[str, Any]
) -> tuple[str, str, dict[str, str | None]]:
    """(bucket, key, members of the read) of a CopySource: boto3's dict, or the header's text."""
    owner = members.get("ExpectedSourceBucketOwner")
    if not isinstance(source, str):
        return source["Bucket"], source["Key"], {"VersionId": source.get("VersionId"), "ExpectedBucketOwner": owner}
    path, _, version = source.partition("?versionId=")
    bucket, _, key = unquote(path.removeprefix("/")).partition("/")
    if not bucket or not key:
        raise errors.invalid_argument("x-amz-copy-source", source, "Invalid copy source object key")
    return bucket, key, {"VersionId": version or None, "ExpectedBucketOwner": owner}


def _copied_attributes(
    source: StoredObject, members: Mapping[str, Any], onto_itself: bool
) -> tuple[str, dict[str, Any]]:
    """(storage class, attributes) of a copy, as its directives ask."""
    storage_class, given = read_attributes(members)
    for name, said in (("Metadata", "metadata"), ("Tagging", "tagging")):
        directive = members.get(f"{name}Directive", "COPY")
        if directive not in ("COPY", "REPLACE"):
            header = f"x-amz-{said}-directive"
            raise errors.invalid_argument(header, directive, f"Unknown {said} directive.")
    replaces = members.get("MetadataDirective", "COPY") == "REPLACE"
    changes = {"StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption", "SSEKMSKeyId"} & set(members)
    if onto_itself and not replaces and not changes:
        raise ServiceError(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes.",
        )
    kept = dict(given)
    if not replaces:
        left_behind = ("Checksum", "Parts", "Tags", "UploadId", "WebsiteRedirectLocation", "ServerSideEncryption")
        kept = {name: value for name, value in source.attributes.items() if name not in left_behind}
        own = ("BucketKeyEnabled", "SSEKMSKeyId", "ServerSideEncryption", "WebsiteRedirectLocation")
        kept |= {name: given[name] for name in own if name in given}
    tags = given.get("Tags") if members.get("TaggingDirective") == "REPLACE" else source.attributes.get("Tags")
    kept.pop("Tags", None)
    return storage_class, kept | ({"Tags": tags} if tags else {})


def file_checksum(path: str, algorithm: str) -> str:
    """The checksum of a file that was verified by another algorithm."""
    digest = checksums.new_digest(algorithm)
    with open(path, "rb", buffering=0) as stream:
        while piece := stream.read(bodies.BATCH_BYTES):
            digest.update(piece)
    return checksums.encode(digest.digest())


def append_file(path: str, target: int) -> None:
    """Append a whole file to an open one."""
    with open(path, "rb", buffering=0) as stream:
        copying.append(stream.fileno(), 0, os.fstat(stream.fileno()).st_size, target)
