"""AWS::StepFunctions types: state machines and activities."""

from __future__ import annotations

import json
import re
from typing import Any

from headwater.local.service import Members, ServiceError
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.resource_type import ApiType, Handle, Properties, Tagging, words

TAGGING = Tagging("tag_resource", "untag_resource", ("resourceArn", "{id}"), "tags", "tagKeys")
DEFINITIONS = words("Definition DefinitionS3Location DefinitionString")


class StateMachine(ApiType):
    """A state machine; the definition comes as an object, a string, or an object of S3."""

    name = "AWS::StepFunctions::StateMachine"
    service = "stepfunctions"
    properties = words(
        "Definition DefinitionS3Location DefinitionString DefinitionSubstitutions EncryptionConfiguration "
        "LoggingConfiguration RoleArn StateMachineName StateMachineType Tags TracingConfiguration"
    )
    required = words("RoleArn")
    create_only = words("StateMachineName StateMachineType")
    naming = Naming("StateMachineName", 80)
    create_call, update_call, delete_call = "create_state_machine", "update_state_machine", "delete_state_machine"
    renames = {"StateMachineName": "name", "StateMachineType": "type"}
    apart = DEFINITIONS | {"DefinitionSubstitutions"}
    ref = "arn:{partition}:states:{region}:{account}:stateMachine:{StateMachineName}"
    getatt = {"Arn": "{id}", "Name": "{StateMachineName}"}
    attributes = words("StateMachineRevisionId")
    update_on = delete_on = {"stateMachineArn": "{id}"}
    tags_member = "tags"
    tagging = TAGGING

    def create_members(self, handle: Handle, properties: Properties) -> Members:
        """With the definition, substituted."""
        return {**super().create_members(handle, properties), "definition": definition(handle, properties)}

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """With the definition, substituted."""
        return {**super().update_members(handle, physical_id, new), "definition": definition(handle, new)}

    def _without_tags(self, properties: Properties) -> Properties:
        return {name: value for name, value in properties.items() if name != "Tags"}


def definition(handle: Handle, properties: Properties) -> str:
    """The text of a state machine, with ``${Name}`` replaced by ``DefinitionSubstitutions``.

    Raises
    ------
    ServiceError
        ValidationError unless exactly one of the three ways is given, or a substitution is missing a value.
    """
    given = [name for name in sorted(DEFINITIONS) if name in properties]
    if len(given) != 1:
        raise ServiceError(
            "ValidationError", f"A state machine takes exactly one of {', '.join(sorted(DEFINITIONS))}; got {given}"
        )
    value: Any = properties[given[0]]
    if given[0] == "DefinitionS3Location":
        members = {"Bucket": value["Bucket"], "Key": value["Key"]}
        if "Version" in value:
            members["VersionId"] = value["Version"]
        with handle.call("s3", "get_object", **members)["Body"] as stream:
            value = stream.read().decode()
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    substitutions = properties.get("DefinitionSubstitutions", {})

    def replace(match: re.Match[str]) -> str:
        found = substitutions.get(match[1])
        if found is None:
            return match[0]
        return str(found).lower() if isinstance(found, bool) else str(found)

    return re.sub(r"\$\{([A-Za-z0-9_]+)\}", replace, text) if substitutions else text


class Activity(ApiType):
    """An activity."""

    name = "AWS::StepFunctions::Activity"
    service = "stepfunctions"
    properties = words("EncryptionConfiguration Name Tags")
    required = words("Name")
    create_call, delete_call = "create_activity", "delete_activity"
    ref = "arn:{partition}:states:{region}:{account}:activity:{Name}"
    getatt = {"Arn": "{id}", "Name": "{Name}"}
    delete_on = {"activityArn": "{id}"}
    tags_member = "tags"
    tagging = TAGGING
