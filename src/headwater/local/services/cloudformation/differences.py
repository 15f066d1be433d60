"""What a change set says: which resources a new template adds, modifies (in place or by replacement) and removes.

Resources are gone through in the order of their creation, so that a resource that names a replaced one is known to
change with it; a value that only the deployment can know makes its replacement "Conditional".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from headwater.local.identity import Principal
from headwater.local.service import Endpoint, ServiceError
from headwater.local.services.cloudformation import graph
from headwater.local.services.cloudformation.intrinsics import UNKNOWN, contains_unknown
from headwater.local.services.cloudformation.records import StackRecords
from headwater.local.services.cloudformation.registry import RESOURCE_TYPES
from headwater.local.services.cloudformation.resource_type import Handle, merged_tags
from headwater.local.services.cloudformation.scope import StackScope, unknown_attribute
from headwater.local.services.cloudformation.template import Resource, Template, references, validation_error
from headwater.local.store import Record

KNOWN_AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}"
KEPT_ON_DELETION = ("Retain", "RetainExceptOnCreate")
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


@dataclass
class Differences:
    """The changes from a stack to a target.

    Parameters
    ----------
    endpoint, records, stack:
        The stack as it is.
    template, texts, tags:
        The target's template, parameters' texts and tags.
    principal:
        Who asks.
    importing:
        Whether what exists under its own name, and is to be kept (DeletionPolicy), is imported and not made.
    """

    endpoint: Endpoint
    records: StackRecords
    stack: Record
    template: Template
    texts: dict[str, str]
    tags: dict[str, str]
    principal: Principal | None = None
    importing: bool = False
    live: dict[str, Record] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        found = self.records.resources(self.stack["id"])
        self.live = {name: r for name, r in found.items() if not r["status"].startswith("DELETE")}
        self.scope = StackScope(
            self.endpoint,
            self.records,
            self.stack,
            self.template,
            self.texts,
            self.live,
            self.principal,
            self._ref,
            self._attribute,
        )

    def _ref(self, name: str) -> Any:
        return self.live[name]["physical"] if name in self.live and name not in self.replaced else UNKNOWN

    def _attribute(self, name: str, attribute: str) -> Any:
        if attribute not in RESOURCE_TYPES[self._type(name)].attributes:
            raise unknown_attribute(self._type(name), attribute)
        if name not in self.live or name in self.replaced:
            return UNKNOWN
        return self.live[name]["attributes"].get(attribute, UNKNOWN)

    def changes(self) -> list[Record]:
        """The changes, as describe_change_set shows them: the template's resources, then those that go.

        Raises
        ------
        ServiceError
            ValidationError for a cycle, or a resource whose type would change.
        """
        retyped = [n for n in self.scope.active if n in self.live and self.live[n]["type"] != self._type(n)]
        if retyped:
            raise validation_error(
                "Update of resource type is not permitted. The new template modifies resource type of the following "
                f"resources: [{', '.join(retyped)}]"
            )
        needs = graph.dependencies(self.template, self.scope.active)
        found = []
        for name in graph.creation_order(needs):
            change = self._change(self.template.resources[name])
            if change:
                found.append(change)
        active = set(self.scope.active)
        found += [self._removal(record) for name, record in self.live.items() if name not in active]
        return [{"Type": "Resource", "ResourceChange": change} for change in found]

    def outputs_differ(self) -> bool:
        """Whether outputs would change though no resource does."""
        return bool(self.scope.outputs() != self.stack.get("outputs", []))

    def _type(self, name: str) -> str:
        return self.template.resources[name].type

    @staticmethod
    def _removal(record: Record) -> Record:
        return {
            "Action": "Remove",
            "LogicalResourceId": record["logical"],
            "PhysicalResourceId": record["physical"],
            "ResourceType": record["type"],
            "PolicyAction": "Retain" if record["deletion_policy"] in KEPT_ON_DELETION else "Delete",
            "Scope": [],
            "Details": [],
            "BeforeContext": context(record["declared"]),
        }

    def _change(self, resource: Resource) -> Record | None:
        name, kind = resource.logical_id, RESOURCE_TYPES[resource.type]
        declared = self.scope.resolver.resolve(resource.properties)
        try:
            kind.check(declared)
        except ServiceError as error:
            raise ServiceError(error.code, f"Resource {name} ({resource.type}): {error.message}") from error
        base = {"LogicalResourceId": name, "ResourceType": resource.type}
        if name not in self.live:
            found = self._importable(resource, declared)
            action = "Import" if found else "Add"
            return {
                "Action": action,
                **base,
                **found,
                "Scope": [],
                "Details": [],
                "AfterContext": context(declared),
            }
        old = self.live[name]
        unknown = {p for p, value in declared.items() if contains_unknown(value)}
        settled = {p: old["declared"].get(p) if p in unknown else value for p, value in declared.items()}
        changed = sorted(p for p in {*settled, *old["declared"]} if settled.get(p) != old["declared"].get(p))
        named = kind.keep_name(old["declared"], old["properties"], settled)
        always = kind.replacing(old["properties"], named)
        handle = Handle(self.endpoint, self.stack["name"], self.stack["id"], name, self.tags)
        retagged = "Tags" in kind.properties and merged_tags(handle, settled.get("Tags")) != old["tags"]
        if not changed and not unknown and not retagged:
            return None
        maybe = {p for p in unknown if kind.replacing(old["properties"], {**named, p: UNKNOWN})} - always
        if always:
            self.replaced.add(name)
        details = [
            _with_values(self._detail(resource, p, p in unknown, p in always, p in maybe), p, old["declared"], declared)
            for p in sorted({*changed, *unknown})
        ]
        if retagged and "Tags" not in changed:
            details.append(_tag_detail())
        return {
            "Action": "Modify",
            **base,
            "PhysicalResourceId": old["physical"],
            "Replacement": "True" if always else "Conditional" if maybe else "False",
            **(_replace_policy(resource) if always else {}),
            "Scope": _scope_of(changed, unknown, retagged),
            "Details": details,
            "BeforeContext": context(old["declared"]),
            "AfterContext": context(declared),
        }

    def _importable(self, resource: Resource, declared: dict[str, Any]) -> Record:
        """The physical id of what exists already, when it may be imported."""
        kind = RESOURCE_TYPES[resource.type]
        if not self.importing or resource.deletion_policy == "Delete" or contains_unknown(declared):
            return {}
        handle = Handle(
            self.endpoint, self.stack["name"], self.stack["id"], resource.logical_id, self.tags, self.principal
        )
        named = kind.named(handle, declared)
        return {"PhysicalResourceId": kind.predicted_id(handle, named)} if kind.exists(handle, named) else {}

    def _detail(self, resource: Resource, name: str, dynamic: bool, always: bool, maybe: bool) -> Record:
        target = {
            "Attribute": "Tags" if name == "Tags" else "Properties",
            "RequiresRecreation": "Always" if always else "Conditionally" if maybe else "Never",
            **({} if name == "Tags" else {"Name": name}),
        }
        source, entity = self._source(resource.properties.get(name), dynamic)
        detail = {"Target": target, "Evaluation": "Dynamic" if dynamic else "Static", "ChangeSource": source}
        return {**detail, "CausingEntity": entity} if entity else detail

    def _source(self, expression: Any, dynamic: bool) -> tuple[str, str]:
        """(ChangeSource, CausingEntity) of a property's change."""
        found = list(references(expression))
        if dynamic:
            for reference in found:
                if reference.target in self.replaced or reference.target not in self.live:
                    if reference.attribute is not None:
                        return "ResourceAttribute", f"{reference.target}.{reference.attribute}"
                    if reference.target in self.template.resources:
                        return "ResourceReference", reference.target
        before = self.stack.get("parameters", {})
        for reference in found:
            if reference.target in self.texts and self.texts[reference.target] != before.get(reference.target):
                return "ParameterReference", reference.target
        return "DirectModification", ""


def context(properties: dict[str, Any]) -> str:
    """A resource's properties as BeforeContext and AfterContext hold them."""
    return json.dumps({"Properties": _shown(properties)}, separators=(",", ":"), sort_keys=True)


def _shown(value: Any) -> Any:
    """A value with AWS's words in place of what only the deployment can know."""
    if value is UNKNOWN:
        return KNOWN_AFTER_APPLY
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


def _with_values(detail: Record, name: str, before: dict[str, Any], after: dict[str, Any]) -> Record:
    """A detail whose target says where the property is, what it was and what it will be."""
    kind = "Modify" if name in before and name in after else "Add" if name in after else "Remove"
    values = {
        member: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)
        for member, side in (("BeforeValue", before), ("AfterValue", after))
        if name in side
        for value in (_shown(side[name]),)
    }
    path = f"/Properties/{name}"
    return {**detail, "Target": {**detail["Target"], "Path": path, "AttributeChangeType": kind, **values}}


def without_values(change: Record) -> Record:
    """A change as it is described when nobody asked for IncludePropertyValues."""
    hidden = ("Path", "AttributeChangeType", "BeforeValue", "AfterValue")
    plain = {m: v for m, v in change["ResourceChange"].items() if m not in ("BeforeContext", "AfterContext")}
    plain["Details"] = [
        {**detail, "Target": {m: v for m, v in detail["Target"].items() if m not in hidden}}
        for detail in plain["Details"]
    ]
    return {**change, "ResourceChange": plain}


def _replace_policy(resource: Resource) -> Record:
    kept = resource.update_replace_policy == "Retain"
    return {"PolicyAction": "ReplaceAndRetain" if kept else "ReplaceAndDelete"}


def _tag_detail() -> Record:
    target = {"Attribute": "Tags", "RequiresRecreation": "Never"}
    return {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}


def _scope_of(changed: Iterable[str], unknown: Iterable[str], retagged: bool) -> list[str]:
    scope = ["Properties"] if {*changed, *unknown} - {"Tags"} else []
    return [*scope, "Tags"] if retagged or "Tags" in changed else scope
