"""History events as the API and the logs show them."""

from __future__ import annotations

import json
from typing import Any

from headwater.local.services.states.execution import Event
from headwater.local.services.states.timestamps import moment_of

_STATE_TYPES = ("Choice", "Fail", "Map", "Parallel", "Pass", "Succeed", "Task", "Wait")
_DETAILS: dict[str, str] = {
    **{f"{state}StateEntered": "stateEnteredEventDetails" for state in _STATE_TYPES},
    **{f"{state}StateExited": "stateExitedEventDetails" for state in _STATE_TYPES},
}
# Events that AWS shows without details of their own.
_BARE = frozenset(
    {
        *(f"{state}State{end}" for state in ("Map", "Parallel") for end in ("Aborted", "Failed", "Succeeded")),
        "LambdaFunctionStarted",
        "MapRunAborted",
        "MapRunSucceeded",
        "ParallelStateStarted",
        "TaskStateAborted",
        "WaitStateAborted",
    }
)
_DATA = (
    "input",
    "inputDetails",
    "output",
    "outputDetails",
    "parameters",
    "assignedVariables",
    "assignedVariablesDetails",
)


def details_member(type: str) -> str | None:
    """The member that holds the details of an event of this type."""
    if type in _BARE:
        return None
    return _DETAILS.get(type) or f"{type[0].lower()}{type[1:]}EventDetails"


def api_event(event_id: int, event: Event, with_data: bool = True) -> dict[str, Any]:
    """An event in the shape of ``GetExecutionHistory``."""
    timestamp_ms, type, previous, details = event
    shown: dict[str, Any] = {
        "timestamp": moment_of(timestamp_ms),
        "type": type,
        "id": event_id,
        "previousEventId": previous,
    }
    member = details_member(type)
    if member is not None:
        if not with_data:
            details = {key: value for key, value in details.items() if key not in _DATA}
        shown[member] = details
    return shown


def log_event(event_id: int, event: Event, execution_arn: str, with_data: bool, redrives: int) -> str:
    """An event in the JSON of a state machine's CloudWatch Logs.

    Source: Developer Guide, "Using CloudWatch Logs to log execution history in Step Functions", 2025.
    """
    timestamp_ms, type, previous, details = event
    if not with_data:
        details = {key: value for key, value in details.items() if key not in _DATA}
    record = {
        "id": str(event_id),
        "type": type,
        "details": details,
        "redrive_count": str(redrives),
        "previous_event_id": str(previous),
        "event_timestamp": str(timestamp_ms),
        "execution_arn": execution_arn,
    }
    if not details and details_member(type) is None:
        del record["details"]
    return json.dumps(record, separators=(",", ":"))
