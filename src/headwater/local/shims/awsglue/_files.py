"""The files of the lake below a path: what Spark is told to read, and what bookmarks go by.

The lake is plain files, so listing them costs a walk, and one call of S3 that asks whether the job's role may list
there. Names that begin with ``_`` or ``.`` are not data, as Hadoop has it.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from awsglue._errors import NotComputed

S3_SCHEMES = ("s3", "s3a", "s3n")


def split_uri(uri: str) -> tuple[str, str]:
    """The bucket and the key (or prefix) of an S3 URI."""
    parts = urlsplit(uri)
    if parts.scheme not in S3_SCHEMES or not parts.netloc:
        raise NotComputed(f"reading and writing {uri}", "Paths are s3://bucket/prefix")
    return parts.netloc, uri.split("://", 1)[1].partition("/")[2]


def local_path(uri: str) -> Path:
    """Where an S3 URI is on disk."""
    root = os.environ.get("HEADWATER_S3_ROOT")
    if root is None:
        raise NotComputed(
            "finding the lake outside a Headwater job", "Run the script as a job: HEADWATER_S3_ROOT is unset"
        )
    bucket, key = split_uri(uri)
    if not Path(root, bucket).is_dir():
        raise FileNotFoundError(f"NoSuchBucket: there is no bucket {bucket} (of {uri})")
    return Path(root, bucket, *[part for part in key.split("/") if part])


def list_files(uri: str, recurse: bool = True, exclusions: tuple[str, ...] = ()) -> dict[str, list[int]]:
    """The data files at or below a URI, by name: URI → [modified_ns, size_bytes].

    ``exclusions`` are glob patterns on whole URIs (``**`` crosses folders).
    """
    path = local_path(uri)
    bucket, key = split_uri(uri)
    if not path.is_file():
        may_list(bucket, f"{key.rstrip('/')}/" if key.strip("/") else "")
    root = local_path(f"s3://{bucket}/")
    patterns = [re.compile(_glob(pattern)) for pattern in exclusions]
    found = {}
    for file in _walk(path, recurse):
        name = f"s3://{bucket}/{file.relative_to(root).as_posix()}"
        if not any(pattern.match(name) for pattern in patterns):
            status = file.stat()
            found[name] = [status.st_mtime_ns, status.st_size]
    return found


def may_list(bucket: str, prefix: str) -> None:
    """Let S3 decide whether the job's role may list a prefix: AccessDenied, in its words, where not.

    A job always has an endpoint to ask; a program without one reads files that no role guards.
    """
    if "AWS_ENDPOINT_URL" in os.environ:
        _client().list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)


@functools.cache
def _client() -> Any:
    import boto3

    return boto3.client("s3")


def _walk(path: Path, recurse: bool) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            if entry.name.startswith(("_", ".")):
                continue
            if entry.is_file():
                yield Path(entry.path)
            elif recurse:
                yield from _walk(Path(entry.path), True)


def _glob(pattern: str) -> str:
    """Glue's exclusion globs: ``**`` crosses folders, ``*`` does not."""
    pieces = re.split(r"(\*\*|\*)", pattern)
    within = {"**": ".*", "*": "[^/]*"}
    return "".join(within.get(piece) or fnmatch.translate(piece)[4:-3] for piece in pieces) + r"\Z"


def literal(uri: str) -> str:
    """The URI as a Spark path without globs."""
    return re.sub(r"([{}\[\]*?\\])", r"\\\1", uri)
