"""Stacks: create, update, delete, and what is asked of them."""

from __future__ import annotations

import uuid
from typing import Any

from headwater.local.service import Call, Members, operation
from headwater.local.services.cloudformation import capabilities, parameters
from headwater.local.services.cloudformation.base import UPDATABLE, StackService, page
from headwater.local.services.cloudformation.deployment import Deployment
from headwater.local.services.cloudformation.differences import Differences
from headwater.local.services.cloudformation.records import as_time, now
from headwater.local.services.cloudformation.resource_type import tag_list
from headwater.local.services.cloudformation.template import Template, validation_error
from headwater.local.services.cloudformation.registry import parse_known
from headwater.local.store import Record

Items = list[dict[str, Any]]


class StackOperations(StackService):
    """The operations on stacks."""

    @operation
    def create_stack(
        self,
        call: Call,
        StackName: str,
        TemplateBody: str | None = None,
        TemplateURL: str | None = None,
        Parameters: Items | None = None,
        Capabilities: list[str] | None = None,
        Tags: Items | None = None,
        DisableRollback: bool | None = None,
        OnFailure: str | None = None,
        RoleARN: str | None = None,
        ClientRequestToken: str | None = None,
        EnableTerminationProtection: bool = False,
    ) -> Members:
        """Make a stack; the work goes on after the answer."""
        if DisableRollback is not None and OnFailure is not None:
            raise validation_error("Either DisableRollback or OnFailure can be specified, not both.")
        template = self.parse(self.read_template(call, TemplateBody, TemplateURL))
        capabilities.check(template, Capabilities or [])
        target = self.target(template, Parameters or [], Tags or [])
        with self.changing:
            stack = self.new_stack(StackName, "CREATE_IN_PROGRESS")
            stack.update(
                created=now(),
                role_arn=RoleARN,
                on_failure=OnFailure or ("DO_NOTHING" if DisableRollback else "ROLLBACK"),
                termination_protection=EnableTerminationProtection,
            )
            self.start_create(call, stack, target, Capabilities or [], ClientRequestToken)
        return {"StackId": stack["id"]}

    def start_create(
        self, call: Call, stack: Record, target: Record, given: list[str], token: str | None, **more: Any
    ) -> None:
        """Check the target against the stack's scope, keep it, and begin."""
        self._differences(call, stack, target).changes()
        stack.update(
            target=target, tags=target["tags"], capabilities=given, operation=str(uuid.uuid4()), token=token, **more
        )
        self.records.set_status(stack, "CREATE_IN_PROGRESS", "User Initiated")
        self.begin(stack, call.principal, Deployment.create)

    def _differences(self, call: Call, stack: Record, target: Record, importing: bool = False) -> Differences:
        template = parse_known(target["template"])
        return Differences(
            self.endpoint,
            self.records,
            stack,
            template,
            target["parameters"],
            target["tags"],
            call.principal,
            importing,
        )

    @operation
    def update_stack(
        self,
        call: Call,
        StackName: str,
        TemplateBody: str | None = None,
        TemplateURL: str | None = None,
        UsePreviousTemplate: bool = False,
        Parameters: Items | None = None,
        Capabilities: list[str] | None = None,
        Tags: Items | None = None,
        RoleARN: str | None = None,
        ClientRequestToken: str | None = None,
    ) -> Members:
        """Bring a stack to a new template or new parameters; ValidationError when nothing would change."""
        with self.changing:
            stack = self.updatable(StackName)
            body = stack["template"] if UsePreviousTemplate else self.read_template(call, TemplateBody, TemplateURL)
            template = self.parse(body)
            capabilities.check(template, Capabilities or [])
            kept = tag_list(stack["tags"]) if Tags is None else Tags
            target = self.target(template, Parameters or [], kept, stack)
            differences = self._differences(call, stack, target)
            if not differences.changes() and target["tags"] == stack["tags"] and not differences.outputs_differ():
                raise validation_error("No updates are to be performed.")
            if RoleARN:
                stack["role_arn"] = RoleARN
            self.start_update(call, stack, target, Capabilities or [], ClientRequestToken)
        return {"StackId": stack["id"]}

    def updatable(self, name: str) -> Record:
        """A stack that may be updated now. Raises ValidationError otherwise."""
        stack = self.records.need(name, "Stack [{}] does not exist")
        if stack["status"] not in UPDATABLE:
            raise validation_error(f"Stack:{stack['id']} is in {stack['status']} state and can not be updated.")
        return stack

    def start_update(
        self, call: Call, stack: Record, target: Record, given: list[str], token: str | None, **more: Any
    ) -> None:
        """Keep the target and begin."""
        for kept in ("drift", "drifts"):
            stack.pop(kept, None)
        stack.update(target=target, capabilities=given, operation=str(uuid.uuid4()), token=token, updated=now(), **more)
        self.records.set_status(stack, "UPDATE_IN_PROGRESS", "User Initiated")
        self.begin(stack, call.principal, Deployment.update)

    @operation
    def continue_update_rollback(
        self, call: Call, StackName: str, RoleARN: str | None = None, ClientRequestToken: str | None = None
    ) -> Members:
        """Try again to put a stack back after its roll-back failed."""
        with self.changing:
            stack = self.records.need(StackName, "Stack [{}] does not exist")
            if stack["status"] != "UPDATE_ROLLBACK_FAILED":
                raise validation_error(
                    f"Stack:{stack['id']} is in {stack['status']} state and can not continue rollback."
                )
            stack.update(token=ClientRequestToken, role_arn=RoleARN or stack.get("role_arn"))
            self.records.set_status(stack, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
            self.begin(stack, call.principal, Deployment.rollback_update)
        return {}

    @operation
    def delete_stack(
        self,
        call: Call,
        StackName: str,
        RetainResources: list[str] | None = None,
        RoleARN: str | None = None,
        ClientRequestToken: str | None = None,
    ) -> Members:
        """Delete a stack and its resources; one that is not there is a success, as on AWS."""
        with self.changing:
            stack = self.records.find(StackName)
            if stack is None or stack["status"] == "DELETE_COMPLETE":
                return {}
            self._check_deletable(stack, RetainResources or [])
            if stack["status"] == "DELETE_IN_PROGRESS":
                return {}
            stack.update(token=ClientRequestToken, retain=RetainResources or [], operation=str(uuid.uuid4()))
            if RoleARN:
                stack["role_arn"] = RoleARN
            self.records.set_status(stack, "DELETE_IN_PROGRESS", "User Initiated")
            self.begin(stack, call.principal, Deployment.delete)
        return {}

    def _check_deletable(self, stack: Record, retain: list[str]) -> None:
        name = stack["name"]
        if stack.get("termination_protection"):
            raise validation_error(f"Stack [{name}] cannot be deleted while TerminationProtection is enabled")
        if stack["status"].endswith("_IN_PROGRESS") and stack["status"] not in (
            "DELETE_IN_PROGRESS",
            "REVIEW_IN_PROGRESS",
        ):
            raise validation_error(f"Stack [{name}] cannot be deleted while in status {stack['status']}")
        if retain and stack["status"] != "DELETE_FAILED":
            raise validation_error(
                "Invalid operation on stack. The specified resources can be retained only when the stack is in "
                "DELETE_FAILED state."
            )
        for output in stack.get("outputs", []):
            users = self.records.importers(output["ExportName"], but=stack["id"]) if "ExportName" in output else []
            if users:
                raise validation_error(
                    f"Export {output['ExportName']} cannot be deleted as it is in use by {', '.join(users)}"
                )

    @operation
    def describe_stacks(self, call: Call, StackName: str | None = None, NextToken: str | None = None) -> Members:
        """One stack, or all that are not deleted."""
        stacks = [self.records.need(StackName)] if StackName else self.records.live()
        found, more = page(stacks, NextToken)
        return {"Stacks": [self._described(stack) for stack in found], **more}

    def _described(self, stack: Record) -> Members:
        current = stack.get("target") if stack["status"].startswith("CREATE") else None
        current = current or stack
        template: Template | None = self.parse(current["template"]) if current["template"] else None
        described: Members = {
            "StackId": stack["id"],
            "StackName": stack["name"],
            "CreationTime": as_time(stack["created"]),
            "StackStatus": stack["status"],
            "DisableRollback": stack.get("on_failure") == "DO_NOTHING",
            "EnableTerminationProtection": bool(stack.get("termination_protection")),
            "RollbackConfiguration": {},
            "NotificationARNs": [],
            "Capabilities": stack["capabilities"],
            "Tags": tag_list(current["tags"]),
            "DriftInformation": drift_of(stack),
            "Parameters": parameters.shown(template, current["parameters"]) if template else [],
        }
        if stack.get("outputs"):
            described["Outputs"] = stack["outputs"]
        for member, value in (
            ("Description", current.get("description")),
            ("StackStatusReason", stack.get("reason")),
            ("ChangeSetId", stack.get("change_set")),
            ("LastUpdatedTime", as_time(stack.get("updated"))),
            ("DeletionTime", as_time(stack.get("deleted"))),
            ("RoleARN", stack.get("role_arn")),
        ):
            if value:
                described[member] = value
        return described

    @operation
    def list_stacks(
        self, call: Call, StackStatusFilter: list[str] | None = None, NextToken: str | None = None
    ) -> Members:
        """Every stack, deleted ones too, newest first."""
        stacks = [s for s in self.records.all() if not StackStatusFilter or s["status"] in StackStatusFilter]
        found, more = page(stacks, NextToken)
        return {"StackSummaries": [_summary(stack) for stack in found], **more}

    @operation
    def update_termination_protection(self, call: Call, StackName: str, EnableTerminationProtection: bool) -> Members:
        """Switch the protection against deletion."""
        with self.changing:
            stack = self.records.need(StackName, "Stack [{}] does not exist")
            stack["termination_protection"] = EnableTerminationProtection
            self.records.put(stack)
        return {"StackId": stack["id"]}

    @operation
    def get_stack_policy(self, call: Call, StackName: str) -> Members:
        """No stack has a policy: setting one is refused."""
        self.records.need(StackName, "Stack [{}] does not exist")
        return {}


def drift_of(stack: Record) -> Members:
    """What the last drift detection since the stack's last update found."""
    found = stack.get("drift")
    if not found:
        return {"StackDriftStatus": "NOT_CHECKED"}
    return {"StackDriftStatus": found["status"], "LastCheckTimestamp": as_time(found["time"])}


def _summary(stack: Record) -> Members:
    summary = {
        "StackId": stack["id"],
        "StackName": stack["name"],
        "CreationTime": as_time(stack["created"]),
        "StackStatus": stack["status"],
        "DriftInformation": drift_of(stack),
    }
    for member, value in (
        ("TemplateDescription", stack.get("description")),
        ("StackStatusReason", stack.get("reason")),
        ("LastUpdatedTime", as_time(stack.get("updated"))),
        ("DeletionTime", as_time(stack.get("deleted"))),
    ):
        if value:
            summary[member] = value
    return summary
