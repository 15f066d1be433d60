"""The events of Amazon EMR: "EMR Cluster State Change" and "EMR Step Status Change".

Best effort, as on AWS: what happens while EventBridge is not up (a cluster that a new endpoint finds interrupted) is
not told. EMR sends none for BOOTSTRAPPING, TERMINATING and INTERRUPTED. AWS asks that messages are not parsed; only
those of a step that failed and of a cluster that terminated are worded as its own. EMR's other events are not sent.

Source: Amazon EMR Management Guide, "Monitoring Amazon EMR events with CloudWatch" and "When to set up EMR events in
CloudWatch" (2026-11).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from headwater.local.service import Members
from headwater.local.services.events.records import DEFAULT
from headwater.local.services.events.routing import RoutingOperations

CLUSTER_KIND, STEP_KIND = "EMR Cluster State Change", "EMR Step Status Change"
CLUSTER_SAYS = {
    "STARTING": "was requested",
    "RUNNING": "began running steps",
    "WAITING": "is ready to run steps",
    "TERMINATED": "has terminated",
    "TERMINATED_WITH_ERRORS": "has terminated with errors",
}
STEP_SAYS = {
    "PENDING": "was added",
    "RUNNING": "started running",
    "COMPLETED": "completed execution",
    "CANCELLED": "was cancelled",
    "FAILED": "failed",
}
SEVERITIES = {"TERMINATED_WITH_ERRORS": "CRITICAL", "FAILED": "ERROR", "CANCELLED": "WARN"}


class ClusterEvents(RoutingOperations):
    """Turns what the bus tells of EMR's clusters and steps into events of the default event bus."""

    def listen_to_clusters(self) -> None:
        """Announce every later change."""
        self.endpoint.bus.subscribe("emr.cluster", self._cluster_changed)
        self.endpoint.bus.subscribe("emr.step", self._step_changed)

    def _cluster_changed(self, told: Members) -> None:
        state = told["status"]
        if state not in CLUSTER_SAYS or not self.anyone_listens(DEFAULT):
            return
        cluster = self.endpoint.call("emr", "describe_cluster", ClusterId=told["id"])["Cluster"]
        self.route(DEFAULT, self.event("aws.emr", CLUSTER_KIND, cluster_detail(cluster, state, _now()), []))

    def _step_changed(self, told: Members) -> None:
        state = told["status"]
        if state not in STEP_SAYS or not self.anyone_listens(DEFAULT):
            return
        cluster = self.endpoint.call("emr", "describe_cluster", ClusterId=told["cluster"])["Cluster"]
        step = self.endpoint.call("emr", "describe_step", ClusterId=told["cluster"], StepId=told["id"])["Step"]
        self.route(DEFAULT, self.event("aws.emr", STEP_KIND, step_detail(cluster, step, state, _now()), []))


def cluster_detail(cluster: Members, state: str, moment: datetime) -> Members:
    """The detail of a cluster's event, from DescribeCluster's answer; the reason is JSON in a text, as AWS sends it."""
    reason = cluster["Status"].get("StateChangeReason") or {}
    code, id, name = reason.get("Code", ""), cluster["Id"], cluster["Name"]
    ended = f" with a reason of {code}" if code and state.startswith("TERMINATED") else ""
    text = json.dumps({"code": code, "message": reason.get("Message", "")}, separators=(",", ":"))
    return {
        "severity": SEVERITIES.get(state, "INFO"),
        "stateChangeReason": text,
        "name": name,
        "clusterId": id,
        "state": state,
        "message": f"Amazon EMR Cluster {id} ({name}) {CLUSTER_SAYS[state]} at {_minute(moment)}{ended}.",
    }


def step_detail(cluster: Members, step: Members, state: str, moment: datetime) -> Members:
    """The detail of a step's event, from the answers of DescribeCluster and DescribeStep."""
    where = f"in Amazon EMR cluster {cluster['Id']} ({cluster['Name']})"
    return {
        "severity": SEVERITIES.get(state, "INFO"),
        "actionOnFailure": step["ActionOnFailure"],
        "stepId": step["Id"],
        "name": step["Name"],
        "clusterId": cluster["Id"],
        "state": state,
        "message": f"Step {step['Id']} ({step['Name']}) {where} {STEP_SAYS[state]} at {_minute(moment)}.",
    }


def _now() -> datetime:
    return datetime.now(UTC)


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
