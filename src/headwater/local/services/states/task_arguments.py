"""A task's arguments, checked before and as they go to a service.

Names that the service's operation does not have fail the state before anything is called; members that it needs and
that are absent or null are refused as the service refuses them, which the in-process call would not.

Source: Step Functions Developer Guide, "Passing parameters to a service API in Step Functions" ("The field Filter is
not supported by Step Functions"), and errors of real executions, read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.model import Shape

from headwater.local.service import ServiceError
from headwater.local.services.states.integration_api import Api
from headwater.local.member_names import input_shape, protocol


def unsupported_fields(api: Api, arguments: Any) -> list[str]:
    """What Step Functions says of fields that the operation does not have; empty when it takes them all."""
    shape = None if api.request is not None else input_shape(api.client, api.service_operation)
    names = () if shape is None else _unknown(arguments, shape)
    return [f'The field "{name}" is not supported by Step Functions' for name in names]


def _unknown(value: Any, shape: Shape) -> Iterator[str]:
    kind = shape.type_name
    if isinstance(value, dict) and kind == "structure" and not shape.metadata.get("document"):
        members = {name.lower(): member for name, member in shape.members.items()}
        for name, item in value.items():
            member = members.get(name.lower())
            if member is None:
                yield name
            else:
                yield from _unknown(item, member)
    elif isinstance(value, dict) and kind == "map":
        for item in value.values():
            yield from _unknown(item, shape.value)
    elif isinstance(value, list) and kind == "list":
        for item in value:
            yield from _unknown(item, shape.member)


def check_required(api: Api, members: dict[str, Any]) -> None:
    """Refuse members (spelled as the client spells them) of which a required one is missing, in the service's words.

    Services whose answer to that is not known are left to answer themselves.
    """
    shape = input_shape(api.client, api.service_operation)
    absent = [] if shape is None else [name for name in shape.required_members if members.get(name) is None]
    if not absent:
        return
    if api.client == "sqs":
        raise ServiceError("MissingParameter", f"The request must contain the parameter {absent[0]}.")
    if protocol(api.client) in ("json", "rest-json"):
        found = "; ".join(
            f"Value null at '{name[:1].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
            for name in absent
        )
        errors = "1 validation error" if len(absent) == 1 else f"{len(absent)} validation errors"
        raise ServiceError("ValidationException", f"{errors} detected: {found}")
