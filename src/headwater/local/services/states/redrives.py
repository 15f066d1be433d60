"""Whether an execution that ended can be redriven, and why not.

Source: Step Functions API Reference, DescribeExecution (``redriveStatus``, ``redriveStatusReason``) and
RedriveExecution, read 2026-11. What AWS answers to the redrive of a map run's child is not known; it is refused here,
since the API leaves that to the execution that the map run is part of.
"""

from __future__ import annotations

from headwater.local.service import Members, ServiceError
from headwater.local.services.states.execution_record import ExecutionRecord

UNSUCCESSFUL = frozenset({"ABORTED", "FAILED", "TIMED_OUT"})
MOST_EVENTS = 24_999
_DAY_MS = 24 * 3600 * 1000
PERIOD_MS = 14 * _DAY_MS
LONGEST_MS = 365 * _DAY_MS
TOKENS = 10  # client tokens that AWS knows again (API reference, RedriveExecution, read 2026-11-25)
TOKEN_MS = 15 * 60_000


def obstacle(record: ExecutionRecord, machine_is_there: bool, events: int, now_ms: int) -> str | None:
    """Why nothing can redrive the execution, in AWS's words, or None.

    Parameters
    ----------
    machine_is_there:
        Whether its state machine still exists.
    events:
        How many events its history has.
    """
    if record.status not in UNSUCCESSFUL:
        return f"Execution is {record.status} and cannot be redriven"
    if not machine_is_there:
        return "State machine is in DELETING status"
    if events >= MOST_EVENTS:
        return "Execution history event limit exceeded"
    if now_ms - record.started_ms > LONGEST_MS:
        return "Execution has exceeded the max execution time"
    if record.stopped_ms and now_ms - record.stopped_ms > PERIOD_MS:
        return "Execution redrivable period exceeded"
    return None


def redrive_status(record: ExecutionRecord, reason: str | None) -> Members:
    """The members of a description that say whether it can be redriven."""
    if reason is not None:
        return {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}
    return {"redriveStatus": "REDRIVABLE" if record.map_run_arn is None else "REDRIVABLE_BY_MAP_RUN"}


def check_redrive(record: ExecutionRecord, reason: str | None) -> None:
    """Raise :class:`ServiceError` (ExecutionNotRedrivable) unless the execution itself can be redriven."""
    if reason is None and record.map_run_arn is not None:
        reason = f"Execution is part of {record.map_run_arn} and is redriven with it"
    if reason is not None:
        raise ServiceError("ExecutionNotRedrivable", reason)


def asked_before(record: ExecutionRecord, token: str | None, now_ms: int) -> int | None:
    """The moment of the redrive that had this client token, or None."""
    moment = (record.redrive_tokens or {}).get(token or "")
    return moment if moment is not None and now_ms - moment <= TOKEN_MS else None


def remember(record: ExecutionRecord, token: str | None, now_ms: int) -> None:
    """Keep the client token of a redrive."""
    if token is not None:
        kept = [*(record.redrive_tokens or {}).items(), (token, now_ms)]
        record.redrive_tokens = dict(kept[-TOKENS:])
