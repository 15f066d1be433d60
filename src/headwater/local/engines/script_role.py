"""The role that a script runs as: what it calls with, and the objects that are read for it before it starts.

Glue, EMR Serverless and EMR start scripts alike: the script and what it ships with come from S3, read as the role, and
its process has the role's keys in its environment.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from headwater.local.engines.spark import DENIALS, TOUCHED, read_failure
from headwater.local.jobs import JobExit
from headwater.local.service import Endpoint, ServiceError

S3_SCHEMES = ("s3", "s3a", "s3n")


class RunFailed(Exception):
    """The run cannot start; the text says why."""


class Fetch(Protocol):
    """Reads an object as the job's role."""

    def __call__(self, uri: str) -> bytes:
        """The bytes of an ``s3://`` object; :class:`RunFailed` when it cannot be read."""
        ...


class ScriptRole:
    """A role in one run's session.

    Parameters
    ----------
    arn:
        The role.
    session:
        The session's name.
    service:
        Who assumes it, such as ``glue.amazonaws.com``; None for a role that another role's session has assumed.
    policies:
        Session policies: documents that limit what the run may do.

    Raises
    ------
    RunFailed
        The role does not exist, or does not trust the service.
    """

    def __init__(
        self, endpoint: Endpoint, arn: str, session: str, service: str | None, policies: tuple[str, ...] = ()
    ) -> None:
        self.arn = arn
        self._endpoint = endpoint
        self._session, self._policies = session, policies
        try:
            self.principal = endpoint.assume(arn, session, service=service, policies=policies).principal
        except ServiceError as error:
            raise RunFailed(f"{error.code}: {error.message}") from error

    def environment(self, folder: Path) -> dict[str, str]:
        """The environment of a script whose working folder is ``folder`` (with a ``tmp`` in it)."""
        return {
            **self._endpoint.job_environment(self.arn, self._session, policies=self._policies),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "TMPDIR": str(folder / "tmp"),
            "TZ": "UTC",
        }

    def buckets(self) -> list[str]:
        """The buckets that Spark mounts for the script."""
        return sorted(entry.name for entry in os.scandir(self._endpoint.s3_root) if entry.is_dir())

    def fetch(self, uri: str) -> bytes:
        """Read an object as the role; :class:`RunFailed` when it cannot be read."""
        where = urlsplit(uri)
        try:
            answered = self._endpoint.call(
                "s3", "get_object", principal=self.principal, Bucket=where.netloc, Key=where.path[1:]
            )
        except ServiceError as error:
            raise RunFailed(f"{error.code}: {uri}: {error.message} (read as {self.arn})") from error
        body = answered["Body"]
        try:
            data: bytes = body.read()
        finally:
            body.close()
        return data

    def count_files(self, run_folder: Path) -> None:
        """Count what Spark did with the lake's files as if it had asked S3 for it, and note what was refused.

        A scan lists and gets; an insert puts, and deletes what the committer had in ``_temporary``.
        """
        self._note_denials(run_folder / DENIALS)
        file = run_folder / TOUCHED
        if not file.exists():
            return
        observe = self._endpoint.observe
        touched = json.loads(file.read_text())
        for uri in touched["reads"]:
            bucket, key = _split(uri)
            folder = key.rpartition("/")[0] if (self._endpoint.s3_root / bucket / key).is_file() else key
            observe(self.principal, "s3:ListBucket", f"arn:aws:s3:::{bucket}", prefix=f"{folder}/")
            found = self._first_file(bucket, key)
            if found:
                observe(self.principal, "s3:GetObject", f"arn:aws:s3:::{bucket}/{found}")
        for uri in touched["writes"]:
            bucket, key = _split(uri)
            for action in ("s3:PutObject", "s3:DeleteObject"):
                observe(self.principal, action, f"arn:aws:s3:::{bucket}/{key}/_temporary")

    def _note_denials(self, file: Path) -> None:
        for line in dict.fromkeys(file.read_text().splitlines()) if file.exists() else ():
            action, _, name = line.partition("\t")
            bucket, _, key = name.partition("/")
            if action == "ListBucket":
                self._endpoint.observe(self.principal, "s3:ListBucket", f"arn:aws:s3:::{bucket}", prefix=key)
            else:
                self._endpoint.observe(self.principal, f"s3:{action}", f"arn:aws:s3:::{name}")

    def _first_file(self, bucket: str, key: str) -> str | None:
        """A file that a scan of a key could read: the key itself, or one below it."""
        root = self._endpoint.s3_root / bucket
        place = root / key
        if place.is_file():
            return key
        files = (path for path in place.rglob("*") if path.is_file() and not path.name.startswith(("_", ".")))
        found = next(files, None)
        return found.relative_to(root).as_posix() if found else None


def _split(uri: str) -> tuple[str, str]:
    where = urlsplit(uri)
    return where.netloc, where.path.strip("/")


def name_of(uri: str) -> str:
    """The last part of an object's URI."""
    return Path(urlsplit(uri).path).name


def place(uri: str, folder: Path, fetch: Fetch) -> Path:
    """Bring an object into a folder under its own name; :class:`RunFailed` unless it is one of S3's."""
    if urlsplit(uri).scheme not in S3_SCHEMES or not name_of(uri):
        raise RunFailed(f"InvalidArgument: extra files come from s3://bucket/key, got {uri}")
    folder.mkdir(exist_ok=True)
    path = folder / name_of(uri)
    path.write_bytes(fetch(uri))
    return path


def import_path(file: Path) -> str:
    """What makes a shipped file importable: a module's folder, or the archive itself."""
    return str(file.parent if file.suffix == ".py" else file)


def failure_of(exit: JobExit, folder: Path) -> tuple[str, str | None]:
    """Why a script that ended by itself failed, and where in it; of a script that neither succeeded nor was stopped."""
    failure = read_failure(folder)
    if failure is not None:
        return f"{failure.type}: {failure.message}", f"{failure.script} line {failure.line}" if failure.line else None
    if exit.reason == "memory":
        return "Command failed with exit code 137: out of memory", None
    tail = "\n".join(exit.tail[-3:])
    return f"Command failed with exit code {exit.shell_code}" + (f": {tail}" if tail else ""), None
