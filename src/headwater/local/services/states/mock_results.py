"""Checks a mocked result of ``TestState`` against what it stands for: a service's answer, or a Map's or Parallel's.

Source: Developer Guide, "Testing state machines with TestState", 2025; texts as recorded on AWS.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.model import Shape

from headwater.local.service import ServiceError
from headwater.local.services.states.integration_api import REQUEST_RESPONSE
from headwater.local.member_names import output_shape
from headwater.local.services.states.state import State
from headwater.local.services.states.state_parallel import ParallelState
from headwater.local.services.states.state_task import TaskState

MOCKABLE = frozenset({"Map", "Parallel", "Task"})
_STRINGS = frozenset({"blob", "string", "timestamp"})
_NUMBERS = frozenset({"double", "float", "integer", "long"})


def refuse(message: str) -> ServiceError:
    """A ValidationException."""
    return ServiceError("ValidationException", message)


def check_mock(mock: dict[str, Any], state: State, reveal_secrets: bool) -> None:
    """Refuse a mock that the state cannot have."""
    if reveal_secrets:
        raise refuse("TestState does not support RevealSecrets when a mock is specified.")
    if state.type not in MOCKABLE:
        raise refuse(f"State type '{state.type}' is not supported when a mock is specified")
    if "result" in mock and "errorOutput" in mock:
        raise refuse("A test mock should have only one of the following fields: [result, errorOutput].")


def read_result(mock: dict[str, Any], state: State, writes_results: bool) -> Any:
    """The mocked result, checked."""
    try:
        result = json.loads(mock["result"])
    except ValueError as error:
        raise refuse("Mocked result must be valid JSON") from error
    if state.type == "Map" and writes_results and not isinstance(result, dict):
        raise refuse("Mocked result must be a JSON object.")
    if state.type in ("Map", "Parallel") and not writes_results and not isinstance(result, list):
        raise refuse("Mocked result must be an array.")
    if isinstance(state, ParallelState) and len(result) != len(state.branches):
        raise refuse("Mocked result must contain the same number of items as number of Parallel branches.")
    mode = mock.get("fieldValidationMode", "STRICT")
    if isinstance(state, TaskState) and mode != "NONE" and state.target.pattern == REQUEST_RESPONSE:
        api = state.target.api
        shape = None if api is None else output_shape(api.client, api.operation)
        if shape is not None:
            _check(result, shape, "", strict=mode == "STRICT")
    return result


def _invalid(field: str, problem: str) -> ServiceError:
    return refuse(f"Mock result schema validation error: {field} {problem}")


def _check(value: Any, shape: Shape, name: str, strict: bool) -> None:
    kind, field = shape.type_name, f"Field '{name}'"
    if kind == "structure":
        if not isinstance(value, dict):
            raise _invalid(field, "must be an object")
        _check_members(value, shape, strict)
    elif kind == "list":
        if not isinstance(value, list):
            raise _invalid(field, "must be an array")
        for item in value:
            _check(item, shape.member, name, strict)
    elif kind == "map":
        if not isinstance(value, dict):
            raise _invalid(field, "must be an object")
        for item in value.values():
            _check(item, shape.value, name, strict)
    elif kind == "boolean" and not isinstance(value, bool):
        raise _invalid(field, "must be a boolean")
    elif kind in _NUMBERS:
        _check_number(value, shape, field)
    elif kind in _STRINGS:
        _check_text(value, shape, field)


def _check_members(value: dict[str, Any], shape: Shape, strict: bool) -> None:
    members = {name[:1].upper() + name[1:]: member for name, member in shape.members.items()}
    if strict:
        for name in shape.required_members:
            pascal = name[:1].upper() + name[1:]
            if pascal not in value:
                raise _invalid(f"Required field '{pascal}'", "is missing")
    for name, item in value.items():
        if name in members:
            _check(item, members[name], name, strict)


def _check_number(value: Any, shape: Shape, field: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _invalid(field, "must be a number")
    if value < shape.metadata.get("min", value):
        raise _invalid(field, "is less than the minimum value")
    if value > shape.metadata.get("max", value):
        raise _invalid(field, "exceeds the maximum value")


def _check_text(value: Any, shape: Shape, field: str) -> None:
    if not isinstance(value, str):
        raise _invalid(field, "must be a string")
    if len(value) < shape.metadata.get("min", 0):
        raise _invalid(field, "is smaller than the minimum length")
    if len(value) > shape.metadata.get("max", len(value)):
        raise _invalid(field, "exceeds the maximum length")
    if shape.type_name == "string" and shape.metadata.get("enum") and value not in shape.metadata["enum"]:
        raise _invalid(field, "is not an expected value")
