"""A cluster's life and its steps'.

A cluster that an earlier process left WAITING goes on waiting: nothing of it was lost. Any other that it left alive
ends as TERMINATED_WITH_ERRORS with a message that begins ``Headwater.Interrupted``; no step is lost or run twice.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from headwater.local.engines.script_role import RunFailed, failure_of
from headwater.local.jobs import JobExit
from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.emr.clusters import ClusterOperations
from headwater.local.services.emr.records import (
    CLUSTER,
    ENDED,
    STEP,
    STEP_ENDED,
    invalid,
    new_step,
    step_answer,
    step_key,
)
from headwater.local.services.emr.refusals import refuse_step

INTERRUPTED = "Headwater.Interrupted: the endpoint ended while this cluster was alive"
NO_EXECUTION_ROLES = (
    "ExecutionRoleArn needs a cluster whose security configuration has "
    "AuthorizationConfiguration.IAMConfiguration.EnableApplicationScopedIAMRole true"
)
log = logging.getLogger(__name__)


class StepOperations(ClusterOperations):
    """RunJobFlow, AddJobFlowSteps, CancelSteps, TerminateJobFlows and the reading operations of steps."""

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
                if step["_state"] == "PENDING":
                    self._set_step(step, "CANCELLED")
                else:
                    self._set_step(step, "INTERRUPTED", _failure={"Reason": "Unknown Error.", "Message": INTERRUPTED})
            self.endpoint.spark.sweep([step["_number"] for step in left], record["_times"]["CreationDateTime"])
            self.set_state(id, "TERMINATED_WITH_ERRORS", "INTERNAL_ERROR", INTERRUPTED)

    def stop(self) -> None:
        """The supervisor stops the scripts; their records are left to the next start."""
        super().stop()
        self._stopping = True

    @operation
    def run_job_flow(
        self,
        call: Call,
        Name: str,
        Instances: Members,
        ReleaseLabel: str | None = None,
        Steps: list[Members] | None = None,
        LogUri: str | None = None,
        Applications: list[Members] | None = None,
        Configurations: list[Members] | None = None,
        JobFlowRole: str | None = None,
        ServiceRole: str | None = None,
        Tags: list[dict[str, str]] | None = None,
        VisibleToAllUsers: bool = True,
        StepConcurrencyLevel: int = 1,
        AutoTerminationPolicy: Members | None = None,
        MonitoringConfiguration: Members | None = None,
        SecurityConfiguration: str | None = None,
        EbsRootVolumeSize: int | None = None,
    ) -> Members:
        """Start a cluster, with its first steps; the key of an earlier start answers the cluster that it made."""
        given = {name: value for name, value in locals().items() if name[0].isupper()}
        known = next((record for _, record in self.store.scan(CLUSTER) if _asked_before(call, record)), None)
        if known is not None:
            return {"JobFlowId": known["Id"], "ClusterArn": known["ClusterArn"]}
        record = {**self.new_cluster(call, given), "_key": call.idempotency_key}
        steps = _new_steps(record["Id"], Steps or [], None, 0)
        with self.store.transaction():
            self.store.put(CLUSTER, record["Id"], record)
            for step in steps:
                self.store.put(STEP, step_key(record["Id"], step["Id"]), step)
        self.endpoint.bus.publish(CLUSTER, record["Id"], "STARTING")
        self._tell_added(steps)
        threading.Thread(target=self._boot, args=(record,), name=f"emr-{record['Id']}").start()
        return {"JobFlowId": record["Id"], "ClusterArn": record["ClusterArn"]}

    @operation
    def add_job_flow_steps(
        self, call: Call, JobFlowId: str, Steps: list[Members], ExecutionRoleArn: str | None = None
    ) -> Members:
        """Add steps to a cluster that is alive; the key of an earlier call answers the steps that it added."""
        with self._lock:
            there = self._steps(JobFlowId)
            known = [step["Id"] for step in there if _asked_before(call, step)]
            if known:
                return {"StepIds": known}
            self.modifiable(JobFlowId)
            if ExecutionRoleArn and not self.cluster(JobFlowId).get("_execution_roles"):
                raise invalid(NO_EXECUTION_ROLES)
            steps = _new_steps(JobFlowId, Steps, ExecutionRoleArn, len(there))
            with self.store.transaction():
                for step in steps:
                    self.store.put(STEP, step_key(JobFlowId, step["Id"]), {**step, "_key": call.idempotency_key})
            self._tell_added(steps)
        threading.Thread(target=self._advance, args=(JobFlowId,), name=f"emr-{JobFlowId}").start()
        return {"StepIds": [step["Id"] for step in steps]}

    def _tell_added(self, steps: list[Members]) -> None:
        for step in steps:
            self.endpoint.bus.publish(STEP, step["Id"], "PENDING", cluster=step["_cluster"])

    @operation
    def describe_step(self, call: Call, ClusterId: str, StepId: str) -> Members:
        """One step."""
        return {"Step": step_answer(self._step(ClusterId, StepId))}

    @operation
    def list_steps(
        self,
        call: Call,
        ClusterId: str,
        StepStates: list[str] | None = None,
        StepIds: list[str] | None = None,
    ) -> Members:
        """A cluster's steps, the newest first, on one page."""
        self.cluster(ClusterId)
        found = [
            step_answer(step)
            for step in reversed(self._steps(ClusterId))
            if (not StepStates or step["_state"] in StepStates) and (not StepIds or step["Id"] in StepIds)
        ]
        return {"Steps": [{k: v for k, v in step.items() if k != "ExecutionRoleArn"} for step in found]}

    @operation
    def cancel_steps(
        self, call: Call, ClusterId: str, StepIds: list[str], StepCancellationOption: str = "SEND_INTERRUPT"
    ) -> Members:
        """Cancel steps: a pending one at once, a running one when its process has ended."""
        answers = []
        with self._lock:
            for id in StepIds:
                step = self._step(ClusterId, id)
                answer = {"StepId": id, "Status": "SUBMITTED"}
                if step["_state"] in STEP_ENDED:
                    answer = {**answer, "Status": "FAILED", "Reason": f"The step is {step['_state']}"}
                else:
                    self._cancel(step)
                answers.append(answer)
        return {"CancelStepsInfoList": answers}

    @operation
    def terminate_job_flows(self, call: Call, JobFlowIds: list[str]) -> Members:
        """Terminate clusters; refused, all of them, where one is protected."""
        with self._lock:
            records = [self.cluster(id) for id in JobFlowIds]
            if any(record["TerminationProtected"] and record["_state"] not in ENDED for record in records):
                raise invalid("Could not shut down one or more job flows since they are termination protected.")
            for record in records:
                if record["_state"] not in {*ENDED, "TERMINATING"}:
                    self._terminate(record["Id"], "TERMINATED", "USER_REQUEST", "Terminated by user request")
        return {}

    @operation
    def set_keep_job_flow_alive_when_no_steps(
        self, call: Call, JobFlowIds: list[str], KeepJobFlowAliveWhenNoSteps: bool
    ) -> Members:
        """Whether clusters wait when they have no step left."""
        for id in JobFlowIds:
            self.change_cluster(id, _keep=KeepJobFlowAliveWhenNoSteps)
            self._advance(id)
        return {}

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
            due = [step for step in steps if step["_state"] == "PENDING"][: cluster["StepConcurrencyLevel"] - busy]
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
                self._cancel(step)
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
                if found.get("_cancel"):
                    job.stop()

    def _exited(self, step: Members, exit: JobExit) -> None:
        cancelled = self._step(step["_cluster"], step["Id"]).get("_cancel")
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
            cluster = self.cluster(id)
            if state == "FAILED" and cluster["_state"] == "RUNNING" and step["ActionOnFailure"] != "CONTINUE":
                if step["ActionOnFailure"] != "CANCEL_AND_WAIT" and not cluster["TerminationProtected"]:
                    self._terminate(id, "TERMINATED_WITH_ERRORS", "STEP_FAILURE", "Shut down as step failed")
                else:
                    for other in self._steps(id):
                        if other["_state"] == "PENDING":
                            self._cancel(other)
            self._advance(id)

    def _cancel(self, step: Members) -> None:
        if step["_state"] == "PENDING":
            self._set_step(step, "CANCELLED")
            return
        with self.store.transaction():
            found = self._step(step["_cluster"], step["Id"])
            self.store.put(STEP, step_key(step["_cluster"], step["Id"]), {**found, "_cancel": True})
        job = self._running.get(step["Id"])
        if job is not None:
            job.stop()

    def _set_step(self, step: Members, state: str, **fields: Any) -> None:
        with self.store.transaction():
            found = self._step(step["_cluster"], step["Id"])
            name = "StartDateTime" if state == "RUNNING" else "EndDateTime"
            times = {**found["_times"], name: time.time()}
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


def _new_steps(cluster: str, configs: list[Members], role: str | None, first: int) -> list[Members]:
    """The records of steps to add after ``first`` others."""
    for config in configs:
        refuse_step(config)
    return [new_step(cluster, config, role, order) for order, config in enumerate(configs, first)]


def _asked_before(call: Call, record: Members) -> bool:
    return call.idempotency_key is not None and record.get("_key") == call.idempotency_key
