"""Glue jobs: their definitions. Runs are in :mod:`.runs`, bookmarks in :mod:`.bookmarks`.

Not faithful to AWS: a job without GlueVersion gets the installed one; interactive job modes, queuing, maintenance
windows, source control and Glue Studio's node graphs are kept with the definition and not acted on; connections are
refused, since nothing here would open them.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from headwater.local.service import Call, Endpoint, Members, Service, ServiceError, operation
from headwater.local.services.glue import versions
from headwater.local.services.glue.tags import add_tags, drop_tags, glue_arn, read_tags

JOB = "glue.job"
COMMANDS = frozenset({"glueetl", "pythonshell"})
WORKER_TYPES = frozenset(
    "G.025X G.1X G.2X G.4X G.8X G.12X G.16X R.1X R.2X R.4X R.8X Standard Z.2X".split(),
)
EXECUTION_CLASSES = ("FLEX", "STANDARD")
FLEX_WORKERS = ("G.1X", "G.2X")
MAX_NAME = 255
MAX_TIMEOUT_MINUTES = 10080
DATES = ("CreatedOn", "LastModifiedOn")


class JobOperations(Service):
    """CreateJob, UpdateJob, DeleteJob and the reading operations."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)

    @operation
    def create_job(self, call: Call, Name: str, Tags: dict[str, str] | None = None, **definition: Any) -> Members:
        """Keep a job. Creating it again with the same definition answers as the first time."""
        check_name(Name)
        wanted = complete(definition)
        with self.store.transaction():
            old = self.store.get(JOB, Name)
            if old is not None and old["definition"] != definition:
                raise ServiceError(
                    "IdempotentParameterMismatchException",
                    f"Job with name: {Name} already submitted with different configuration.",
                )
            if old is None:
                now = time.time()
                self.store.put(
                    JOB, Name, {**_record(Name, definition, wanted), "CreatedOn": now, "LastModifiedOn": now}
                )
                add_tags(self.store, glue_arn(call, f"job/{Name}"), Tags)
        self.jobs_changed()
        return {"Name": Name}

    @operation
    def update_job(self, call: Call, JobName: str, JobUpdate: Members) -> Members:
        """Replace a job's definition."""
        with self.store.transaction():
            old = self.existing_job(JobName)
            wanted = complete(JobUpdate)
            dates = {"CreatedOn": old["CreatedOn"], "LastModifiedOn": time.time()}
            self.store.put(JOB, JobName, {**_record(JobName, JobUpdate, wanted), **dates})
        self.jobs_changed()
        return {"JobName": JobName}

    @operation
    def delete_job(self, call: Call, JobName: str) -> Members:
        """Forget a job, its runs and its bookmark. A job that is not there is no error, as on AWS."""
        with self.store.transaction():
            self.store.delete(JOB, JobName)
            drop_tags(self.store, glue_arn(call, f"job/{JobName}"))
            self.job_deleted(JobName)
        return {"JobName": JobName}

    @operation
    def get_job(self, call: Call, JobName: str) -> Members:
        """One job."""
        return {"Job": _answer(self.existing_job(JobName))}

    @operation
    def get_jobs(self, call: Call, NextToken: str | None = None, MaxResults: int = 100) -> Members:
        """Every job, by name, in pages."""
        names, token = self._page_of_jobs(NextToken, MaxResults)
        page: Members = {"Jobs": [_answer(self.existing_job(name)) for name in names]}
        return {**page, "NextToken": token} if token else page

    @operation
    def list_jobs(
        self, call: Call, NextToken: str | None = None, MaxResults: int = 100, Tags: dict[str, str] | None = None
    ) -> Members:
        """The names of jobs, of those with all of ``Tags`` when given, in pages."""
        names, token = self._page_of_jobs(NextToken, MaxResults)
        wanted = (Tags or {}).items()
        kept = [name for name in names if wanted <= read_tags(self.store, glue_arn(call, f"job/{name}")).items()]
        page: Members = {"JobNames": kept}
        return {**page, "NextToken": token} if token else page

    @operation
    def batch_get_jobs(self, call: Call, JobNames: list[str]) -> Members:
        """Jobs by name."""
        found = {name: self.store.get(JOB, name) for name in JobNames}
        return {
            "Jobs": [_answer(record) for record in found.values() if record is not None],
            "JobsNotFound": [name for name, record in found.items() if record is None],
        }

    def existing_job(self, name: str) -> Members:
        """The job's record; EntityNotFoundException when there is none."""
        record = self.store.get(JOB, name)
        if record is None:
            raise ServiceError("EntityNotFoundException", f"Job {name} not found.")
        return record

    def spark_jobs(self) -> int:
        """How many jobs need Spark."""
        return sum(1 for _, record in self.store.scan(JOB) if record["definition"]["Command"]["Name"] == "glueetl")

    def jobs_changed(self) -> None:
        """Called after a job was made or changed."""

    def job_deleted(self, name: str) -> None:
        """Called in the transaction that deletes a job."""

    def _page_of_jobs(self, token: str | None, limit: int) -> tuple[list[str], str | None]:
        names = [name for name, _ in self.store.scan(JOB, after=token or "", limit=limit + 1)]
        return names[:limit], names[limit - 1] if len(names) > limit else None


def check_name(name: str) -> None:
    """InvalidInputException for a name that Glue refuses (CreateJob, 2023-06: 1 to 255 characters, one line)."""
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise ServiceError(
            "InvalidInputException",
            f"Job name {name!r} is not valid: it must have 1 to {MAX_NAME} printable characters on one line",
        )


def complete(definition: Members) -> Members:
    """Check a definition and add what Glue adds; InvalidInputException says what is wrong."""
    command = definition.get("Command") or {}
    if command.get("Name") not in COMMANDS:
        raise ServiceError(
            "InvalidInputException",
            f"Command.Name {command.get('Name')!r}: Headwater runs {', '.join(sorted(COMMANDS))}",
        )
    if not str(command.get("ScriptLocation", "")).startswith("s3://"):
        raise ServiceError(
            "InvalidInputException",
            f"Command.ScriptLocation must be an s3:// URI, got {command.get('ScriptLocation')!r}",
        )
    if not definition.get("Role"):
        raise ServiceError("InvalidInputException", "A job needs a Role")
    if (definition.get("Connections") or {}).get("Connections"):
        raise ServiceError("InvalidInputException", "Headwater opens no Glue connections: remove the job's Connections")
    versions.check_known(definition.get("GlueVersion"))
    check_capacity(definition)
    completed = _with_defaults(definition)
    check_execution_class(completed.get("ExecutionClass"), completed)
    return completed


def check_capacity(members: Members) -> None:
    """InvalidInputException for workers and time limits that Glue refuses; of a job or of a run."""
    worker = members.get("WorkerType")
    if worker is not None and worker not in WORKER_TYPES:
        raise ServiceError(
            "InvalidInputException", f"WorkerType {worker} is not one of {', '.join(sorted(WORKER_TYPES))}"
        )
    if members.get("MaxCapacity") is not None and (worker or members.get("NumberOfWorkers")):
        raise ServiceError(
            "InvalidInputException", "Please do not set Max Capacity if using Worker Type and Number of Workers."
        )
    timeout = members.get("Timeout")
    if timeout is not None and not 1 <= timeout <= MAX_TIMEOUT_MINUTES:
        raise ServiceError(
            "InvalidInputException", f"Timeout must be 1 to {MAX_TIMEOUT_MINUTES} minutes, got {timeout}"
        )


def check_execution_class(wanted: str | None, job: Members) -> None:
    """InvalidInputException for an execution class that Glue refuses for such a job (developer guide, 2026-11-25).

    FLEX is for `glueetl` of Glue 3.0 and above with workers G.1X or G.2X. Glue's own texts are not published: these
    are worded as in the API reference. Here the class changes nothing but the price: there is no spare capacity to
    wait for.
    """
    if wanted is not None and wanted not in EXECUTION_CLASSES:
        raise ServiceError(
            "InvalidInputException", f"ExecutionClass {wanted} is not one of {', '.join(EXECUTION_CLASSES)}"
        )
    if wanted != "FLEX":
        return
    if job["Command"]["Name"] != "glueetl" or float(job["GlueVersion"]) < 3:
        raise ServiceError(
            "InvalidInputException",
            "Only jobs with Glue version 3.0 and above and command type glueetl can set ExecutionClass to FLEX",
        )
    if job.get("WorkerType") not in FLEX_WORKERS:
        raise ServiceError(
            "InvalidInputException",
            f"ExecutionClass FLEX takes WorkerType {' or '.join(FLEX_WORKERS)}, got {job.get('WorkerType')}",
        )


def _with_defaults(definition: Members) -> Members:
    added: Members = dict(definition)
    version = added.setdefault("GlueVersion", versions.default_release())
    added.setdefault("Timeout", versions.RELEASES[version].timeout_minutes)
    added.setdefault("MaxRetries", 0)
    added.setdefault("ExecutionProperty", {"MaxConcurrentRuns": 1})
    if "MaxCapacity" not in added:
        added.setdefault("WorkerType", "G.1X")
        added.setdefault("NumberOfWorkers", 10)
    return added


def _record(name: str, definition: Members, wanted: Members) -> Members:
    return {"Name": name, "definition": definition, "Job": wanted}


def _answer(record: Members) -> Members:
    dates = {name: datetime.fromtimestamp(record[name], UTC) for name in DATES}
    return {"Name": record["Name"], **record["Job"], **dates}
