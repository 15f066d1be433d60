"""Drift detection: what a stack's resources are now against what their stack made of them.

Computed while its caller waits: a detection is never seen in progress. Not faithful to AWS: the types that are checked
are those of :mod:`~headwater.local.services.cloudformation.drift_readers`; the others are NOT_CHECKED.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.cloudformation.base import StackService, page
from headwater.local.services.cloudformation.drift_readers import READERS, differences
from headwater.local.services.cloudformation.records import as_time, now
from headwater.local.services.cloudformation.resource_type import Handle, missing
from headwater.local.services.cloudformation.template import validation_error
from headwater.local.store import Record

DETECTION = "cloudformation.drift"
DETECTABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"})


class DriftOperations(StackService):
    """The operations on drift."""

    @operation
    def detect_stack_drift(self, call: Call, StackName: str, LogicalResourceIds: list[str] | None = None) -> Members:
        """Compare a stack's resources, or some of them, with what is there."""
        stack = self._detectable(StackName)
        resources = self.records.resources(stack["id"])
        chosen = LogicalResourceIds or [n for n, r in resources.items() if not r["status"].startswith("DELETE")]
        if unknown := sorted(set(chosen) - set(resources)):
            raise validation_error(f"Resource {unknown[0]} does not exist for stack {stack['name']}")
        drifts = {name: self._checked(call, stack, resources[name]) for name in chosen}
        drifted = sum(each["status"] in ("MODIFIED", "DELETED") for each in drifts.values())
        detection = {
            "id": str(uuid.uuid4()),
            "stack_id": stack["id"],
            "status": "DRIFTED" if drifted else "IN_SYNC",
            "count": drifted,
            "time": now(),
        }
        with self.changing, self.store.transaction():
            stack = self.records.need(stack["id"])
            known = {**stack.get("drifts", {}), **drifts}
            stack.update(drift={"status": detection["status"], "time": detection["time"]}, drifts=known)
            self.records.put(stack)
            self.store.put(DETECTION, detection["id"], detection)
        return {"StackDriftDetectionId": detection["id"]}

    @operation
    def describe_stack_drift_detection_status(self, call: Call, StackDriftDetectionId: str) -> Members:
        """What a detection found."""
        found = self.store.get(DETECTION, StackDriftDetectionId)
        if found is None:
            raise validation_error(f"Drift detection with id {StackDriftDetectionId} does not exist")
        return {
            "StackId": found["stack_id"],
            "StackDriftDetectionId": found["id"],
            "StackDriftStatus": found["status"],
            "DetectionStatus": "DETECTION_COMPLETE",
            "DriftedStackResourceCount": found["count"],
            "Timestamp": as_time(found["time"]),
        }

    @operation
    def detect_stack_resource_drift(self, call: Call, StackName: str, LogicalResourceId: str) -> Members:
        """Compare one resource with what is there."""
        self.detect_stack_drift(call, StackName=StackName, LogicalResourceIds=[LogicalResourceId])
        stack = self.records.need(StackName)
        return {"StackResourceDrift": _described(stack, LogicalResourceId, stack["drifts"][LogicalResourceId])}

    @operation
    def describe_stack_resource_drifts(
        self,
        call: Call,
        StackName: str,
        StackResourceDriftStatusFilters: list[str] | None = None,
        NextToken: str | None = None,
        MaxResults: int = 100,
    ) -> Members:
        """What the last detections found of each resource that could be checked."""
        stack = self.records.need(StackName, "Stack [{}] does not exist")
        wanted = StackResourceDriftStatusFilters or ["IN_SYNC", "MODIFIED", "DELETED"]
        found = [(name, each) for name, each in sorted(stack.get("drifts", {}).items()) if each["status"] in wanted]
        shown, more = page(found, NextToken, MaxResults)
        return {"StackResourceDrifts": [_described(stack, name, each) for name, each in shown], **more}

    def _detectable(self, name: str) -> Record:
        stack = self.records.need(name, "Stack [{}] does not exist")
        if stack["status"] not in DETECTABLE:
            raise validation_error(
                f"Drift detection cannot be performed on stack [{stack['id']}] while it is in {stack['status']} state."
            )
        return stack

    def _checked(self, call: Call, stack: Record, resource: Record) -> Record:
        """The drift of one resource, as it is kept."""
        found: Record = {
            "type": resource["type"],
            "physical": resource["physical"],
            "expected": resource["declared"],
            "time": now(),
            "differences": [],
        }
        reader = READERS.get(resource["type"])
        if reader is None:
            return {**found, "status": "NOT_CHECKED"}
        handle = Handle(self.endpoint, stack["name"], stack["id"], resource["logical"], stack["tags"], call.principal)
        try:
            actual = reader(handle, resource["physical"], resource["properties"])
        except ServiceError as error:
            if missing(error) or error.status == 404:
                return {**found, "status": "DELETED"}
            raise
        differing = differences(resource["declared"], actual)
        told = {path: value for path, _, value in differing}
        now_is = {name: told.get(f"/{name}", value) for name, value in resource["declared"].items()}
        kept = [[path, _value(expected), _value(value)] for path, expected, value in differing]
        status = "MODIFIED" if differing else "IN_SYNC"
        return {**found, "status": status, "differences": kept, "actual": json.loads(_value(now_is))}


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True, default=str)


def _described(stack: Record, name: str, drift: Record) -> Members:
    described: Members = {
        "StackId": stack["id"],
        "LogicalResourceId": name,
        "PhysicalResourceId": drift["physical"],
        "ResourceType": drift["type"],
        "ExpectedProperties": _value(drift["expected"]),
        "PropertyDifferences": [
            {"PropertyPath": path, "ExpectedValue": expected, "ActualValue": actual, "DifferenceType": "NOT_EQUAL"}
            for path, expected, actual in drift["differences"]
        ],
        "StackResourceDriftStatus": drift["status"],
        "Timestamp": as_time(drift["time"]),
    }
    if "actual" in drift:
        described["ActualProperties"] = _value(drift["actual"])
    return described
