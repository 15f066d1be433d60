"""CloudFormation stacks, changed by change sets, on either endpoint.

Each operation bears a client request token, which its events carry: an operation's events are told from those of
others by it, not by clocks. A failure is explained by the first resource that failed: what CloudFormation says of the
others follows from it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from headwater.cloud.changes import Change, change_of
from headwater.cloud.session import Cloud, error_code, explain
from headwater.errors import StackError

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
INLINE_TEMPLATE_BYTES = 51_200  # CloudFormation quota: a larger template must lie in S3
CHANGE_SET_LIMIT_S = 900
FIRST_PAUSE_S = 0.1  # between looks at a stack; grows to the cloud's own
NO_CHANGES = ("The submitted information didn't contain changes", "No updates are to be performed")
PREFIX = "headwater-"  # of our change sets' names
STANDING = frozenset(
    {
        "CREATE_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
    }
)
DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"})
Event = dict[str, Any]
OnEvent = Callable[[Event], None]


def unheard(event: Event) -> None:
    """Nobody follows."""


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed.

    Parameters
    ----------
    creates:
        Whether it makes the stack.
    """

    stack: str
    name: str
    creates: bool
    changes: tuple[Change, ...]


@dataclass
class Followed:
    """An operation on a stack, followed to its end."""

    status: str = ""
    events: list[Event] = field(default_factory=list)

    @property
    def failures(self) -> list[tuple[str, str]]:
        """The resources that failed, oldest first, each with CloudFormation's reason; not those cancelled for them."""
        return [
            (str(event["LogicalResourceId"]), str(event.get("ResourceStatusReason", "no reason given")))
            for event in self.events
            if event["ResourceStatus"].endswith("_FAILED")
            and event["LogicalResourceId"] != event["StackName"]
            and "cancelled" not in event.get("ResourceStatusReason", "")
        ]


def parameters_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a described stack."""
    return {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}


class Stacks:
    """The stacks of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloudformation = cloud.client("cloudformation")
        self._poll_s = cloud.poll_s

    # -- what is there -------------------------------------------------------------------------------------------

    def describe(self, name: str) -> dict[str, Any] | None:
        """The stack as CloudFormation describes it, or None when it is not there."""
        try:
            found: list[dict[str, Any]] = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error_code(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise explain(error) from error
        return found[0] if found else None

    def outputs(self, name: str) -> dict[str, str] | None:
        """The outputs of a stack that stands, or None."""
        found = self.describe(name)
        if found is None or found["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
            return None
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])} or None

    def template(self, name: str) -> dict[str, Any] | None:
        """The JSON template that a stack was deployed with, or None where there is no stack, or a YAML one."""
        try:
            body = self._cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        except ClientError as error:
            if error_code(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise explain(error) from error
        return dict(body) if isinstance(body, dict) else None

    def resources(self, name: str) -> list[dict[str, Any]]:
        """The summaries of a stack's resources."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        try:
            return [found for page in pages for found in page["StackResourceSummaries"]]
        except ClientError as error:
            raise explain(error) from error

    # -- change sets ---------------------------------------------------------------------------------------------

    def propose(
        self,
        name: str,
        template: str,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        template_url: str | None = None,
    ) -> ChangeSet | None:
        """Make a change set; None when nothing would change. The stack is as it was until it is executed.

        Parameters
        ----------
        template_url:
            Where the template lies in S3, for one above 51,200 bytes.

        Raises
        ------
        CloudError
            When the template, a parameter or the stack's status is refused.
        StackError
            When the change set failed.
        """
        found = self.describe(name)
        creates = found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS"
        change_set = f"{PREFIX}{uuid.uuid4().hex[:12]}"
        body = {"TemplateURL": template_url} if template_url else {"TemplateBody": template}
        try:
            self._cloudformation.create_change_set(
                StackName=name,
                ChangeSetName=change_set,
                ChangeSetType="CREATE" if creates else "UPDATE",
                Capabilities=CAPABILITIES,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                ImportExistingResources=creates,  # a lake that an earlier stack left (DeletionPolicy Retain)
                **body,
            )
            changes = self._await_change_set(name, change_set, creates)
        except ClientError as error:
            raise explain(error) from error
        return None if changes is None else ChangeSet(name, change_set, creates, tuple(changes))

    def _await_change_set(self, name: str, change_set: str, creates: bool) -> list[Change] | None:
        """The changes of a change set, or None when there are none (it is deleted then)."""
        names = {"StackName": name, "ChangeSetName": change_set}
        tries = {"Delay": self._poll_s, "MaxAttempts": int(CHANGE_SET_LIMIT_S / self._poll_s)}
        try:
            self._cloudformation.get_waiter("change_set_create_complete").wait(**names, WaiterConfig=tries)
        except WaiterError as error:
            reason = str(error.last_response.get("StatusReason", error))
            self.discard(ChangeSet(name, change_set, creates, ()))
            if any(text in reason for text in NO_CHANGES):
                return None
            raise StackError(f"the change set of stack {name} failed: {reason}") from error
        # AWS answers with property values only by IncludePropertyValues, which no paginator of botocore knows.
        found: list[Change] = []
        options: dict[str, Any] = {}
        while True:
            page = self._cloudformation.describe_change_set(**names, IncludePropertyValues=True, **options)
            found += [change_of(change["ResourceChange"]) for change in page["Changes"]]
            if not page.get("NextToken"):
                return found
            options = {"NextToken": page["NextToken"]}

    def discard(self, change_set: ChangeSet) -> None:
        """Forget a change set; a stack that it was to make, and that holds nothing, goes with it."""
        try:
            self._cloudformation.delete_change_set(StackName=change_set.stack, ChangeSetName=change_set.name)
            if change_set.creates:
                self._cloudformation.delete_stack(StackName=change_set.stack)
        except ClientError as error:
            raise explain(error) from error

    def discard_stale(self, name: str) -> None:
        """Forget the change sets that interrupted deploys left."""
        pages = self._cloudformation.get_paginator("list_change_sets").paginate(StackName=name)
        try:
            for found in [found for page in pages for found in page["Summaries"]]:
                if found["ChangeSetName"].startswith(PREFIX):
                    self._cloudformation.delete_change_set(StackName=name, ChangeSetName=found["ChangeSetName"])
        except ClientError as error:
            raise explain(error) from error

    def execute(self, change_set: ChangeSet, on_event: OnEvent = unheard) -> dict[str, str]:
        """Do what a change set says, follow it, and return the stack's outputs.

        Raises
        ------
        StackError
            When it was rolled back: the first resource that failed, and why.
        """
        token = _token("deploy")
        try:
            self._cloudformation.execute_change_set(
                StackName=change_set.stack, ChangeSetName=change_set.name, ClientRequestToken=token
            )
        except ClientError as error:
            if error_code(error) in ("InvalidChangeSetStatus", "ChangeSetNotFound"):
                raise StackError(
                    f"stack {change_set.stack} changed while this change set was looked at: deploy again",
                    error_code(error),
                ) from error
            raise explain(error) from error
        followed = self.follow(change_set.stack, token, on_event)
        if followed.status not in DONE:
            raise failure(change_set.stack, followed)
        return self.outputs(change_set.stack) or {}

    # -- the rest of a stack's life ------------------------------------------------------------------------------

    def delete(self, name: str, on_event: OnEvent = unheard) -> None:
        """Delete a stack and follow it until it is gone; resources with a Retain policy stay."""
        found = self.describe(name)
        if found is None:
            return
        token = _token("destroy")
        try:
            self._cloudformation.delete_stack(StackName=name, ClientRequestToken=token)
        except ClientError as error:
            raise explain(error) from error
        followed = self.follow(found["StackId"], token, on_event)
        if followed.status != "DELETE_COMPLETE":
            raise failure(name, followed)

    def continue_rollback(self, name: str, on_event: OnEvent = unheard) -> Followed:
        """Try again to put a stack back after its roll-back failed."""
        token = _token("rollback")
        try:
            self._cloudformation.continue_update_rollback(StackName=name, ClientRequestToken=token)
        except ClientError as error:
            raise explain(error) from error
        return self.follow(name, token, on_event)

    def follow(self, name: str, token: str | None, on_event: OnEvent = unheard) -> Followed:
        """Follow an operation to its end.

        Parameters
        ----------
        token:
            The operation's client request token; None for whatever is under way.
        """
        stack_id = self._id_of(name)
        if token is None:
            newest = self._cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"][:1]
            token = newest[0].get("ClientRequestToken") if newest else None
        followed, pause_s = Followed(), FIRST_PAUSE_S
        while True:
            found = self.describe(stack_id)
            followed.status = str(found["StackStatus"]) if found else "DELETE_COMPLETE"
            for event in self._news(stack_id, token, {event["EventId"] for event in followed.events}):
                followed.events.append(event)
                on_event(event)
            if not followed.status.endswith("_IN_PROGRESS") or followed.status == "REVIEW_IN_PROGRESS":
                return followed
            time.sleep(min(pause_s, self._poll_s))
            pause_s *= 1.5

    def _id_of(self, name: str) -> str:
        found = self.describe(name)
        return str(found["StackId"]) if found else name  # a stack that is gone answers by its id

    def _news(self, stack_id: str, token: str | None, seen: set[str]) -> list[Event]:
        """The events of an operation that were not seen yet, oldest first."""
        found: list[Event] = []
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        for event in (event for page in pages for event in page["StackEvents"]):
            if event["EventId"] in seen or event.get("ClientRequestToken") != token:
                break
            found.append(event)
        return found[::-1]


def failure(name: str, followed: Followed) -> StackError:
    """What became of an operation that failed."""
    failed = followed.failures
    why = f": {failed[0][0]}: {failed[0][1]}" if failed else ""
    after = {
        "ROLLBACK_COMPLETE": "what had been made was removed",
        "UPDATE_ROLLBACK_COMPLETE": "everything was put back as it was",
        "UPDATE_ROLLBACK_FAILED": "it could not all be put back: mend that, and deploy again",
        "ROLLBACK_FAILED": "not all that had been made could be removed: mend that, then `headwater destroy`",
        "DELETE_FAILED": "the rest is deleted: mend that, then `headwater destroy` again",
    }.get(followed.status, "")
    return StackError(f"stack {name} is {followed.status}{why}" + (f"\n{after}" if after else ""), events=failed)


def _token(what: str) -> str:
    return f"headwater-{what}-{uuid.uuid4().hex}"
