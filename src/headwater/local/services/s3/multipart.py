"""Multipart uploads: parts are files outside the bucket until the upload is completed.

A part's row names its file, and is committed after the file stands; a part sent again gets a new file, so a kill at
any moment leaves either the old part or the new one. Completing joins the parts in the kernel into one file, which
then is put as any other. Completing again after a success gives the same answer, so that a client may retry.

Not faithful to AWS: the list of parts that GetObjectAttributes gives is kept for API uploads only.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headwater.local import bodies
from headwater.local.bodies import checksums
from headwater.local.bodies import UploadBody
from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.s3 import errors
from headwater.local.services.s3.attributes import (
    CHECKED,
    STORED,
    check_acl,
    checksum_attributes,
    checksum_members,
    encryption,
    read_attributes,
    refuse_others,
)
from headwater.local.services.s3.conditions import check_read
from headwater.local.services.s3.listing import encoder
from headwater.local.services.s3.object_operations import (
    COPY_CONDITIONS,
    ObjectOperations,
    append_file,
    file_checksum,
    read_copy_source,
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS s3_uploads (
    upload_id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, initiated_s INTEGER NOT NULL,
    algorithm TEXT NOT NULL, checksum_type TEXT NOT NULL, asked INTEGER NOT NULL, storage_class TEXT NOT NULL,
    attributes TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS s3_uploads_by_key ON s3_uploads (bucket, key, upload_id);
CREATE TABLE IF NOT EXISTS s3_parts (
    upload_id TEXT NOT NULL, part_number INTEGER NOT NULL, file TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    etag TEXT NOT NULL, checksum TEXT NOT NULL, modified_s INTEGER NOT NULL, PRIMARY KEY (upload_id, part_number)
) WITHOUT ROWID;
"""
MAX_PARTS = 10_000
MIN_PART_BYTES = 5 << 20
MAX_OBJECT_BYTES = 50 << 40  # 50 TB since 2025-12; 5 TB before
CREATE = STORED | {"ACL", "ChecksumAlgorithm", "ChecksumType", "ExpectedBucketOwner", "RequestPayer"}
COMPLETE = CHECKED | {"ChecksumType", "IfMatch", "IfNoneMatch", "MpuObjectSize"}


class MultipartOperations(ObjectOperations):
    """The operations on multipart uploads."""

    def _folder(self, upload_id: str) -> Path:
        return self.endpoint.home / "multipart" / upload_id

    def _upload(self, bucket: str, key: str, upload_id: str) -> sqlite3.Row:
        rows: list[sqlite3.Row] = self.store.query("SELECT * FROM s3_uploads WHERE upload_id = ?", (upload_id,))
        if not rows or rows[0]["bucket"] != bucket or rows[0]["key"] != key:
            raise errors.no_such_upload(upload_id)
        return rows[0]

    @operation
    def create_multipart_upload(self, call: Call, Bucket: str, Key: str, **members: Any) -> Members:
        """Begin an upload whose parts come separately."""
        refuse_others("CreateMultipartUpload", members, CREATE)
        check_acl(members.get("ACL"))
        self.bucket_folder(Bucket, members.get("ExpectedBucketOwner"))
        self.objects.find(Bucket, Key)  # refuses a key that cannot be
        storage_class, kept = read_attributes(members)
        asked = members.get("ChecksumAlgorithm")
        algorithm = asked or bodies.DEFAULT_ALGORITHM
        kind = _checksum_type(algorithm, members.get("ChecksumType"), asked is not None)
        upload_id = secrets.token_urlsafe(48)
        self._folder(upload_id).mkdir(parents=True)
        self.store.execute(
            "INSERT INTO s3_uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                upload_id,
                Bucket,
                Key,
                _now_s(),
                algorithm,
                kind,
                asked is not None,
                storage_class,
                json.dumps(kept),
            ),
        )
        answer = {"Bucket": Bucket, "Key": Key, "UploadId": upload_id, **encryption(kept)}
        return answer | ({"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if asked else {})

    # -- parts -----------------------------------------------------------------------------------------------------

    @operation
    def upload_part(
        self, call: Call, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: Any = b"", **members: Any
    ) -> Members:
        """Store one part, replacing an earlier one of its number."""
        body = self.as_upload(Body, members)
        try:
            refuse_others("UploadPart", members, CHECKED)
            self.bucket_folder(Bucket, members.get("ExpectedBucketOwner"))
            upload = self._upload(Bucket, Key, UploadId)
            value = self._keep_part(upload, PartNumber, body)
        finally:
            body.discard()
        answer = {"ETag": f'"{body.md5_hex}"', **encryption(json.loads(upload["attributes"]))}
        if upload["asked"] or body.client_checksum:
            answer[f"Checksum{upload['algorithm']}"] = value
        return answer

    @operation
    def upload_part_copy(
        self,
        call: Call,
        Bucket: str,
        Key: str,
        UploadId: str,
        PartNumber: int,
        CopySource: str | Mapping[str, str],
        CopySourceRange: str | None = None,
        **members: Any,
    ) -> Members:
        """Store a stretch of an object as a part."""
        accepted = COPY_CONDITIONS | {"ExpectedBucketOwner", "ExpectedSourceBucketOwner", "RequestPayer"}
        refuse_others("UploadPartCopy", members, accepted)
        self.bucket_folder(Bucket, members.get("ExpectedBucketOwner"))
        upload = self._upload(Bucket, Key, UploadId)
        source_bucket, source_key, source_members = read_copy_source(CopySource, members)
        source, stream = self.opened(source_bucket, source_key, source_members)
        with stream:
            check_read(source, members, "CopySource")
            offset, length = _copy_range(CopySourceRange, source.size_bytes)
            with bodies.FileBody(Path(source.path), offset, length, stream) as stretch:
                body = bodies.spool_source(stretch, self.tmp, frozenset({upload["algorithm"]}))
        try:
            value = self._keep_part(upload, PartNumber, body)
        finally:
            body.discard()
        result: Members = {"ETag": f'"{body.md5_hex}"', "LastModified": datetime.now(UTC).replace(microsecond=0)}
        if upload["asked"]:
            result[f"Checksum{upload['algorithm']}"] = value
        return {"CopyPartResult": result, **encryption(json.loads(upload["attributes"]))}

    def _keep_part(self, upload: sqlite3.Row, number: int, body: UploadBody) -> str:
        """Give the part's file its place and commit its row; returns its checksum."""
        if not 1 <= number <= MAX_PARTS:
            raise errors.invalid_argument(
                "partNumber", number, f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive"
            )
        algorithm = upload["algorithm"]
        if upload["asked"] and body.client_checksum and algorithm not in body.checksums:
            raise ServiceError(
                "InvalidRequest",
                f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}, actual checksum Type: "
                f"{next(iter(body.checksums)).lower()}",
            )
        value = body.checksums.get(algorithm) or file_checksum(str(body.path), algorithm)
        upload_id = upload["upload_id"]
        name = f"{number}-{uuid.uuid4().hex}"
        try:
            body.move_to(self._folder(upload_id) / name)
        except FileNotFoundError:
            raise errors.no_such_upload(upload_id) from None
        with self.store.transaction() as connection:
            if not connection.execute("SELECT 1 FROM s3_uploads WHERE upload_id = ?", (upload_id,)).fetchone():
                raise errors.no_such_upload(upload_id)
            old = connection.execute(
                "SELECT file FROM s3_parts WHERE upload_id = ? AND part_number = ?", (upload_id, number)
            ).fetchone()
            connection.execute(
                "INSERT OR REPLACE INTO s3_parts VALUES (?, ?, ?, ?, ?, ?, ?)",
                (upload_id, number, name, body.size_bytes, body.md5_hex, value, _now_s()),
            )
        if old:
            (self._folder(upload_id) / old["file"]).unlink(missing_ok=True)
        return value

    # -- the end of an upload --------------------------------------------------------------------------------------

    @operation
    def complete_multipart_upload(
        self, call: Call, Bucket: str, Key: str, UploadId: str, MultipartUpload: Members | None = None, **members: Any
    ) -> Members:
        """Join the parts into the object."""
        refuse_others("CompleteMultipartUpload", members, COMPLETE)
        self.bucket_folder(Bucket, members.get("ExpectedBucketOwner"))
        with self.objects.locked(Bucket, Key):
            try:
                upload = self._upload(Bucket, Key, UploadId)
            except ServiceError:
                stored = self.objects.find(Bucket, Key)
                if stored is None or stored.attributes.get("UploadId") != UploadId:
                    raise
                return self._completed(Bucket, Key, stored.etag, stored.attributes)
            parts = self._checked_parts(upload, (MultipartUpload or {}).get("Parts") or [])
            self._check_write(Bucket, Key, members)
            etag, kept = _joined_attributes(upload, parts, members)
            joined = self._join(UploadId, parts)
            try:
                kind = f"{kept['Checksum']['Algorithm']}:{kept['Checksum']['Type']}"
                self.objects.install(Bucket, Key, joined, etag, kept, upload["storage_class"], kind)
            finally:
                joined.unlink(missing_ok=True)
            self._forget(UploadId)
        return self._completed(Bucket, Key, etag, kept)

    def _completed(self, bucket: str, key: str, etag: str, kept: Mapping[str, Any]) -> Members:
        location = f"{self.endpoint.url}/{bucket}/{key}"
        answer = {"Location": location, "Bucket": bucket, "Key": key, "ETag": f'"{etag}"'}
        return answer | checksum_members(kept) | encryption(kept)

    def _checked_parts(self, upload: sqlite3.Row, listed: Sequence[Mapping[str, Any]]) -> list[sqlite3.Row]:
        """The rows of the parts that the client lists. Raises InvalidPart, InvalidPartOrder or EntityTooSmall."""
        if not listed:
            raise errors.malformed_xml()
        numbers = [part.get("PartNumber") or 0 for part in listed]
        if any(second <= first for first, second in zip(numbers, numbers[1:], strict=False)):
            raise ServiceError(
                "InvalidPartOrder",
                "The list of parts was not in ascending order. The parts list must be specified in order by part "
                "number.",
            )
        rows = self.store.query("SELECT * FROM s3_parts WHERE upload_id = ?", (upload["upload_id"],))
        kept = {row["part_number"]: row for row in rows}
        parts = [_match_part(kept.get(number), part, upload) for number, part in zip(numbers, listed, strict=True)]
        for row in parts[:-1]:
            if row["size_bytes"] < MIN_PART_BYTES:
                raise ServiceError(
                    "EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size",
                    ProposedSize=str(row["size_bytes"]),
                    MinSizeAllowed=str(MIN_PART_BYTES),
                    PartNumber=str(row["part_number"]),
                    ETag=row["etag"],
                )
        return parts

    def _join(self, upload_id: str, parts: Sequence[sqlite3.Row]) -> Path:
        """One file of the parts' bytes; a single part is linked, not copied: nobody else writes to it."""
        folder = self._folder(upload_id)
        target = self.tmp / f"{bodies.UPLOAD_PREFIX}{uuid.uuid4().hex}"
        self.tmp.mkdir(exist_ok=True)
        try:
            if len(parts) == 1:
                os.link(folder / parts[0]["file"], target)
                return target
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            try:
                for part in parts:
                    append_file(str(folder / part["file"]), descriptor)
            finally:
                os.close(descriptor)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target

    def _forget(self, upload_id: str) -> None:
        with self.store.transaction() as connection:
            connection.execute("DELETE FROM s3_uploads WHERE upload_id = ?", (upload_id,))
            connection.execute("DELETE FROM s3_parts WHERE upload_id = ?", (upload_id,))
        shutil.rmtree(self._folder(upload_id), ignore_errors=True)

    def forget_uploads(self, bucket: str) -> None:
        """Drop the unfinished uploads of a deleted bucket."""
        for row in self.store.query("SELECT upload_id FROM s3_uploads WHERE bucket = ?", (bucket,)):
            self._forget(row["upload_id"])

    @operation
    def abort_multipart_upload(
        self,
        call: Call,
        Bucket: str,
        Key: str,
        UploadId: str,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
    ) -> Members:
        """Drop an upload and its parts."""
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        with self.objects.locked(Bucket, Key):
            self._upload(Bucket, Key, UploadId)
            self._forget(UploadId)
        return {}

    # -- listing ---------------------------------------------------------------------------------------------------

    @operation
    def list_parts(
        self,
        call: Call,
        Bucket: str,
        Key: str,
        UploadId: str,
        MaxParts: int = 1000,
        PartNumberMarker: int = 0,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
    ) -> Members:
        """One page of an upload's parts."""
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        upload = self._upload(Bucket, Key, UploadId)
        limit = min(MaxParts, 1000)
        rows = self.store.query(
            "SELECT * FROM s3_parts WHERE upload_id = ? AND part_number > ? ORDER BY part_number LIMIT ?",
            (UploadId, int(PartNumberMarker), limit + 1),
        )
        parts = [_part_entry(row, upload) for row in rows[:limit]]
        answer: Members = {
            "Bucket": Bucket,
            "Key": Key,
            "UploadId": UploadId,
            "PartNumberMarker": int(PartNumberMarker),
            "NextPartNumberMarker": parts[-1]["PartNumber"] if parts else 0,
            "MaxParts": limit,
            "IsTruncated": len(rows) > limit,
            "Initiator": self.owner(),
            "Owner": self.owner(),
            "StorageClass": upload["storage_class"],
        }
        if parts:
            answer["Parts"] = parts
        return answer | _asked_checksum(upload)

    @operation
    def list_multipart_uploads(
        self,
        call: Call,
        Bucket: str,
        Prefix: str = "",
        Delimiter: str = "",
        MaxUploads: int = 1000,
        KeyMarker: str = "",
        UploadIdMarker: str = "",
        EncodingType: str | None = None,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
    ) -> Members:
        """One page of a bucket's unfinished uploads, by key and then by age."""
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        encode, limit = encoder(EncodingType), min(MaxUploads, 1000)
        rows = self.store.query(
            "SELECT * FROM s3_uploads WHERE bucket = ? AND substr(key, 1, ?) = ? AND (key > ? OR (key = ? AND"
            " upload_id > ? AND ? != '')) ORDER BY key, upload_id",
            (Bucket, len(Prefix), Prefix, KeyMarker, KeyMarker, UploadIdMarker, UploadIdMarker),
        )
        uploads: list[Members] = []
        prefixes: list[str] = []
        next_markers: Members = {}
        for row in rows:
            cut = row["key"].find(Delimiter, len(Prefix)) if Delimiter else -1
            common = row["key"][: cut + len(Delimiter)] if cut >= 0 else None
            if common is not None and (common in prefixes or common == KeyMarker):
                continue
            if len(uploads) + len(prefixes) == limit:
                next_markers["IsTruncated"] = True
                break
            if common is not None:
                prefixes.append(common)
            else:
                uploads.append(self._upload_entry(row, encode))
            next_markers = {
                "NextKeyMarker": encode(common or row["key"]),
                "NextUploadIdMarker": "" if common else row["upload_id"],
            }
        answer: Members = {
            "Bucket": Bucket,
            "KeyMarker": encode(KeyMarker),
            "UploadIdMarker": UploadIdMarker,
            "MaxUploads": limit,
            "IsTruncated": False,
        }
        optional = {
            "Prefix": encode(Prefix),
            "Delimiter": encode(Delimiter),
            "EncodingType": EncodingType,
            "Uploads": uploads,
            "CommonPrefixes": [{"Prefix": encode(prefix)} for prefix in prefixes],
        }
        return answer | next_markers | {name: value for name, value in optional.items() if value}

    def _upload_entry(self, row: sqlite3.Row, encode: Any) -> Members:
        return {
            "UploadId": row["upload_id"],
            "Key": encode(row["key"]),
            "Initiated": datetime.fromtimestamp(row["initiated_s"], UTC),
            "StorageClass": row["storage_class"],
            "Owner": self.owner(),
            "Initiator": self.owner(),
            **_asked_checksum(row),
        }


def _asked_checksum(upload: sqlite3.Row) -> Members:
    if not upload["asked"]:
        return {}
    return {"ChecksumAlgorithm": upload["algorithm"], "ChecksumType": upload["checksum_type"]}


def _part_entry(row: sqlite3.Row, upload: sqlite3.Row) -> Members:
    entry: Members = {
        "PartNumber": row["part_number"],
        "LastModified": datetime.fromtimestamp(row["modified_s"], UTC),
        "ETag": f'"{row["etag"]}"',
        "Size": row["size_bytes"],
    }
    return entry | ({f"Checksum{upload['algorithm']}": row["checksum"]} if upload["asked"] else {})


def _now_s() -> int:
    return int(datetime.now(UTC).timestamp())


def _checksum_type(algorithm: str, kind: str | None, asked: bool) -> str:
    """The upload's checksum type; S3's table of which algorithm has which (2025)."""
    if algorithm not in checksums.ALGORITHMS:
        raise ServiceError("InvalidRequest", f"Checksum algorithm provided is unsupported: {algorithm}")
    default = "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
    if kind is None:
        return default
    linear = algorithm in checksums.LINEAR
    if not asked or (kind == "FULL_OBJECT" and not linear) or (kind == "COMPOSITE" and algorithm == "CRC64NVME"):
        raise ServiceError(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm.",
        )
    return kind


def _copy_range(header: str | None, size_bytes: int) -> tuple[int, int]:
    if header is None:
        return 0, size_bytes
    first, dash, last = header.removeprefix("bytes=").partition("-")
    if not (header.startswith("bytes=") and dash and first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise errors.invalid_argument(
            "x-amz-copy-source-range",
            header,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
        )
    if int(last) >= size_bytes:
        raise errors.invalid_argument(
            "x-amz-copy-source-range", header, f"Range specified is not valid for source object of size: {size_bytes}"
        )
    return int(first), int(last) - int(first) + 1


def _match_part(row: sqlite3.Row | None, part: Mapping[str, Any], upload: sqlite3.Row) -> sqlite3.Row:
    sent = part.get(f"Checksum{upload['algorithm']}")
    etag = str(part.get("ETag", "")).strip('"')
    if row is None or row["etag"] != etag or (sent is not None and sent != row["checksum"]):
        raise ServiceError(
            "InvalidPart",
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
            "specified entity tag may not match the part's entity tag.",
            UploadId=upload["upload_id"],
            PartNumber=str(part.get("PartNumber")),
            ETag=etag,
        )
    return row


def _joined_attributes(
    upload: sqlite3.Row, parts: Sequence[sqlite3.Row], members: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """(ETag, attributes) of the joined object. Raises BadDigest or InvalidRequest when the client expects others."""
    digest = hashlib.md5(b"".join(bytes.fromhex(part["etag"]) for part in parts), usedforsecurity=False)
    size = sum(part["size_bytes"] for part in parts)
    if members.get("MpuObjectSize") not in (None, size):
        raise ServiceError(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {members['MpuObjectSize']} does not match what was "
            f"computed: {size}",
        )
    algorithm, kind = upload["algorithm"], upload["checksum_type"]
    if members.get("ChecksumType") not in (None, kind):
        raise ServiceError("InvalidRequest", f"The upload was created using the {kind} checksum mode.")
    if kind == "COMPOSITE":
        value = checksums.composite(algorithm, [part["checksum"] for part in parts])
    else:
        value = checksums.full_object(algorithm, [(part["checksum"], part["size_bytes"]) for part in parts])
    sent = members.get(f"Checksum{algorithm}")
    if sent is not None and sent != value and f"{sent}-{len(parts)}" != value:
        raise ServiceError("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
    kept = json.loads(upload["attributes"]) | checksum_attributes(algorithm, value, kind)
    kept |= {"Parts": [[part["size_bytes"], part["checksum"]] for part in parts], "UploadId": upload["upload_id"]}
    return f"{digest.hexdigest()}-{len(parts)}", kept
