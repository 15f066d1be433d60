"""What CloudFormation keeps: stacks, their resources, events, change sets. Everything is on disk before it is shown."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headwater.local.service import ServiceError
from headwater.local.services.cloudformation.template import validation_error
from headwater.local.store import Record, Store

STACK = "cloudformation.stack"
LIVE = "cloudformation.live"  # name → id, of stacks that are not deleted
RESOURCE = "cloudformation.resource"
CHANGE_SET = "cloudformation.change-set"
EVENTS = """
CREATE TABLE IF NOT EXISTS cloudformation_events (
    id INTEGER PRIMARY KEY, stack_id TEXT NOT NULL, event TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS cloudformation_events_by_stack ON cloudformation_events (stack_id, id);
"""
STACK_TYPE = "AWS::CloudFormation::Stack"


def now() -> str:
    """The time of day, UTC, ISO."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def as_time(text: str | None) -> datetime | None:
    """A kept time as the wire takes it."""
    return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True)
class StackRecords:
    """Stacks in the store. Thread-safe, as the store is."""

    store: Store

    def prepare(self) -> None:
        """Make the tables."""
        self.store.schema(EVENTS)

    def find(self, name_or_id: str) -> Record | None:
        """A stack by id (deleted ones too) or by name (not deleted)."""
        if name_or_id.startswith("arn:"):
            return self.store.get(STACK, name_or_id)
        live = self.store.get(LIVE, name_or_id)
        return self.store.get(STACK, live["id"]) if live else None

    def need(self, name_or_id: str, text: str = "Stack with id {} does not exist") -> Record:
        """The stack. Raises :class:`ServiceError` (ValidationError) with ``text`` when there is none."""
        stack = self.find(name_or_id)
        if stack is None:
            raise validation_error(text.format(name_or_id))
        return stack

    def all(self) -> list[Record]:
        """Every stack, deleted ones too, newest first."""
        return sorted((stack for _, stack in self.store.scan(STACK)), key=lambda s: str(s["created"]), reverse=True)

    def live(self) -> list[Record]:
        """The stacks that are not deleted, newest first."""
        ids = {record["id"] for _, record in self.store.scan(LIVE)}
        return [stack for stack in self.all() if stack["id"] in ids]

    def put(self, stack: Record) -> None:
        """Keep a stack."""
        with self.store.transaction():
            self.store.put(STACK, stack["id"], stack)
            if stack["status"] == "DELETE_COMPLETE":
                self.store.delete(LIVE, stack["name"])
            else:
                self.store.put(LIVE, stack["name"], {"id": stack["id"]})

    def set_status(self, stack: Record, status: str, reason: str = "", **changes: Any) -> None:
        """Keep a stack's new status (and other members) and its event, together."""
        stack.update(changes, status=status, reason=reason)
        if status == "DELETE_COMPLETE":
            stack["deleted"] = now()
        with self.store.transaction():
            self.put(stack)
            self.event(stack, stack["name"], stack["id"], STACK_TYPE, status, reason)

    def event(
        self,
        stack: Record,
        logical_id: str,
        physical_id: str,
        type_name: str,
        status: str,
        reason: str = "",
        properties: Any = None,
    ) -> None:
        """Add an event."""
        event = {
            "EventId": f"{logical_id}-{status}-{uuid.uuid4()}" if type_name != STACK_TYPE else str(uuid.uuid4()),
            "StackId": stack["id"],
            "StackName": stack["name"],
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": physical_id,
            "ResourceType": type_name,
            "Timestamp": now(),
            "ResourceStatus": status,
        }
        if reason:
            event["ResourceStatusReason"] = reason
        if properties is not None:
            event["ResourceProperties"] = json.dumps(properties, separators=(",", ":"))
        if token := stack.get("token"):
            event["ClientRequestToken"] = token
        self.store.execute(
            "INSERT INTO cloudformation_events (stack_id, event) VALUES (?, ?)", (stack["id"], json.dumps(event))
        )

    def events(self, stack_id: str, before: int | None, limit: int) -> list[tuple[int, Record]]:
        """(sequence number, event), newest first, of those before a number."""
        rows = self.store.query(
            "SELECT id, event FROM cloudformation_events WHERE stack_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
            (stack_id, before if before is not None else 2**62, limit),
        )
        return [(row["id"], json.loads(row["event"])) for row in rows]

    def resources(self, stack_id: str) -> dict[str, Record]:
        """A stack's resources by logical id."""
        return {record["logical"]: record for _, record in self.store.scan(RESOURCE, f"{stack_id}|")}

    def put_resource(self, stack: Record, resource: Record, status: str, reason: str = "") -> None:
        """Keep a resource with its new status, and its event, together."""
        resource.update(status=status, reason=reason, updated=now())
        with self.store.transaction():
            self.store.put(RESOURCE, f"{stack['id']}|{resource['logical']}", resource)
            self.event(
                stack,
                resource["logical"],
                resource["physical"],
                resource["type"],
                status,
                reason,
                resource["declared"],
            )

    def save_resource(self, stack: Record, resource: Record) -> None:
        """Keep a resource without an event."""
        self.store.put(RESOURCE, f"{stack['id']}|{resource['logical']}", resource)

    def forget_resource(self, stack: Record, logical_id: str) -> None:
        """Remove a resource's record."""
        self.store.delete(RESOURCE, f"{stack['id']}|{logical_id}")

    def change_sets(self, stack_id: str) -> list[Record]:
        """A stack's change sets, by name."""
        return [record for _, record in self.store.scan(CHANGE_SET, f"{stack_id}|")]

    def need_change_set(self, name_or_arn: str, stack: str | None) -> Record:
        """A change set by ARN, or by name and stack. Raises ChangeSetNotFound."""
        found: Record | None = None
        if name_or_arn.startswith("arn:"):
            every = (record for _, record in self.store.scan(CHANGE_SET))
            found = next((record for record in every if record["id"] == name_or_arn), None)
        elif not stack:
            raise validation_error("StackName must be specified if ChangeSetName is not specified as an ARN.")
        elif (owner := self.find(stack)) is not None:
            found = self.store.get(CHANGE_SET, f"{owner['id']}|{name_or_arn}")
        if found is None:
            raise ServiceError("ChangeSetNotFound", f"ChangeSet [{name_or_arn}] does not exist", 404)
        return found

    def put_change_set(self, change_set: Record) -> None:
        """Keep a change set."""
        self.store.put(CHANGE_SET, f"{change_set['stack_id']}|{change_set['name']}", change_set)

    def delete_change_set(self, change_set: Record) -> None:
        """Remove a change set."""
        self.store.delete(CHANGE_SET, f"{change_set['stack_id']}|{change_set['name']}")

    def exports(self) -> Iterator[tuple[str, str, str]]:
        """(name, value, stack id) of every export, in name order."""
        found = []
        for stack in self.live():
            for output in stack.get("outputs", []):
                if "ExportName" in output:
                    found.append((output["ExportName"], output["OutputValue"], stack["id"]))
        yield from sorted(found)

    def importers(self, export: str, but: str = "") -> list[str]:
        """The names of the stacks that import an export."""
        return [s["name"] for s in self.live() if export in s.get("imports", []) and s["id"] != but]
