"""What CloudFormation knows of a resource type: how it is made, changed, deleted, and which change means a new one.

Most types are a table over one API (:class:`ApiType`): the operations, where a property is spelled differently, what
``Ref`` and ``Fn::GetAtt`` give. The rest override a method. Every call goes through the endpoint's dispatch, as any
client's would.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from headwater.local.identity import Principal
from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.cloudformation import shapes
from headwater.local.services.cloudformation.names import Naming

Properties = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A resource that exists: its physical id (what Ref gives) and its Fn::GetAtt values."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


class CallFailed(ServiceError):
    """A call that a service refused; knows which service."""

    def __init__(self, service: str, error: ServiceError) -> None:
        super().__init__(error.code, error.message, error.status, **error.members)
        self.service = service


def _forget(physical_id: str) -> None:
    """Nobody asked to be told."""


@dataclass(frozen=True)
class Handle:
    """What a type sees of the stack operation that it serves.

    ``exists`` is told the physical id as soon as the resource is there, so that it is deleted should a later step of
    its creation fail.
    """

    endpoint: Endpoint
    stack_name: str
    stack_id: str
    logical_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    principal: Principal | None = None
    exists: Callable[[str], None] = _forget

    def call(self, service: str, operation: str, **members: Any) -> Members:
        """Call an operation as the stack's role, or as the endpoint itself."""
        try:
            return self.endpoint.call(service, operation, principal=self.principal, **members)
        except ServiceError as error:
            raise CallFailed(service, error) from error

    def has(self, service: str, operation: str, **members: Any) -> bool:
        """Whether a describing operation finds something."""
        try:
            self.call(service, operation, **members)
        except ServiceError as error:
            if missing(error) or error.status == 404:
                return False
            raise
        return True

    def remove(self, service: str, operation: str, **members: Any) -> None:
        """Call an operation that takes something away; what is gone already is well."""
        try:
            self.call(service, operation, **members)
        except ServiceError as error:
            if not missing(error):
                raise

    @property
    def scope(self) -> dict[str, str]:
        """What every format of a :class:`ApiType` may name."""
        return {"account": self.endpoint.account, "region": self.endpoint.region, "partition": "aws"}


def words(text: str) -> frozenset[str]:
    """A set of names from a text, for tables."""
    return frozenset(text.split())


def merged_tags(handle: Handle, declared: Any) -> dict[str, str]:
    """The stack's tags under the resource's own (a list of Key and Value, or a map)."""
    own = declared or {}
    if isinstance(own, list):
        own = {tag["Key"]: tag["Value"] for tag in own}
    return {**handle.tags, **{str(key): str(value) for key, value in own.items()}}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most APIs take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def missing(error: ServiceError) -> bool:
    """Whether an error says that the thing is not there."""
    if error.code == "KMSInvalidStateException":  # a key that is pending deletion already
        return True
    text = error.code.lower()
    return any(word in text for word in ("notfound", "nosuch", "doesnotexist", "nonexistent", "notexist")) or (
        error.code in ("InvalidRequestException", "ValidationException", "ValidationError")
        and any(text in error.message for text in ("does not exist", "Could not find", "not found"))
    )


class ResourceType(ABC):
    """A resource type. Stateless: one instance serves every resource.

    Class attributes
    ----------------
    name:
        ``AWS::Service::Type``.
    properties:
        The properties that are computed; any other fails the deployment by name.
    required:
        The properties that must be there.
    create_only:
        The properties whose change means replacement.
    attributes:
        What ``Fn::GetAtt`` knows.
    naming:
        How its physical name is generated, or None.
    """

    name: ClassVar[str]
    properties: ClassVar[frozenset[str]] = frozenset()
    required: ClassVar[frozenset[str]] = frozenset()
    create_only: ClassVar[frozenset[str]] = frozenset()
    attributes: ClassVar[frozenset[str]] = frozenset()
    naming: ClassVar[Naming | None] = None

    def check(self, properties: Mapping[str, Any]) -> None:
        """Refuse unknown and missing properties. Raises :class:`ServiceError` (ValidationError)."""
        for name in properties:
            if name not in self.properties:
                raise shapes.unsupported_property(name)
        for name in sorted(self.required):
            if name not in properties:
                raise ServiceError("ValidationError", f"Property {name} cannot be empty.")

    def named(self, handle: Handle, properties: Properties) -> Properties:
        """The properties with the physical name in place: the template's, else a generated one."""
        if self.naming is None or self.naming.property in properties:
            return properties
        suffix = ".fifo" if str(properties.get("FifoQueue", properties.get("FifoTopic"))).lower() == "true" else ""
        name = self.naming.generate(handle.stack_name, handle.logical_id, suffix)
        return {**properties, self.naming.property: name}

    def keep_name(self, declared: Properties, old: Properties, new: Properties) -> Properties:
        """``new`` with the generated name of ``old``, when neither template says a name."""
        prop = self.naming.property if self.naming else ""
        if prop and prop in old and prop not in declared and prop not in new:
            return {**new, prop: old[prop]}
        return new

    def predicted_id(self, handle: Handle, properties: Properties) -> str:
        """The physical id before the resource exists, "" where only the service knows it."""
        return ""

    def replacing(self, old: Properties, new: Properties) -> set[str]:
        """The changed properties that ask for a new resource."""
        return {name for name in self.create_only if old.get(name) != new.get(name)}

    def exists(self, handle: Handle, properties: Properties) -> bool:
        """Whether a resource of this name is there and can be imported; False where importing is not computed."""
        return False

    def adopt(self, handle: Handle, properties: Properties) -> Made:
        """Take a resource that is there into the stack, and bring it to what the template says."""
        made = self.update(handle, self.predicted_id(handle, properties), {}, properties)
        self.update_tags(handle, made, properties, {})
        return made

    @abstractmethod
    def create(self, handle: Handle, properties: Properties) -> Made:
        """Make the resource. Raises :class:`ServiceError` with the service's own words."""

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Change the resource in place; never called for a change that replaces it."""
        raise ServiceError("ValidationError", f"Resource type {self.name} does not support updates.")

    def update_tags(self, handle: Handle, made: Made, properties: Properties, old: Mapping[str, str]) -> None:
        """Make the resource's tags what stack and template say now; ``old`` is what they were."""

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Delete the resource; one that is gone already is a success, as on AWS."""


@dataclass(frozen=True)
class Tagging:
    """How an API changes the tags of something that exists.

    ``on`` is (member, format of its value); ``tags`` and ``keys`` the members for what is added and removed.
    """

    add: str
    remove: str
    on: tuple[str, str]
    tags: str = "Tags"
    keys: str = "TagKeys"


class ApiType(ResourceType):
    """A type that is a table over one API.

    Class attributes
    ----------------
    service:
        botocore's name.
    create_call, update_call, delete_call:
        boto3's method names; without ``update_call`` every change but that of tags replaces.
    renames:
        Property → request member, where they differ by more than case.
    apart:
        Properties that a method of the type handles, not the create and update calls.
    ref:
        Format of the physical id, over properties, ``{account}``, ``{region}``, ``{partition}`` and ``{response[…]}``.
    getatt:
        ``Fn::GetAtt`` name → the same kind of format, also over ``{id}``.
    update_on, delete_on:
        Request members that say which resource, as formats.
    tags_member:
        The create call's member for tags, "" when it takes none.
    tagging:
        How tags are changed later.
    """

    service: ClassVar[str]
    create_call: ClassVar[str]
    update_call: ClassVar[str] = ""
    delete_call: ClassVar[str] = ""
    renames: ClassVar[Mapping[str, str]] = {}
    apart: ClassVar[frozenset[str]] = frozenset()
    ref: ClassVar[str]
    getatt: ClassVar[Mapping[str, str]] = {}
    update_on: ClassVar[Mapping[str, str]] = {}
    delete_on: ClassVar[Mapping[str, str]] = {}
    tags_member: ClassVar[str] = ""
    tagging: ClassVar[Tagging | None] = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.attributes = cls.attributes | frozenset(cls.getatt)

    def replacing(self, old: Properties, new: Properties) -> set[str]:
        """The changed properties that ask for a new resource: all but tags where the API updates nothing."""
        if self.update_call:
            return super().replacing(old, new)
        return {name for name in self.properties - {"Tags"} if old.get(name) != new.get(name)}

    def create_members(self, handle: Handle, properties: Properties) -> Members:
        """The create call's request."""
        values = self._plain(properties)
        if self.tags_member:
            tags = merged_tags(handle, properties.get("Tags"))
            if tags:
                takes_map = (
                    shapes.members_of(self.service, self.create_call)[self.tags_member.lower()][1].type_name == "map"
                )
                values[self.tags_member] = tags if takes_map else tag_list(tags)
        return shapes.to_members(self.service, self.create_call, values)

    def _plain(self, properties: Properties) -> Properties:
        skipped = self.apart | {"Tags"}
        return {self.renames.get(name, name): value for name, value in properties.items() if name not in skipped}

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """The update call's request: what of the properties it takes, and which resource."""
        known = shapes.members_of(self.service, self.update_call)
        values = {name: value for name, value in self._plain(new).items() if name.lower() in known}
        values.update(self._formatted(handle, self.update_on, physical_id, new))
        return shapes.to_members(self.service, self.update_call, values)

    def predicted_id(self, handle: Handle, properties: Properties) -> str:
        """The physical id where the format needs no response."""
        return "" if "{response" in self.ref else self.ref.format_map({**handle.scope, **properties})

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Call the create operation."""
        response = handle.call(self.service, self.create_call, **self.create_members(handle, properties))
        physical_id = self.ref.format_map({**handle.scope, **properties, "response": response})
        handle.exists(physical_id)
        made = self.made(handle, physical_id, properties, response)
        self.after(handle, made, {}, properties)
        return made

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Call the update operation (when more than tags changed) and change the tags."""
        response: Members = {}
        if self.update_call and self._without_tags(old) != self._without_tags(new):
            response = handle.call(self.service, self.update_call, **self.update_members(handle, physical_id, new))
        made = self.made(handle, physical_id, new, response)
        self.after(handle, made, old, new)
        return made

    def update_tags(self, handle: Handle, made: Made, properties: Properties, old: Mapping[str, str]) -> None:
        """Make the resource's tags what the stack and the template say now."""
        if self.tagging is None:
            return
        new = merged_tags(handle, properties.get("Tags"))
        added = {key: value for key, value in new.items() if old.get(key) != value}
        removed = sorted(set(old) - set(new))
        member, form = self.tagging.on
        on = {member: form.format_map({**handle.scope, **properties, **made.attributes, "id": made.physical_id})}
        if added:
            takes_map = (
                shapes.members_of(self.service, self.tagging.add)[self.tagging.tags.lower()][1].type_name == "map"
            )
            values = {**on, self.tagging.tags: added if takes_map else tag_list(added)}
            handle.call(self.service, self.tagging.add, **shapes.to_members(self.service, self.tagging.add, values))
        if removed:
            gone: Properties = {**on, self.tagging.keys: removed}
            handle.call(self.service, self.tagging.remove, **shapes.to_members(self.service, self.tagging.remove, gone))

    def _without_tags(self, properties: Properties) -> Properties:
        return {name: value for name, value in properties.items() if name != "Tags" and name not in self.apart}

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """What follows the create or update call, for the properties that are ``apart``."""

    def made(self, handle: Handle, physical_id: str, properties: Properties, response: Members) -> Made:
        """The attributes, from their formats; one that needs a response that is not there keeps its old value."""
        scope = {**handle.scope, **properties, "id": physical_id, "response": response}
        attributes = {}
        for name, form in self.getatt.items():
            if "{response" not in form or response:
                attributes[name] = form.format_map(scope)
        return Made(physical_id, attributes)

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Call the delete operation."""
        if not self.delete_call:
            return
        members = self._formatted(handle, self.delete_on, physical_id, properties)
        handle.remove(self.service, self.delete_call, **members)

    def _formatted(self, handle: Handle, forms: Mapping[str, str], physical_id: str, properties: Properties) -> Members:
        scope = {**handle.scope, **properties, "id": physical_id}
        return {member: form.format_map(scope) for member, form in forms.items()}
