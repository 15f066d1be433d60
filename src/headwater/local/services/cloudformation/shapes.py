"""From CloudFormation's spelling and types to an API's: names differ in case, and scalars may be written as strings.

botocore's model of the operation decides: ``IncludeExecutionData: "true"`` becomes ``includeExecutionData: True`` for
Step Functions. A name that the model does not have is refused by name.
"""

from __future__ import annotations

import functools
import json
from datetime import datetime
from typing import Any

from headwater.local import wire
from headwater.local.service import ServiceError


def unsupported_property(name: str) -> ServiceError:
    """AWS's error for a property that a resource type does not have (or that is not computed here)."""
    return ServiceError("ValidationError", f"Encountered unsupported property {name}")


@functools.cache
def members_of(service: str, operation: str) -> dict[str, tuple[str, Any]]:
    """An operation's input members: lower-case name → (name, botocore shape)."""
    shape = wire.input_shape(service, wire.aws_name(service, operation))
    members = shape.members if shape is not None else {}
    return {name.lower(): (name, member) for name, member in members.items()}


def to_members(service: str, operation: str, values: dict[str, Any]) -> dict[str, Any]:
    """Request members of an operation from properties by name.

    Raises
    ------
    ServiceError
        ValidationError "Encountered unsupported property …", with the nested name.
    """
    known = members_of(service, operation)
    members: dict[str, Any] = {}
    for name, value in values.items():
        if name.lower() not in known:
            raise unsupported_property(name)
        member, shape = known[name.lower()]
        members[member] = to_shape(value, shape)
    return members


def to_shape(value: Any, shape: Any) -> Any:
    """A value as botocore's shape has it."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return _structure(value, shape)
    if kind == "list" and isinstance(value, (list, str, int)):
        items = value if isinstance(value, list) else [value]
        return [to_shape(item, shape.member) for item in items]
    if kind == "map" and isinstance(value, dict):
        return {str(name): to_shape(item, shape.value) for name, item in value.items()}
    return _scalar(value, kind)


def _structure(value: dict[str, Any], shape: Any) -> dict[str, Any]:
    if getattr(shape, "is_document_type", False):
        return value
    known = {name.lower(): (name, member) for name, member in shape.members.items()}
    result = {}
    for name, item in value.items():
        if name.lower() not in known:
            raise unsupported_property(name)
        member, member_shape = known[name.lower()]
        result[member] = to_shape(item, member_shape)
    return result


def _scalar(value: Any, kind: str) -> Any:
    if kind == "boolean" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if kind in ("integer", "long") and isinstance(value, (str, float)):
        return _number(value, int)
    if kind in ("float", "double") and isinstance(value, (str, int)) and not isinstance(value, bool):
        return _number(value, float)
    if kind == "timestamp" and isinstance(value, str):
        return _moment(value)
    if kind == "blob" and isinstance(value, str):
        return value.encode()
    if kind in ("string", "blob") and not isinstance(value, (str, bytes)):
        if isinstance(value, (dict, list)):
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def _moment(value: str) -> Any:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value  # the operation's own validation names it


def _number(value: Any, kind: type[int] | type[float]) -> Any:
    try:
        return kind(value)
    except ValueError:
        return value  # the operation's own validation names it
