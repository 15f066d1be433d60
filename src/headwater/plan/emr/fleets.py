"""The instance fleets of a stage's cluster: one primary node, two core nodes, and the rest as task nodes on spot.

Task nodes hold no data, so that a spot interruption costs the tasks that ran there, which Spark runs again; the primary
node runs the driver, and core nodes keep HDFS: both are on demand. Each fleet names instance types of five families and
one size, of which EMR takes what is cheapest or most likely to stay.

Sources: Amazon EMR Management Guide, "Planning and configuring instance fleets", "Allocation strategy for instance
fleets", "Node types", "Supported instance types"; Glue developer guide, "Defining job properties"; read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headwater.workflow.stages import SparkStage

CORE_NODES = 2
# Glue's worker type: R.* are memory-optimised, and the number is how many times 4 vCPU a worker has.
_FAMILIES = {"G": ("m5", "m5a", "m6i", "m6a", "m7i"), "R": ("r5", "r5a", "r6i", "r6a", "r7i")}
_SIZES = {"1X": "xlarge", "2X": "2xlarge", "4X": "4xlarge", "8X": "8xlarge", "12X": "12xlarge", "16X": "16xlarge"}
_SPOT_WAIT_MINUTES = 15


@dataclass(frozen=True)
class Fleet:
    """One instance fleet, in instances.

    Parameters
    ----------
    kind:
        `MASTER`, `CORE` or `TASK`.
    instance_types:
        What it may be made of; its price is taken to be the first one's.
    """

    kind: str
    instance_types: tuple[str, ...]
    instances: int
    spot: bool = False


def fleets(stage: SparkStage) -> tuple[Fleet, ...]:
    """Return the fleets of a stage's cluster: ``emr_workers`` nodes of the size of its worker, and the primary one."""
    family, size = stage.worker_type.split(".")
    types = tuple(f"{each}.{_SIZES[size]}" for each in _FAMILIES[family])
    core = min(CORE_NODES, stage.emr_workers)
    found = [Fleet("MASTER", types, 1), Fleet("CORE", types, core)]
    if stage.emr_workers > core:
        found.append(Fleet("TASK", types, stage.emr_workers - core, stage.emr_spot))
    return tuple(found)


def instance_fleets(stage: SparkStage) -> list[dict[str, Any]]:
    """Return the fleets as RunJobFlow takes them."""
    return [_config(fleet) for fleet in fleets(stage)]


def _config(fleet: Fleet) -> dict[str, Any]:
    launch: dict[str, Any] = {"OnDemandSpecification": {"AllocationStrategy": "lowest-price"}}
    if fleet.spot:
        launch["SpotSpecification"] = {
            "AllocationStrategy": "price-capacity-optimized",
            "TimeoutDurationMinutes": _SPOT_WAIT_MINUTES,
            "TimeoutAction": "SWITCH_TO_ON_DEMAND",
        }
    return {
        "Name": fleet.kind.lower(),
        "InstanceFleetType": fleet.kind,
        "TargetSpotCapacity" if fleet.spot else "TargetOnDemandCapacity": fleet.instances,
        "InstanceTypeConfigs": [{"InstanceType": each, "WeightedCapacity": 1} for each in fleet.instance_types],
        "LaunchSpecifications": launch,
    }
