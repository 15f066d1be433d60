"""Checks the context object that ``TestState`` is given. Texts as recorded on AWS."""

from __future__ import annotations

import json
from typing import Any

from headwater.local.services.states.integration_api import REQUEST_RESPONSE
from headwater.local.services.states.mock_results import refuse
from headwater.local.services.states.state import State
from headwater.local.services.states.state_task import TaskState

_FIELDS: dict[str, dict[str, Any]] = {
    "Execution": {
        "Id": str,
        "Input": object,
        "Name": str,
        "RedriveCount": int,
        "RedriveTime": str,
        "RoleArn": str,
        "StartTime": str,
    },
    "State": {"EnteredTime": str, "Name": str, "RetryCount": int},
    "StateMachine": {"Id": str, "Name": str},
    "Task": {"Token": str},
}
_KINDS: dict[Any, str] = {int: "a number", str: "a string"}


def read_context(text: str, state: State) -> dict[str, Any]:
    """The context object of a request; ValidationException when AWS would not take it."""
    try:
        context = json.loads(text)
    except ValueError as error:
        raise _invalid("the Context object must be valid JSON") from error
    if not isinstance(context, dict):
        raise _invalid("the Context object must be a JSON object")
    for section, body in context.items():
        _check_section(section, body, state)
    return context


def _invalid(problem: str) -> Exception:
    return refuse(f"Invalid Context object provided: {problem}")


def _check_section(section: str, body: Any, state: State) -> None:
    if section == "Map":
        raise _invalid("'Map' field is not supported when mocking a Context object")
    if section not in _FIELDS:
        raise _invalid(f"Field '{section}' is not allowed")
    waits = isinstance(state, TaskState) and state.target.pattern != REQUEST_RESPONSE
    if section == "Task" and not waits:
        raise _invalid(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' "
            "service integration pattern"
        )
    if not isinstance(body, dict):
        raise _invalid(f"{section} must be an object")
    for field, value in body.items():
        if field not in _FIELDS[section]:
            raise _invalid(f"Field '{field}' is not allowed")
        kind = _FIELDS[section][field]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _invalid(f"{section}.{field} must be {_KINDS[kind]}")
