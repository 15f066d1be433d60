"""What a stack's template resolves to: its parameters, conditions, and the resources that exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headwater.local.identity import Principal
from headwater.local.service import Endpoint, ServiceError
from headwater.local.services.cloudformation import parameters
from headwater.local.services.cloudformation.dynamic import DynamicReferences
from headwater.local.services.cloudformation.intrinsics import Resolver
from headwater.local.services.cloudformation.records import StackRecords
from headwater.local.services.cloudformation.registry import RESOURCE_TYPES
from headwater.local.services.cloudformation.template import Template, validation_error
from headwater.local.store import Record


class StackScope:
    """Resolves one template for one stack.

    Parameters
    ----------
    endpoint, records:
        Where values are read.
    stack:
        The stack's record, for the pseudo parameters.
    template, texts:
        The template, and its parameters' texts.
    live:
        Resource records by logical id; read as they are when a value is asked.
    principal:
        Who reads parameters, secrets and zones.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        records: StackRecords,
        stack: Record,
        template: Template,
        texts: Mapping[str, str],
        live: Mapping[str, Record],
        principal: Principal | None = None,
        ref: Callable[[str], Any] | None = None,
        attribute: Callable[[str, str], Any] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.records = records
        self.template = template
        self.live = live
        self.principal = principal
        self.imported: set[str] = set()
        self.values = {
            **parameters.values(template, texts, DynamicReferences(endpoint, principal).parameter),
            "AWS::AccountId": endpoint.account,
            "AWS::NotificationARNs": stack.get("notification_arns", []),
            "AWS::Partition": "aws",
            "AWS::Region": endpoint.region,
            "AWS::StackId": stack["id"],
            "AWS::StackName": stack["name"],
            "AWS::URLSuffix": "amazonaws.com",
        }
        self.resolver = Resolver(
            template, self.values, ref or self.ref, attribute or self.attribute, self._import, self._zones
        )
        for name in template.conditions:
            self.resolver.holds(name)
        self.active = [
            name
            for name, resource in template.resources.items()
            if resource.condition is None or self.resolver.holds(resource.condition)
        ]

    def ref(self, name: str) -> Any:
        """The physical id of a resource."""
        if name not in self.live:
            raise validation_error(
                f"Template format error: Unresolved resource dependencies [{name}] "
                "in the Resources block of the template"
            )
        return self.live[name]["physical"]

    def attribute(self, name: str, attribute: str) -> Any:
        """An attribute of a resource; nested ones by dots."""
        if name not in self.live:
            raise validation_error(f"Template error: instance of Fn::GetAtt references undefined resource {name}")
        known = self.live[name]["attributes"]
        if attribute not in known:
            raise unknown_attribute(self.live[name]["type"], attribute)
        return known[attribute]

    def _import(self, name: str) -> Any:
        for export, value, _ in self.records.exports():
            if export == name:
                self.imported.add(name)
                return value
        raise validation_error(f"No export named {name} found.")

    def _zones(self, region: str) -> list[str]:
        answer = self.endpoint.call("ec2", "describe_availability_zones", principal=self.principal)
        return sorted(z["ZoneName"] for z in answer["AvailabilityZones"] if z["ZoneName"].startswith(region))

    def outputs(self) -> list[Record]:
        """The outputs whose condition holds, resolved."""
        found = []
        for name, output in self.template.outputs.items():
            condition = output.get("Condition")
            if condition is not None and not self.resolver.holds(condition):
                continue
            value = self.resolver.resolve(output["Value"])
            if not isinstance(value, (str, int, float, bool)):
                raise validation_error(
                    f"Template format error: Output {name} is malformed. The Value field of every Outputs member must "
                    "evaluate to a String."
                )
            text = str(value).lower() if isinstance(value, bool) else str(value)
            entry = {"OutputKey": name, "OutputValue": text}
            if "Description" in output:
                entry["Description"] = str(output["Description"])
            if "Export" in output:
                entry["ExportName"] = str(self.resolver.resolve(output["Export"]["Name"]))
            found.append(entry)
        return found


def unknown_attribute(type_name: str, attribute: str) -> ServiceError:
    """AWS's error for an attribute that a type does not have."""
    known = ", ".join(sorted(RESOURCE_TYPES[type_name].attributes))
    return validation_error(
        f"Template error: resource type {type_name} does not support attribute type {attribute} in Fn::GetAtt"
        f" (it has: {known or 'none'})"
    )
