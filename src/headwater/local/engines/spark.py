"""The Spark engine: runs a PySpark script as a job of its own Python process and its own JVM.

The Python process starts at once and loads while its JVM is handed over by the pool (or starts, when the pool has
none); see :mod:`headwater.local.engines.spark_pool` for why. When the process ends, by itself or not, the JVM is
killed, and of a run that did not succeed the folders of unfinished writes are removed from the lake.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headwater.local.engines.spark_jvm import Jvm, JvmOptions
from headwater.local.engines.spark_pool import SparkPool, gateway_line
from headwater.local.engines.spark_settings import (
    attempt_properties,
    base_properties,
    cluster_properties,
    lake_properties,
)
from headwater.local.identity.file_rules import FileRules
from headwater.local.jobs import Job, JobExit, JobSpec, JobSupervisor

DRIVER = Path(__file__).parent / "spark_driver.py"
SHIMS = Path(__file__).parents[1] / "shims"
FAILURE = ".failure.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScriptRun:
    """A script to run.

    Attributes
    ----------
    id:
        Unique among running jobs; also its log stream.
    folder:
        The run's working folder; failure.json appears in it when the script raises.
    script, arguments:
        The local script and its command-line arguments.
    environment:
        The whole environment beside PYTHONPATH.
    python_path:
        Folders and archives for ``import``, after the shims.
    properties:
        Spark properties on top of the engine's.
    attempt:
        A number of this run only, in the names of its temporary folders.
    buckets:
        The buckets to mount.
    rules:
        What its role may do with the lake's files; None for everything.
    log_group, log_group_stderr:
        CloudWatch Logs groups; None where ``on_line`` takes the lines.
    on_line:
        Called with ("stdout" or "stderr", line) of the script and its JVM, on the supervisor's thread.
    timeout_s:
        The time limit.
    spark:
        False for a plain Python script.
    shims:
        Whether ``awsglue`` can be imported: on Glue, and not on EMR.
    jvm:
        Options of the JVM when the usual ones will not do.
    """

    id: str
    folder: Path
    script: Path
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    timeout_s: float | None
    log_group: str | None = None
    log_group_stderr: str | None = None
    on_line: Callable[[str, str], None] | None = None
    python_path: Sequence[str] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 0
    buckets: Sequence[str] = ()
    rules: FileRules | None = None
    spark: bool = True
    shims: bool = True
    jvm: JvmOptions | None = None


@dataclass(frozen=True)
class ScriptFailure:
    """What a script raised: its exception's type and text, and the script and its line where there is one."""

    script: str
    type: str
    message: str
    line: int | None


class SparkEngine:
    """Runs scripts; owns the pool of JVMs.

    Parameters
    ----------
    jobs:
        The supervisor.
    folder:
        The engine's folder below the endpoint's home.
    s3_root:
        The lake: one folder a bucket.
    master:
        The ``spark://`` URL of a standalone cluster to run on; this machine by itself without it.
    """

    def __init__(self, jobs: JobSupervisor, folder: Path, s3_root: Path, master: str | None = None) -> None:
        self._jobs = jobs
        self._master = master
        self._s3_root = s3_root
        self.pool = SparkPool(jobs, folder)

    def start(self, run: ScriptRun, on_exit: Callable[[JobExit], None]) -> Job:
        """Start a script; blocks while a cold JVM starts (about a second).

        ``on_exit`` is called once, on a thread of its own, after the logs are stored and leftovers are gone.

        Raises
        ------
        SparkUnavailable
            There is no Spark here, or its JVM does not start. ``on_exit`` is not called.
        """
        ending = _Ending(self, run, on_exit)
        read_end, write_end = os.pipe()
        try:
            job = self._jobs.start(self._spec(run, read_end, ending))
            if run.spark:
                self._attach(run, job, write_end, ending)
        finally:
            os.close(read_end)
            os.close(write_end)
        return job

    def close(self) -> None:
        """Let every JVM go."""
        self.pool.close()

    def _attach(self, run: ScriptRun, job: Job, write_end: int, ending: _Ending) -> None:
        try:
            jvm = self.pool.take(run.jvm)
            ending.use(jvm)
            jvm.sink = self._sink(run)
            gateway = jvm.gateway()
            properties = {
                **base_properties(jvm.folder),
                **attempt_properties(run.attempt),
                **run.properties,
                **lake_properties(self._s3_root, run.buckets, run.rules, run.folder),
                **(cluster_properties(self._master, jvm.classes, self._python_path(run)) if self._master else {}),
            }
            os.write(write_end, gateway_line(gateway, properties))
        except BrokenPipeError:
            log.info("job %s ended before its JVM was there", run.id)
        except BaseException:
            ending.cancel()
            job.stop(grace_s=0)
            raise

    def _sink(self, run: ScriptRun) -> Callable[[str, str], None]:
        def sink(stream: str, line: str) -> None:
            group = run.log_group_stderr if stream == "stderr" else run.log_group
            if group:
                self._jobs.write_log(group, run.id, line)
            if run.on_line is not None:
                run.on_line(stream, line)

        return sink

    def _spec(self, run: ScriptRun, read_end: int, ending: _Ending) -> JobSpec:
        wanted = {
            "spark": run.spark,
            "script": str(run.script),
            "arguments": list(run.arguments),
            "failure": str(run.folder / FAILURE),
        }
        spec_file = run.folder / ".run.json"
        spec_file.write_text(json.dumps(wanted))
        return JobSpec(
            id=run.id,
            argv=[sys.executable, "-u", str(DRIVER), str(spec_file)],
            cwd=run.folder,
            env={**run.environment, "PYTHONPATH": self._python_path(run)},
            stdin_fd=read_end,
            log_group=run.log_group,
            log_group_stderr=run.log_group_stderr,
            log_stream=run.id,
            on_line=run.on_line,
            timeout_s=run.timeout_s,
            grace_s=5,
            on_exit=ending,
        )

    @staticmethod
    def _python_path(run: ScriptRun) -> str:
        return os.pathsep.join([*([str(SHIMS)] if run.shims else []), *run.python_path])

    def sweep(self, attempts: Iterable[int], since: float) -> None:
        """Remove what unfinished writes of these attempts left; staging folders too when no other script runs.

        ``since`` is the time (seconds since the epoch) before which nothing of theirs was written.
        """
        sweep_leftovers(self._s3_root, frozenset(attempts), since, staging=self.pool.used <= 1)


class _Ending:
    """What follows a script's end, whichever comes first: the end, or the JVM that it was to have."""

    def __init__(self, engine: SparkEngine, run: ScriptRun, on_exit: Callable[[JobExit], None]) -> None:
        self._engine, self._run, self._on_exit = engine, run, on_exit
        self._lock = threading.Lock()
        self._jvm: Jvm | None = None
        self._over = self._cancelled = False
        self._since = time.time()

    def use(self, jvm: Jvm) -> None:
        """The JVM that goes with the script; released at once when the script has ended."""
        with self._lock:
            self._jvm = jvm
            over = self._over
        if over:
            self._engine.pool.release(jvm)

    def cancel(self) -> None:
        """The script never got its JVM; nobody is told of its end."""
        with self._lock:
            self._cancelled = True

    def __call__(self, exit: JobExit) -> None:
        with self._lock:
            self._over = True
            jvm = self._jvm
        if jvm is not None:
            self._end_jvm(jvm, exit)
        if not self._cancelled:
            self._on_exit(exit)

    def _end_jvm(self, jvm: Jvm, exit: JobExit) -> None:
        if exit.ok:
            self._engine.pool.release(jvm)
            return
        jvm.kill()
        jvm.join()  # it must not write while its leftovers are removed
        self._engine.sweep([self._run.attempt], self._since)
        self._engine.pool.release(jvm)


def read_failure(folder: Path) -> ScriptFailure | None:
    """What the script of a run raised, or None when it raised nothing (or was killed)."""
    try:
        found = json.loads((folder / FAILURE).read_text())
    except FileNotFoundError:
        return None
    return ScriptFailure(found["script"], found["type"], found["message"], found["line"])


def sweep_leftovers(s3_root: Path, attempts: frozenset[int], since: float, staging: bool) -> None:
    """Remove ``_temporary/<attempt>`` folders, and with ``staging`` newer ``.spark-staging-*`` folders."""
    names = {str(attempt) for attempt in attempts}
    for folder, folders, _ in os.walk(s3_root):
        if "_temporary" in folders:
            temporary = Path(folder, "_temporary")
            for name in names & set(os.listdir(temporary)):
                shutil.rmtree(temporary / name, ignore_errors=True)
            if not os.listdir(temporary):
                temporary.rmdir()
            folders.remove("_temporary")
        for name in [name for name in folders if name.startswith(".spark-staging-")]:
            folders.remove(name)
            if staging and os.stat(Path(folder, name)).st_mtime >= since - 1:
                shutil.rmtree(Path(folder, name), ignore_errors=True)
