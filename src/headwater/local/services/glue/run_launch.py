"""From a run's record to a running script: its folder, files, environment, properties; and back, from its end.

Each run has a folder below ``glue/runs`` of the endpoint's home, removed when it has ended. The script is there under
its own name, with the extra files beside it, and the folder is its working directory.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from headwater.local.engines.script_role import RunFailed, ScriptRole, failure_of
from headwater.local.engines.spark import ScriptRun
from headwater.local.engines.spark_jvm import JvmOptions, default_heap_bytes
from headwater.local.jobs import Job, JobExit
from headwater.local.identity import Principal
from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.glue import event_logs, job_arguments
from headwater.local.services.glue.bookmarks import BOOKMARK_IN, BOOKMARK_OUT
from headwater.local.services.glue.job_arguments import ScriptFiles
from headwater.local.services.glue.run_records import timeout_s


class RunLauncher:
    """Starts the scripts of runs.

    Parameters
    ----------
    endpoint:
        The endpoint.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
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
        role = self._role(definition, run_id)
        if bookmark is not None:
            self._may_read_bookmark(role.principal, record["JobName"])
        files = job_arguments.fetch_files(merged, definition["Command"]["ScriptLocation"], folder, role.fetch)
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
            environment=self._environment(role, folder, bookmark is not None),
            log_group=f"{record['LogGroupName']}/output",
            log_group_stderr=f"{record['LogGroupName']}/error",
            timeout_s=timeout_s(record),
            python_path=[str(folder), *files.python_path],
            properties={"spark.app.name": f"{record['JobName']}-{run_id}", **properties},
            attempt=int(record["_attempt_number"]),
            buckets=role.buckets(),
            rules=self._endpoint.file_rules(role.principal),
            spark=spark,
            jvm=_jvm_options(files),
        )

        def ended(exit: JobExit) -> None:
            role.count_files(folder)
            on_exit(exit)

        return self._endpoint.spark.start(run, ended)

    def keep_event_logs(self, record: Members, job: Members, merged: dict[str, str]) -> None:
        """Put the Spark event logs that a run left where it wants them. :class:`RunFailed` when its role may not."""
        target = event_logs.wanted(merged)
        logs = event_logs.files(self.folder(record["Id"])) if target else []
        if not target or not logs:
            return
        principal = self._role(job["Job"], record["Id"]).principal
        where = urlsplit(target)
        for path in logs:
            key = f"{where.path[1:]}{path.name}"
            try:
                self._endpoint.call("s3", "put_object", principal=principal, Bucket=where.netloc, Key=key, Body=path)
            except ServiceError as error:
                raise RunFailed(f"{error.code}: the Spark event log {target}: {error.message}") from error

    def _environment(self, role: ScriptRole, folder: Path, bookmark: bool) -> dict[str, str]:
        environment = {**role.environment(folder), "HEADWATER_S3_ROOT": str(self._endpoint.s3_root)}
        if bookmark:
            environment["HEADWATER_BOOKMARK_IN"] = str(folder / BOOKMARK_IN)
            environment["HEADWATER_BOOKMARK_OUT"] = str(folder / BOOKMARK_OUT)
        return environment

    def _role(self, definition: Members, run_id: str) -> ScriptRole:
        role = definition["Role"]
        arn = role if role.startswith("arn:") else f"arn:aws:iam::{self._endpoint.account}:role/{role}"
        return ScriptRole(self._endpoint, arn, f"GlueJobRunnerSession-{run_id[:16]}", "glue.amazonaws.com")

    def _may_read_bookmark(self, principal: Principal, job: str) -> None:
        """A run reads its bookmark as its role: :class:`RunFailed` where that may not."""
        try:
            self._endpoint.call("glue", "get_job_bookmark", principal=principal, JobName=job)
        except ServiceError as error:
            if error.code != "EntityNotFoundException":
                raise RunFailed(f"{error.code}: {error.message}") from error


def outcome(exit: JobExit, folder: Path, record: Members) -> tuple[str, str | None, str | None]:
    """(JobRunState, ErrorMessage, StateDetail) of a script that has ended."""
    if exit.reason == "stopped":
        return "STOPPED", None, None
    if exit.reason == "timeout":
        return "TIMEOUT", f"Job run exceeded its Timeout of {record.get('Timeout')} minutes", None
    if exit.ok:
        return "SUCCEEDED", None, None
    return "FAILED", *failure_of(exit, folder)


def _jvm_options(files: ScriptFiles) -> JvmOptions | None:
    return JvmOptions(default_heap_bytes(), jars=tuple(files.jars)) if files.jars else None
