"""What lies in a dataset, and the metrics that stages wrote: by listing and ranged reads, on either endpoint."""

from __future__ import annotations

import io
import json
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.lake import LakeFiles, LakeObject, LakeUri
from headwater.cloud.session import Cloud, error_code, explain

TAIL_BYTES = 1 << 16


def describe_dataset(cloud: Cloud, bucket: str, prefix: str) -> dict[str, Any]:
    """``{"uri", "objects", "size_bytes", "rows"}`` of a dataset; rows only where every object is Parquet."""
    found = [
        one
        for one in LakeFiles(cloud).find(LakeUri(bucket, prefix))
        if isinstance(one, LakeObject) and not one.key.rsplit("/", 1)[-1].startswith(("_", "."))
    ]
    rows: int | None = None
    if found and all(one.key.endswith(".parquet") for one in found):
        rows = _count_rows(cloud, bucket, found)
    return {
        "uri": f"s3://{bucket}/{prefix}",
        "objects": len(found),
        "size_bytes": sum(one.size_bytes for one in found),
        "rows": rows,
    }


def _count_rows(cloud: Cloud, bucket: str, objects: list[LakeObject]) -> int | None:
    """The rows that Parquet footers say, reading no more than the footers."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        return None
    total = 0
    for one in objects:
        footer = _RangedFile(cloud, bucket, one.key, one.size_bytes)
        total += parquet.read_metadata(footer).num_rows
    return total


class _RangedFile(io.RawIOBase):
    """An object as a seekable file whose end is fetched first, since that is where Parquet keeps its footer."""

    def __init__(self, cloud: Cloud, bucket: str, key: str, size_bytes: int) -> None:
        super().__init__()
        self._s3 = cloud.client("s3")
        self._bucket, self._key, self._size = bucket, key, size_bytes
        self._position = 0
        self._tail_start = max(0, size_bytes - TAIL_BYTES)
        self._tail = self._fetch(self._tail_start, size_bytes) if size_bytes else b""

    def _fetch(self, start: int, end: int) -> bytes:
        answer = self._s3.get_object(Bucket=self._bucket, Key=self._key, Range=f"bytes={start}-{end - 1}")
        body: bytes = answer["Body"].read()
        return body

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Bytes from here on, fetched unless they are in the tail."""
        end = self._size if size < 0 else min(self._size, self._position + size)
        start, self._position = self._position, end
        if start >= end:
            return b""
        if start >= self._tail_start:
            return self._tail[start - self._tail_start : end - self._tail_start]
        return self._fetch(start, end)


def read_metrics(cloud: Cloud, uri: LakeUri) -> dict[str, Any]:
    """The metrics in a stage's metrics.json; empty when it wrote none."""
    try:
        body = cloud.client("s3").get_object(Bucket=uri.bucket, Key=uri.key)["Body"].read()
    except ClientError as error:
        if error_code(error) == "NoSuchKey":
            return {}
        raise explain(error) from error
    found = json.loads(body)
    return found if isinstance(found, dict) else {}
