"""The metrics of Step Functions, from what the bus tells of executions.

Source: Step Functions Developer Guide, "Monitoring Step Functions metrics using Amazon CloudWatch" (read 2026-11-25):
namespace ``AWS/States``, dimension ``StateMachineArn``, ExecutionTime in milliseconds from start to end.
They are written in the transaction that writes the change of status, so no kill loses or doubles one.

Not faithful to AWS: of express executions and of states, activities and service integrations there are none.
"""

from __future__ import annotations

from headwater.local.services.cloudwatch.datapoints import Sample

NAMESPACE = "AWS/States"
ENDS = {
    "ABORTED": "ExecutionsAborted",
    "FAILED": "ExecutionsFailed",
    "SUCCEEDED": "ExecutionsSucceeded",
    "TIMED_OUT": "ExecutionsTimedOut",
}
Named = tuple[str, str, list[dict[str, str]], Sample]


def execution_samples(told: dict[str, object]) -> list[Named]:
    """(namespace, name, dimensions, sample) of one change of status."""
    dimensions = [{"Name": "StateMachineArn", "Value": str(told["stateMachineArn"])}]
    status, redrives = str(told["status"]), int(str(told["redrives"]))
    at_s, started_s = float(str(told["at_s"])), float(str(told["started_s"]))
    if status == "RUNNING":
        counted = ["ExecutionsRedriven" if redrives else "ExecutionsStarted"]
    else:
        counted = [ENDS[status]] + ([f"Redriven{ENDS[status]}"] if redrives else [])
    found = [(NAMESPACE, name, dimensions, Sample(at_s, 1, 1, 1, 1, "Count")) for name in counted]
    if status != "RUNNING":
        took_ms = (at_s - started_s) * 1000
        found.append(
            (NAMESPACE, "ExecutionTime", dimensions, Sample(at_s, took_ms, took_ms, took_ms, 1, "Milliseconds"))
        )
    return found
