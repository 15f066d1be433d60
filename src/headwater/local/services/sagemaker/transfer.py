"""Between S3 and a job's folder, with the rights of the job's role.

Inputs are copies, never links, so that nothing a job does to them reaches the lake: by reflink where the file system
has them (at no cost), else in the kernel at some 1.5 GB/s. An object is taken as it was when it was listed or later.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.local.identity import Principal
from headwater.local.service import Endpoint, ServiceError

FICLONE = 0x40049409
SYNC_S = 1.0


class TransferFailed(Exception):
    """An object could not be read or written; the text is for FailureReason."""


@dataclass(frozen=True)
class S3Uri:
    """A bucket and a key or prefix."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> S3Uri:
        """Split ``s3://bucket/key``. Raises ServiceError (ValidationException) for anything else."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket:
            raise ServiceError("ValidationException", f"The S3 URI {uri!r} is not valid: expected s3://bucket/key")
        return cls(bucket, key)

    def below(self, name: str) -> S3Uri:
        """The URI of something in this folder."""
        return S3Uri(self.bucket, f"{self.key.rstrip('/')}/{name}".lstrip("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class Transfer:
    """What one job moves.

    Parameters
    ----------
    principal:
        The session of the job's role.
    """

    def __init__(self, endpoint: Endpoint, principal: Principal) -> None:
        self._endpoint, self._principal = endpoint, principal

    def _s3(self, operation: str, uri: S3Uri, **members: Any) -> dict[str, Any]:
        try:
            return self._endpoint.call("s3", operation, principal=self._principal, Bucket=uri.bucket, **members)
        except ServiceError as error:
            raise TransferFailed(f"{error.code}: {error.message} ({uri})") from error

    def keys(self, uri: S3Uri) -> Iterator[str]:
        """The keys that begin with a prefix."""
        token: dict[str, str] = {}
        while True:
            page = self._s3("list_objects_v2", uri, Prefix=uri.key, **token)
            yield from (item["Key"] for item in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def download(self, uri: S3Uri, folder: Path) -> int:
        """Copy the objects of an S3Prefix input to ``folder``; returns how many there were."""
        folder.mkdir(parents=True, exist_ok=True)
        count = 0
        for key in self.keys(uri):
            name = local_name(uri.key, key)
            if name:
                self.download_file(S3Uri(uri.bucket, key), inside(folder, name))
                count += 1
        return count

    def download_file(self, uri: S3Uri, target: Path) -> None:
        """Copy one object."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._s3("get_object", uri, Key=uri.key)["Body"] as body:
            copy_file(body.path, target)

    def upload_file(self, source: Path, uri: S3Uri) -> None:
        """Put one object."""
        self._s3("put_object", uri, Key=uri.key, Body=source)

    def upload(self, folder: Path, uri: S3Uri) -> int:
        """Put each file below ``folder``; returns how many there were."""
        files = list(files_below(folder))
        for path in files:
            self.upload_file(path, uri.below(path.relative_to(folder).as_posix()))
        return len(files)


def local_name(prefix: str, key: str) -> str:
    """Where an object of an S3Prefix input goes, below the input's folder; empty for a folder marker.

    A prefix that is a whole key gives a file of its last part; a prefix is otherwise cut at its last slash, or after
    it where the prefix names a folder without its slash.
    """
    if key.endswith("/"):
        return ""
    if prefix and not prefix.endswith("/") and key.startswith(f"{prefix}/"):
        return key[len(prefix) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def inside(folder: Path, name: str) -> Path:
    """The path of ``name`` in ``folder``; TransferFailed where it would leave it."""
    target = Path(os.path.normpath(folder / name))
    if not target.is_relative_to(folder) or target == folder:
        raise TransferFailed(f"the key {name!r} is no path below the input's folder")
    return target


def files_below(folder: Path) -> Iterator[Path]:
    """The files below a folder in the order of their paths; links are not followed out of it."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.resolve().is_relative_to(root):
            yield path


def copy_file(source: Path, target: Path) -> None:
    """Copy by reflink where the file system can, else by bytes."""
    with source.open("rb") as read, target.open("wb") as write:
        try:
            fcntl.ioctl(write.fileno(), FICLONE, read.fileno())
            return
        except OSError:
            write.truncate(0)
    shutil.copyfile(source, target)


class FolderSync:
    """Uploads what changes in a folder while a job runs, and the rest at :meth:`finish`.

    A file goes up when it looked the same twice, one second apart, so that one being written is left alone; the
    last state of each goes up at the end. Nothing is deleted in S3, as on AWS.
    """

    def __init__(self, transfer: Transfer, folder: Path, uri: S3Uri, on_error: Callable[[str], None]) -> None:
        self._transfer, self._folder, self._uri = transfer, folder, uri
        self._on_error = on_error
        self._sent: dict[Path, tuple[int, int]] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sync-{uri}", daemon=True)

    def start(self) -> None:
        """Begin; what is in the folder now came from S3 and is not sent back."""
        self._sent = self._look()
        self._thread.start()

    def finish(self) -> None:
        """Stop watching and send what is left. Raises TransferFailed."""
        self.abandon()
        self._send(self._look())

    def abandon(self) -> None:
        """Stop watching."""
        self._done.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        before = self._sent
        while not self._done.wait(SYNC_S):
            seen = self._look()
            try:
                self._send({path: mark for path, mark in seen.items() if before.get(path) == mark})
            except TransferFailed as error:
                self._on_error(str(error))
            before = seen

    def _look(self) -> dict[Path, tuple[int, int]]:
        marks = {}
        for path in files_below(self._folder):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            marks[path] = (status.st_size, status.st_mtime_ns)
        return marks

    def _send(self, files: dict[Path, tuple[int, int]]) -> None:
        for path, mark in files.items():
            if self._sent.get(path) == mark:
                continue
            try:
                self._transfer.upload_file(path, self._uri.below(path.relative_to(self._folder).as_posix()))
            except FileNotFoundError:  # removed by the job in the meantime
                continue
            self._sent[path] = mark
