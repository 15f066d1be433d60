"""Clusters: made, listed, changed.

Not faithful to AWS: a cluster starts at once and has this machine's processors, whatever instances it asks for;
bootstrap actions, ManagedScalingPolicy and what else the signatures do not name are refused, and so is what
:mod:`headwater.local.services.emr.refusals` lists.

Source: Amazon EMR API reference, RunJobFlow, Cluster, Step (2026-11).
"""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Any

from headwater.local.engines.emr_releases import not_installed, spark_line
from headwater.local.jobs import Job
from headwater.local.service import Call, Endpoint, Members, ServiceError, operation
from headwater.local.services.emr.idle_policy import checked_policy
from headwater.local.services.emr.instances import fleet_answer, fleets_of, group_answer, groups_of
from headwater.local.services.emr.monitoring import checked_monitoring
from headwater.local.services.emr.records import CLUSTER, ENDED, cluster_answer, invalid, marked_page, new_id, summary
from headwater.local.services.emr.refusals import refuse_hidden, refuse_without_effect
from headwater.local.services.emr.root_volume import checked_size
from headwater.local.services.emr.security_configurations import SecurityOperations
from headwater.local.services.emr.security_document import allows_execution_roles
from headwater.local.services.emr.step_launch import StepLauncher

MOST_STEPS_AT_A_TIME = 256
KEPT = (
    "Applications",
    "Configurations",
    "EbsRootVolumeSize",
    "LogUri",
    "Name",
    "ReleaseLabel",
    "SecurityConfiguration",
    "ServiceRole",
    "Tags",
)
NETWORK = (
    "Ec2KeyName",
    "Ec2SubnetId",
    "EmrManagedMasterSecurityGroup",
    "EmrManagedSlaveSecurityGroup",
    "ServiceAccessSecurityGroup",
    "AdditionalMasterSecurityGroups",
    "AdditionalSlaveSecurityGroups",
)


class ClusterOperations(SecurityOperations):
    """The operations on clusters that run no step."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._lock = threading.RLock()
        self._launcher = StepLauncher(endpoint)
        self._running: dict[str, Job] = {}
        self._stopping = False

    def cluster(self, id: str) -> Members:
        """A cluster's record; InvalidRequestException where there is none."""
        found = self.store.get(CLUSTER, id)
        if found is None:
            raise ServiceError("InvalidRequestException", f"Cluster id '{id}' is not valid.")
        return found

    def modifiable(self, id: str) -> None:
        """Refuse to change a cluster that has ended or is about to: ValidationException."""
        if self.cluster(id)["_state"] in {*ENDED, "TERMINATING"}:
            raise invalid("A job flow that is shutting down, terminated, or finished may not be modified.")

    def change_cluster(self, id: str, **fields: Any) -> None:
        """Change a cluster's record."""
        with self.store.transaction():
            self.store.put(CLUSTER, id, {**self.cluster(id), **fields})

    def set_state(self, id: str, state: str, code: str | None = None, message: str = "") -> None:
        """Set a cluster's state, and tell."""
        record = self.cluster(id)
        times = dict(record["_times"])
        if state in ("RUNNING", "WAITING"):
            times.setdefault("ReadyDateTime", time.time())
        if state in ENDED:
            times["EndDateTime"] = time.time()
        reason = {"Code": code, "Message": message} if code else {"Message": message} if message else {}
        self.change_cluster(id, _state=state, _times=times, _reason=reason)
        self.endpoint.bus.publish(CLUSTER, id, state)

    def new_cluster(self, call: Call, members: Members) -> Members:
        """The record of a cluster that starts; ValidationException for what is not computed."""
        instances, label = members["Instances"], members.get("ReleaseLabel") or ""
        if spark_line(label) is None:
            raise invalid(f"The supplied release label is invalid: {label}.")
        problem = not_installed(label)
        if problem:
            raise invalid(problem)
        if not members.get("JobFlowRole"):
            raise invalid("JobFlowRole is required: the instance profile whose role the steps run as")
        if not members.get("ServiceRole"):
            raise invalid("ServiceRole is required: the role of Amazon EMR itself")
        if sum(bool(instances.get(name)) for name in ("InstanceGroups", "InstanceFleets", "MasterInstanceType")) != 1:
            raise invalid("Instances takes one of InstanceGroups, InstanceFleets and MasterInstanceType")
        refuse_without_effect(members)
        level = checked_level(members.get("StepConcurrencyLevel", 1))
        checked_size(members.get("EbsRootVolumeSize"), label)
        security = members.get("SecurityConfiguration")
        document = self.security_document(security) if security else {}
        policy = members.get("AutoTerminationPolicy")
        id = new_id("j")
        attributes: Members = {"IamInstanceProfile": members["JobFlowRole"]}
        attributes |= {name: instances[name] for name in NETWORK if instances.get(name)}
        if instances.get("Ec2SubnetIds"):
            attributes["RequestedEc2SubnetIds"] = instances["Ec2SubnetIds"]
        return {
            **{name: members[name] for name in KEPT if members.get(name) is not None},
            "Id": id,
            "ClusterArn": f"arn:aws:elasticmapreduce:{call.region}:{call.account}:cluster/{id}",
            "Ec2InstanceAttributes": attributes,
            "MonitoringConfiguration": checked_monitoring(members),
            "InstanceCollectionType": "INSTANCE_FLEET" if instances.get("InstanceFleets") else "INSTANCE_GROUP",
            "TerminationProtected": bool(instances.get("TerminationProtected")),
            "VisibleToAllUsers": members.get("VisibleToAllUsers", True),
            "StepConcurrencyLevel": level,
            "_fleets": fleets_of(instances),
            "_groups": groups_of(instances),
            "_execution_roles": allows_execution_roles(document),
            "_idle": checked_policy(policy) if policy is not None else None,
            "_keep": bool(instances.get("KeepJobFlowAliveWhenNoSteps")),
            "_state": "STARTING",
            "_times": {"CreationDateTime": time.time()},
        }

    @operation
    def describe_cluster(self, call: Call, ClusterId: str) -> Members:
        """One cluster."""
        return {"Cluster": cluster_answer(self.cluster(ClusterId))}

    @operation
    def list_clusters(
        self,
        call: Call,
        CreatedAfter: datetime | None = None,
        CreatedBefore: datetime | None = None,
        ClusterStates: list[str] | None = None,
        Marker: str | None = None,
    ) -> Members:
        """Clusters, the newest first, in pages."""
        found = []
        for _, record in self.store.scan(CLUSTER):
            made = record["_times"]["CreationDateTime"]
            late = CreatedAfter is None or made >= CreatedAfter.timestamp()
            early = CreatedBefore is None or made <= CreatedBefore.timestamp()
            if late and early and (not ClusterStates or record["_state"] in ClusterStates):
                found.append(record)
        found.sort(key=lambda record: (-record["_times"]["CreationDateTime"], record["Id"]))
        shown, more = marked_page(found, Marker)
        return {"Clusters": [summary(record) for record in shown], **more}

    @operation
    def set_termination_protection(self, call: Call, JobFlowIds: list[str], TerminationProtected: bool) -> Members:
        """Hold a cluster against TerminateJobFlows, or no longer."""
        for id in JobFlowIds:
            self.set_protection(id, TerminationProtected)
        return {}

    def set_protection(self, id: str, protected: bool) -> None:
        """Hold one cluster, or no longer."""
        self.change_cluster(id, TerminationProtected=protected)

    @operation
    def set_visible_to_all_users(self, call: Call, JobFlowIds: list[str], VisibleToAllUsers: bool) -> Members:
        """Let policies alone decide who sees a cluster; what would hide it is refused."""
        if not VisibleToAllUsers:
            refuse_hidden()
        for id in JobFlowIds:
            self.change_cluster(id, VisibleToAllUsers=VisibleToAllUsers)
        return {}

    @operation
    def list_instance_fleets(self, call: Call, ClusterId: str) -> Members:
        """The instance fleets that a cluster asks for."""
        cluster = self._cluster_of(ClusterId, "INSTANCE_FLEET")
        return {"InstanceFleets": [fleet_answer(cluster, fleet) for fleet in cluster["_fleets"]]}

    @operation
    def list_instance_groups(self, call: Call, ClusterId: str) -> Members:
        """The instance groups that a cluster asks for."""
        cluster = self._cluster_of(ClusterId, "INSTANCE_GROUP")
        return {"InstanceGroups": [group_answer(cluster, group) for group in cluster["_groups"]]}

    def _cluster_of(self, id: str, collection: str) -> Members:
        """A cluster that has fleets, or groups."""
        cluster = self.cluster(id)
        if cluster["InstanceCollectionType"] != collection:
            raise ServiceError("InvalidRequestException", "Instance fleets and instance groups are mutually exclusive.")
        return cluster

    @operation
    def list_bootstrap_actions(self, call: Call, ClusterId: str, Marker: str | None = None) -> Members:
        """None: a cluster with bootstrap actions is refused."""
        self.cluster(ClusterId)
        actions, more = marked_page([], Marker)
        return {"BootstrapActions": actions, **more}

    @operation
    def add_tags(self, call: Call, ResourceId: str, Tags: list[dict[str, str]]) -> Members:
        """Add tags to a cluster."""
        kept = {tag["Key"]: tag for tag in self.cluster(ResourceId).get("Tags") or []}
        self.change_cluster(ResourceId, Tags=list({**kept, **{tag["Key"]: tag for tag in Tags}}.values()))
        return {}

    @operation
    def remove_tags(self, call: Call, ResourceId: str, TagKeys: list[str]) -> Members:
        """Remove a cluster's tags, by key."""
        kept = [tag for tag in self.cluster(ResourceId).get("Tags") or [] if tag["Key"] not in TagKeys]
        self.change_cluster(ResourceId, Tags=kept)
        return {}


def checked_level(level: int) -> int:
    """How many steps may run at a time; ValidationException for what EMR refuses."""
    if not 1 <= level <= MOST_STEPS_AT_A_TIME:
        raise invalid(f"StepConcurrencyLevel must be between 1 and {MOST_STEPS_AT_A_TIME}, got {level}")
    return level
