"""Map runs: what is kept of each run of a distributed Map, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.local.services.states.timestamps import moment_of
from headwater.local.store import Record

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution
    from headwater.local.services.states.state_map_distributed import DistributedMapState

MAP_RUN = "states.map-run"
_COUNTS = {
    "ABORTED": "aborted",
    "FAILED": "failed",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "TIMED_OUT": "timedOut",
}


def new_map_run(state: DistributedMapState, execution: Execution, branch: Branch, arn: str, concurrency: int) -> Record:
    """The record of a map run that starts."""
    scope = execution.scope(branch, state.map_input(execution, branch).value)
    return {
        "arn": arn,
        "executionArn": execution.record_.arn,
        "stateMachineArn": f"{execution.record_.machine_arn}/{state.label or state.name}",
        "status": "RUNNING",
        "started_ms": execution.now_ms(),
        "maxConcurrency": concurrency,
        "toleratedFailureCount": int(state.tolerated_count.read(scope) or 0),
        "toleratedFailurePercentage": float(state.tolerated_percentage.read(scope) or 0),
        "total": branch.length,
        "redriveCount": 0,
    }


def described(run: Record, by_status: dict[str, int]) -> dict[str, Any]:
    """A map run as ``DescribeMapRun`` shows it."""
    counts = {name: by_status.get(status, 0) for status, name in _COUNTS.items()}
    counts["total"] = run["total"]
    counts["pending"] = max(0, run["total"] - sum(by_status.values()))
    counts["resultsWritten"] = counts["succeeded"] if run["status"] == "SUCCEEDED" else 0
    answer = {
        "mapRunArn": run["arn"],
        "executionArn": run["executionArn"],
        "status": run["status"],
        "startDate": moment_of(run["started_ms"]),
        "maxConcurrency": run["maxConcurrency"],
        "toleratedFailurePercentage": run["toleratedFailurePercentage"],
        "toleratedFailureCount": run["toleratedFailureCount"],
        "itemCounts": counts,
        "executionCounts": counts,
        "redriveCount": run["redriveCount"],
    }
    if "stopped_ms" in run:
        answer["stopDate"] = moment_of(run["stopped_ms"])
    return answer


def listed(run: Record) -> dict[str, Any]:
    """A map run as ``ListMapRuns`` shows it."""
    answer = {
        "executionArn": run["executionArn"],
        "mapRunArn": run["arn"],
        "stateMachineArn": run["stateMachineArn"],
        "startDate": moment_of(run["started_ms"]),
    }
    if "stopped_ms" in run:
        answer["stopDate"] = moment_of(run["stopped_ms"])
    return answer
