"""``events:putEvents``: what Step Functions does to entries before EventBridge gets them, and to its answer.

``Detail`` may be any JSON and is sent as text; the machine's and the execution's ARN are added to each entry's
``Resources``; an answer with failed entries fails the task with ``EventBridge.FailedEntry``.

Source: Step Functions Developer Guide, "Add EventBridge events with Step Functions", 2025.
"""

from __future__ import annotations

from typing import Any

from headwater.local.services.states.json_text import dumps

FAILED_ENTRY = "EventBridge.FailedEntry"


def entries_to_send(arguments: dict[str, Any], execution_arn: str, machine_arn: str) -> dict[str, Any]:
    """The arguments with their entries as EventBridge wants them."""
    entries = arguments.get("Entries")
    if not isinstance(entries, list):
        return arguments
    return {**arguments, "Entries": [_entry(entry, [machine_arn, execution_arn]) for entry in entries]}


def _entry(entry: Any, arns: list[str]) -> Any:
    if not isinstance(entry, dict):
        return entry
    detail = entry.get("Detail")
    text = {} if detail is None or isinstance(detail, str) else {"Detail": dumps(detail)}
    return {**entry, **text, "Resources": [*(entry.get("Resources") or []), *arns]}


def failed_entries(answer: dict[str, Any]) -> str | None:
    """The cause when an answer says that entries failed."""
    return dumps(answer) if answer.get("FailedEntryCount") else None
