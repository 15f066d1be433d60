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
        "items": branch.length,
        "redriveCount": 0,
    }


def tolerated_failures(run: Record, items: int) -> int:
    """How many of so many items may fail, by what a map run tolerates now."""
    return max(int(run["toleratedFailureCount"]), int(items * run["toleratedFailurePercentage"] / 100))


def _counts(run: Record, total: int, by_status: dict[str, int]) -> dict[str, int]:
    counts = {name: by_status.get(status, 0) for status, name in _COUNTS.items()}
    counts["total"] = total
    counts["pending"] = max(0, total - sum(by_status.values()))
    counts["resultsWritten"] = counts["succeeded"] if run["status"] == "SUCCEEDED" else 0
    return counts


def described(run: Record, by_status: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """A map run as ``DescribeMapRun`` shows it; ``by_status``: how many children, and how many items of theirs."""
    children = {status: found[0] for status, found in by_status.items()}
    items = {status: found[1] for status, found in by_status.items()}
    answer = {
        "mapRunArn": run["arn"],
        "executionArn": run["executionArn"],
        "status": run["status"],
        "startDate": moment_of(run["started_ms"]),
        "maxConcurrency": run["maxConcurrency"],
        "toleratedFailurePercentage": run["toleratedFailurePercentage"],
        "toleratedFailureCount": run["toleratedFailureCount"],
        "itemCounts": _counts(run, run["items"] if "items" in run else run["total"], items),
        "executionCounts": _counts(run, run["total"], children),
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
