"""The registry against the published models: every property exists on AWS, every request member in botocore's model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headwater.local.services.cloudformation import shapes
from headwater.local.services.cloudformation.bucket_configuration import CONFIGURATIONS
from headwater.local.services.cloudformation.registry import RESOURCE_TYPES
from headwater.local.services.cloudformation.resource_type import ApiType

cfnlint = pytest.importorskip("cfnlint")
SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas"


def schema(name: str) -> dict[str, Any]:
    """AWS's published schema of a resource type, as cfn-lint ships it."""
    providers = json.loads((SCHEMAS / "providers" / "us-east-1.json").read_text())
    found: dict[str, Any] = json.loads((SCHEMAS / "resources" / f"{providers[name]}.json").read_text())
    return found


def pointers(found: dict[str, Any], member: str) -> set[str]:
    """The top-level property names of a schema's list of JSON pointers."""
    return {p.removeprefix("/properties/").replace("/", ".") for p in found.get(member, [])}


def test_the_registry_is_in_order_and_named_right() -> None:
    assert list(RESOURCE_TYPES) == sorted(RESOURCE_TYPES)
    assert all(kind.name == name for name, kind in RESOURCE_TYPES.items())


@pytest.mark.parametrize("name", RESOURCE_TYPES)
def test_properties_are_those_of_aws(name: str) -> None:
    kind, found = RESOURCE_TYPES[name], schema(name)
    own = set(found["properties"]) - pointers(found, "readOnlyProperties")
    assert not kind.properties - own
    assert set(found.get("required", [])) <= kind.required | {"TableInput"}
    assert kind.required <= kind.properties and kind.create_only <= kind.properties


@pytest.mark.parametrize("name", RESOURCE_TYPES)
def test_attributes_are_those_of_aws(name: str) -> None:
    kind, found = RESOURCE_TYPES[name], schema(name)
    answered = pointers(found, "readOnlyProperties") | set(found["properties"])
    assert not kind.attributes - answered


@pytest.mark.parametrize("name", RESOURCE_TYPES)
def test_what_aws_replaces_is_replaced(name: str) -> None:
    kind, found = RESOURCE_TYPES[name], schema(name)
    fixed = {p for p in pointers(found, "createOnlyProperties") if "." not in p} & kind.properties
    if isinstance(kind, ApiType) and not kind.update_call:
        return  # everything but tags replaces
    assert not fixed - kind.create_only - {"CatalogId"}


API_TYPES = {name: kind for name, kind in RESOURCE_TYPES.items() if isinstance(kind, ApiType)}
# Properties that become attributes of a request, not members: the type's own code spells them.
AS_ATTRIBUTES = {"AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::SQS::Queue"}


@pytest.mark.parametrize("name", API_TYPES)
def test_mapped_members_exist_in_the_api(name: str) -> None:
    kind = API_TYPES[name]
    members = shapes.members_of(kind.service, kind.create_call)
    if name not in AS_ATTRIBUTES:
        sent = {kind.renames.get(p, p).lower() for p in kind.properties - kind.apart - {"Tags"}}
        assert not sent - set(members)
    if kind.tags_member:
        assert kind.tags_member in [m for m, _ in members.values()]
    for call, form in ((kind.update_call, kind.update_on), (kind.delete_call, kind.delete_on)):
        known = {m for m, _ in shapes.members_of(kind.service, call).values()} if call else set()
        assert set(form) <= known
    if kind.tagging:
        assert {kind.tagging.on[0].lower(), kind.tagging.tags.lower()} <= set(
            shapes.members_of(kind.service, kind.tagging.add)
        )
        assert {kind.tagging.on[0].lower(), kind.tagging.keys.lower()} <= set(
            shapes.members_of(kind.service, kind.tagging.remove)
        )


def test_bucket_configurations_exist_in_the_api() -> None:
    assert list(CONFIGURATIONS) == sorted(CONFIGURATIONS)
    for put, member, _, delete in CONFIGURATIONS.values():
        assert member.lower() in shapes.members_of("s3", put)
        assert not delete or "bucket" in shapes.members_of("s3", delete)
