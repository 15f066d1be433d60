"""Job runs: started, watched, tried again, cancelled, told. What the record says is committed before anyone is told.

A run that an earlier process left in flight ends as FAILED with details that begin ``Headwater.Interrupted``; Step
Functions then starts it again by its own rule.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime

from headwater.local.engines.emr_releases import not_installed
from headwater.local.engines.script_role import RunFailed, failure_of
from headwater.local.jobs import Job, JobExit
from headwater.local.service import Call, Endpoint, Members, ServiceError, operation
from headwater.local.services.emr_serverless.applications import ApplicationOperations
from headwater.local.services.emr_serverless.records import (
    APPLICATION,
    ENDED,
    RUN,
    RUN_TOPIC,
    details,
    invalid,
    new_id,
    only,
    page,
    run_key,
    shown,
)
from headwater.local.services.emr_serverless.run_launch import RunLauncher, submit_of
from headwater.local.store import Record

INTERRUPTED = "Headwater.Interrupted: the endpoint ended while this job run was in flight"
DEFAULT_TIMEOUT_MINUTES = 720
SUMMARY = (
    *("applicationId", "name", "mode", "arn", "createdBy", "createdAt", "updatedAt", "executionRole", "state"),
    *("stateDetails", "releaseLabel", "type", "attempt", "attemptCreatedAt", "attemptUpdatedAt"),
)

log = logging.getLogger(__name__)


class JobRunOperations(ApplicationOperations):
    """StartJobRun, CancelJobRun and the reading operations."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._launcher = RunLauncher(endpoint)
        self._running: dict[str, Job] = {}
        self._stopping = False

    def start(self) -> None:
        """End what an earlier process left in flight."""
        left = [record for _, record in self.store.scan(RUN) if record["state"] not in ENDED]
        for record in left:
            self._finish(record, "FAILED", INTERRUPTED)
        if left:
            numbers = [int(record["_number"]) for record in left]
            self.endpoint.spark.sweep(numbers, min(float(record["createdAt"]) for record in left))
        self._launcher.clear()

    def stop(self) -> None:
        """The supervisor stops the scripts; their records are left to the next start."""
        self._stopping = True

    @operation
    def start_job_run(
        self,
        call: Call,
        applicationId: str,
        executionRoleArn: str,
        clientToken: str | None = None,
        jobDriver: Members | None = None,
        configurationOverrides: Members | None = None,
        executionIamPolicy: Members | None = None,
        tags: dict[str, str] | None = None,
        executionTimeoutMinutes: int | None = None,
        name: str | None = None,
        mode: str = "BATCH",
        retryPolicy: Members | None = None,
    ) -> Members:
        """Start a job run; the same token, or key of a caller in process, answers the run that it made."""
        application = self.application(applicationId)
        token = clientToken or str(uuid.uuid4()) if call.idempotency_key is None else _digest(call.idempotency_key)
        known = next((run for run in self.runs(applicationId) if run["_token"] == token), None)
        if known is not None:
            return only(known, ("applicationId", "jobRunId", "arn"))
        if mode != "BATCH":
            raise invalid("Headwater computes job runs of the mode BATCH; STREAMING is not computed")
        if (executionIamPolicy or {}).get("policyArns"):
            raise invalid("Headwater does not compute policyArns of executionIamPolicy: give the policy itself")
        submit_of(jobDriver or {}, configurationOverrides or {})
        problem = not_installed(application["releaseLabel"])
        if problem:
            raise invalid(problem)
        self._use(application)
        now = time.time()
        run_id = new_id()
        record = {
            "applicationId": applicationId,
            "jobRunId": run_id,
            "name": name,
            "arn": self.arn(f"{applicationId}/jobruns/{run_id}"),
            "createdBy": call.principal.arn,
            "createdAt": now,
            "updatedAt": now,
            "executionRole": executionRoleArn,
            "executionIamPolicy": executionIamPolicy,
            "state": "SUBMITTED",
            "stateDetails": "",
            "releaseLabel": application["releaseLabel"],
            "configurationOverrides": configurationOverrides,
            "jobDriver": jobDriver,
            "tags": tags or {},
            "executionTimeoutMinutes": (
                DEFAULT_TIMEOUT_MINUTES if executionTimeoutMinutes is None else executionTimeoutMinutes
            ),
            "mode": mode,
            "retryPolicy": retryPolicy or {"maxAttempts": 1},
            "attempt": 1,
            "attemptCreatedAt": now,
            "attemptUpdatedAt": now,
            "_token": token,
            "_attempts": [],
            # A number for the run's temporary folders: Hadoop reads it as an int.
            "_number": uuid.uuid4().int % (1 << 31),
        }
        self.store.put(RUN, run_key(applicationId, run_id), record)
        self._publish(record)
        self._begin(record)
        return only(record, ("applicationId", "jobRunId", "arn"))

    @operation
    def get_job_run(self, call: Call, applicationId: str, jobRunId: str, attempt: int | None = None) -> Members:
        """One run, as its latest or a named attempt left it."""
        record = self.run(applicationId, jobRunId)
        if attempt is not None and attempt != record["attempt"]:
            earlier = next((each for each in record["_attempts"] if each["attempt"] == attempt), None)
            if earlier is None:
                raise ServiceError("ResourceNotFoundException", f"Attempt {attempt} of {jobRunId} does not exist", 404)
            record = {**record, **earlier}
        return {"jobRun": shown(record)}

    @operation
    def list_job_runs(
        self,
        call: Call,
        applicationId: str,
        nextToken: str | None = None,
        maxResults: int | None = None,
        createdAtAfter: datetime | None = None,
        createdAtBefore: datetime | None = None,
        states: list[str] | None = None,
        mode: str | None = None,
    ) -> Members:
        """An application's job runs, the newest first."""
        self.application(applicationId)
        found = []
        for record in self.runs(applicationId):
            after = createdAtAfter is None or record["createdAt"] > createdAtAfter.timestamp()
            before = createdAtBefore is None or record["createdAt"] < createdAtBefore.timestamp()
            fits = (not states or record["state"] in states) and mode in (None, record["mode"])
            if after and before and fits:
                found.append({"id": record["jobRunId"], "type": "SPARK", **only(record, SUMMARY)})
        return page(found, maxResults, nextToken, "jobRuns")

    @operation
    def list_job_run_attempts(
        self, call: Call, applicationId: str, jobRunId: str, nextToken: str | None = None, maxResults: int | None = None
    ) -> Members:
        """A run's attempts, the newest first."""
        record = self.run(applicationId, jobRunId)
        attempts = [record, *({**record, **each} for each in reversed(record["_attempts"]))]
        found = [
            {
                **{"id": jobRunId, "type": "SPARK", "jobCreatedAt": shown(record)["createdAt"]},
                **only({**each, "createdAt": each["attemptCreatedAt"], "updatedAt": each["attemptUpdatedAt"]}, SUMMARY),
            }
            for each in attempts
        ]
        for each in found:
            each.pop("attemptCreatedAt"), each.pop("attemptUpdatedAt")
        return page(found, maxResults, nextToken, "jobRunAttempts")

    @operation
    def cancel_job_run(
        self, call: Call, applicationId: str, jobRunId: str, shutdownGracePeriodInSeconds: int | None = None
    ) -> Members:
        """Cancel a run; it is CANCELLING until its processes have ended."""
        record = self.run(applicationId, jobRunId)
        if record["state"] in ENDED:
            raise invalid(f"Job run {jobRunId} is {record['state']} and cannot be cancelled")
        self._change(record, "CANCELLING")
        running = self._running.get(jobRunId)
        if running is not None:
            running.stop(grace_s=shutdownGracePeriodInSeconds)
        return {"applicationId": applicationId, "jobRunId": jobRunId}

    # -- a run's life ------------------------------------------------------------------------------------------------

    def _use(self, application: Record) -> None:
        """A job run starts an application that may start itself."""
        identity = application["applicationId"]
        if application["state"] == "TERMINATED":
            raise ServiceError("ResourceNotFoundException", f"Application {identity} is TERMINATED", 404)
        if application["state"] == "STARTED":
            self.store.put(APPLICATION, identity, {**application, "_used": time.time()})
        elif (application.get("autoStartConfiguration") or {}).get("enabled", True):
            self.set_state(application, "STARTED")
        else:
            raise invalid(f"Application {identity} is {application['state']} and does not start by itself: start it")

    def _begin(self, record: Record) -> None:
        threading.Thread(target=self._launch, args=(record,), name=f"launch-{record['jobRunId']}").start()

    def _launch(self, record: Record) -> None:
        """Start the script of a run, on a thread of its own."""
        ended: Callable[[JobExit], None] = lambda exit: self._ended(record, exit)  # noqa: E731
        try:
            running = self._launcher.launch(record, ended)
        except RunFailed as error:
            self._finish(record, "FAILED", str(error))
        except ServiceError as error:
            self._finish(record, "FAILED", f"{error.code}: {error.message}")
        except Exception as error:
            if not self._stopping:
                log.exception("job run %s could not start", record["jobRunId"])
                self._finish(record, "FAILED", f"Headwater.CannotStart: {error}")
        else:
            self._running[record["jobRunId"]] = running
            if self._change(record, "RUNNING", startedAt=time.time()) == "CANCELLING":
                running.stop()

    def _ended(self, record: Record, exit: JobExit) -> None:
        """The script has ended: keep its logs, decide, tell; or try again."""
        current = self.store.get(RUN, run_key(record["applicationId"], record["jobRunId"])) or record
        if self._stopping and exit.reason == "stopped" and current["state"] != "CANCELLING":
            return  # the endpoint is going; the next one finds the run interrupted
        state, why = _outcome(exit, current, self._launcher)
        try:
            self._launcher.keep_logs(record)
        except RunFailed as error:
            if state == "SUCCESS":
                state, why = "FAILED", str(error)
        self._running.pop(record["jobRunId"], None)
        most = int((record["retryPolicy"] or {}).get("maxAttempts", 1))
        if state == "FAILED" and record["attempt"] < most:
            self._again(current, why)
        else:
            self._finish(record, state, why, exit.duration_s)

    def _again(self, record: Record, why: str) -> None:
        now = time.time()
        attempt = {
            **{name: record[name] for name in ("attempt", "attemptCreatedAt")},
            **{"state": "FAILED", "stateDetails": details(why), "attemptUpdatedAt": now},
        }
        following = {
            **record,
            **{"attempt": record["attempt"] + 1, "attemptCreatedAt": now, "attemptUpdatedAt": now, "updatedAt": now},
            **{"state": "PENDING", "stateDetails": details(why), "_number": uuid.uuid4().int % (1 << 31)},
            "_attempts": [*record["_attempts"], attempt],
        }
        self.store.put(RUN, run_key(record["applicationId"], record["jobRunId"]), following)
        self._publish(following)
        self._begin(following)

    def _change(self, record: Record, state: str, **more: float) -> str:
        """Set a state and tell; the state that the run then has: one that is being cancelled goes on to be."""
        key = run_key(record["applicationId"], record["jobRunId"])
        with self.store.transaction():
            found = self.store.get(RUN, key)
            if found is None or found["state"] in ENDED or (found["state"] == "CANCELLING" and state == "RUNNING"):
                return str(found["state"]) if found else "CANCELLED"
            now = time.time()
            found = {**found, **more, "state": state, "updatedAt": now, "attemptUpdatedAt": now}
            self.store.put(RUN, key, found)
        self._publish(found)
        return state

    def _finish(self, record: Record, state: str, why: str, seconds: float = 0.0) -> None:
        key = run_key(record["applicationId"], record["jobRunId"])
        now = time.time()
        with self.store.transaction():
            found = self.store.get(RUN, key)
            if found is None or found["state"] in ENDED:
                return
            ended = {"state": state, "stateDetails": details(why), "updatedAt": now, "attemptUpdatedAt": now}
            took = {"endedAt": now, "totalExecutionDurationSeconds": round(seconds)}
            self.store.put(RUN, key, {**found, **ended, **took})
            application = self.store.get(APPLICATION, record["applicationId"])
            if application is not None:
                self.store.put(APPLICATION, record["applicationId"], {**application, "_used": now})
        log.info("emr-serverless job run %s: %s", record["jobRunId"], state)
        self._publish({**record, "state": state})

    def _publish(self, record: Record) -> None:
        self.endpoint.bus.publish(RUN_TOPIC, record["jobRunId"], record["state"], application=record["applicationId"])


def _outcome(exit: JobExit, record: Record, launcher: RunLauncher) -> tuple[str, str]:
    if exit.reason == "timeout":
        return "CANCELLED", f"The job run exceeded its timeout of {record['executionTimeoutMinutes']} minutes"
    if exit.reason == "stopped":
        return "CANCELLED", "The job run was cancelled"
    if exit.ok:
        return "SUCCESS", ""
    why, place = failure_of(exit, launcher.folder(record["jobRunId"]))
    return "FAILED", f"Job failed, please check complete logs in configured logging destination. {why}" + (
        f" ({place})" if place else ""
    )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
