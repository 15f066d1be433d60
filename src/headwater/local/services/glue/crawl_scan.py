"""The reading half of a crawl: list a target's objects, as the crawler's role, and sample them.

Objects are read through the endpoint's S3, so the role's policies decide; what is read is a bounded sample
(:mod:`~headwater.local.services.glue.sampling`).

Left out, as Hive's readers leave it out: empty objects, folder markers, and whatever has a part of its key that begins
with ``_`` or ``.`` (``_SUCCESS``, ``_temporary/``). AWS leaves out part of these and does not say which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from headwater.local.service import ServiceError
from headwater.local.services.glue.csv_dialect import CsvRules
from headwater.local.services.glue.grouping import CrawledFile
from headwater.local.services.glue.inference import infer
from headwater.local.services.glue.s3_paths import Exclusions, split_s3_path


class S3Caller(Protocol):
    """Calls an S3 operation as the crawler's role."""

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]: ...


class Stopped(Exception):
    """The crawl was told to stop."""


@dataclass(frozen=True)
class Target:
    """An S3 target: the bucket, the key prefix (a folder ends with a slash) and what is left out."""

    bucket: str
    prefix: str
    exclusions: Exclusions
    sample_size: int | None = None

    @classmethod
    def of(cls, members: dict[str, Any]) -> Target:
        """From an ``S3Target`` of the API."""
        bucket, prefix = split_s3_path(members["Path"])
        return cls(bucket, prefix, Exclusions(members.get("Exclusions", [])), members.get("SampleSize"))

    @property
    def folder(self) -> str:
        """The prefix as a folder."""
        return self.prefix if not self.prefix or self.prefix.endswith("/") else f"{self.prefix}/"

    def location(self, prefix: str) -> str:
        """The S3 URI of a key prefix of this bucket."""
        return f"s3://{self.bucket}/{prefix}"


@dataclass(frozen=True)
class ListedObject:
    """An object of a target."""

    key: str
    size_bytes: int

    @property
    def folder(self) -> str:
        return self.key.rpartition("/")[0]


def list_objects(s3: S3Caller, target: Target) -> Iterator[ListedObject]:
    """The objects of a target: one named object, or what lies in the folder."""
    token: str | None = None
    while True:
        more = {"ContinuationToken": token} if token else {}
        page = s3("list_objects_v2", Bucket=target.bucket, Prefix=target.prefix, **more)
        for entry in page.get("Contents", []):
            key = entry["Key"]
            if (key == target.prefix or key.startswith(target.folder)) and _holds_data(target, key, entry["Size"]):
                yield ListedObject(key, entry["Size"])
        token = page.get("NextContinuationToken")
        if not token:
            return


def sample_objects(
    s3: S3Caller,
    target: Target,
    objects: list[ListedObject],
    stopped: Callable[[], bool],
    classifiers: Sequence[CsvRules] = (),
) -> list[CrawledFile]:
    """The schemas of the objects, of the first ``SampleSize`` of each folder when the target says so.

    Raises
    ------
    Stopped
        ``stopped()`` became true.
    """
    taken: dict[str, int] = defaultdict(int)
    files = []
    for entry in objects:
        if stopped():
            raise Stopped
        taken[entry.folder] += 1
        if target.sample_size is None or taken[entry.folder] <= target.sample_size:
            files.append(_sample(s3, target, entry, classifiers))
    return files


def _sample(s3: S3Caller, target: Target, entry: ListedObject, classifiers: Sequence[CsvRules]) -> CrawledFile:
    answer = s3("get_object", Bucket=target.bucket, Key=entry.key)
    body = answer["Body"]
    try:
        return CrawledFile(entry.key, infer(body.path, entry.size_bytes, classifiers))
    except OSError as error:
        raise ServiceError(
            "InternalServiceException", f"{target.location(entry.key)} cannot be read: {error}"
        ) from error
    finally:
        body.close()


def _holds_data(target: Target, key: str, size_bytes: int) -> bool:
    relative = key[len(target.folder) :] if key.startswith(target.folder) else key.rpartition("/")[2]
    if size_bytes == 0 or not relative or key.endswith(("/", "_$folder$")):
        return False
    if any(part.startswith(("_", ".")) for part in relative.split("/")):
        return False
    return not target.exclusions.match(relative)
