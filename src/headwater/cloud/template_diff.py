"""What a template changes against the one that is deployed: resource by resource, property by property. Reads only.

The templates are compared as they are written; whether a change replaces a resource is what a change set says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from headwater.cloud.changes import Change, PropertyChange

KEPT = ("Retain", "RetainExceptOnCreate")
ATTRIBUTES = ("Condition", "DeletionPolicy", "DependsOn", "Metadata", "Type", "UpdateReplacePolicy")
_ABSENT = object()


def compare(deployed: Mapping[str, Any], planned: Mapping[str, Any]) -> list[Change]:
    """The changes from a deployed template to a planned one; outputs and parameters count as resources of no type.

    Parameters
    ----------
    deployed, planned:
        CloudFormation templates.
    """
    planned = json.loads(json.dumps(planned))
    found = []
    before, after = deployed.get("Resources", {}), planned.get("Resources", {})
    for name in sorted({*before, *after}):
        change = _resource(name, before.get(name), after.get(name))
        if change:
            found.append(change)
    for section in ("Parameters", "Mappings", "Outputs"):
        old, new = deployed.get(section, {}), planned.get(section, {})
        changed = tuple(_property(name, old, new) for name in sorted({*old, *new}) if old.get(name) != new.get(name))
        if changed:
            found.append(Change("Modify", section, "", "template section", properties=changed))
    return found


def _resource(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Change | None:
    if before is None and after is not None:
        return Change("Add", name, "", str(after["Type"]))
    if after is None and before is not None:
        kept = before.get("DeletionPolicy") in KEPT
        return Change("Remove", name, "", str(before["Type"]), policy_action="Retain" if kept else "Delete")
    old, new = _flat(before or {}), _flat(after or {})
    changed = tuple(
        _property(key, old, new) for key in sorted({*old, *new}) if old.get(key, _ABSENT) != new.get(key, _ABSENT)
    )
    return Change("Modify", name, "", str((after or {})["Type"]), properties=changed) if changed else None


def _flat(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Properties and attributes side by side; a text that holds JSON as what it says, so that its parts compare."""
    own = {name: resource[name] for name in ATTRIBUTES if name in resource}
    return {**own, **{name: _parsed(value) for name, value in resource.get("Properties", {}).items()}}


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _property(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> PropertyChange:
    return PropertyChange(name, before.get(name), after.get(name), True, "Never")
