"""Glue job runs: started, watched, stopped, told.

A run is a record; what the record says is committed before anyone is told of it. Work that an earlier process left in
flight ends as ERROR with a message that begins ``Headwater.Interrupted: ``.

Not faithful to AWS: a run starts in a second or two, not in a minute; there are no queued runs (WAITING); the workers
asked for are this machine's processors.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from headwater.local.engines.script_role import RunFailed
from headwater.local.jobs import Job, JobExit
from headwater.local.service import Call, Endpoint, Members, ServiceError, operation
from headwater.local.services.glue import event_logs, job_arguments, versions
from headwater.local.services.glue.bookmarks import BookmarkOperations
from headwater.local.services.glue.jobs import check_capacity, check_execution_class
from headwater.local.services.glue.run_launch import RunLauncher, outcome
from headwater.local.services.glue.run_records import (
    COPIED,
    ENDED,
    RUN,
    TOPIC,
    answer,
    dpu_seconds,
    new_run,
    repeatable_id,
    run_key,
    runs_of,
)

INTERRUPTED = "Headwater.Interrupted: the endpoint ended while this run was in flight"

log = logging.getLogger(__name__)


class RunOperations(BookmarkOperations):
    """StartJobRun, BatchStopJobRun and the reading operations."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._launcher = RunLauncher(endpoint)
        self._running: dict[str, Job] = {}
        self._runs_stopping = False

    def start(self) -> None:
        """End what an earlier process left in flight; keep JVMs ready when there are Spark jobs."""
        super().start()
        left = [record for _, record in self.store.scan(RUN) if record["JobRunState"] not in ENDED]
        for record in left:
            self._finish_run(record, "ERROR", INTERRUPTED)
        if left:
            attempts = [int(record["_attempt_number"]) for record in left]
            self.endpoint.spark.sweep(attempts, min(float(record["StartedOn"]) for record in left))
        self._launcher.clear()
        self.jobs_changed()

    def stop(self) -> None:
        """The supervisor stops the scripts; their records are left to the next start."""
        super().stop()
        self._runs_stopping = True

    def jobs_changed(self) -> None:
        """Keep as many JVMs ready as there are Spark jobs."""
        count = self.spark_jobs()
        if count:
            self.endpoint.spark.pool.prepare(count)

    def job_deleted(self, name: str) -> None:
        """A job takes its runs with it."""
        super().job_deleted(name)
        for record in runs_of(self.store, name):
            self.store.delete(RUN, run_key(name, record["Id"]))

    @operation
    def start_job_run(
        self,
        call: Call,
        JobName: str,
        Arguments: dict[str, str] | None = None,
        JobRunId: str | None = None,
        Timeout: int | None = None,
        WorkerType: str | None = None,
        NumberOfWorkers: int | None = None,
        MaxCapacity: float | None = None,
        SecurityConfiguration: str | None = None,
        ExecutionClass: str | None = None,
    ) -> Members:
        """Start a run and answer its id; ``JobRunId`` names a run to be retried with its arguments."""
        run_id = None if call.idempotency_key is None else repeatable_id(call.idempotency_key)
        if run_id is not None and self.store.get(RUN, run_key(JobName, run_id)) is not None:
            return {"JobRunId": run_id}
        given = {
            "Timeout": Timeout,
            "WorkerType": WorkerType,
            "NumberOfWorkers": NumberOfWorkers,
            "MaxCapacity": MaxCapacity,
            "SecurityConfiguration": SecurityConfiguration,
            "ExecutionClass": ExecutionClass,
        }
        check_capacity(given)
        if JobRunId is not None:
            Arguments = {**self._existing_run(JobName, JobRunId)["Arguments"], **(Arguments or {})}
        return {"JobRunId": self._begin_run(JobName, Arguments or {}, given, 0, JobRunId, run_id)["Id"]}

    @operation
    def get_job_run(self, call: Call, JobName: str, RunId: str, PredecessorsIncluded: bool = False) -> Members:
        """One run. There are no predecessors: triggers are not computed here."""
        return {"JobRun": answer(self._existing_run(JobName, RunId))}

    @operation
    def get_job_runs(self, call: Call, JobName: str, NextToken: str | None = None, MaxResults: int = 200) -> Members:
        """A job's runs, the newest first, in pages."""
        self.existing_job(JobName)
        runs = runs_of(self.store, JobName)
        ids = [record["Id"] for record in runs]
        first = ids.index(NextToken) if NextToken in ids else 0
        page = runs[first : first + MaxResults]
        answered: Members = {"JobRuns": [answer(record) for record in page]}
        if first + MaxResults < len(runs):
            answered["NextToken"] = ids[first + MaxResults]
        return answered

    @operation
    def batch_stop_job_run(self, call: Call, JobName: str, JobRunIds: list[str]) -> Members:
        """Stop runs; each is STOPPING until its processes have ended, then STOPPED."""
        stopped, errors = [], []
        for run_id in JobRunIds:
            problem = self._stop_run(JobName, run_id)
            identity = {"JobName": JobName, "JobRunId": run_id}
            if problem is None:
                stopped.append(identity)
            else:
                errors.append({**identity, "ErrorDetail": problem})
        return {"SuccessfulSubmissions": stopped, "Errors": errors}

    # -- a run's life ------------------------------------------------------------------------------------------------

    def _begin_run(
        self,
        job_name: str,
        arguments: dict[str, str],
        given: Members,
        attempt: int,
        previous: str | None,
        run_id: str | None = None,
    ) -> Members:
        job = self.store.get("glue.job", job_name)
        if job is None:
            raise ServiceError("EntityNotFoundException", "Failed to start job run due to missing metadata")
        merged = job_arguments.merge(job["Job"], arguments)
        job_arguments.check(merged)
        event_logs.wanted(merged)
        effective = {**job["Job"], **{key: value for key, value in given.items() if value is not None}}
        check_execution_class(effective.get("ExecutionClass"), effective)
        if job["Job"]["Command"]["Name"] == "glueetl":
            versions.check_installed(job_name, job["Job"]["GlueVersion"])
        with self.store.transaction():
            self._check_concurrency(job)
            record = new_run(job, arguments, given, attempt, previous, run_id)
            self.store.put(RUN, run_key(job_name, record["Id"]), record)
        self._publish_run(record)
        threading.Thread(
            target=self._launch_run, args=(record, job, merged), name=f"launch-{record['Id'][:16]}"
        ).start()
        return record

    def _check_concurrency(self, job: Members) -> None:
        name = job["Name"]
        limit = (job["Job"].get("ExecutionProperty") or {}).get("MaxConcurrentRuns", 1)
        running = sum(1 for record in runs_of(self.store, name) if record["JobRunState"] not in ENDED)
        if running >= limit:
            raise ServiceError("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}")

    def _launch_run(self, record: Members, job: Members, merged: dict[str, str]) -> None:
        """Start the script of a run, on a thread of its own."""
        ended: Callable[[JobExit], None] = lambda exit: self._run_ended(record, job, merged, exit)  # noqa: E731
        try:
            bookmark = self.bookmark_for_run(record, merged)
            running = self._launcher.launch(record, job, merged, bookmark, ended)
        except RunFailed as error:
            self._finish_run(record, "FAILED", str(error))
        except Exception as error:
            if not self._runs_stopping:
                log.exception("run %s of %s could not start", record["Id"], record["JobName"])
                self._finish_run(record, "ERROR", f"Headwater.CannotStart: {error}")
        else:
            self._running[record["Id"]] = running
            if self._change_run(record, "RUNNING", only_from="STARTING") == "STOPPING":
                running.stop()

    def _run_ended(self, record: Members, job: Members, merged: dict[str, str], exit: JobExit) -> None:
        """The script has ended: decide the state, keep the bookmark, tell."""
        if self._runs_stopping and exit.reason == "stopped" and self._run_state(record) != "STOPPING":
            return  # the endpoint is going; the next one finds the run interrupted
        folder = self._launcher.folder(record["Id"])
        state, message, detail = outcome(exit, folder, record)
        try:
            self._launcher.keep_event_logs(record, job, merged)
        except RunFailed as error:
            if state == "SUCCEEDED":
                state, message = "FAILED", str(error)
        if state == "SUCCEEDED":
            problem = self.save_bookmark(record, merged, folder)
            if problem:
                state, message = "FAILED", problem
        self._finish_run(record, state, message, exit.duration_s, detail)
        self._launcher.remove(record["Id"])
        if state == "FAILED" and record["Attempt"] < job["Job"].get("MaxRetries", 0):
            given = {key: record.get(key) for key in COPIED}
            self._begin_run(record["JobName"], record["Arguments"], given, record["Attempt"] + 1, record["Id"])

    def _stop_run(self, job_name: str, run_id: str) -> Members | None:
        record = self.store.get(RUN, run_key(job_name, run_id))
        if record is None:
            return {
                "ErrorCode": "EntityNotFoundException",
                "ErrorMessage": f"Job run {run_id} of {job_name} not found.",
            }
        if record["JobRunState"] in ENDED:
            text = f"Job run {run_id} is {record['JobRunState']}: only a running one can be stopped"
            return {"ErrorCode": "JobRunInTerminalStateException", "ErrorMessage": text}
        self._change_run(record, "STOPPING")
        running = self._running.get(run_id)
        if running is not None:
            running.stop()
        return None

    # -- the record --------------------------------------------------------------------------------------------------

    def _existing_run(self, job_name: str, run_id: str) -> Members:
        record = self.store.get(RUN, run_key(job_name, run_id))
        if record is None:
            raise ServiceError("EntityNotFoundException", f"Job run {run_id} of job {job_name} not found.")
        return record

    def _run_state(self, record: Members) -> str:
        found = self.store.get(RUN, run_key(record["JobName"], record["Id"]))
        return found["JobRunState"] if found else "STOPPED"

    def _change_run(self, record: Members, state: str, only_from: str | None = None) -> str:
        """Set a state and tell; the state that the run then has."""
        key = run_key(record["JobName"], record["Id"])
        with self.store.transaction():
            found = self.store.get(RUN, key)
            if found is None or found["JobRunState"] in ENDED or only_from not in (None, found["JobRunState"]):
                return found["JobRunState"] if found else "STOPPED"
            self.store.put(RUN, key, {**found, "JobRunState": state, "LastModifiedOn": time.time()})
        self._publish_run({**record, "JobRunState": state})
        return state

    def _finish_run(
        self, record: Members, state: str, message: str | None, seconds: float = 0.0, detail: str | None = None
    ) -> None:
        key = run_key(record["JobName"], record["Id"])
        now = time.time()
        told = {"ErrorMessage": message} if message else {}
        more = {"StateDetail": detail} if detail else {}
        with self.store.transaction():
            found = self.store.get(RUN, key)
            if found is None:
                return  # the job was deleted meanwhile
            done: Members = {
                "JobRunState": state,
                "CompletedOn": now,
                "LastModifiedOn": now,
                "ExecutionTime": round(seconds),
                "DPUSeconds": dpu_seconds(found, seconds),
            }
            self.store.put(RUN, key, {**found, **done, **told, **more})
        self._running.pop(record["Id"], None)
        log.info("glue job %s run %s: %s", record["JobName"], record["Id"], state)
        self._publish_run({**record, "JobRunState": state})

    def _publish_run(self, record: Members) -> None:
        self.endpoint.bus.publish(TOPIC, record["Id"], record["JobRunState"], job=record["JobName"])
