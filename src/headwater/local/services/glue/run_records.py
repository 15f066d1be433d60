"""Job runs as records: their fields, their states, what a client sees of them."""

from __future__ import annotations

import hashlib
import time
import uuid
from datetime import UTC, datetime

from headwater.local.service import Members
from headwater.local.services.glue import versions
from headwater.local.store import Store

RUN = "glue.job-run"
TOPIC = "glue.job-run"
ENDED = frozenset({"ERROR", "FAILED", "STOPPED", "SUCCEEDED", "TIMEOUT"})
DATES = ("CompletedOn", "LastModifiedOn", "StartedOn")
COPIED = ("WorkerType", "NumberOfWorkers", "MaxCapacity", "Timeout", "SecurityConfiguration", "ExecutionClass")
# What a worker costs in DPUs (AWS Glue pricing, 2025): seconds of a run are charged by it.
DPU = {
    "G.025X": 0.25,
    "G.1X": 1.0,
    "G.2X": 2.0,
    "G.4X": 4.0,
    "G.8X": 8.0,
    "G.12X": 12.0,
    "G.16X": 16.0,
    "R.1X": 1.0,
    "R.2X": 2.0,
    "R.4X": 4.0,
    "R.8X": 8.0,
    "Standard": 1.0,
    "Z.2X": 2.0,
}


def run_key(job: str, run_id: str) -> str:
    """The record's key: a job's runs stand together."""
    return f"{job}\x1f{run_id}"


def repeatable_id(key: str) -> str:
    """The id of the run that a start with this idempotency key makes."""
    return f"jr_{hashlib.sha256(key.encode()).hexdigest()}"


def new_run(
    job: Members,
    arguments: dict[str, str],
    given: Members,
    attempt: int,
    previous: str | None,
    run_id: str | None = None,
) -> Members:
    """The record of a run that starts now; ``given`` is what StartJobRun said beside the arguments."""
    now = time.time()
    name = job["Name"]
    overrides = {key: value for key, value in given.items() if value is not None}
    settings = {key: job["Job"][key] for key in COPIED if key in job["Job"]}
    if "MaxCapacity" in overrides:
        settings.pop("WorkerType", None), settings.pop("NumberOfWorkers", None)
    shell = job["Job"]["Command"]["Name"] == "pythonshell"
    run_id = run_id or f"jr_{uuid.uuid4().hex}{uuid.uuid4().hex}"
    record: Members = {
        "Id": run_id if attempt == 0 else f"{(previous or run_id).split('_attempt_')[0]}_attempt_{attempt}",
        "Attempt": attempt,
        "JobName": name,
        "StartedOn": now,
        "LastModifiedOn": now,
        "JobRunState": "STARTING",
        "Arguments": arguments,
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "GlueVersion": job["Job"]["GlueVersion"],
        "LogGroupName": "/aws-glue/python-jobs" if shell else "/aws-glue/jobs",
        **settings,
        **overrides,
        # A number for the run's temporary folders: Hadoop reads it as an int.
        "_attempt_number": uuid.uuid4().int % (1 << 31),
    }
    if previous:
        record["PreviousRunId"] = previous
    return record


def dpu_seconds(record: Members, seconds: float) -> float:
    """What Glue would charge for: DPUs times seconds."""
    workers = record.get("NumberOfWorkers") or 0
    dpus = record.get("MaxCapacity") or DPU.get(record.get("WorkerType") or "", 0.0) * workers
    return round(float(dpus) * seconds, 3)


def answer(record: Members) -> Members:
    """The JobRun that a client sees."""
    seen = {key: value for key, value in record.items() if not key.startswith("_")}
    for name in DATES:
        if name in seen:
            seen[name] = datetime.fromtimestamp(seen[name], UTC)
    return seen


def runs_of(store: Store, job: str) -> list[Members]:
    """A job's runs, the newest first."""
    records = [record for _, record in store.scan(RUN, prefix=f"{job}\x1f")]
    return sorted(records, key=lambda record: (float(record["StartedOn"]), int(record["Attempt"])), reverse=True)


def timeout_s(record: Members) -> float:
    """A run's time limit."""
    minutes = record.get("Timeout") or versions.RELEASES[record["GlueVersion"]].timeout_minutes
    return float(minutes) * 60
