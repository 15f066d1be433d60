"""Change sets: what an update (or a creation) would do, and doing it.

A change set is computed while its creator waits, in milliseconds: it is never seen in CREATE_IN_PROGRESS.

``ImportExistingResources`` takes buckets, log groups, Glue databases and model package groups that an earlier stack
left (DeletionPolicy Retain) into the new one, and brings them to what the template says. ``IncludeNestedStacks`` is
refused by name, as the type AWS::CloudFormation::Stack is.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.cloudformation import capabilities, parameters
from headwater.local.services.cloudformation.base import page
from headwater.local.services.cloudformation.differences import NO_CHANGES, without_values
from headwater.local.services.cloudformation.records import as_time, now
from headwater.local.services.cloudformation.resource_type import tag_list
from headwater.local.services.cloudformation.stack_operations import Items, StackOperations
from headwater.local.services.cloudformation.template import validation_error
from headwater.local.store import Record


class ChangeSetOperations(StackOperations):
    """The operations on change sets."""

    @operation
    def create_change_set(
        self,
        call: Call,
        StackName: str,
        ChangeSetName: str,
        ChangeSetType: str = "UPDATE",
        TemplateBody: str | None = None,
        TemplateURL: str | None = None,
        UsePreviousTemplate: bool = False,
        Parameters: Items | None = None,
        Capabilities: list[str] | None = None,
        Tags: Items | None = None,
        Description: str | None = None,
        RoleARN: str | None = None,
        ClientToken: str | None = None,
        OnStackFailure: str | None = None,
        ImportExistingResources: bool = False,
        IncludeNestedStacks: bool = False,
    ) -> Members:
        """Compute what a template would change."""
        if not re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", ChangeSetName):
            raise validation_error(
                f"1 validation error detected: Value '{ChangeSetName}' at 'changeSetName' failed to satisfy constraint:"
                " Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
            )
        if IncludeNestedStacks:
            raise validation_error("Headwater does not compute nested stacks: leave IncludeNestedStacks out")
        with self.changing:
            stack = self._stack_for(StackName, ChangeSetType)
            if any(c["name"] == ChangeSetName for c in self.records.change_sets(stack["id"])):
                raise ServiceError("AlreadyExistsException", f"ChangeSet {ChangeSetName} already exists")
            body = stack["template"] if UsePreviousTemplate else self.read_template(call, TemplateBody, TemplateURL)
            template = self.parse(body)
            capabilities.check(template, Capabilities or [])
            updating = ChangeSetType == "UPDATE"
            kept = tag_list(stack["tags"]) if Tags is None and updating else Tags or []
            target = self.target(template, Parameters or [], kept, stack if updating else None)
            arn = f"arn:aws:cloudformation:{call.region}:{call.account}:changeSet/{ChangeSetName}/{uuid.uuid4()}"
            change_set: Record = {
                "id": arn,
                "name": ChangeSetName,
                "stack_id": stack["id"],
                "stack_name": stack["name"],
                "type": ChangeSetType,
                "created": now(),
                "target": target,
                "capabilities": Capabilities or [],
                "description": Description,
                "role_arn": RoleARN,
                "on_failure": OnStackFailure,
                "importing": ImportExistingResources,
            }
            self._compute(call, stack, change_set)
            with self.store.transaction():
                if self.records.find(stack["name"]) is None:
                    self.records.set_status(stack, "REVIEW_IN_PROGRESS", "User Initiated")
                self.records.put_change_set(change_set)
        return {"Id": arn, "StackId": stack["id"]}

    def _stack_for(self, name: str, kind: str) -> Record:
        """The stack that a change set is for; a new one's record for CREATE."""
        if kind not in ("CREATE", "UPDATE"):
            raise validation_error(f"Headwater does not compute change sets of type {kind}")
        found = self.records.find(name)
        if kind == "CREATE":
            if found is None:
                return {**self.new_stack(name, "REVIEW_IN_PROGRESS"), "created": now()}
            if found["status"] != "REVIEW_IN_PROGRESS":
                raise validation_error(f"Stack [{name}] already exists and cannot be created again with the changeSet")
            return found
        if found is None:
            raise validation_error(f"Stack [{name}] does not exist")
        if found["status"] == "REVIEW_IN_PROGRESS":
            raise validation_error(f"Stack:{found['id']} is in REVIEW_IN_PROGRESS state and can not be updated.")
        return self.updatable(name)

    def _compute(self, call: Call, stack: Record, change_set: Record) -> None:
        """The change set's changes and status."""
        try:
            differences = self._differences(call, stack, change_set["target"], change_set["importing"])
            changes = differences.changes()
            found = [change["ResourceChange"] for change in changes]
            change_set["target"]["importing"] = [c["LogicalResourceId"] for c in found if c["Action"] == "Import"]
            same = not changes and change_set["target"]["tags"] == stack["tags"] and not differences.outputs_differ()
        except ServiceError as error:
            change_set.update(status="FAILED", execution="UNAVAILABLE", reason=error.message, changes=[])
            return
        if same and change_set["type"] == "UPDATE":
            change_set.update(status="FAILED", execution="UNAVAILABLE", reason=NO_CHANGES, changes=[])
        else:
            change_set.update(status="CREATE_COMPLETE", execution="AVAILABLE", reason="", changes=changes)

    @operation
    def describe_change_set(
        self,
        call: Call,
        ChangeSetName: str,
        StackName: str | None = None,
        NextToken: str | None = None,
        IncludePropertyValues: bool = False,
    ) -> Members:
        """A change set with its changes, and with the properties' values where they are asked for."""
        change_set = self.records.need_change_set(ChangeSetName, StackName)
        changes, more = page(change_set["changes"], NextToken)
        if not IncludePropertyValues:
            changes = [without_values(change) for change in changes]
        target = change_set["target"]
        template = self.parse(target["template"])
        described: Members = {
            **_summary(change_set),
            "Parameters": parameters.shown(template, target["parameters"]),
            "Tags": tag_list(target["tags"]),
            "Capabilities": change_set["capabilities"],
            "NotificationARNs": [],
            "RollbackConfiguration": {},
            "Changes": changes,
            **more,
        }
        if change_set.get("on_failure"):
            described["OnStackFailure"] = change_set["on_failure"]
        return described

    @operation
    def list_change_sets(self, call: Call, StackName: str, NextToken: str | None = None) -> Members:
        """A stack's change sets that were not executed yet."""
        stack = self.records.need(StackName, "Stack [{}] does not exist")
        found, more = page(self.records.change_sets(stack["id"]), NextToken)
        return {"Summaries": [_summary(change_set) for change_set in found], **more}

    @operation
    def execute_change_set(
        self,
        call: Call,
        ChangeSetName: str,
        StackName: str | None = None,
        ClientRequestToken: str | None = None,
        DisableRollback: bool = False,
    ) -> Members:
        """Do what a change set says; the work goes on after the answer."""
        with self.changing:
            change_set = self.records.need_change_set(ChangeSetName, StackName)
            if change_set["execution"] != "AVAILABLE":
                raise ServiceError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{change_set['id']}] cannot be executed in its current status of "
                    f"[{change_set['status']}]",
                )
            stack = self.records.need(change_set["stack_id"])
            creating = change_set["type"] == "CREATE"
            if DisableRollback and not creating:
                raise validation_error("Headwater does not compute DisableRollback of an update, only of a creation")
            if not creating:
                self.updatable(stack["id"])
            if change_set.get("role_arn"):
                stack["role_arn"] = change_set["role_arn"]
            chosen = change_set.get("on_failure") or ("DO_NOTHING" if DisableRollback else "ROLLBACK")
            more = {"change_set": change_set["id"], **({"on_failure": chosen} if creating else {})}
            start = self.start_create if creating else self.start_update
            with self.store.transaction():
                for other in self.records.change_sets(stack["id"]):
                    self.records.delete_change_set(other)
            start(call, stack, change_set["target"], change_set["capabilities"], ClientRequestToken, **more)
        return {}

    @operation
    def delete_change_set(self, call: Call, ChangeSetName: str, StackName: str | None = None) -> Members:
        """Forget a change set."""
        with self.changing:
            self.records.delete_change_set(self.records.need_change_set(ChangeSetName, StackName))
        return {}


def _summary(change_set: Record) -> Members:
    summary: dict[str, Any] = {
        "ChangeSetId": change_set["id"],
        "ChangeSetName": change_set["name"],
        "StackId": change_set["stack_id"],
        "StackName": change_set["stack_name"],
        "CreationTime": as_time(change_set["created"]),
        "ExecutionStatus": change_set["execution"],
        "Status": change_set["status"],
        "IncludeNestedStacks": False,
        "ImportExistingResources": change_set["importing"],
    }
    if change_set["reason"]:
        summary["StatusReason"] = change_set["reason"]
    if change_set["description"]:
        summary["Description"] = change_set["description"]
    return summary
