"""The role that a script runs as: what it calls with, and the objects that are read for it before it starts.

Glue, EMR Serverless and EMR start scripts alike: the script and what it ships with come from S3, read as the role, and
its process has the role's keys in its environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from headwater.local.engines.spark import read_failure
from headwater.local.engines.spark_settings import DENIALS, USES
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
    source_arn:
        What the service says that it acts for, where it does.

    Raises
    ------
    RunFailed
        The role does not exist, or does not trust the service.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        arn: str,
        session: str,
        service: str | None,
        policies: tuple[str, ...] = (),
        source_arn: str | None = None,
    ) -> None:
        self.arn = arn
        self._endpoint = endpoint
        self._session, self._policies = session, policies
        try:
            by_service = {"service": service, "source_arn": source_arn}
            self.principal = endpoint.assume(arn, session, **by_service, policies=policies).principal
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

        A listing counts where something below it was read: others are looks, which S3A alone would ask S3 for.
        """
        for action, name in _told(run_folder / DENIALS):
            self._observe(action, name)
        done = _told(run_folder / USES)
        read = [name for action, name in done if action == "GetObject"]
        for action, name in done:
            if action != "ListBucket" or any(each.startswith(name) for each in read):
                self._observe(action, name)

    def _observe(self, action: str, name: str) -> None:
        bucket, _, key = name.partition("/")
        if action == "ListBucket":
            self._endpoint.observe(self.principal, "s3:ListBucket", f"arn:aws:s3:::{bucket}", prefix=key)
        else:
            self._endpoint.observe(self.principal, f"s3:{action}", f"arn:aws:s3:::{name}")


def _told(file: Path) -> list[tuple[str, str]]:
    """The actions that a file tells of, each with its name, once each."""
    lines = dict.fromkeys(file.read_text().splitlines()) if file.exists() else {}
    return [(action, name) for action, _, name in (line.partition("\t") for line in lines)]


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
