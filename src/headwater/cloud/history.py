"""From an execution's history to its stages: what ran, as what job, how often, for how long, and why it failed.

Pure: events in, :class:`StageRun` out. The events are those of GetExecutionHistory, so the same code explains a run
here and on AWS. An event is attributed to its state by walking ``previousEventId`` to the nearest ``…StateEntered``,
which holds inside Parallel branches too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Event = dict[str, Any]

RUNNING, SUCCEEDED, FAILED, ABORTED, PENDING = "RUNNING", "SUCCEEDED", "FAILED", "ABORTED", "PENDING"
ENDS = {
    "ExecutionSucceeded": SUCCEEDED,
    "ExecutionFailed": FAILED,
    "ExecutionAborted": ABORTED,
    "ExecutionTimedOut": "TIMED_OUT",
}
FAILURES = frozenset(
    {
        "LambdaFunctionFailed",
        "LambdaFunctionTimedOut",
        "TaskFailed",
        "TaskStartFailed",
        "TaskSubmitFailed",
        "TaskTimedOut",
        "EvaluationFailed",
    }
)


@dataclass
class StageRun:
    """One stage of one run.

    Attributes
    ----------
    status:
        PENDING, RUNNING, SUCCEEDED, FAILED, ABORTED.
    attempts:
        How often its task was started.
    seconds:
        How long each attempt that ended worked: what the service says that it bills, else from its start to its end.
    job:
        What the task started: ``{"service", "id", "log_group", "log_stream"}``, or None.
    error, cause:
        AWS's error name and text of the last failure.
    """

    name: str
    status: str = PENDING
    started: datetime | None = None
    ended: datetime | None = None
    attempts: int = 0
    seconds: list[float] = field(default_factory=list)
    job: dict[str, str] | None = None
    error: str | None = None
    cause: str | None = None

    @property
    def duration_s(self) -> float | None:
        """From the first start to the end."""
        if self.started is None or self.ended is None:
            return None
        return (self.ended - self.started).total_seconds()

    def to_json(self) -> dict[str, Any]:
        """The documented shape of ``headwater status --json``."""
        return {
            "name": self.name,
            "status": self.status,
            "started": self.started.isoformat() if self.started else None,
            "ended": self.ended.isoformat() if self.ended else None,
            "duration_s": self.duration_s,
            "attempts": self.attempts,
            "job": self.job,
            "error": self.error,
            "cause": self.cause,
        }


@dataclass
class HistoryReader:
    """Feeds on events in order, page by page, and keeps the stages up to date.

    Parameters
    ----------
    stage_of_state:
        The stage that a state belongs to, or None.
    stages:
        The names of all stages, in the order to show.

    Attributes
    ----------
    transitions:
        How often a state was entered or tried again, which is what Step Functions bills (its pricing page, 2026-11).
    """

    stage_of_state: Callable[[str], str | None]
    stages: dict[str, StageRun] = field(default_factory=dict)
    last_id: int = 0
    status: str = RUNNING
    transitions: int = 0
    _began: dict[str, datetime] = field(default_factory=dict)
    _events: dict[int, Event] = field(default_factory=dict)
    _open: dict[str, set[str]] = field(default_factory=dict)

    def feed(self, events: Iterable[Event]) -> None:
        """Take further events (those already seen are passed over)."""
        for event in events:
            if event["id"] <= self.last_id:
                continue
            self.last_id = event["id"]
            self._events[event["id"]] = event
            self._take(event)

    def _take(self, event: Event) -> None:
        kind: str = event["type"]
        if kind in ENDS:
            self._end(event, ENDS[kind])
        elif kind == "ExecutionRedriven":
            self.status = RUNNING
            for run in self.stages.values():
                if run.status in (FAILED, ABORTED):
                    run.status, run.ended = RUNNING, None
        elif kind.endswith("StateEntered"):
            self.transitions += 1
            self._began.pop(event["stateEnteredEventDetails"]["name"], None)
            self._entered(event["stateEnteredEventDetails"]["name"], event)
        elif kind.endswith("StateExited"):
            self._exited(event["stateExitedEventDetails"]["name"], event)
        elif state := self._state_of(event):
            self._task(state, kind, event)

    def _run(self, state: str) -> StageRun | None:
        stage = self.stage_of_state(state)
        return self.stages.setdefault(stage, StageRun(stage)) if stage else None

    def _entered(self, state: str, event: Event) -> None:
        run = self._run(state)
        if run:
            run.started = run.started or event["timestamp"]
            run.status, run.ended = RUNNING, None
            self._open.setdefault(run.name, set()).add(state)

    def _exited(self, state: str, event: Event) -> None:
        run = self._run(state)
        if run:
            self._open.get(run.name, set()).discard(state)
            run.ended = event["timestamp"]
            if run.error is None or run.status != FAILED:
                run.status = SUCCEEDED

    def _task(self, state: str, kind: str, event: Event) -> None:
        run = self._run(state)
        if run is None:
            return
        if kind in ("TaskScheduled", "LambdaFunctionScheduled"):
            # helper states of a stage (a poll loop) are no attempts, but its job on EMR is
            run.attempts += state == run.name or _is_emr_job(event)
            self.transitions += state in self._began  # tried again
            self._began[state] = event["timestamp"]
            run.error = run.cause = None
            run.status = RUNNING
            run.job = _scheduled_job(event) or run.job
        elif kind == "TaskSubmitted":
            run.job = _submitted_job(event["taskSubmittedEventDetails"], run.job) or run.job
        elif kind == "TaskSucceeded":
            self._worked(run, state, event, event.get("taskSucceededEventDetails", {}).get("output"))
        elif kind in FAILURES:
            details: dict[str, Any] = next((v for k, v in event.items() if k.endswith("EventDetails")), {})
            self._worked(run, state, event, details.get("cause"))
            run.error, run.cause = details.get("error"), details.get("cause")
            run.status, run.ended = FAILED, event["timestamp"]

    def _worked(self, run: StageRun, state: str, event: Event, said: str | None) -> None:
        if state == run.name and state in self._began:
            elapsed_s = (event["timestamp"] - self._began[state]).total_seconds()
            billed_s = _billed_s(_parse(said))
            run.seconds.append(elapsed_s if billed_s is None else billed_s)

    def _end(self, event: Event, status: str) -> None:
        self.status = status
        details: dict[str, Any] = next((v for k, v in event.items() if k.endswith("EventDetails")), {})
        for run in self.stages.values():
            if run.status == RUNNING:
                run.status = ABORTED if status == ABORTED else FAILED if status != SUCCEEDED else SUCCEEDED
                run.ended = event["timestamp"]
                if run.status == FAILED and run.error is None:
                    run.error, run.cause = details.get("error"), details.get("cause")

    def _state_of(self, event: Event) -> str | None:
        seen: Event | None = event
        while seen is not None:
            entered = seen.get("stateEnteredEventDetails")
            if entered:
                return str(entered["name"])
            seen = self._events.get(seen.get("previousEventId", 0))
        return None


def _parse(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _billed_s(job: dict[str, Any]) -> float | None:
    """What a job's description says that it worked: Glue's or SageMaker's member, or the times of a processing job."""
    if isinstance(job.get("Output"), dict):  # of an execution: what it says itself
        job = job["Output"]
    for member in ("ExecutionTime", "BillableTimeInSeconds", "TrainingTimeInSeconds"):
        if isinstance(job.get(member), int | float):
            return float(job[member])
    times = [job.get(member) for member in ("ProcessingStartTime", "ProcessingEndTime")]
    if all(isinstance(time, int | float) for time in times):
        return float(times[1] - times[0]) / 1000  # type: ignore[operator]  # both are numbers: milliseconds
    return None


def plain_cause(cause: str | None) -> str:
    """What a cause says for people: of a failed job's JSON the message alone."""
    found = _parse(cause)
    if "ExecutionArn" in found and "Cause" in found:  # of an execution: its own cause
        return plain_cause(found["Cause"])
    failure = found.get("Step", {}).get("Status", {}).get("FailureDetails")
    if failure:
        return str(failure.get("Message") or failure.get("Reason"))
    for member in ("ErrorMessage", "FailureReason", "ExitMessage", "StateDetails", "errorMessage"):
        if found.get(member):
            kind = f"{found['errorType']}: " if found.get("errorType") else ""
            return f"{kind}{found[member]}"
    return cause or ""


def _scheduled_job(event: Event) -> dict[str, str] | None:
    """The Lambda function or crawler of a task: its log group is known as soon as it is scheduled."""
    details = event.get("taskScheduledEventDetails", {})
    if (details.get("resourceType"), details.get("resource")) == ("aws-sdk:glue", "startCrawler"):
        crawler = str(_parse(details.get("parameters")).get("Name", ""))
        return {"service": "glue-crawler", "id": crawler, "log_group": "/aws-glue/crawlers", "log_stream": crawler}
    if _is_emr_job(event):
        return _emr_job(details)
    if (cluster := _cluster(details)) is not None:
        return {"service": "emr", "id": cluster["Name"], "log_group": cluster["LogUri"], "log_stream": ""}
    if details.get("resourceType") != "lambda":
        return None
    function = str(_parse(details.get("parameters")).get("FunctionName", "")).rsplit(":function:", 1)[-1]
    name = function.split(":")[0]
    return {"service": "lambda", "id": name, "log_group": f"/aws/lambda/{name}", "log_stream": ""}


def _is_emr_job(event: Event) -> bool:
    details = event.get("taskScheduledEventDetails", {})
    return details.get("resourceType") == "emr-serverless" and str(details.get("resource")).startswith("startJobRun")


def _cluster(details: dict[str, Any]) -> dict[str, str] | None:
    """The cluster that an execution is asked to make: it has a name and a place for its logs before it has an id."""
    if details.get("resourceType") != "states":
        return None
    given = _parse(details.get("parameters")).get("Input")
    found = given.get("Cluster") if isinstance(given, dict) else None
    return found if isinstance(found, dict) and {"Name", "LogUri"} <= found.keys() else None


def _emr_job(details: dict[str, Any]) -> dict[str, str]:
    """A job run on EMR Serverless that has no id yet: its log goes where the request says."""
    found: Any = _parse(details.get("parameters"))
    for member in ("ConfigurationOverrides", "MonitoringConfiguration", "CloudWatchLoggingConfiguration"):
        found = found.get(member) or {}
    group, prefix = found.get("LogGroupName", "/aws/emr-serverless"), found.get("LogStreamNamePrefix", "")
    return {"service": "emr-serverless", "id": "", "log_group": group, "log_stream": prefix}


def _submitted_job(details: dict[str, Any], scheduled: dict[str, str] | None) -> dict[str, str] | None:
    kind, output = details.get("resourceType"), _parse(details.get("output"))
    if kind == "emr-serverless" and "JobRunId" in output and scheduled:
        run, prefix = output["JobRunId"], scheduled["log_stream"]
        streams = f"{prefix}/applications/{output.get('ApplicationId', '')}/jobs/{run}/"
        return {**scheduled, "id": run, "log_stream": streams}
    if kind == "glue" and "JobRunId" in output:
        run = output["JobRunId"]
        return {"service": "glue", "id": run, "log_group": "/aws-glue/jobs/error", "log_stream": run}
    for member, group in (("TrainingJobArn", "TrainingJobs"), ("ProcessingJobArn", "ProcessingJobs")):
        if member in output:
            name = output[member].rsplit("/", 1)[-1]
            return {"service": "sagemaker", "id": name, "log_group": f"/aws/sagemaker/{group}", "log_stream": name}
    return None
