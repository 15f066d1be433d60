"""A task's arguments, checked before they go to a service: names that its operation does not have fail the state.

What the operation needs and a task does not give, the service itself refuses.

Source: Step Functions Developer Guide, "Passing parameters to a service API in Step Functions" ("The field Filter is
not supported by Step Functions"), and errors of real executions, read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.model import Shape

from headwater.local.services.states.integration_api import Api
from headwater.local.member_names import input_shape


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
