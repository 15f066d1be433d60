"""The operations on steps, and those that start and end clusters.

Not faithful to AWS: of an interrupted step that does not end within 30 s the process is killed (AWS lets it go on).

Source: Amazon EMR API reference, RunJobFlow, AddJobFlowSteps, CancelSteps, ListSteps (2026-11).
"""

from __future__ import annotations

import threading

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.emr.clusters import checked_level
from headwater.local.services.emr.records import (
    CLUSTER,
    ENDED,
    STEP,
    STEP_ENDED,
    invalid,
    marked_page,
    new_step,
    step_answer,
    step_key,
)
from headwater.local.services.emr.refusals import refuse_step
from headwater.local.services.emr.step_lives import INTERRUPT_GRACE_S, StepLives

NO_EXECUTION_ROLES = (
    "ExecutionRoleArn needs a cluster whose security configuration has "
    "AuthorizationConfiguration.IAMConfiguration.EnableApplicationScopedIAMRole true"
)
MOST_ACTIVE = 256
MOST_LISTED = 10
TOO_MANY = "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded."


class StepOperations(StepLives):
    """RunJobFlow, AddJobFlowSteps, CancelSteps, TerminateJobFlows and the reading operations of steps."""

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
        if len(steps) > MOST_ACTIVE:
            raise invalid(TOO_MANY)
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
            cluster = self.cluster(JobFlowId)
            if ExecutionRoleArn and not cluster.get("_execution_roles"):
                raise invalid(NO_EXECUTION_ROLES)
            steps = _new_steps(JobFlowId, Steps, ExecutionRoleArn, len(there))
            _refuse_action(cluster, steps)
            if sum(step["_state"] not in STEP_ENDED for step in there) + len(steps) > MOST_ACTIVE:
                raise invalid(TOO_MANY)
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
        Marker: str | None = None,
    ) -> Members:
        """A cluster's steps, the newest first, in pages."""
        self.cluster(ClusterId)
        if len(StepIds or []) > MOST_LISTED:
            text = f"ListSteps takes up to {MOST_LISTED} StepIds, got {len(StepIds or [])}"
            raise ServiceError("InvalidRequestException", text)
        found = [
            step_answer(step)
            for step in reversed(self._steps(ClusterId))
            if (not StepStates or step["_state"] in StepStates) and (not StepIds or step["Id"] in StepIds)
        ]
        shown, more = marked_page(found, Marker)
        return {"Steps": [{k: v for k, v in step.items() if k != "ExecutionRoleArn"} for step in shown], **more}

    @operation
    def cancel_steps(
        self, call: Call, ClusterId: str, StepIds: list[str], StepCancellationOption: str = "SEND_INTERRUPT"
    ) -> Members:
        """Cancel steps: a pending one at once, a running one when its process has ended, by SIGTERM or SIGKILL."""
        if len(StepIds) > MOST_ACTIVE:
            text = f"CancelSteps takes up to {MOST_ACTIVE} StepIds, got {len(StepIds)}"
            raise ServiceError("InvalidRequestException", text)
        grace_s = 0 if StepCancellationOption == "TERMINATE_PROCESS" else INTERRUPT_GRACE_S
        answers = []
        with self._lock:
            for id in StepIds:
                step = self._step(ClusterId, id)
                answer = {"StepId": id, "Status": "SUBMITTED"}
                if step["_state"] in STEP_ENDED:
                    answer = {**answer, "Status": "FAILED", "Reason": f"The step is {step['_state']}"}
                else:
                    self._cancel(step, grace_s)
                answers.append(answer)
        return {"CancelStepsInfoList": answers}

    @operation
    def modify_cluster(self, call: Call, ClusterId: str, StepConcurrencyLevel: int) -> Members:
        """Change how many steps run at a time: more start at once, and those that run are left to end."""
        level = checked_level(StepConcurrencyLevel)
        with self._lock:
            self.modifiable(ClusterId)
            self.change_cluster(ClusterId, StepConcurrencyLevel=level)
            self._advance(ClusterId)
        return {"StepConcurrencyLevel": level}

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


def _new_steps(cluster: str, configs: list[Members], role: str | None, first: int) -> list[Members]:
    """The records of steps to add after ``first`` others."""
    for config in configs:
        refuse_step(config)
    return [new_step(cluster, config, role, order) for order, config in enumerate(configs, first)]


def _refuse_action(cluster: Members, steps: list[Members]) -> None:
    """Of a cluster that runs several steps at a time none that is added may act on the others."""
    for step in steps:
        if cluster["StepConcurrencyLevel"] > 1 and step["ActionOnFailure"] != "CONTINUE":
            raise invalid(
                f"ActionOnFailure {step['ActionOnFailure']} of the step {step['Name']} is not valid: it must be "
                f"CONTINUE where StepConcurrencyLevel is greater than 1, and it is {cluster['StepConcurrencyLevel']}"
            )


def _asked_before(call: Call, record: Members) -> bool:
    return call.idempotency_key is not None and record.get("_key") == call.idempotency_key
