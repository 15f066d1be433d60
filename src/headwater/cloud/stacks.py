"""CloudFormation stacks, deployed by change sets, on either endpoint.

A failure is explained by the first resource that failed: what CloudFormation says of the others follows from it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.session import Cloud, error_code, explain
from headwater.errors import StackError

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
INLINE_TEMPLATE_BYTES = 51_200  # CloudFormation quota: a larger template must lie in S3
NO_CHANGES = ("The submitted information didn't contain changes", "No updates are to be performed")
Progress = Callable[[str], None]


class Stacks:
    """The stacks of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._cloudformation = cloud.client("cloudformation")
        self._poll_s = cloud.poll_s

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

    def tags(self, name: str) -> dict[str, str] | None:
        """The tags of a stack whose last deploy was complete, or None."""
        found = self.describe(name)
        if found is None or found["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return None
        return {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}

    def deploy(
        self,
        name: str,
        template: str,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        progress: Progress = lambda line: None,
        template_url: str | None = None,
    ) -> dict[str, str]:
        """Create or update a stack by a change set, follow it, and return its outputs.

        Parameters
        ----------
        template_url:
            Where the template lies in S3, for one above 51,200 bytes.

        Raises
        ------
        StackError
            When it was rolled back: the first resource that failed, and why.
        """
        found = self.describe(name)
        if found is not None and found["StackStatus"] == "ROLLBACK_COMPLETE":
            progress(f"removing what a failed first deploy left of {name}")
            self.delete(name)
            found = None
        exists = found is not None and found["StackStatus"] != "REVIEW_IN_PROGRESS"
        since = datetime.now(UTC) - timedelta(seconds=1)
        change_set = f"headwater-{uuid.uuid4().hex[:12]}"
        body = {"TemplateURL": template_url} if template_url else {"TemplateBody": template}
        try:
            self._cloudformation.create_change_set(
                StackName=name,
                ChangeSetName=change_set,
                ChangeSetType="UPDATE" if exists else "CREATE",
                Capabilities=CAPABILITIES,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                ImportExistingResources=not exists,  # a lake that an earlier stack left (DeletionPolicy Retain)
                **body,
            )
            changes = self._await_change_set(name, change_set)
            if changes is None:
                return self.outputs(name) or {}
            progress(f"{'updating' if exists else 'creating'} stack {name}: {changes} resource(s)")
            self._cloudformation.execute_change_set(StackName=name, ChangeSetName=change_set)
        except ClientError as error:
            raise explain(error) from error
        status = self._await_stack(name)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise self._failure(name, status, since)
        return self.outputs(name) or {}

    def delete(self, name: str) -> None:
        """Delete a stack and wait until it is gone; resources with a Retain policy stay."""
        since = datetime.now(UTC) - timedelta(seconds=1)
        found = self.describe(name)
        if found is None:
            return
        try:
            self._cloudformation.delete_stack(StackName=name)
        except ClientError as error:
            raise explain(error) from error
        status = self._await_stack(found["StackId"])
        if status != "DELETE_COMPLETE":
            raise self._failure(found["StackId"], status, since)

    def events(self, name: str, since: datetime) -> Iterator[dict[str, Any]]:
        """The stack's events since a moment, oldest first."""
        found: list[dict[str, Any]] = []
        for page in self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
            news = [event for event in page["StackEvents"] if event["Timestamp"] >= since]
            found += news
            if len(news) < len(page["StackEvents"]):
                break
        yield from reversed(found)

    def _await_change_set(self, name: str, change_set: str) -> int | None:
        """How many changes a change set holds, or None when there are none (it is deleted then)."""
        while True:
            found = self._cloudformation.describe_change_set(StackName=name, ChangeSetName=change_set)
            if found["Status"] == "CREATE_COMPLETE":
                return len(found["Changes"])
            if found["Status"] == "FAILED":
                reason = str(found.get("StatusReason", ""))
                self._cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
                if any(text in reason for text in NO_CHANGES):
                    return None
                raise StackError(f"the change set of stack {name} failed: {reason}")
            time.sleep(self._poll_s)

    def _await_stack(self, name: str) -> str:
        while True:
            found = self.describe(name)
            status = str(found["StackStatus"]) if found else "DELETE_COMPLETE"
            if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
                return status
            time.sleep(self._poll_s)

    def _failure(self, name: str, status: str, since: datetime) -> StackError:
        failed = [
            (str(event["LogicalResourceId"]), str(event.get("ResourceStatusReason", "no reason given")))
            for event in self.events(name, since)
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", "")
        ]
        why = f": {failed[0][0]}: {failed[0][1]}" if failed else ""
        return StackError(f"stack {name} is {status}{why}", events=failed)
