"""A cluster's life and its steps'.

A step that an earlier process left running ends as INTERRUPTED with a message that begins ``Headwater.Interrupted``.
Its cluster waits for further steps, so that Step Functions can add it again, if it was to outlive a failure of the step
and had no other to run. A cluster left WAITING goes on waiting. Any other that was left alive ends as
TERMINATED_WITH_ERRORS with such a message; no step is lost or run twice.

What a step that fails does to its cluster: TERMINATE_CLUSTER ends it, unless the cluster is protected and would wait
for steps; then, and with CANCEL_AND_WAIT, the pending steps are cancelled. Of a cluster that may run more than one step
at a time a failing step does nothing to the others, and neither does one that is being cancelled.

Source: Amazon EMR Management Guide, "Using termination protection", "Considerations for running multiple steps in
parallel", "Canceling steps" (2026-11). That pending steps of a protected cluster are cancelled is not documented.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from headwater.local.engines.script_role import RunFailed, failure_of
from headwater.local.jobs import JobExit
from headwater.local.service import Members, ServiceError
from headwater.local.services.emr.clusters import ClusterOperations
from headwater.local.services.emr.records import CLUSTER, ENDED, STEP, STEP_ENDED, step_key

INTERRUPTED = "Headwater.Interrupted: the endpoint ended while this cluster was alive"
INTERRUPT_GRACE_S, TERMINATE_GRACE_S = 30.0, 5.0
log = logging.getLogger(__name__)


class StepLives(ClusterOperations):
    """What happens to clusters and their steps by itself."""

    def start(self) -> None:
        """End what an earlier process left alive."""
        super().start()
        self._launcher.clear()
        for id, record in self.store.scan(CLUSTER):
            if record["_state"] in ENDED:
                continue
            left = [step for step in self._steps(id) if step["_state"] not in STEP_ENDED]
            if record["_state"] == "WAITING" and not left:
                continue
            for step in left:
                if step["_state"] in ("PENDING", "CANCEL_PENDING"):
                    self._set_step(step, "CANCELLED")
                else:
                    self._set_step(step, "INTERRUPTED", _failure={"Reason": "Unknown Error.", "Message": INTERRUPTED})
            self.endpoint.spark.sweep([step["_number"] for step in left], record["_times"]["CreationDateTime"])
            if _outlives(record, left):
                self.set_state(id, "WAITING", message="Cluster ready to run steps.")
            else:
                self.set_state(id, "TERMINATED_WITH_ERRORS", "INTERNAL_ERROR", INTERRUPTED)

    def stop(self) -> None:
        """The supervisor stops the scripts; their records are left to the next start."""
        super().stop()
        self._stopping = True

    # -- a cluster's life --------------------------------------------------------------------------------------------

    def _boot(self, record: Members) -> None:
        id = record["Id"]
        try:
            role = record["ServiceRole"]
            arn = role if role.startswith("arn:") else f"arn:aws:iam::{self.endpoint.account}:role/{role}"
            self.endpoint.assume(arn, id, service="elasticmapreduce.amazonaws.com")
            self._launcher.role(record)
        except (RunFailed, ServiceError) as error:
            with self._lock:
                self._terminate(id, "TERMINATED_WITH_ERRORS", "VALIDATION_ERROR", str(error))
            return
        for state in ("BOOTSTRAPPING", "RUNNING"):
            with self._lock:
                if self.cluster(id)["_state"] in {*ENDED, "TERMINATING"}:
                    return
                self.set_state(id, state)
        self._advance(id)

    def _advance(self, id: str) -> None:
        """Start the steps that may run; wait or end where none is left."""
        with self._lock:
            cluster = self.cluster(id)
            if self._stopping or cluster["_state"] not in ("RUNNING", "WAITING"):
                if cluster["_state"] == "TERMINATING":
                    self._end_if_idle(cluster)
                return
            steps = self._steps(id)
            busy = sum(step["_state"] in ("RUNNING", "CANCEL_PENDING") for step in steps)
            room = max(0, cluster["StepConcurrencyLevel"] - busy)
            due = [step for step in steps if step["_state"] == "PENDING"][:room]
            if busy or due:
                if cluster["_state"] != "RUNNING":
                    self.set_state(id, "RUNNING", message="Running step")
                for step in due:
                    self._set_step(step, "RUNNING")
                    threading.Thread(target=self._launch, args=(cluster, step), name=f"emr-{step['Id']}").start()
            elif not cluster["_keep"]:
                failed = any(step["_state"] != "COMPLETED" for step in steps)
                text = "Steps completed with errors" if failed else "Steps completed"
                self._terminate(id, "TERMINATED", "ALL_STEPS_COMPLETED", text)
            elif cluster["_state"] != "WAITING":
                self.set_state(id, "WAITING", message="Cluster ready to run steps.")

    def _terminate(self, id: str, state: str, code: str, message: str) -> None:
        self.change_cluster(id, _end=[state, code, message])
        self.set_state(id, "TERMINATING", code, message)
        for step in self._steps(id):
            if step["_state"] not in STEP_ENDED:
                self._cancel(step, TERMINATE_GRACE_S)
        self._end_if_idle(self.cluster(id))

    def _end_if_idle(self, cluster: Members) -> None:
        if all(step["_state"] in STEP_ENDED for step in self._steps(cluster["Id"])):
            self.set_state(cluster["Id"], *cluster["_end"])

    # -- a step's life -----------------------------------------------------------------------------------------------

    def _launch(self, cluster: Members, step: Members) -> None:
        try:
            job = self._launcher.launch(cluster, step, lambda exit: self._exited(step, exit))
        except RunFailed as error:
            self._finish(step, "FAILED", str(error))
        except Exception as error:
            if not self._stopping:
                log.exception("step %s could not start", step["Id"])
                self._finish(step, "FAILED", f"Headwater.CannotStart: {error}")
        else:
            with self._lock:
                found = self._step(step["_cluster"], step["Id"])
                if found["_state"] not in STEP_ENDED:
                    self._running[step["Id"]] = job
                if (grace_s := found.get("_cancel")) is not None:
                    job.stop(grace_s)

    def _exited(self, step: Members, exit: JobExit) -> None:
        cancelled = self._step(step["_cluster"], step["Id"]).get("_cancel") is not None
        if self._stopping and exit.reason == "stopped" and not cancelled:
            return  # the endpoint is going; the next one finds the cluster interrupted
        if exit.reason == "stopped":
            self._finish(step, "CANCELLED", None)
        elif exit.ok:
            self._finish(step, "COMPLETED", None)
        else:
            message, where = failure_of(exit, self._launcher.folder(step["Id"]))
            self._finish(step, "FAILED", f"{message} ({where})" if where else message)

    def _finish(self, step: Members, state: str, message: str | None) -> None:
        failure = {"_failure": {"Reason": "Unknown Error.", "Message": message}} if message else {}
        id = step["_cluster"]
        with self._lock:
            self._running.pop(step["Id"], None)
            self._set_step(step, state, **failure)
            cluster, cancelled = self.cluster(id), self._step(id, step["Id"]).get("_cancel") is not None
            if state == "FAILED" and cluster["_state"] == "RUNNING" and not cancelled:
                self._act_on_failure(cluster, step["ActionOnFailure"])
            self._advance(id)

    def _act_on_failure(self, cluster: Members, action: str) -> None:
        if action == "CONTINUE" or cluster["StepConcurrencyLevel"] > 1:
            return
        if action != "CANCEL_AND_WAIT" and not (cluster["TerminationProtected"] and cluster["_keep"]):
            self._terminate(cluster["Id"], "TERMINATED_WITH_ERRORS", "STEP_FAILURE", "Shut down as step failed")
            return
        for other in self._steps(cluster["Id"]):
            if other["_state"] == "PENDING":
                self._cancel(other)

    def _cancel(self, step: Members, grace_s: float = INTERRUPT_GRACE_S) -> None:
        """Cancel a pending step, or end the process of a running one, which has ``grace_s`` for it."""
        if step["_state"] == "PENDING":
            self._set_step(step, "CANCELLED")
            return
        self._set_step(step, "CANCEL_PENDING", _cancel=grace_s)
        job = self._running.get(step["Id"])
        if job is not None:
            job.stop(grace_s)

    def _set_step(self, step: Members, state: str, **fields: Any) -> None:
        with self.store.transaction():
            found = self._step(step["_cluster"], step["Id"])
            names = {"RUNNING": "StartDateTime", **dict.fromkeys(STEP_ENDED, "EndDateTime")}
            times = {**found["_times"], **({names[state]: time.time()} if state in names else {})}
            changed = {**found, **fields, "_state": state, "_times": times}
            self.store.put(STEP, step_key(step["_cluster"], step["Id"]), changed)
        self.endpoint.bus.publish(STEP, step["Id"], state, cluster=step["_cluster"])

    def _steps(self, cluster: str) -> list[Members]:
        found = [record for _, record in self.store.scan(STEP, prefix=f"{cluster}\x1f")]
        return sorted(found, key=lambda record: int(record["_order"]))

    def _step(self, cluster: str, id: str) -> Members:
        found = self.store.get(STEP, step_key(cluster, id))
        if found is None:
            self.cluster(cluster)
            raise ServiceError("InvalidRequestException", f"Step id '{id}' is not valid.")
        return found


def _outlives(cluster: Members, left: list[Members]) -> bool:
    """Whether a cluster would wait for further steps, had the steps that were under way failed."""
    return (
        cluster["_keep"]
        and cluster["_state"] in ("RUNNING", "WAITING")
        and all(step["_state"] != "PENDING" for step in left)
        and (cluster["StepConcurrencyLevel"] > 1 or all(step["ActionOnFailure"] == "CONTINUE" for step in left))
    )
