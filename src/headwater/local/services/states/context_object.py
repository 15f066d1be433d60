"""The context object: what ``$$`` and ``$states.context`` read.

Source: Developer Guide, "Accessing execution data from the Context object in Step Functions", 2025.
"""

from __future__ import annotations

from typing import Any

from headwater.local.services.states.branch import Branch
from headwater.local.services.states.execution_record import ExecutionRecord
from headwater.local.services.states.timestamps import iso_ms

_RETRIED = frozenset({"Map", "Parallel", "Task"})


def context_object(record: ExecutionRecord, input: Any, branch: Branch, item: dict[str, Any] | None) -> dict[str, Any]:
    """The context object of a branch's state.

    Parameters
    ----------
    input:
        The execution's input, parsed.
    item:
        The Map item that is being selected; None inside of an iteration, where the branch knows it.
    """
    # members in AWS's order, as contexts that were sent as text show it
    state: dict[str, Any] = {"Name": branch.state_name, "EnteredTime": iso_ms(branch.entered_ms)}
    if branch.state.type in _RETRIED:
        state["RetryCount"] = branch.retry_count
    execution: dict[str, Any] = {"Id": record.arn, "Input": input, "StartTime": iso_ms(record.started_ms)}
    execution |= {"Name": record.name, "RoleArn": record.role_arn}
    if not record.synchronous:  # recorded: one that is waited for cannot be redriven, and has no count
        execution["RedriveCount"] = record.redrive_count
    if record.redriven_ms is not None:
        execution["RedriveTime"] = iso_ms(record.redriven_ms)
    context: dict[str, Any] = {
        "Execution": execution,
        "StateMachine": {"Id": record.machine_arn, "Name": record.machine_name},
        "State": state,
    }
    if branch.task is not None and branch.task.get("token"):
        context["Task"] = {"Token": branch.task["token"]}
    found = item or _item_of(branch)
    if found is not None:
        context["Map"] = {"Item": found}
    return context


def _item_of(branch: Branch | None) -> dict[str, Any] | None:
    while branch is not None:
        if branch.item is not None:
            return branch.item
        branch = branch.parent
    return None
