"""Objects as files, and the metadata that a file cannot hold.

A row of metadata belongs to a file by key, size and modification time (nanoseconds), so a file that somebody else
replaced simply has no row: it gets default metadata and an opaque ETag of multipart form made from its size and time.

A put is atomic against a kill at any moment. The new file gets its time, the new row is committed beside the old one,
then the rename decides which of the two counts; the old row goes with the next put of the key.

Not faithful to AWS: the ETag of a file that was not written through the API is not its MD5. No ``fsync``: a power
failure (not a kill) may lose the last writes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from headwater.local.service import ServiceError
from headwater.local.services.s3 import errors
from headwater.local.services.s3.keys import MAX_KEY_BYTES, beside, names_of
from headwater.local.services.s3.tree import is_folder
from headwater.local.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS s3_objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, mtime_ns INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
    etag TEXT NOT NULL, storage_class TEXT NOT NULL, checksum_algorithm TEXT NOT NULL, attributes TEXT NOT NULL,
    PRIMARY KEY (bucket, key, mtime_ns)
) WITHOUT ROWID;
"""
LOCK_STRIPES = 64
ATTEMPTS = 50


@dataclass(frozen=True)
class StoredObject:
    """What is known of one object at one moment.

    ``attributes`` holds the members that S3 returns (ContentType, Metadata, …), ``Tags``, ``Checksum`` and ``Parts``.
    """

    key: str
    path: str
    size_bytes: int
    mtime_ns: int
    etag: str
    storage_class: str = "STANDARD"
    checksum_algorithm: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def modified_s(self) -> int:
        """Last modification in whole seconds since the epoch, as S3 keeps it."""
        return self.mtime_ns // 1_000_000_000


def file_etag(size_bytes: int, mtime_ns: int) -> str:
    """The ETag of a file that the API did not write: opaque, of multipart form, new whenever the file is."""
    return hashlib.md5(f"{size_bytes}:{mtime_ns}".encode(), usedforsecurity=False).hexdigest() + "-1"


class ObjectStore:
    """Puts, finds and removes objects. Thread-safe.

    Parameters
    ----------
    store:
        Keeps the metadata.
    root:
        The folder that holds one folder a bucket.
    """

    def __init__(self, store: Store, root: Path) -> None:
        self._store = store
        self._root = str(root)
        self._locks = [threading.RLock() for _ in range(LOCK_STRIPES)]
        store.schema(SCHEMA)

    def folder(self, bucket: str) -> str:
        """The bucket's folder."""
        return f"{self._root}/{bucket}"

    @contextmanager
    def locked(self, bucket: str, key: str) -> Iterator[None]:
        """Hold a key against other writers of this endpoint."""
        with self._locks[hash((bucket, key)) % LOCK_STRIPES]:
            yield

    # -- paths -----------------------------------------------------------------------------------------------------

    def _names(self, key: str) -> list[str]:
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise ServiceError("InvalidURI", "Couldn't parse the specified URI.") from None
        if size > MAX_KEY_BYTES:
            raise errors.key_too_long(key, MAX_KEY_BYTES)
        return names_of(key)

    def _candidates(self, bucket: str, key: str) -> Iterator[str]:
        """Where an object may be: its plain path, then the one beside a folder of its name."""
        names = self._names(key)
        folder = self.folder(bucket)
        for candidate in (names, beside(names)):
            if all(is_folder(part) for part in _parents(folder, candidate)):
                yield "/".join((folder, *candidate))

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """The object as it is now, or None."""
        for path in self._candidates(bucket, key):
            try:
                status = os.lstat(path)
            except OSError as error:
                _refuse_long_path(error, key)
                continue
            if stat.S_ISREG(status.st_mode):
                return self.describe(bucket, key, path, status)
        return None

    def open(self, bucket: str, key: str) -> tuple[StoredObject, BinaryIO] | None:
        """The object and its file, opened: both of one moment."""
        for path in self._candidates(bucket, key):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError as error:
                _refuse_long_path(error, key)
                continue
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode):
                return self.describe(bucket, key, path, status), os.fdopen(descriptor, "rb", buffering=0)
            os.close(descriptor)
        return None

    # -- metadata --------------------------------------------------------------------------------------------------

    def describe(self, bucket: str, key: str, path: str, status: os.stat_result) -> StoredObject:
        """The object of a file, with its metadata when they are of this very file."""
        rows = self._store.query(
            "SELECT etag, storage_class, checksum_algorithm, attributes FROM s3_objects"
            " WHERE bucket = ? AND key = ? AND mtime_ns = ? AND size_bytes = ?",
            (bucket, key, status.st_mtime_ns, status.st_size),
        )
        if not rows:
            etag = file_etag(status.st_size, status.st_mtime_ns)
            return StoredObject(key, path, status.st_size, status.st_mtime_ns, etag)
        etag, storage_class, algorithm, attributes = rows[0]
        return StoredObject(
            key, path, status.st_size, status.st_mtime_ns, etag, storage_class, algorithm, json.loads(attributes)
        )

    def describe_page(self, bucket: str, found: Iterable[tuple[str, str]]) -> list[StoredObject]:
        """The objects of one page of a listing, given as (key, path), without their attributes."""
        statuses = []
        for key, path in found:
            try:
                statuses.append((key, path, os.lstat(path)))
            except OSError:
                continue  # gone since the folder was read
        rows = self._store.query(
            "SELECT key, mtime_ns, size_bytes, etag, storage_class, checksum_algorithm FROM s3_objects"
            " WHERE bucket = ? AND key IN (SELECT value FROM json_each(?))",
            (bucket, json.dumps([key for key, _, _ in statuses])),
        )
        known = {(row[0], row[1], row[2]): tuple(row)[3:] for row in rows}
        page = []
        for key, path, status in statuses:
            size, changed = status.st_size, status.st_mtime_ns
            columns = known.get((key, changed, size)) or (file_etag(size, changed), "STANDARD", "")
            page.append(StoredObject(key, path, size, changed, *columns))
        return page

    def save(self, bucket: str, stored: StoredObject) -> None:
        """Write the row of an object that stands, replacing the key's other rows."""
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM s3_objects WHERE bucket = ? AND key = ?", (bucket, stored.key))
            self._insert(connection, bucket, stored)

    @staticmethod
    def _insert(connection: Any, bucket: str, stored: StoredObject) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO s3_objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                bucket,
                stored.key,
                stored.mtime_ns,
                stored.size_bytes,
                stored.etag,
                stored.storage_class,
                stored.checksum_algorithm,
                json.dumps(stored.attributes),
            ),
        )

    # -- writing ---------------------------------------------------------------------------------------------------

    def install(
        self,
        bucket: str,
        key: str,
        source: Path,
        etag: str,
        attributes: dict[str, Any],
        storage_class: str = "STANDARD",
        checksum_algorithm: str = "",
    ) -> StoredObject:
        """Make ``source`` (a complete file on the same file system) the object ``key``, with its metadata.

        The caller holds the key's lock. Raises NoSuchBucket when the bucket goes away meanwhile.
        """
        names = self._names(key)
        now_ns = time.time_ns()
        os.utime(source, ns=(now_ns, now_ns))
        status = os.stat(source)  # a coarser file system keeps a coarser time
        new = StoredObject(
            key, "", status.st_size, status.st_mtime_ns, etag, storage_class, checksum_algorithm, attributes
        )
        current = self.find(bucket, key)
        with self._store.transaction() as connection:
            connection.execute(
                "DELETE FROM s3_objects WHERE bucket = ? AND key = ? AND mtime_ns != ?",
                (bucket, key, current.mtime_ns if current else -1),
            )
            self._insert(connection, bucket, new)
        try:
            self._rename_into(bucket, key, names, source)
        except OSError as error:
            _refuse_long_path(error, key)
            raise
        return new

    def _rename_into(self, bucket: str, key: str, names: list[str], source: Path) -> None:
        folder = self.folder(bucket)
        plain = "/".join((folder, *names))
        aside = "/".join((folder, *beside(names)))
        for _ in range(ATTEMPTS):
            self._make_parents(folder, names, bucket)
            try:
                os.replace(source, plain)
                _unlink(aside)
                _unlink(_side_file(plain))
                return
            except FileNotFoundError:
                if not is_folder(folder):
                    raise errors.no_such_bucket(bucket) from None
                continue  # a delete cleaned the folder up between the two steps
            except (IsADirectoryError, NotADirectoryError, PermissionError, FileExistsError):
                if not is_folder(plain):
                    continue
            try:
                self._make_parents(folder, beside(names), bucket)
                os.replace(source, aside)
                return
            except (FileNotFoundError, NotADirectoryError):
                continue
        raise ServiceError("OperationAborted", f"the folder of {key!r} keeps changing while it is written", 409)

    @staticmethod
    def _make_parents(folder: str, names: list[str], bucket: str) -> None:
        for part in _parents(folder, names):
            try:
                os.mkdir(part)
            except FileExistsError:
                _make_room(part)
            except FileNotFoundError:
                if not is_folder(folder):
                    raise errors.no_such_bucket(bucket) from None
                return  # a parent vanished: the caller starts over

    def remove(self, bucket: str, key: str) -> bool:
        """Remove the object, its row and the folders that it leaves empty; True when it was there.

        The caller holds the key's lock.
        """
        removed = False
        for path in reversed(list(self._candidates(bucket, key))):
            try:
                if not stat.S_ISREG(os.lstat(path).st_mode):
                    continue
                os.unlink(path)
                removed = True
            except OSError as error:
                _refuse_long_path(error, key)
                continue
            _unlink(_side_file(path))
            _remove_empty_parents(self.folder(bucket), path)
        self._store.execute("DELETE FROM s3_objects WHERE bucket = ? AND key = ?", (bucket, key))
        return removed

    def forget_bucket(self, bucket: str) -> None:
        """Drop the rows of a deleted bucket."""
        self._store.execute("DELETE FROM s3_objects WHERE bucket = ?", (bucket,))


def _parents(folder: str, names: list[str]) -> Iterator[str]:
    for name in names[:-1]:
        folder = f"{folder}/{name}"
        yield folder


def _side_file(path: str) -> str:
    head, _, name = path.rpartition("/")
    return f"{head}/.{name}.crc"


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _make_room(path: str) -> None:
    """See that ``path``, where a folder must be, is one; what vanished meanwhile is the caller's to try again."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode):
        raise ServiceError("AccessDenied", f"{path} is a symbolic link, and nothing may leave the bucket's folder", 403)
    if not stat.S_ISDIR(status.st_mode):
        _move_aside(path)


def _move_aside(path: str) -> None:
    """A key lies below an object: the object makes room for the folder."""
    head, _, name = path.rpartition("/")
    target = "/".join((head, *beside([name])))
    try:
        if target.count("/") > path.count("/"):
            os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(path, target)
        os.mkdir(path)
    except (FileNotFoundError, FileExistsError):
        return


def _remove_empty_parents(folder: str, path: str) -> None:
    parent = path.rpartition("/")[0]
    while len(parent) > len(folder):
        try:
            os.rmdir(parent)
        except OSError:
            return
        parent = parent.rpartition("/")[0]


def _refuse_long_path(error: OSError, key: str) -> None:
    if error.errno == errno.ENAMETOOLONG:
        raise errors.key_too_long(key, MAX_KEY_BYTES) from error
