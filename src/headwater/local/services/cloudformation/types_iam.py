"""AWS::IAM types: roles, users, policies, instance profiles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from headwater.local.service import ServiceError
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.resource_type import (
    ApiType,
    Handle,
    Made,
    Properties,
    ResourceType,
    Tagging,
    missing,
    words,
)

# Property of a policy that lists principals → (the principal's member, attach, detach, put inline, delete inline).
PRINCIPALS = {
    "Groups": ("GroupName", "attach_group_policy", "detach_group_policy", "put_group_policy", "delete_group_policy"),
    "Roles": ("RoleName", "attach_role_policy", "detach_role_policy", "put_role_policy", "delete_role_policy"),
    "Users": ("UserName", "attach_user_policy", "detach_user_policy", "put_user_policy", "delete_user_policy"),
}


def document(value: Any) -> str:
    """A policy document as the API takes it."""
    return value if isinstance(value, str) else json.dumps(value)


class _Principal(ApiType):
    """A role or user: inline policies, managed policies and boundary beside the API's own members."""

    service = "iam"
    property: ClassVar[str]
    member: ClassVar[str]
    apart = words("Groups LoginProfile ManagedPolicyArns Policies PermissionsBoundary")
    tags_member = "Tags"

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Bring the policies to what the template says."""
        member, attach, detach, put, drop = PRINCIPALS[self.property]
        who = {member: made.physical_id}
        before = {policy["PolicyName"]: policy["PolicyDocument"] for policy in old.get("Policies", [])}
        after = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies", [])}
        for name, body in after.items():
            if before.get(name) != body:
                handle.call("iam", put, **who, PolicyName=name, PolicyDocument=document(body))
        for name in set(before) - set(after):
            handle.remove("iam", drop, **who, PolicyName=name)
        attached, wanted = set(old.get("ManagedPolicyArns", [])), set(new.get("ManagedPolicyArns", []))
        for arn in sorted(wanted - attached):
            handle.call("iam", attach, **who, PolicyArn=arn)
        for arn in sorted(attached - wanted):
            handle.remove("iam", detach, **who, PolicyArn=arn)
        self._bound(handle, who, old.get("PermissionsBoundary"), new.get("PermissionsBoundary"))

    def _bound(self, handle: Handle, who: Mapping[str, str], old: Any, new: Any) -> None:
        kind = self.property[:-1].lower()
        if new and new != old:
            handle.call("iam", f"put_{kind}_permissions_boundary", **who, PermissionsBoundary=new)
        elif old and not new:
            handle.call("iam", f"delete_{kind}_permissions_boundary", **who)

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Take the template's policies off, then delete; policies that others added make AWS refuse, and so here."""
        member, _, detach, _, drop = PRINCIPALS[self.property]
        who = {member: physical_id}
        for policy in properties.get("Policies", []):
            handle.remove("iam", drop, **who, PolicyName=policy["PolicyName"])
        for arn in properties.get("ManagedPolicyArns", []):
            handle.remove("iam", detach, **who, PolicyArn=arn)
        super().delete(handle, physical_id, properties)


class Role(_Principal):
    """A role; Ref gives its name."""

    name = "AWS::IAM::Role"
    property = "Roles"
    properties = words(
        "AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration Path PermissionsBoundary Policies "
        "RoleName Tags"
    )
    required = words("AssumeRolePolicyDocument")
    create_only = words("Path RoleName")
    naming = Naming("RoleName", 64)
    create_call, update_call, delete_call = "create_role", "update_role", "delete_role"
    ref = "{RoleName}"
    getatt = {"Arn": "{response[Role][Arn]}", "RoleId": "{response[Role][RoleId]}"}
    update_on = delete_on = {"RoleName": "{id}"}
    tagging = Tagging("tag_role", "untag_role", ("RoleName", "{id}"))

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Bring trust and policies to what the template says."""
        if old and old.get("AssumeRolePolicyDocument") != new["AssumeRolePolicyDocument"]:
            trust = document(new["AssumeRolePolicyDocument"])
            handle.call("iam", "update_assume_role_policy", RoleName=made.physical_id, PolicyDocument=trust)
        super().after(handle, made, old, new)

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """update_role answers nothing, so that the attributes stay."""
        fields = ("Description", "MaxSessionDuration")
        if any(old.get(name) != new.get(name) for name in fields):
            values = {name: new[name] for name in fields if name in new}
            if "MaxSessionDuration" in values:
                values["MaxSessionDuration"] = int(values["MaxSessionDuration"])
            handle.call("iam", "update_role", RoleName=physical_id, **values)
        made = self.made(handle, physical_id, new, {})
        self.after(handle, made, old, new)
        return made


class User(_Principal):
    """A user; Ref gives its name."""

    name = "AWS::IAM::User"
    property = "Users"
    properties = words("Groups ManagedPolicyArns Path PermissionsBoundary Policies Tags UserName")
    create_only = words("Path UserName")  # AWS changes the path in place; a new user is the safer reading here
    naming = Naming("UserName", 64)
    create_call, update_call, delete_call = "create_user", "update_user", "delete_user"
    ref = "{UserName}"
    getatt = {"Arn": "{response[User][Arn]}"}
    delete_on = {"UserName": "{id}"}
    tagging = Tagging("tag_user", "untag_user", ("UserName", "{id}"))

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Everything that changes in place is apart from the API's own update."""
        made = self.made(handle, physical_id, new, {})
        self.after(handle, made, old, new)
        return made

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Bring groups and policies to what the template says."""
        before, wanted = set(old.get("Groups", [])), set(new.get("Groups", []))
        for group in sorted(wanted - before):
            handle.call("iam", "add_user_to_group", GroupName=group, UserName=made.physical_id)
        for group in sorted(before - wanted):
            handle.call("iam", "remove_user_from_group", GroupName=group, UserName=made.physical_id)
        super().after(handle, made, old, new)

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Leave the groups, then delete."""
        for group in properties.get("Groups", []):
            handle.remove("iam", "remove_user_from_group", GroupName=group, UserName=physical_id)
        super().delete(handle, physical_id, properties)


def _principals(properties: Properties) -> set[tuple[str, str]]:
    """(property, principal's name) of all that a policy is on."""
    return {(kind, name) for kind in PRINCIPALS for name in properties.get(kind, [])}


class Policy(ResourceType):
    """An inline policy of roles, users and groups; Ref gives its name."""

    name = "AWS::IAM::Policy"
    properties = words("Groups PolicyDocument PolicyName Roles Users")
    required = words("PolicyDocument PolicyName")

    def predicted_id(self, handle: Handle, properties: Properties) -> str:
        """The policy's name."""
        return str(properties["PolicyName"])

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Put the policy on each principal."""
        principals = _principals(properties)
        if not principals:
            raise ServiceError("ValidationError", "At least one of [Groups,Roles,Users] must be non-empty.")
        handle.exists(str(properties["PolicyName"]))  # on some of the principals, should one of them fail
        self._put(handle, properties, principals)
        return Made(str(properties["PolicyName"]))

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Put it where it belongs, and take it from where it does not (or under its old name)."""
        self._put(handle, new, _principals(new))
        renamed = old["PolicyName"] != new["PolicyName"]
        self._drop(handle, str(old["PolicyName"]), _principals(old) - (set() if renamed else _principals(new)))
        return Made(str(new["PolicyName"]))

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Take it from each principal."""
        self._drop(handle, str(properties["PolicyName"]), _principals(properties))

    @staticmethod
    def _put(handle: Handle, properties: Properties, principals: Iterable[tuple[str, str]]) -> None:
        body = document(properties["PolicyDocument"])
        for kind, name in sorted(principals):
            member, _, _, put, _ = PRINCIPALS[kind]
            handle.call("iam", put, **{member: name}, PolicyName=properties["PolicyName"], PolicyDocument=body)

    @staticmethod
    def _drop(handle: Handle, policy: str, principals: Iterable[tuple[str, str]]) -> None:
        for kind, name in sorted(principals):
            member, _, _, _, drop = PRINCIPALS[kind]
            handle.remove("iam", drop, **{member: name}, PolicyName=policy)


class ManagedPolicy(ApiType):
    """A managed policy; Ref gives its ARN."""

    name = "AWS::IAM::ManagedPolicy"
    service = "iam"
    properties = words("Description Groups ManagedPolicyName Path PolicyDocument Roles Users")
    required = words("PolicyDocument")
    create_only = words("Description ManagedPolicyName Path")
    naming = Naming("ManagedPolicyName", 128)
    create_call, update_call, delete_call = "create_policy", "create_policy_version", "delete_policy"
    renames = {"ManagedPolicyName": "PolicyName"}
    apart = words("Groups Roles Users")
    ref = "{response[Policy][Arn]}"
    getatt = {"PolicyArn": "{id}", "PolicyId": "{response[Policy][PolicyId]}"}

    def predicted_id(self, handle: Handle, properties: Properties) -> str:
        """The ARN, which follows from path and name."""
        path = str(properties.get("Path", "/"))
        return f"arn:aws:iam::{handle.endpoint.account}:policy{path}{properties['ManagedPolicyName']}"

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """A new default version; the oldest is dropped when there are five, as AWS allows no more."""
        if old["PolicyDocument"] != new["PolicyDocument"]:
            versions = handle.call("iam", "list_policy_versions", PolicyArn=physical_id)["Versions"]
            spare = [version["VersionId"] for version in versions if not version["IsDefaultVersion"]]
            if len(versions) >= 5:
                oldest = min(spare, key=lambda version: int(version[1:]))
                handle.call("iam", "delete_policy_version", PolicyArn=physical_id, VersionId=oldest)
            handle.call(
                "iam",
                "create_policy_version",
                PolicyArn=physical_id,
                PolicyDocument=document(new["PolicyDocument"]),
                SetAsDefault=True,
            )
        made = self.made(handle, physical_id, new, {})
        self.after(handle, made, old, new)
        return made

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Attach where it belongs, detach where it does not."""
        for kind, name in sorted(_principals(new) - _principals(old)):
            handle.call("iam", PRINCIPALS[kind][1], **{PRINCIPALS[kind][0]: name}, PolicyArn=made.physical_id)
        self._detach(handle, made.physical_id, _principals(old) - _principals(new))

    @staticmethod
    def _detach(handle: Handle, arn: str, principals: Iterable[tuple[str, str]]) -> None:
        for kind, name in sorted(principals):
            member, _, detach, _, _ = PRINCIPALS[kind]
            handle.remove("iam", detach, **{member: name}, PolicyArn=arn)

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Detach, drop the versions, delete."""
        self._detach(handle, physical_id, _principals(properties))
        try:
            versions = handle.call("iam", "list_policy_versions", PolicyArn=physical_id)["Versions"]
        except ServiceError as error:
            if missing(error):
                return
            raise
        for version in versions:
            if not version["IsDefaultVersion"]:
                handle.call("iam", "delete_policy_version", PolicyArn=physical_id, VersionId=version["VersionId"])
        handle.call("iam", "delete_policy", PolicyArn=physical_id)


class InstanceProfile(ApiType):
    """An instance profile; Ref gives its name."""

    name = "AWS::IAM::InstanceProfile"
    service = "iam"
    properties = words("InstanceProfileName Path Roles")
    required = words("Roles")
    naming = Naming("InstanceProfileName", 128)
    create_call, delete_call = "create_instance_profile", "delete_instance_profile"
    apart = words("Roles")
    ref = "{InstanceProfileName}"
    getatt = {"Arn": "{response[InstanceProfile][Arn]}"}
    delete_on = {"InstanceProfileName": "{id}"}

    def replacing(self, old: Properties, new: Properties) -> set[str]:
        """Roles change in place."""
        return super().replacing(old, new) - {"Roles"}

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Exchange the roles."""
        for operation, roles in (
            ("remove_role_from_instance_profile", set(old.get("Roles", [])) - set(new["Roles"])),
            ("add_role_to_instance_profile", set(new["Roles"]) - set(old.get("Roles", []))),
        ):
            for role in sorted(roles):
                handle.call("iam", operation, InstanceProfileName=made.physical_id, RoleName=role)

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Take the roles out, then delete."""
        for role in properties["Roles"]:
            handle.remove("iam", "remove_role_from_instance_profile", InstanceProfileName=physical_id, RoleName=role)
        super().delete(handle, physical_id, properties)
