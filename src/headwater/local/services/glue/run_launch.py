"""From a run's record to a running script: its folder, files, environment, properties; and back, from its end.

Each run has a folder below ``glue/runs`` of the endpoint's home, removed when it has ended. The script is there under
its own name, with the extra files beside it, and the folder is its working directory.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from headwater.local.engines.spark import TOUCHED, ScriptRun, SparkEngine, read_failure
from headwater.local.engines.spark_jvm import JvmOptions, default_heap_bytes
from headwater.local.jobs import Job, JobExit
from headwater.local.identity import Principal
from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.glue import event_logs, job_arguments
from headwater.local.services.glue.bookmarks import BOOKMARK_IN, BOOKMARK_OUT
from headwater.local.services.glue.job_arguments import Fetch, RunFailed, ScriptFiles
from headwater.local.services.glue.run_records import timeout_s


class RunLauncher:
    """Starts the scripts of runs.

    Parameters
    ----------
    endpoint:
        The endpoint.
    engine:
        What runs them.
    """

    def __init__(self, endpoint: Endpoint, engine: SparkEngine) -> None:
        self._endpoint = endpoint
        self._engine = engine
        self._folder = endpoint.home / "glue" / "runs"

    def folder(self, run_id: str) -> Path:
        """The run's working folder."""
        return self._folder / run_id

    def clear(self) -> None:
        """Remove every run's folder: at the start, none is running."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def remove(self, run_id: str) -> None:
        """Remove a run's folder."""
        shutil.rmtree(self.folder(run_id), ignore_errors=True)

    def launch(
        self,
        record: Members,
        job: Members,
        merged: dict[str, str],
        bookmark: str | None,
        on_exit: Callable[[JobExit], None],
    ) -> Job:
        """Start a run's script. :class:`RunFailed` when the run's own settings prevent it."""
        definition = job["Job"]
        run_id = record["Id"]
        job_arguments.check_modules(merged.get("--additional-python-modules", ""))
        properties = job_arguments.spark_properties(merged)
        folder = self.folder(run_id)
        (folder / "tmp").mkdir(parents=True)
        role = self._role_arn(definition["Role"])
        principal = self._session(role, run_id)
        if bookmark is not None:
            self._may_read_bookmark(principal, record["JobName"])
        fetch = self._reader(role, principal)
        files = job_arguments.fetch_files(merged, definition["Command"]["ScriptLocation"], folder, fetch)
        if bookmark is not None:
            (folder / BOOKMARK_IN).write_text(bookmark)
        spark = definition["Command"]["Name"] == "glueetl"
        if spark and event_logs.wanted(merged):
            properties = {**properties, **event_logs.properties(folder)}
        run = ScriptRun(
            id=run_id,
            folder=folder,
            script=files.script,
            arguments=job_arguments.command_line(merged, record["JobName"], run_id),
            environment=self._environment(role, record, folder, bookmark is not None),
            log_group=f"{record['LogGroupName']}/output",
            log_group_stderr=f"{record['LogGroupName']}/error",
            timeout_s=timeout_s(record),
            python_path=[str(folder), *files.python_path],
            properties={"spark.app.name": f"{record['JobName']}-{run_id}", **properties},
            attempt=int(record["_attempt_number"]),
            buckets=self._buckets(),
            rules=self._endpoint.file_rules(principal),
            spark=spark,
            jvm=_jvm_options(files),
        )

        def ended(exit: JobExit) -> None:
            self._count_files(principal, folder / TOUCHED)
            on_exit(exit)

        return self._engine.start(run, ended)

    def _count_files(self, principal: Principal, file: Path) -> None:
        """Count what Spark did with the lake's files as if it had asked S3 for it.

        A scan lists and gets; an insert puts, and deletes what the committer had in ``_temporary``.
        """
        if not file.exists():
            return
        touched = json.loads(file.read_text())
        for uri in touched["reads"]:
            bucket, key = _split(uri)
            folder = key.rpartition("/")[0] if (self._endpoint.s3_root / bucket / key).is_file() else key
            self._endpoint.observe(principal, "s3:ListBucket", f"arn:aws:s3:::{bucket}", prefix=f"{folder}/")
            found = self._first_file(bucket, key)
            if found:
                self._endpoint.observe(principal, "s3:GetObject", f"arn:aws:s3:::{bucket}/{found}")
        for uri in touched["writes"]:
            bucket, key = _split(uri)
            for action in ("s3:PutObject", "s3:DeleteObject"):
                self._endpoint.observe(principal, action, f"arn:aws:s3:::{bucket}/{key}/_temporary")

    def _first_file(self, bucket: str, key: str) -> str | None:
        """A file that a scan of a key could read: the key itself, or one below it."""
        root = self._endpoint.s3_root / bucket
        place = root / key
        if place.is_file():
            return key
        files = (path for path in place.rglob("*") if path.is_file() and not path.name.startswith(("_", ".")))
        found = next(files, None)
        return found.relative_to(root).as_posix() if found else None

    def keep_event_logs(self, record: Members, job: Members, merged: dict[str, str]) -> None:
        """Put the Spark event logs that a run left where it wants them. :class:`RunFailed` when its role may not."""
        target = event_logs.wanted(merged)
        logs = event_logs.files(self.folder(record["Id"])) if target else []
        if not target or not logs:
            return
        role = self._role_arn(job["Job"]["Role"])
        principal = self._endpoint.assume(role, f"GlueJobRunnerSession-{record['Id'][:16]}").principal
        where = urlsplit(target)
        for path in logs:
            key = f"{where.path[1:]}{path.name}"
            try:
                self._endpoint.call("s3", "put_object", principal=principal, Bucket=where.netloc, Key=key, Body=path)
            except ServiceError as error:
                raise RunFailed(f"{error.code}: the Spark event log {target}: {error.message}") from error

    def _environment(self, role: str, record: Members, folder: Path, bookmark: bool) -> dict[str, str]:
        environment = {
            **self._endpoint.job_environment(role, f"GlueJobRunnerSession-{record['Id'][:16]}"),
            "HEADWATER_S3_ROOT": str(self._endpoint.s3_root),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "TMPDIR": str(folder / "tmp"),
            "TZ": "UTC",
        }
        if bookmark:
            environment["HEADWATER_BOOKMARK_IN"] = str(folder / BOOKMARK_IN)
            environment["HEADWATER_BOOKMARK_OUT"] = str(folder / BOOKMARK_OUT)
        return environment

    def _buckets(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self._endpoint.s3_root) if entry.is_dir())

    def _role_arn(self, role: str) -> str:
        return role if role.startswith("arn:") else f"arn:aws:iam::{self._endpoint.account}:role/{role}"

    def _session(self, role: str, run_id: str) -> Principal:
        try:
            session = self._endpoint.assume(role, f"GlueJobRunnerSession-{run_id[:16]}", service="glue.amazonaws.com")
        except ServiceError as error:
            raise RunFailed(f"{error.code}: {error.message}") from error
        return session.principal

    def _may_read_bookmark(self, principal: Principal, job: str) -> None:
        """A run reads its bookmark as its role: :class:`RunFailed` where that may not."""
        try:
            self._endpoint.call("glue", "get_job_bookmark", principal=principal, JobName=job)
        except ServiceError as error:
            if error.code != "EntityNotFoundException":
                raise RunFailed(f"{error.code}: {error.message}") from error

    def _reader(self, role: str, principal: Principal) -> Fetch:
        def fetch(uri: str) -> bytes:
            where = urlsplit(uri)
            try:
                answered = self._endpoint.call(
                    "s3", "get_object", principal=principal, Bucket=where.netloc, Key=where.path[1:]
                )
            except ServiceError as error:
                raise RunFailed(f"{error.code}: {uri}: {error.message} (read as {role})") from error
            body = answered["Body"]
            try:
                data: bytes = body.read()
            finally:
                body.close()
            return data

        return fetch


def _split(uri: str) -> tuple[str, str]:
    where = urlsplit(uri)
    return where.netloc, where.path.strip("/")


def outcome(exit: JobExit, folder: Path, record: Members) -> tuple[str, str | None, str | None]:
    """(JobRunState, ErrorMessage, StateDetail) of a script that has ended."""
    if exit.reason == "stopped":
        return "STOPPED", None, None
    if exit.reason == "timeout":
        return "TIMEOUT", f"Job run exceeded its Timeout of {record.get('Timeout')} minutes", None
    if exit.ok:
        return "SUCCEEDED", None, None
    failure = read_failure(folder)
    if failure is not None:
        detail = f"{failure.script} line {failure.line}" if failure.line else None
        return "FAILED", f"{failure.type}: {failure.message}", detail
    if exit.reason == "memory":
        return "FAILED", "Command failed with exit code 137: out of memory", None
    code = exit.code if exit.code is not None else 128 + (exit.signal or 0)
    tail = "\n".join(exit.tail[-3:])
    return "FAILED", f"Command failed with exit code {code}" + (f": {tail}" if tail else ""), None


def _jvm_options(files: ScriptFiles) -> JvmOptions | None:
    return JvmOptions(default_heap_bytes(), jars=tuple(files.jars)) if files.jars else None
