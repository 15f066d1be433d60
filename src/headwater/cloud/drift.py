"""Drift: what was changed behind CloudFormation's back, by its own detection."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.session import Cloud, explain
from headwater.errors import StackError

LIMIT_S = 600


@dataclass(frozen=True)
class DriftedResource:
    """A resource that is not as its stack says.

    Parameters
    ----------
    status:
        ``MODIFIED`` or ``DELETED``.
    differences:
        (path, expected, actual) of each property that differs.
    """

    logical_id: str
    physical_id: str
    type: str
    status: str
    differences: tuple[tuple[str, Any, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """The documented shape in ``headwater plan --diff --json``."""
        names = ("path", "expected", "actual")
        return {
            "resource": self.logical_id,
            "physical_id": self.physical_id,
            "type": self.type,
            "status": self.status,
            "differences": [dict(zip(names, each, strict=True)) for each in self.differences],
        }


def detect_drift(cloud: Cloud, stack: str) -> list[DriftedResource]:
    """Have CloudFormation compare a stack with what is there; the resources that differ.

    Raises
    ------
    StackError
        When the detection failed.
    """
    client = cloud.client("cloudformation")
    try:
        detection = client.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
        limit, pause_s = time.monotonic() + LIMIT_S, 0.1
        while True:
            found = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
            if found["DetectionStatus"] != "DETECTION_IN_PROGRESS" or time.monotonic() > limit:
                break
            time.sleep(min(pause_s, cloud.poll_s))
            pause_s *= 1.5
        if found["DetectionStatus"] != "DETECTION_COMPLETE":
            reason = found.get("DetectionStatusReason", found["DetectionStatus"])
            raise StackError(f"the drift of stack {stack} could not be detected: {reason}")
        return [_drifted(each) for each in _drifts(client, stack)]
    except ClientError as error:
        raise explain(error) from error


def _drifts(client: Any, stack: str) -> list[dict[str, Any]]:
    """Every page; botocore knows no paginator of this operation."""
    found: list[dict[str, Any]] = []
    options: dict[str, Any] = {"StackResourceDriftStatusFilters": ["MODIFIED", "DELETED"]}
    while True:
        page = client.describe_stack_resource_drifts(StackName=stack, **options)
        found += page["StackResourceDrifts"]
        if not page.get("NextToken"):
            return found
        options["NextToken"] = page["NextToken"]


def _drifted(described: dict[str, Any]) -> DriftedResource:
    differences = tuple(
        (str(each["PropertyPath"]), each.get("ExpectedValue"), each.get("ActualValue"))
        for each in described.get("PropertyDifferences", [])
    )
    return DriftedResource(
        str(described["LogicalResourceId"]),
        str(described.get("PhysicalResourceId", "")),
        str(described["ResourceType"]),
        str(described["StackResourceDriftStatus"]),
        differences,
    )
