"""A task's arguments, checked before they go to a service.

Names that its operation does not have, and values of another type than it wants, fail the state. What the operation
needs and a task does not give, the service itself refuses.

Source: Step Functions Developer Guide, "Passing parameters to a service API in Step Functions" ("The field Filter is
not supported by Step Functions"), and errors of real executions and definitions ("must be a STRING", "must be an
INTEGER"), read 2026-11-25; how AWS names the other types is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.model import Shape

from headwater.local.services.states.integrations import Resource
from headwater.local.member_names import input_shape

# Text of optimized integrations that may be any JSON, which is then sent as text.
ANY_JSON = frozenset({("events", "detail"), ("sns", "message"), ("sqs", "messagebody"), ("stepfunctions", "input")})
_WANTED = {
    "boolean": "a BOOLEAN",
    "double": "a NUMBER",
    "float": "a NUMBER",
    "integer": "an INTEGER",
    "list": "an ARRAY",
    "long": "an INTEGER",
    "map": "an OBJECT",
    "string": "a STRING",
    "structure": "an OBJECT",
}


def argument_problems(target: Resource, arguments: Any) -> list[str]:
    """What Step Functions says of arguments that the operation cannot take; empty when it takes them all."""
    api = target.api
    if api is None or api.request is not None:
        return []
    shape = input_shape(api.client, api.service_operation)
    any_json = {name for client, name in ANY_JSON if client == api.client and target.kind == "optimized"}
    return [] if shape is None else list(_problems(arguments, shape, any_json))


def _problems(value: Any, shape: Shape, any_json: set[str], name: str = "") -> Iterator[str]:
    kind = shape.type_name
    if isinstance(value, dict) and kind == "structure" and not shape.metadata.get("document"):
        members = {name.lower(): member for name, member in shape.members.items()}
        for name, item in value.items():
            member = members.get(name.lower())
            if member is None:
                yield f'The field "{name}" is not supported by Step Functions'
            else:
                yield from _problems(item, member, any_json, name)
    elif isinstance(value, dict) and kind == "map":
        for key, item in value.items():
            yield from _problems(item, shape.value, any_json, key)
    elif isinstance(value, list) and kind == "list":
        for item in value:
            yield from _problems(item, shape.member, any_json, name)
    elif value is not None and not _is_of(kind, value) and name.lower() not in any_json:
        yield f"The value for the field '{name}' must be {_WANTED[kind]}"


def _is_of(kind: str, value: Any) -> bool:
    """Whether a value can stand where the model wants this kind; objects and lists are sent as text."""
    if kind == "string":
        return not isinstance(value, (bool, int, float))
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("double", "float", "integer", "long"):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and (kind in ("double", "float") or value == int(value))
    if kind == "list":
        return isinstance(value, list)
    return isinstance(value, dict) if kind in ("map", "structure") else True


def unknown_host(target: Resource, arguments: Any) -> str | None:
    """The host that ``sqs:sendMessage`` cannot find in a ``QueueUrl`` that is no URL; None when it is one."""
    if target.type != "sqs" or not isinstance(arguments, dict):
        return None
    url = arguments.get("QueueUrl")
    return url.partition("/")[0] if isinstance(url, str) and "://" not in url else None
