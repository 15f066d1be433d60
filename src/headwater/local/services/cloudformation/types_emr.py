"""Clusters of Amazon EMR and their security configurations.

A stack waits until its cluster runs, and until it has terminated.

Not faithful to AWS: only a change of AutoTerminationPolicy, VisibleToAllUsers, Tags and Instances.TerminationProtected
keeps the cluster, any other makes a new one (AWS also resizes fleets and groups in place); MasterPublicDNS has no
value, for there is no such machine. What RunJobFlow refuses here, a template may not have either.

Source: AWS CloudFormation Template Reference, AWS::EMR::Cluster, AWS::EMR::SecurityConfiguration (2026-11).
"""

from __future__ import annotations

import time
from typing import Any

from headwater.local.service import Members, ServiceError
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.resource_type import ApiType, Handle, Made, Properties, Tagging, words

LIMIT_S = 600.0
POLL_S = 0.05
PARTS = ("InstanceFleet", "InstanceGroup")


class SecurityConfiguration(ApiType):
    """A security configuration; Ref gives its name. Any change makes a new one, as on AWS."""

    name = "AWS::EMR::SecurityConfiguration"
    service = "emr"
    properties = words("Name SecurityConfiguration")
    required = words("SecurityConfiguration")
    naming = Naming("Name", 255)
    create_call, delete_call = "create_security_configuration", "delete_security_configuration"
    ref = "{Name}"
    delete_on = {"Name": "{id}"}


class Cluster(ApiType):
    """A cluster; Ref gives its id."""

    name = "AWS::EMR::Cluster"
    service = "emr"
    properties = words(
        "Applications AutoTerminationPolicy Configurations EbsRootVolumeSize Instances JobFlowRole LogUri "
        "Name ReleaseLabel SecurityConfiguration ServiceRole StepConcurrencyLevel Steps Tags "
        "VisibleToAllUsers"
    )
    required = words("Instances JobFlowRole Name ServiceRole")
    create_call = "run_job_flow"
    ref = "{response[JobFlowId]}"
    getatt = {"Id": "{id}"}
    tags_member = "Tags"
    tagging = Tagging("add_tags", "remove_tags", ("ResourceId", "{id}"))
    in_place = words("AutoTerminationPolicy Tags VisibleToAllUsers")

    def replacing(self, old: Properties, new: Properties) -> set[str]:
        """Everything that no call of EMR changes here."""
        before, after = _unprotected(old), _unprotected(new)
        return {name for name in self.properties - self.in_place if before.get(name) != after.get(name)}

    def _plain(self, properties: Properties) -> Properties:
        plain = super()._plain(properties)
        plain["Instances"] = _instances(plain["Instances"])
        return {name: _respelled(value) for name, value in plain.items()}

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Wait for a new cluster; change what an old one lets change."""
        id = made.physical_id
        if not old:
            status = self._wait(handle, id, "RUNNING", "WAITING", "TERMINATED", "TERMINATED_WITH_ERRORS")
            if status["State"] == "TERMINATED_WITH_ERRORS":
                raise ServiceError("NotStabilized", f"Cluster {id}: {status['StateChangeReason'].get('Message', '')}")
            return
        protected = _true(new["Instances"].get("TerminationProtected", False))
        handle.call("emr", "set_termination_protection", JobFlowIds=[id], TerminationProtected=protected)
        visible = _true(new.get("VisibleToAllUsers", True))
        handle.call("emr", "set_visible_to_all_users", JobFlowIds=[id], VisibleToAllUsers=visible)
        if old.get("AutoTerminationPolicy") == new.get("AutoTerminationPolicy"):
            return
        if "AutoTerminationPolicy" in new:
            policy = {"IdleTimeout": int(new["AutoTerminationPolicy"]["IdleTimeout"])}
            handle.call("emr", "put_auto_termination_policy", ClusterId=id, AutoTerminationPolicy=policy)
        else:
            handle.call("emr", "remove_auto_termination_policy", ClusterId=id)

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Terminate it; a protected one is not, as on AWS."""
        handle.remove("emr", "terminate_job_flows", JobFlowIds=[physical_id])
        self._wait(handle, physical_id, "TERMINATED", "TERMINATED_WITH_ERRORS")

    def _wait(self, handle: Handle, id: str, *wanted: str) -> Members:
        """The status, once it is a wanted one; :class:`ServiceError` (NotStabilized) when that takes too long."""
        end = time.monotonic() + LIMIT_S
        while (status := self._status(handle, id))["State"] not in wanted:
            if time.monotonic() > end:
                raise ServiceError("NotStabilized", f"Cluster {id} is {status['State']} after {LIMIT_S:.0f} s")
            time.sleep(POLL_S)
        return status

    @staticmethod
    def _status(handle: Handle, id: str) -> Members:
        found: Members = handle.call("emr", "describe_cluster", ClusterId=id)["Cluster"]["Status"]
        return found


def _unprotected(properties: Properties) -> Properties:
    instances = {k: v for k, v in properties.get("Instances", {}).items() if k != "TerminationProtected"}
    return {**properties, "Instances": instances}


def _instances(declared: Members) -> Members:
    """RunJobFlow's Instances: one list of fleets or groups, each with its role."""
    instances = dict(declared)
    for part, kind in zip(PARTS, ("InstanceFleetType", "InstanceRole"), strict=True):
        found = [{**instances.pop(f"{role}{part}"), kind: role.upper()} for role in _roles(instances, part)]
        found += [{**each, kind: "TASK"} for each in instances.pop(f"Task{part}s", [])]
        if found:
            instances[f"{part}s"] = found
    return instances


def _roles(instances: Members, part: str) -> list[str]:
    return [role for role in ("Master", "Core") if f"{role}{part}" in instances]


def _respelled(value: Any) -> Any:
    """CloudFormation's names of maps, which are all ``Properties`` in EMR's API."""
    if isinstance(value, list):
        return [_respelled(item) for item in value]
    if not isinstance(value, dict):
        return value
    names = {"ConfigurationProperties": "Properties", "StepProperties": "Properties"}
    return {names.get(name, name): _respelled(item) for name, item in value.items()}


def _true(value: Any) -> bool:
    return str(value).lower() == "true"
