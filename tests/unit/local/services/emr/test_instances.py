"""Instance fleets and groups: what EMR takes, what it refuses, and what a client reads back."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.emr.idle_policy import checked_policy
from headwater.local.services.emr.instances import fleet_answer, fleets_of, group_answer, groups_of

CLUSTER = {"_state": "WAITING", "_times": {"CreationDateTime": 0.0}}
TYPES = [{"InstanceType": "m5.xlarge"}]
MASTER = {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": TYPES}
SPOT = {"SpotSpecification": {"TimeoutDurationMinutes": 20, "TimeoutAction": "SWITCH_TO_ON_DEMAND"}}
CORE = {
    "InstanceFleetType": "CORE",
    "TargetSpotCapacity": 8,
    "InstanceTypeConfigs": [{"InstanceType": "r5.xlarge", "WeightedCapacity": 4}],
    "LaunchSpecifications": SPOT,
}


def test_spot_fleets_are_kept_with_their_specification() -> None:
    master, core = [fleet_answer(CLUSTER, fleet) for fleet in fleets_of({"InstanceFleets": [MASTER, CORE]})]
    assert (master["TargetOnDemandCapacity"], master["TargetSpotCapacity"]) == (1, 0)
    assert core["TargetSpotCapacity"] == 8 and core["LaunchSpecifications"] == SPOT
    assert core["InstanceTypeSpecifications"] == [{"InstanceType": "r5.xlarge", "WeightedCapacity": 4}]
    assert core["Status"]["State"] == "RUNNING" and core["Id"].startswith("if-")
    assert "ProvisionedSpotCapacity" not in core


@pytest.mark.parametrize(
    ("fleet", "text"),
    [
        ({**CORE, "TargetSpotCapacity": 0}, "CORE fleet: one of its target capacities must be greater than 0"),
        ({**MASTER, "TargetOnDemandCapacity": 2}, "MASTER fleet: one of its target capacities must be 1"),
        ({**MASTER, "TargetSpotCapacity": 1}, "MASTER fleet: one of its target capacities must be 1"),
        ({**CORE, "InstanceTypeConfigs": TYPES * 6, "LaunchSpecifications": {}}, "expected 1 to 5"),
        ({**CORE, "InstanceTypeConfigs": []}, "expected 1 to 5 InstanceTypeConfigs, got 0"),
        (
            {
                **CORE,
                "InstanceTypeConfigs": [{**TYPES[0], "BidPrice": "1", "BidPriceAsPercentageOfOnDemandPrice": 9.0}],
            },
            "Specify at most one of bidPrice",
        ),
        (
            {**CORE, "LaunchSpecifications": {"SpotSpecification": {"TimeoutDurationMinutes": 4}}},
            "TimeoutDurationMinutes must be between 5 and 1440, got 4",
        ),
    ],
)
def test_a_fleet_that_emr_refuses(fleet: dict[str, Any], text: str) -> None:
    fleets = [fleet] if fleet["InstanceFleetType"] == "MASTER" else [MASTER, fleet]
    with pytest.raises(ServiceError, match=text):
        fleets_of({"InstanceFleets": fleets})


def test_a_cluster_has_one_master() -> None:
    with pytest.raises(ServiceError, match="needs a MASTER instance fleet, got only CORE"):
        fleets_of({"InstanceFleets": [CORE]})
    with pytest.raises(ServiceError, match="more of CORE"):
        fleets_of({"InstanceFleets": [MASTER, CORE, CORE]})


def test_groups_come_from_types_and_a_count() -> None:
    found = groups_of({"MasterInstanceType": "m5.xlarge", "SlaveInstanceType": "r5.xlarge", "InstanceCount": 4})
    master, core = [group_answer(CLUSTER, group) for group in found]
    assert (master["InstanceGroupType"], master["RequestedInstanceCount"]) == ("MASTER", 1)
    assert (core["InstanceType"], core["RequestedInstanceCount"], core["Market"]) == ("r5.xlarge", 3, "ON_DEMAND")
    assert "RunningInstanceCount" not in core


@pytest.mark.parametrize("seconds", [None, 59, 604_801])
def test_an_idle_time_out_that_emr_refuses(seconds: int | None) -> None:
    with pytest.raises(ServiceError, match=f"between 60 and 604800 seconds, got {seconds}"):
        checked_policy({"IdleTimeout": seconds})
