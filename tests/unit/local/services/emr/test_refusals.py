"""Members of RunJobFlow and of steps that have no effect here: refused by name, while harmless ones pass."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.emr.refusals import has_spark, refuse_step, refuse_without_effect

TYPE = {"InstanceType": "m5.xlarge", "WeightedCapacity": 1}
STEP = {"Name": "s", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit"]}}


def in_instances(**members: Any) -> dict[str, Any]:
    return {"Instances": members}


def beside(**members: Any) -> dict[str, Any]:
    return {"Instances": {}, **members}


def test_what_is_harmless_passes() -> None:
    fleet = {"InstanceTypeConfigs": [{**TYPE, "EbsConfiguration": {"EbsOptimized": True}}], "ResizeSpecifications": {}}
    instances = {"UnhealthyNodeReplacement": False, "Placement": {}, "Ec2KeyName": "k", "InstanceFleets": [fleet]}
    sized = {"Classification": "spark", "Properties": {"maximizeResourceAllocation": "true"}}
    defaults = {"Classification": "spark-defaults", "Properties": {"spark.x": "1"}, "Configurations": []}
    applications = [{"Name": "SPARK"}, {"Name": "Hadoop", "Args": []}]
    refuse_without_effect({"Instances": instances, "Configurations": [sized, defaults], "Applications": applications})
    refuse_step({**STEP, "HadoopJarStep": {**STEP["HadoopJarStep"], "Properties": []}})  # type: ignore[dict-item]
    assert has_spark({"Applications": applications}) and not has_spark({})


@pytest.mark.parametrize(
    ("members", "text"),
    [
        (in_instances(HadoopVersion="2.4.0"), "HadoopVersion of Instances"),
        (in_instances(Placement={"AvailabilityZone": "us-east-1a"}), "Placement of Instances"),
        (in_instances(UnhealthyNodeReplacement=True), "UnhealthyNodeReplacement of Instances"),
        (
            in_instances(InstanceGroups=[{**TYPE, "AutoScalingPolicy": {"Rules": [1]}}]),
            "AutoScalingPolicy of InstanceG",
        ),
        (in_instances(InstanceGroups=[{**TYPE, "Configurations": [{}]}]), "Configurations of InstanceGroups"),
        (
            in_instances(InstanceFleets=[{"InstanceTypeConfigs": [{**TYPE, "CustomAmiId": "ami-1"}]}]),
            "CustomAmiId of InstanceTypeConfigs",
        ),
        (in_instances(InstanceFleets=[{"Context": "c"}]), "Context of InstanceFleets"),
        (beside(Applications=[{"Name": "Hive"}]), "the application Hive, but Spark and Hadoop"),
        (beside(Applications=[{"Name": "Spark", "Version": "3.4"}]), "Version of the application Spark"),
        (beside(Configurations=[{"Classification": "hive-site"}]), "the classification hive-site"),
        (
            beside(Configurations=[{"Classification": "spark-defaults", "Configurations": [{}]}]),
            "Configurations of the classification spark-defaults",
        ),
        (
            beside(Configurations=[{"Classification": "spark", "Properties": {"x": "1"}}]),
            "x of the classification spark",
        ),
        (beside(VisibleToAllUsers=False), "VisibleToAllUsers false"),
    ],
)
def test_what_has_no_effect_is_refused_by_name(members: dict[str, Any], text: str) -> None:
    with pytest.raises(ServiceError, match=f"Headwater does not compute {text}") as error:
        refuse_without_effect(members)
    assert error.value.code == "ValidationException"


@pytest.mark.parametrize("name", ["MainClass", "Properties"])
def test_a_step_whose_jar_would_be_told_more(name: str) -> None:
    with pytest.raises(ServiceError, match=f"does not compute {name} of the step s"):
        refuse_step({"Name": "s", "HadoopJarStep": {"Jar": "command-runner.jar", name: ["x"]}})
    with pytest.raises(ServiceError, match="does not compute StepMonitoringConfiguration of the step s"):
        refuse_step({**STEP, "StepMonitoringConfiguration": {"x": 1}})
