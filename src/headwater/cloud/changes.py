"""What a change set would do, as CloudFormation describes it: a resource a change, policies told from the rest.

Property values come with `DescribeChangeSet`'s IncludePropertyValues. Source: AWS CloudFormation API Reference,
ResourceChange and ResourceTargetDefinition, 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# Resources that say who may do what.
POLICY_TYPES = frozenset(
    {
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::IAM::User",
        "AWS::Lambda::Permission",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }
)
POLICIES, REPLACEMENTS, DELETIONS, OTHERS = "policies", "replacements", "deletions", "other changes"
GROUPS = (POLICIES, REPLACEMENTS, DELETIONS, OTHERS)


@dataclass(frozen=True)
class PropertyChange:
    """One property that differs.

    Parameters
    ----------
    name:
        The property; ``Tags`` for the resource's tags.
    before, after:
        Its values; None where there is none, or where CloudFormation can only know it while it deploys.
    known:
        Whether the values were given at all.
    recreation:
        ``Never``, ``Conditionally`` or ``Always``.
    """

    name: str
    before: Any
    after: Any
    known: bool
    recreation: str


@dataclass(frozen=True)
class Change:
    """What happens to one resource.

    Parameters
    ----------
    action:
        ``Add``, ``Modify``, ``Remove`` or ``Import``.
    replacement:
        ``True``, ``Conditional`` or ``False``; empty unless the action is ``Modify``.
    policy_action:
        ``Delete``, ``Retain``, ``ReplaceAndDelete``, ``ReplaceAndRetain`` or empty.
    """

    action: str
    logical_id: str
    physical_id: str
    type: str
    replacement: str = ""
    policy_action: str = ""
    properties: tuple[PropertyChange, ...] = ()

    @property
    def group(self) -> str:
        """Where it is shown: policies first, then what is replaced, then what goes, then the rest."""
        if self.type in POLICY_TYPES:
            return POLICIES
        if self.replacement in ("True", "Conditional"):
            return REPLACEMENTS
        return DELETIONS if self.action == "Remove" else OTHERS

    @property
    def deletes(self) -> bool:
        """Whether something that is there now is deleted."""
        if self.action == "Remove":
            return self.policy_action != "Retain"
        return self.replacement == "True" and self.policy_action != "ReplaceAndRetain"

    def to_json(self) -> dict[str, Any]:
        """The documented shape in ``headwater deploy --json`` and ``plan --diff --json``."""
        return {
            "action": self.action,
            "resource": self.logical_id,
            "physical_id": self.physical_id or None,
            "type": self.type,
            "group": self.group,
            "replacement": self.replacement or None,
            "deletes": self.deletes,
            "properties": [
                {"name": p.name, "before": p.before, "after": p.after, "recreation": p.recreation}
                for p in self.properties
            ],
        }


def ordered(changes: Iterable[Change]) -> list[Change]:
    """Changes in the order to show: by group, then by name."""
    return sorted(changes, key=lambda change: (GROUPS.index(change.group), change.logical_id))


def change_of(described: Mapping[str, Any]) -> Change:
    """A change from its ``ResourceChange``."""
    before, after = (_properties(described.get(name)) for name in ("BeforeContext", "AfterContext"))
    found: dict[str, PropertyChange] = {}
    for detail in described.get("Details", []):
        target = detail["Target"]
        name = str(target.get("Name") or target["Attribute"])
        found[name] = PropertyChange(
            name,
            before.get(name),
            after.get(name),
            name in before or name in after,
            str(target.get("RequiresRecreation", "Never")),
        )
    return Change(
        str(described["Action"]),
        str(described["LogicalResourceId"]),
        str(described.get("PhysicalResourceId", "")),
        str(described["ResourceType"]),
        str(described.get("Replacement", "")),
        str(described.get("PolicyAction", "")),
        tuple(found[name] for name in sorted(found)),
    )


def _properties(context: str | None) -> dict[str, Any]:
    found = json.loads(context).get("Properties", {}) if context else {}
    return found if isinstance(found, dict) else {}
