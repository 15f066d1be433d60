"""Instance fleets and instance groups: what a cluster asks for, checked and kept.

Not faithful to AWS: no instance is made, so the answers say what was asked for and the state that the cluster is in,
and leave out what was provisioned (ProvisionedSpotCapacity, RunningInstanceCount …); ListInstances is refused. Spot
capacity is never interrupted.

Source: Amazon EMR API reference, InstanceFleetConfig, InstanceTypeConfig, SpotProvisioningSpecification,
InstanceGroupConfig; Management Guide, "Planning and configuring instance fleets" (2026-11).
"""

from __future__ import annotations

from collections import Counter

from headwater.local.service import Members
from headwater.local.services.emr.records import ENDED, invalid, new_id, times_of

MOST_TYPES = 5
MOST_TYPES_WITH_STRATEGY = 30
SPOT_TIMEOUT_MINUTES = range(5, 1441)
STATES = {"STARTING": "PROVISIONING", "WAITING": "RUNNING", "TERMINATED_WITH_ERRORS": "TERMINATED"}


def fleets_of(instances: Members) -> list[Members]:
    """The fleets of a new cluster, each with its id; ValidationException for those that EMR refuses."""
    fleets = instances.get("InstanceFleets") or []
    _one_of_each([str(fleet["InstanceFleetType"]) for fleet in fleets], "instance fleet")
    for fleet in fleets:
        _check_fleet(fleet)
    return [{**fleet, "Id": new_id("if")} for fleet in fleets]


def groups_of(instances: Members) -> list[Members]:
    """The groups of a new cluster, each with its id; ValidationException for those that EMR refuses."""
    groups = instances.get("InstanceGroups") or []
    if not groups and instances.get("MasterInstanceType"):
        master, most = instances["MasterInstanceType"], int(instances.get("InstanceCount") or 1)
        groups = [{"InstanceRole": "MASTER", "InstanceType": master, "InstanceCount": 1}]
        if most > 1:
            core = instances.get("SlaveInstanceType") or master
            groups.append({"InstanceRole": "CORE", "InstanceType": core, "InstanceCount": most - 1})
    _one_of_each([str(group["InstanceRole"]) for group in groups if group["InstanceRole"] != "TASK"], "instance group")
    for group in groups:
        if group["InstanceRole"] == "MASTER" and group["InstanceCount"] not in (1, 3):
            raise invalid(f"The MASTER instance group takes 1 or 3 instances, got {group['InstanceCount']}")
    return [{**group, "Id": new_id("ig")} for group in groups]


def _one_of_each(kinds: list[str], what: str) -> None:
    repeated = sorted(kind for kind, count in Counter(kinds).items() if count > 1)
    if repeated:
        raise invalid(f"A cluster takes one {what} of each type, got more of {', '.join(repeated)}")
    if kinds and "MASTER" not in kinds:
        raise invalid(f"A cluster needs a MASTER {what}, got only {', '.join(kinds)}")


def _check_fleet(fleet: Members) -> None:
    kind = fleet["InstanceFleetType"]
    demand, spot = int(fleet.get("TargetOnDemandCapacity") or 0), int(fleet.get("TargetSpotCapacity") or 0)
    asked = f"TargetOnDemandCapacity {demand} and TargetSpotCapacity {spot}"
    if demand < 0 or spot < 0 or demand + spot == 0:
        raise invalid(f"{kind} fleet: one of its target capacities must be greater than 0, got {asked}")
    if kind == "MASTER" and demand + spot != 1:
        raise invalid(f"MASTER fleet: one of its target capacities must be 1 and the other not given, got {asked}")
    types = fleet.get("InstanceTypeConfigs") or []
    launch = fleet.get("LaunchSpecifications") or {}
    strategies = [specification.get("AllocationStrategy") for specification in launch.values()]
    most = MOST_TYPES_WITH_STRATEGY if any(strategies) else MOST_TYPES
    if not 1 <= len(types) <= most:
        raise invalid(f"{kind} fleet: expected 1 to {most} InstanceTypeConfigs, got {len(types)}")
    for each in types:
        if "BidPrice" in each and "BidPriceAsPercentageOfOnDemandPrice" in each:
            raise invalid(
                "Specify at most one of bidPrice or bidPriceAsPercentageOfOnDemandPrice value for the Spot Instance "
                "fleet : request."
            )
        if kind == "MASTER" and each.get("WeightedCapacity", 1) != 1:
            raise invalid(f"MASTER fleet: WeightedCapacity must be 1, got {each['WeightedCapacity']}")
    minutes = (launch.get("SpotSpecification") or {}).get("TimeoutDurationMinutes")
    if minutes is not None and minutes not in SPOT_TIMEOUT_MINUTES:
        raise invalid(f"{kind} fleet: TimeoutDurationMinutes must be between 5 and 1440, got {minutes}")


def fleet_answer(cluster: Members, fleet: Members) -> Members:
    """An InstanceFleet that a client sees."""
    kept = ("Id", "Name", "InstanceFleetType", "LaunchSpecifications", "ResizeSpecifications")
    return {
        **{name: fleet[name] for name in kept if fleet.get(name) is not None},
        "Status": _status(cluster),
        "TargetOnDemandCapacity": fleet.get("TargetOnDemandCapacity") or 0,
        "TargetSpotCapacity": fleet.get("TargetSpotCapacity") or 0,
        "InstanceTypeSpecifications": [_type(each) for each in fleet["InstanceTypeConfigs"]],
    }


def _type(config: Members) -> Members:
    seen = {name: value for name, value in config.items() if name != "EbsConfiguration"}
    return {"WeightedCapacity": 1, **seen, **_disks(config)}


def group_answer(cluster: Members, group: Members) -> Members:
    """An InstanceGroup that a client sees."""
    kept = ("Id", "Name", "BidPrice", "InstanceType", "Configurations", "CustomAmiId")
    return {
        **{name: group[name] for name in kept if group.get(name) is not None},
        "Market": group.get("Market") or "ON_DEMAND",
        "InstanceGroupType": group["InstanceRole"],
        "RequestedInstanceCount": group["InstanceCount"],
        "Status": _status(cluster),
        **_disks(group),
    }


def _disks(config: Members) -> Members:
    ebs = config.get("EbsConfiguration")
    if not ebs:
        return {}
    blocks = ebs.get("EbsBlockDeviceConfigs") or []
    disks = [
        {"VolumeSpecification": block["VolumeSpecification"]}
        for block in blocks
        for _ in range(block.get("VolumesPerInstance", 1))
    ]
    return {"EbsBlockDevices": disks, "EbsOptimized": bool(ebs.get("EbsOptimized"))}


def _status(cluster: Members) -> Members:
    state: str = cluster["_state"]
    ended = {"Code": "CLUSTER_TERMINATED", "Message": "Job flow terminated"} if state in ENDED else {}
    return {"State": STATES.get(state, state), "StateChangeReason": ended, "Timeline": times_of(cluster)}
