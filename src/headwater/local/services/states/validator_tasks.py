"""Checks a Task's resource: whether it is one, and whether the type of state machine can call it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headwater.local import member_names
from headwater.local.services.states import integrations
from headwater.local.services.states.integration_api import TOKEN
from headwater.local.services.states.validator_diagnostics import SCHEMA, Diagnostic, required


def task(body: dict[str, Any], at: str, express: bool) -> Iterator[Diagnostic]:
    """A Task's resource; ``express``: the state machine's type is EXPRESS."""
    yield from required(body, ("Resource",), at)
    resource = body.get("Resource")
    if resource is None:
        return
    if not isinstance(resource, str) or not resource.startswith("arn:"):
        yield Diagnostic(SCHEMA, "Value is not a valid resource ARN", f"{at}/Resource")
    elif not _is_recognized(resource):
        message = (
            f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the "
            "resource is not available in this region."
        )
        yield Diagnostic(SCHEMA, message, f"{at}/Resource")
    elif express and (unsupported := _not_in_express(resource)):
        message = f"Express state machine does not support {unsupported}"
        yield Diagnostic(SCHEMA, message, f"{at}/Resource")


def _is_recognized(arn: str) -> bool:
    """Whether a Task can call the resource: of an AWS SDK integration, whether the service has the operation.

    A service that botocore does not know under this name is left to the run, where it fails by name.
    """
    resource = integrations.parse_resource(arn)
    if resource is None or resource.kind != "sdk" or resource.api is None:
        return resource is not None
    client = resource.api.client
    return not member_names.knows(client) or member_names.operation_name(client, resource.api.operation) is not None


def _not_in_express(arn: str) -> str | None:
    """What of a resource an express state machine cannot do, in AWS's words (recorded 2024-07 and 2025-10)."""
    resource = integrations.parse_resource(arn)
    if resource is None:
        return None
    if resource.kind == "activity":
        return "Activity ARN"
    if resource.pattern == TOKEN:
        return f"'{resource.pattern}' service integration "
    return f"'{resource.pattern}' service integration" if resource.pattern else None
