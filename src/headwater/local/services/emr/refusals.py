"""Members of RunJobFlow and its steps that would have an effect on AWS and have none here: refused by name.

Kept and shown without an effect are those of the machines that a cluster asks for (instance types, disks, prices,
time-outs of a resize, subnets, keys, security groups) and the property maximizeResourceAllocation: what a step
computes is the same.

Source: Amazon EMR API reference, JobFlowInstancesConfig, InstanceGroupConfig, InstanceFleetConfig, InstanceTypeConfig,
Application, HadoopJarStepConfig, StepConfig, Configuration (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headwater.local.service import Members
from headwater.local.services.emr.records import invalid

SPARK = "spark"
# The applications that Headwater has, or that change nothing that a step computes; EMR does not regard case.
APPLICATIONS = frozenset({"amazoncloudwatchagent", "hadoop", SPARK})
# The properties of the classification `spark` that only size executors.
SIZING = frozenset({"maximizeResourceAllocation"})
IN_INSTANCES = ("HadoopVersion", "Placement", "UnhealthyNodeReplacement")
IN_MACHINES = ("AutoScalingPolicy", "Configurations", "CustomAmiId")


def refuse_without_effect(members: Members) -> None:
    """Refuse RunJobFlow's members whose effect is not computed: ValidationException, with their names."""
    if members.get("VisibleToAllUsers") is False:
        refuse_hidden()
    instances = members["Instances"]
    _refuse("Instances", instances, IN_INSTANCES)
    for group in instances.get("InstanceGroups") or []:
        _refuse("InstanceGroups", group, IN_MACHINES)
    for fleet in instances.get("InstanceFleets") or []:
        _refuse("InstanceFleets", fleet, ("Context",))
        for each in fleet.get("InstanceTypeConfigs") or []:
            _refuse("InstanceTypeConfigs", each, IN_MACHINES)
    for application in members.get("Applications") or []:
        if str(application.get("Name")).lower() not in APPLICATIONS:
            raise invalid(f"Headwater does not compute the application {application.get('Name')}, but Spark and Hadoop")
        _refuse(f"the application {application['Name']}", application, ("AdditionalInfo", "Args", "Version"))
    for configuration in members.get("Configurations") or []:
        _refuse_configuration(configuration)


def refuse_step(config: Members) -> None:
    """Refuse a step's members whose effect is not computed: ValidationException, with their names."""
    _refuse(f"the step {config['Name']}", config, ("StepMonitoringConfiguration",))
    _refuse(f"the step {config['Name']}", config["HadoopJarStep"], ("MainClass", "Properties"))


def refuse_hidden() -> None:
    """Refuse to hide a cluster: who may see one is decided by IAM's policies alone here."""
    raise invalid("Headwater does not compute VisibleToAllUsers false: use policies with elasticmapreduce:ResourceTag")


def has_spark(cluster: Members) -> bool:
    """Whether a cluster's nodes have Spark."""
    return any(str(each["Name"]).lower() == SPARK for each in cluster.get("Applications") or [])


def _refuse_configuration(configuration: Members) -> None:
    kind, properties = configuration.get("Classification"), configuration.get("Properties") or {}
    if kind not in ("spark", "spark-defaults"):
        raise invalid(f"Headwater does not compute the classification {kind}")
    _refuse(f"the classification {kind}", configuration, ("Configurations",))
    if kind == "spark" and (unknown := sorted(set(properties) - SIZING)):
        raise invalid(f"Headwater does not compute {', '.join(unknown)} of the classification spark")


def _refuse(where: str, given: dict[str, Any], names: Iterable[str]) -> None:
    if found := [name for name in names if given.get(name)]:
        raise invalid(f"Headwater does not compute {', '.join(found)} of {where}")
