"""The lake's files: up, down, list, sync, remove, on either endpoint.

Objects above 100 MB go up in parts; listings go through paginators; a download lands under a temporary name first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from headwater.cloud.session import Cloud, error_code, explain
from headwater.errors import CloudError

MULTIPART_BYTES = 100 * 1024 * 1024
TRANSFER = TransferConfig(multipart_threshold=MULTIPART_BYTES, multipart_chunksize=32 * 1024 * 1024)
DELETE_BATCH = 1000

Progress = Callable[[int], None]


@dataclass(frozen=True)
class LakeObject:
    """An object of the lake."""

    key: str
    size_bytes: int
    modified: datetime
    etag: str


@dataclass(frozen=True)
class LakeUri:
    """``s3://bucket/key`` taken apart."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str, default_bucket: str | None = None) -> LakeUri:
        """From ``s3://bucket/key``, or a path in the default bucket. Raises :class:`CloudError`."""
        if text.startswith("s3://"):
            bucket, _, key = text[5:].partition("/")
            if bucket:
                return cls(bucket, key)
        elif default_bucket and "://" not in text:
            return cls(default_bucket, text.lstrip("/"))
        raise CloudError(f"expected s3://BUCKET/KEY or a path in the lake such as raw/flights/, got {text!r}")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class LakeFiles:
    """File operations on buckets of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._s3 = cloud.client("s3")

    def find(self, where: LakeUri, recursive: bool = True) -> Iterator[LakeObject | str]:
        """The objects under a prefix, and, unless recursive, the folders (as strings that end in ``/``)."""
        options: dict[str, Any] = {"Bucket": where.bucket, "Prefix": where.key}
        if not recursive:
            options["Delimiter"] = "/"
        try:
            for page in self._s3.get_paginator("list_objects_v2").paginate(**options):
                yield from (str(found["Prefix"]) for found in page.get("CommonPrefixes", ()))
                for found in page.get("Contents", ()):
                    yield LakeObject(found["Key"], found["Size"], found["LastModified"], found["ETag"].strip('"'))
        except ClientError as error:
            raise explain(error) from error

    def put(self, source: Path, target: LakeUri, progress: Progress | None = None) -> None:
        """Upload a file; in parts above 100 MB. ``progress`` gets the bytes sent since the last call."""
        try:
            self._s3.upload_file(str(source), target.bucket, target.key, Config=TRANSFER, Callback=progress)
        except ClientError as error:
            raise explain(error) from error
        except Exception as error:  # boto3 wraps ClientError in S3UploadFailedError, which is no BotoCoreError
            raise CloudError(f"cannot upload {source} to {target}: {error}") from error

    def get(self, source: LakeUri, target: Path, progress: Progress | None = None) -> None:
        """Download an object; the file appears whole or not at all."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._s3.download_file(source.bucket, source.key, str(target), Config=TRANSFER, Callback=progress)
        except ClientError as error:
            if error_code(error) in ("404", "NoSuchKey"):
                raise CloudError(f"there is no object {source}") from error
            raise explain(error) from error

    def exists(self, where: LakeUri) -> bool:
        """Whether an object is there."""
        return self._head(where) is not None

    def size_bytes(self, where: LakeUri) -> int:
        """The size of an object; 0 of one that is not there."""
        found = self._head(where)
        return int(found["ContentLength"]) if found else 0

    def _head(self, where: LakeUri) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._s3.head_object(Bucket=where.bucket, Key=where.key)
        except ClientError as error:
            if error_code(error) in ("404", "NoSuchKey", "NoSuchBucket"):
                return None
            raise explain(error) from error
        return found

    def remove(self, where: LakeUri, recursive: bool = False) -> int:
        """Delete an object, or everything under a prefix; returns how many were deleted."""
        keys = [where.key] if not recursive else [f.key for f in self.find(where) if isinstance(f, LakeObject)]
        for start in range(0, len(keys), DELETE_BATCH):
            batch = [{"Key": key} for key in keys[start : start + DELETE_BATCH]]
            try:
                answer = self._s3.delete_objects(Bucket=where.bucket, Delete={"Objects": batch, "Quiet": True})
            except ClientError as error:
                raise explain(error) from error
            if answer.get("Errors"):
                first = answer["Errors"][0]
                raise CloudError(f"cannot delete {first['Key']}: {first['Code']}: {first['Message']}")
        return len(keys)

    def plan_upload(self, folder: Path, target: LakeUri) -> list[tuple[Path, LakeUri]]:
        """The files under ``folder`` that differ (by size, or newer here) from what is under ``target``."""
        prefix = target.key.rstrip("/") + "/" if target.key else ""
        there = {f.key: f for f in self.find(LakeUri(target.bucket, prefix)) if isinstance(f, LakeObject)}
        changed = []
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            key = prefix + path.relative_to(folder).as_posix()
            found = there.get(key)
            status = path.stat()
            if found is None or found.size_bytes != status.st_size or status.st_mtime > found.modified.timestamp():
                changed.append((path, LakeUri(target.bucket, key)))
        return changed

    def plan_download(self, source: LakeUri, folder: Path) -> list[tuple[LakeUri, Path]]:
        """The objects under ``source`` that differ (by size, or newer there) from the files under ``folder``."""
        prefix = source.key.rstrip("/") + "/" if source.key else ""
        changed = []
        for found in self.find(LakeUri(source.bucket, prefix)):
            if not isinstance(found, LakeObject) or found.key.endswith("/"):
                continue
            path = _inside(folder, found.key[len(prefix) :])
            try:
                status = path.stat()
                same = status.st_size == found.size_bytes and status.st_mtime >= found.modified.timestamp()
            except OSError:
                same = False
            if not same:
                changed.append((LakeUri(source.bucket, found.key), path))
        return changed


def _inside(folder: Path, relative: str) -> Path:
    path = Path(os.path.normpath(folder / relative))
    if not path.is_relative_to(folder):
        raise CloudError(f"the key {relative!r} would be written outside {folder}")
    return path
