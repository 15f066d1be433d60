"""One resource at a time: made, changed, replaced, put back, deleted, with its record kept before and after each call.

A resource's record says what the stack operation must know after a kill: ``declared`` (resolved properties),
``properties`` (with the generated name), ``tags``, ``exists`` (the service confirmed it), ``operation`` (the stack
operation that made it) and ``before`` (what it was, while an update of the stack runs).
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from headwater.local.service import ServiceError
from headwater.local.services.cloudformation.dynamic import DynamicReferences
from headwater.local.services.cloudformation.intrinsics import Resolver
from headwater.local.services.cloudformation.records import StackRecords
from headwater.local.services.cloudformation.registry import RESOURCE_TYPES
from headwater.local.services.cloudformation.resource_type import CallFailed, Handle, Made, ResourceType, merged_tags
from headwater.local.services.cloudformation.template import Resource
from headwater.local.store import Record

KEPT_BEFORE = ("attributes", "declared", "depends", "physical", "properties", "tags", "deletion_policy", "operation")

log = logging.getLogger(__name__)


class StepFailed(Exception):
    """A resource could not be made, changed or deleted; its event says why."""


class Steps:
    """The steps of one stack operation.

    Parameters
    ----------
    records, stack:
        Where they are kept, and for which stack.
    dynamic:
        Calls, and reads dynamic references, as the operation's principal.
    tags:
        The stack's tags.
    live:
        The resources' records by logical id; kept up to date.
    """

    def __init__(
        self,
        records: StackRecords,
        stack: Record,
        dynamic: DynamicReferences,
        tags: dict[str, str],
        live: dict[str, Record],
    ) -> None:
        self.records = records
        self.stack = stack
        self.dynamic = dynamic
        self.tags = tags
        self.live = live
        self._lock = threading.Lock()

    def handle(self, resource: Record) -> Handle:
        """What the resource's type sees."""

        def exists(physical_id: str) -> None:
            resource.update(physical=physical_id, exists=True)

        return Handle(
            self.dynamic.endpoint,
            self.stack["name"],
            self.stack["id"],
            resource["logical"],
            self.tags,
            self.dynamic.principal,
            exists,
        )

    # -- towards the template ------------------------------------------------------------------------------------

    def apply(self, resource: Resource, depends: list[str], resolver: Resolver) -> None:
        """Bring one resource to what the template says. Raises :class:`StepFailed`."""
        kind = RESOURCE_TYPES[resource.type]
        old = self.live.get(resource.logical_id)
        try:
            declared = resolver.resolve(resource.properties)
            kind.check(declared)
        except ServiceError as error:
            self._refused(resource, old, error)
        policies = {"deletion_policy": resource.deletion_policy, "replace_policy": resource.update_replace_policy}
        if old is None:
            self._create(self._new_record(resource, declared, depends, policies), kind)
            return
        tags = merged_tags(self.handle(old), declared.get("Tags")) if "Tags" in kind.properties else {}
        if old["declared"] == declared and old["tags"] == tags:
            old.update(depends=depends, metadata=resource.metadata, **policies)
            self.records.save_resource(self.stack, old)
            return
        self._change(resource, kind, old, declared, depends, policies)

    def _new_record(
        self, resource: Resource, declared: dict[str, Any], depends: list[str], policies: dict[str, str]
    ) -> Record:
        return {
            "logical": resource.logical_id,
            "type": resource.type,
            "physical": "",
            "attributes": {},
            "declared": declared,
            "properties": declared,
            "tags": {},
            "depends": depends,
            "metadata": resource.metadata,
            "exists": False,
            "operation": self.stack["operation"],
            **policies,
        }

    def _refused(self, resource: Resource, old: Record | None, error: ServiceError) -> None:
        """Record that a resource's properties could not be resolved or are not supported."""
        record = old or self._new_record(resource, {}, [], {"deletion_policy": "Delete", "replace_policy": "Delete"})
        with self._lock:
            self.live[resource.logical_id] = record
        status = "CREATE_FAILED" if old is None else "UPDATE_FAILED"
        self.records.put_resource(self.stack, record, status, reason_of(error))
        raise StepFailed(resource.logical_id) from error

    def _create(self, record: Record, kind: ResourceType) -> None:
        handle = self.handle(record)
        named = kind.named(handle, record["declared"])
        imported = record["logical"] in self.stack["target"].get("importing", [])
        verb = "IMPORT" if imported else "CREATE"
        tags = merged_tags(handle, named.get("Tags")) if "Tags" in kind.properties else {}
        # a plain create without a name in hand shows no physical id in its first event, as on AWS
        self.records.put_resource(self.stack, record, f"{verb}_IN_PROGRESS")
        record.update(physical=kind.predicted_id(handle, named), properties=named, tags=tags, imported=imported)
        self.records.save_resource(self.stack, record)
        with self._lock:
            self.live[record["logical"]] = record
        try:
            made = (kind.adopt if imported else kind.create)(handle, self.dynamic.read(named))
        except Exception as error:
            self._failed(record, f"{verb}_FAILED", error)
        self._took(record, made)
        self.records.put_resource(self.stack, record, f"{verb}_COMPLETE")

    def _took(self, record: Record, made: Made) -> None:
        record.update(physical=made.physical_id, attributes={**record["attributes"], **made.attributes}, exists=True)

    def _failed(self, record: Record, status: str, error: Exception) -> None:
        if not isinstance(error, ServiceError):
            log.error("%s of %s failed", status, record["logical"], exc_info=error)
        self.records.put_resource(self.stack, record, status, reason_of(error))
        raise StepFailed(record["logical"]) from error

    def _change(
        self,
        resource: Resource,
        kind: ResourceType,
        old: Record,
        declared: dict[str, Any],
        depends: list[str],
        policies: dict[str, str],
    ) -> None:
        named = kind.keep_name(old["declared"], old["properties"], declared)
        before = {name: old[name] for name in KEPT_BEFORE}
        replaced = kind.replacing(old["properties"], named)
        if replaced:
            name = kind.naming.property if kind.naming else ""
            if name and name in declared and declared[name] == old["properties"].get(name):
                text = (
                    "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                    f"Rename {declared[name]} and update the stack again."
                )
                self._failed(old, "UPDATE_FAILED", ServiceError("ValidationError", text))
            self._replace(resource, kind, old, before, declared, depends, policies)
            return
        tags = merged_tags(self.handle(old), named.get("Tags")) if "Tags" in kind.properties else {}
        old.setdefault("before", before)
        old.update(
            declared=declared, properties=named, tags=tags, depends=depends, metadata=resource.metadata, **policies
        )
        self.records.put_resource(self.stack, old, "UPDATE_IN_PROGRESS")
        self._in_place(old, kind, before, "UPDATE_FAILED")
        self.records.put_resource(self.stack, old, "UPDATE_COMPLETE")

    def _in_place(self, record: Record, kind: ResourceType, old: Record, failed: str) -> None:
        """Change from ``old`` to what the record says; the physical id may follow a rename that the type allows."""
        handle = self.handle(record)
        new = self.dynamic.read(record["properties"])
        try:
            made = kind.update(handle, record["physical"], self.dynamic.read(old["properties"]), new)
            if old["tags"] != record["tags"]:
                known = Made(made.physical_id, {**record["attributes"], **made.attributes})
                kind.update_tags(handle, known, new, old["tags"])
        except Exception as error:
            self._failed(record, failed, error)
        self._took(record, made)

    def _replace(
        self,
        resource: Resource,
        kind: ResourceType,
        old: Record,
        before: Record,
        declared: dict[str, Any],
        depends: list[str],
        policies: dict[str, str],
    ) -> None:
        text = "Requested update requires the creation of a new physical resource; hence creating one."
        self.records.put_resource(self.stack, old, "UPDATE_IN_PROGRESS", text)
        record = {**self._new_record(resource, declared, depends, policies), "before": before, "replaced": True}
        record["before"]["replace_policy"] = policies["replace_policy"]
        handle = self.handle(record)
        named = kind.named(handle, declared)
        tags = merged_tags(handle, named.get("Tags")) if "Tags" in kind.properties else {}
        record.update(properties=named, tags=tags, physical=kind.predicted_id(handle, named))
        with self._lock:
            self.live[record["logical"]] = record
        self.records.put_resource(self.stack, record, "UPDATE_IN_PROGRESS")
        try:
            made = kind.create(handle, self.dynamic.read(named))
        except Exception as error:
            self._failed(record, "UPDATE_FAILED", error)
        self._took(record, made)
        self.records.put_resource(self.stack, record, "UPDATE_COMPLETE")

    # -- back ----------------------------------------------------------------------------------------------------

    def restore(self, record: Record) -> Record | None:
        """Put a changed resource back to what it was; returns what must still be deleted, if it was replaced."""
        before = record["before"]
        garbage = None
        if record.get("replaced"):
            if made_or_unknown(record):
                garbage = self.garbage(record, record)
            self._put_back(record, before)
        else:
            tried = {name: record[name] for name in ("properties", "tags")}
            kind = RESOURCE_TYPES[record["type"]]
            self.records.put_resource(self.stack, record, "UPDATE_IN_PROGRESS")
            for name in KEPT_BEFORE:
                record[name] = before[name]
            self._in_place(record, kind, tried, "UPDATE_FAILED")
            self._put_back(record, before)
        self.records.put_resource(self.stack, record, "UPDATE_COMPLETE")
        return garbage

    @staticmethod
    def _put_back(record: Record, before: Record) -> None:
        for name in KEPT_BEFORE:
            record[name] = before[name]
        record["exists"] = True
        record.pop("before", None)
        record.pop("replaced", None)

    # -- away ----------------------------------------------------------------------------------------------------

    @staticmethod
    def garbage(resource: Record, state: Record, policy: str = "Delete") -> Record:
        """What is left to delete of a resource: ``state`` is the record or its ``before``."""
        return {
            "logical": resource["logical"],
            "type": resource["type"],
            "physical": state["physical"],
            "declared": state["declared"],
            "properties": state["properties"],
            "depends": state["depends"],
            "policy": policy,
        }

    def discard(self, item: Record) -> bool:
        """Delete what an update left over; True when it is gone or kept on purpose. Its failure fails nothing."""
        event = (item["logical"], item["physical"], item["type"])
        if item["policy"] == "Retain":
            self.records.event(self.stack, *event, "DELETE_SKIPPED", "", item["declared"])
            return True
        self.records.event(self.stack, *event, "DELETE_IN_PROGRESS", "", item["declared"])
        try:
            RESOURCE_TYPES[item["type"]].delete(self.handle(item), item["physical"], item["properties"])
        except Exception as error:
            self.records.event(self.stack, *event, "DELETE_FAILED", reason_of(error), item["declared"])
            return False
        self.records.event(self.stack, *event, "DELETE_COMPLETE", "", item["declared"])
        return True

    def delete(self, record: Record, retain: bool) -> None:
        """Delete a resource of the stack (or keep it, and forget it). Raises :class:`StepFailed`."""
        name = record["logical"]
        if retain:
            self.records.put_resource(self.stack, record, "DELETE_SKIPPED")
            self.live.pop(name, None)
            return
        there = made_or_unknown(record)
        self.records.put_resource(self.stack, record, "DELETE_IN_PROGRESS")
        if there:
            try:
                kind = RESOURCE_TYPES[record["type"]]
                kind.delete(self.handle(record), record["physical"], record["properties"])
            except Exception as error:
                self._failed(record, "DELETE_FAILED", error)
        self.records.put_resource(self.stack, record, "DELETE_COMPLETE")
        self.live.pop(name, None)


def made_or_unknown(record: Record) -> bool:
    """Whether there is something to delete: made for certain, or cut off while it was being made under a known name."""
    cut_off = record["status"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS") and bool(record["physical"])
    return bool(record["exists"]) or cut_off


def reason_of(error: Exception) -> str:
    """An event's reason: the service's own words, as AWS's resource handlers pass them on."""
    if isinstance(error, CallFailed):
        return (
            f'Resource handler returned message: "{error.message} (Service: {error.service}, Status Code: '
            f'{error.status}, Error Code: {error.code})"'
        )
    if isinstance(error, ServiceError):
        return error.message
    return f"Internal Failure: {type(error).__name__}: {error}"
