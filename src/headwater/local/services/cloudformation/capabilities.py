"""The capabilities that a template asks of its caller.

Source: AWS CloudFormation API Reference, CreateStack, "Capabilities", 2025-11.
"""

from __future__ import annotations

from collections.abc import Collection

from headwater.local.service import ServiceError
from headwater.local.services.cloudformation.template import Template

# IAM types → the property that makes them named ("" where a name is no matter).
IAM_TYPES = {
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}


def required(template: Template) -> tuple[list[str], list[str]]:
    """(capabilities, the types that ask for them); both empty when there are none."""
    resources = [r for r in template.resources.values() if r.type in IAM_TYPES]
    if not resources:
        return [], []
    named = any(IAM_TYPES[r.type] and IAM_TYPES[r.type] in r.properties for r in resources)
    return ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"], sorted({r.type for r in resources})


def check(template: Template, given: Collection[str]) -> None:
    """Raises InsufficientCapabilitiesException when the caller did not acknowledge what the template may do."""
    asked, _ = required(template)
    enough = {"CAPABILITY_IAM": {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}}
    lacking = [name for name in asked if not enough.get(name, {name}) & set(given)]
    if lacking:
        raise ServiceError("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(lacking)}]")
