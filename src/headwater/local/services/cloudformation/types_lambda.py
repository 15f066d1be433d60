"""AWS::Lambda types: functions, versions, aliases, permissions.

Event source mappings are left out: nothing here polls a queue or a stream for a function.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

from headwater.local.service import Members
from headwater.local.services.cloudformation import shapes
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.resource_type import (
    ApiType,
    Handle,
    Made,
    Properties,
    ResourceType,
    Tagging,
    words,
)

CODE_MEMBERS = {"S3Bucket": "S3Bucket", "S3Key": "S3Key", "S3ObjectVersion": "S3ObjectVersion", "ImageUri": "ImageUri"}


class Function(ApiType):
    """A function; code from S3, an image, or the text of one file (``ZipFile``)."""

    name = "AWS::Lambda::Function"
    service = "lambda"
    properties = words(
        "Architectures Code CodeSigningConfigArn DeadLetterConfig Description Environment EphemeralStorage "
        "FileSystemConfigs FunctionName Handler ImageConfig KmsKeyArn Layers LoggingConfig MemorySize PackageType "
        "RecursiveLoop ReservedConcurrentExecutions Role Runtime RuntimeManagementConfig SnapStart Tags Timeout "
        "TracingConfig VpcConfig"
    )
    required = words("Code Role")
    create_only = words("FunctionName PackageType")
    naming = Naming("FunctionName", 64)
    create_call, update_call = "create_function", "update_function_configuration"
    delete_call = "delete_function"
    renames = {"KmsKeyArn": "KMSKeyArn"}
    apart = words("Code RecursiveLoop ReservedConcurrentExecutions RuntimeManagementConfig")
    ref = "{FunctionName}"
    getatt = {"Arn": "arn:{partition}:lambda:{region}:{account}:function:{FunctionName}"}
    delete_on = {"FunctionName": "{id}"}
    tags_member = "Tags"
    tagging = Tagging("tag_resource", "untag_resource", ("Resource", "{Arn}"))

    def create_members(self, handle: Handle, properties: Properties) -> Members:
        """With the code."""
        return {**super().create_members(handle, properties), "Code": _code(properties)}

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """The whole configuration."""
        return {**super().update_members(handle, physical_id, new), "FunctionName": physical_id}

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Update code and configuration, each when it changed."""
        if old["Code"] != new["Code"] or old.get("Architectures") != new.get("Architectures"):
            members: Members = _code(new)
            if "Architectures" in new:
                members["Architectures"] = new["Architectures"]
            handle.call("lambda", "update_function_code", FunctionName=physical_id, **members)
        return super().update(handle, physical_id, old, new)

    def _without_tags(self, properties: Properties) -> Properties:
        kept = super()._without_tags(properties)
        return {name: value for name, value in kept.items() if name not in ("Architectures", "CodeSigningConfigArn")}

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Set what has an operation of its own."""
        who = {"FunctionName": made.physical_id}
        if old.get("ReservedConcurrentExecutions") != new.get("ReservedConcurrentExecutions"):
            if "ReservedConcurrentExecutions" in new:
                count = int(new["ReservedConcurrentExecutions"])
                handle.call("lambda", "put_function_concurrency", **who, ReservedConcurrentExecutions=count)
            else:
                handle.call("lambda", "delete_function_concurrency", **who)
        for name, operation in (
            ("RecursiveLoop", "put_function_recursion_config"),
            ("RuntimeManagementConfig", "put_runtime_management_config"),
        ):
            if name in new and old.get(name) != new[name]:
                value = new[name] if isinstance(new[name], dict) else {name: new[name]}
                handle.call("lambda", operation, **who, **shapes.to_members("lambda", operation, value))


def _code(properties: Properties) -> Members:
    """The request's code: what the template says, ``ZipFile`` text made a zip of one file."""
    code: dict[str, Any] = properties["Code"]
    if "ZipFile" not in code:
        if unknown := sorted(set(code) - set(CODE_MEMBERS) - {"SourceKMSKeyArn"}):
            raise shapes.unsupported_property(unknown[0])
        return dict(code)
    extension = "js" if str(properties.get("Runtime", "")).startswith("nodejs") else "py"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
        entry = zipfile.ZipInfo(f"index.{extension}", (1980, 1, 1, 0, 0, 0))  # the same text, the same hash
        entry.external_attr = 0o644 << 16
        package.writestr(entry, str(code["ZipFile"]))
    return {"ZipFile": archive.getvalue()}


class Version(ApiType):
    """A published version of a function; Ref gives its ARN."""

    name = "AWS::Lambda::Version"
    service = "lambda"
    properties = words("CodeSha256 Description FunctionName")
    required = words("FunctionName")
    create_call, delete_call = "publish_version", "delete_function"
    ref = "{response[FunctionArn]}"
    getatt = {"FunctionArn": "{id}", "Version": "{response[Version]}"}

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Delete that version only."""
        function, _, version = physical_id.rpartition(":")
        handle.remove("lambda", "delete_function", FunctionName=function, Qualifier=version)


class Alias(ApiType):
    """An alias of a function; Ref gives its ARN."""

    name = "AWS::Lambda::Alias"
    service = "lambda"
    properties = words("Description FunctionName FunctionVersion Name RoutingConfig")
    required = words("FunctionName FunctionVersion Name")
    create_only = words("FunctionName Name")
    create_call, update_call, delete_call = "create_alias", "update_alias", "delete_alias"
    ref = "{response[AliasArn]}"
    getatt = {"AliasArn": "{id}"}
    delete_on = {"FunctionName": "{FunctionName}", "Name": "{Name}"}

    def _plain(self, properties: Properties) -> Properties:
        plain = super()._plain(properties)
        weights = plain.get("RoutingConfig", {}).get("AdditionalVersionWeights")
        if isinstance(weights, list):
            by_version = {item["FunctionVersion"]: item["FunctionWeight"] for item in weights}
            plain["RoutingConfig"] = {"AdditionalVersionWeights": by_version}
        return plain


class Permission(ResourceType):
    """A statement of a function's policy; Ref gives its id."""

    name = "AWS::Lambda::Permission"
    properties = words(
        "Action EventSourceToken FunctionName FunctionUrlAuthType Principal PrincipalOrgID SourceAccount SourceArn"
    )
    required = words("Action FunctionName Principal")
    create_only = properties
    attributes = words("Id")

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Add the statement."""
        statement = Naming("Id", 100).generate(handle.stack_name, handle.logical_id)
        members = shapes.to_members("lambda", "add_permission", {**properties, "StatementId": statement})
        handle.call("lambda", "add_permission", **members)
        return Made(statement, {"Id": statement})

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Remove the statement."""
        handle.remove("lambda", "remove_permission", FunctionName=properties["FunctionName"], StatementId=physical_id)
