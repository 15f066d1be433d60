"""What is asked of a stack's resources, events, exports and imports."""

from __future__ import annotations

import json

from headwater.local.service import Call, Members, operation
from headwater.local.services.cloudformation.base import PAGE, StackService, page
from headwater.local.services.cloudformation.records import as_time
from headwater.local.services.cloudformation.template import validation_error
from headwater.local.store import Record


class ResourceOperations(StackService):
    """The operations that read a stack's parts."""

    @operation
    def describe_stack_resource(self, call: Call, StackName: str, LogicalResourceId: str) -> Members:
        """One resource of a stack."""
        stack = self.records.need(StackName, "Stack '{}' does not exist")
        resource = self.records.resources(stack["id"]).get(LogicalResourceId)
        if resource is None:
            raise validation_error(f"Resource {LogicalResourceId} does not exist for stack {stack['name']}")
        detail = _described(stack, resource)
        detail["LastUpdatedTimestamp"] = detail.pop("Timestamp")
        detail["Metadata"] = json.dumps(resource.get("metadata") or {})
        return {"StackResourceDetail": detail}

    @operation
    def describe_stack_resources(
        self,
        call: Call,
        StackName: str | None = None,
        LogicalResourceId: str | None = None,
        PhysicalResourceId: str | None = None,
    ) -> Members:
        """The resources of a stack, named or found by a resource's physical id."""
        if (StackName is None) == (PhysicalResourceId is None):
            raise validation_error("Exactly one of StackName and PhysicalResourceId must be specified")
        stack = self.records.need(StackName) if StackName else self._owner(str(PhysicalResourceId))
        resources = self.records.resources(stack["id"]).values()
        return {
            "StackResources": [
                _described(stack, resource)
                for resource in resources
                if LogicalResourceId in (None, resource["logical"])
                and PhysicalResourceId in (None, resource["physical"])
            ]
        }

    def _owner(self, physical_id: str) -> Record:
        for stack in self.records.live():
            if any(r["physical"] == physical_id for r in self.records.resources(stack["id"]).values()):
                return stack
        raise validation_error(f"Stack for {physical_id} does not exist")

    @operation
    def list_stack_resources(self, call: Call, StackName: str, NextToken: str | None = None) -> Members:
        """The resources of a stack, by pages."""
        stack = self.records.need(StackName)
        resources = list(self.records.resources(stack["id"]).values())
        found, more = page(resources, NextToken)
        summaries = []
        for resource in found:
            summary = _described(stack, resource)
            summary["LastUpdatedTimestamp"] = summary.pop("Timestamp")
            del summary["StackId"], summary["StackName"]
            summaries.append(summary)
        return {"StackResourceSummaries": summaries, **more}

    @operation
    def describe_stack_events(self, call: Call, StackName: str, NextToken: str | None = None) -> Members:
        """A stack's events, newest first, by pages."""
        stack = self.records.need(StackName, "Stack [{}] does not exist")
        if NextToken is not None and not NextToken.isdigit():
            raise validation_error("Invalid NextToken")
        events = self.records.events(stack["id"], int(NextToken) if NextToken else None, PAGE + 1)
        answer: Members = {
            "StackEvents": [{**event, "Timestamp": as_time(event["Timestamp"])} for _, event in events[:PAGE]]
        }
        if len(events) > PAGE:
            answer["NextToken"] = str(events[PAGE - 1][0])
        return answer

    @operation
    def list_exports(self, call: Call, NextToken: str | None = None) -> Members:
        """The exported outputs of all stacks, by name."""
        exports = [
            {"Name": name, "Value": value, "ExportingStackId": owner} for name, value, owner in self.records.exports()
        ]
        found, more = page(exports, NextToken)
        return {"Exports": found, **more}

    @operation
    def list_imports(self, call: Call, ExportName: str, NextToken: str | None = None) -> Members:
        """The stacks that import an export."""
        users = self.records.importers(ExportName)
        if not users:
            raise validation_error(f"Export '{ExportName}' is not imported by any stack.")
        found, more = page(users, NextToken)
        return {"Imports": found, **more}


def _drift(stack: Record, logical_id: str) -> Members:
    found = stack.get("drifts", {}).get(logical_id)
    if not found:
        return {"StackResourceDriftStatus": "NOT_CHECKED"}
    return {"StackResourceDriftStatus": found["status"], "LastCheckTimestamp": as_time(found["time"])}


def _described(stack: Record, resource: Record) -> Members:
    described = {
        "StackId": stack["id"],
        "StackName": stack["name"],
        "LogicalResourceId": resource["logical"],
        "PhysicalResourceId": resource["physical"],
        "ResourceType": resource["type"],
        "Timestamp": as_time(resource["updated"]),
        "ResourceStatus": resource["status"],
        "DriftInformation": _drift(stack, resource["logical"]),
    }
    if resource.get("reason"):
        described["ResourceStatusReason"] = resource["reason"]
    return described
