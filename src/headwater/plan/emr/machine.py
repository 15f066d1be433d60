"""The state machine that runs one step on a cluster of its own: make the cluster, run the step, terminate the cluster.

A machine beside the workflow's, which calls it for each such stage. In the workflow's own machine the Catch that
terminates the cluster of a failed step would have to end in a Fail, and a redrive would start in that Fail; here the
workflow's Task fails, and a redrive calls again.

Its input is ``{"Cluster": RunJobFlow's request, "Step": a StepConfig, "TimeoutSeconds": number}``, its output
``{"ClusterId", "StepId", "ExecutionTime": seconds}``. A termination that fails is let go: the cluster's
auto-termination policy follows, as it does for an execution that was stopped, which no Catch sees.

Sources: Step Functions developer guide, "Create and manage Amazon EMR clusters" ("Step Functions does not terminate an
Amazon EMR cluster automatically if execution is stopped"), "Redriving executions"; read 2026-11.
"""

from __future__ import annotations

from typing import Any

from headwater.plan.retries import retriers

State = dict[str, Any]
_EMR = "arn:aws:states:::elasticmapreduce:"
_GO_ON = {"ErrorEquals": ["States.ALL"]}


def definition(workflow: str) -> State:
    """Return the machine's definition."""
    failed = {"error": "{% $states.errorOutput %}"}
    ran = {"step": "{% $states.result.Step.Id %}", "elapsed": "{% ($millis() - $began) / 1000 %}"}
    told = {"ClusterId": "{% $cluster %}", "StepId": "{% $step %}", "ExecutionTime": "{% $elapsed %}"}
    states = {
        "make the cluster": {
            **_call("createCluster.sync", "{% $states.input.Cluster %}"),
            "Assign": {"cluster": "{% $states.result.ClusterId %}", "began": "{% $millis() %}"},
            "Output": "{% $states.input %}",
            "Next": "run the step",
        },
        "run the step": {
            **_call("addStep.sync", {"ClusterId": "{% $cluster %}", "Step": "{% $states.input.Step %}"}),
            "TimeoutSeconds": "{% $states.input.TimeoutSeconds %}",
            "Assign": ran,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": failed, "Next": "terminate after a failure"}],
            "Next": "terminate the cluster",
        },
        "terminate the cluster": _terminate("ran"),
        "ran": {"Type": "Succeed", "Output": told},
        "terminate after a failure": _terminate("failed"),
        "failed": {"Type": "Fail", "Error": "{% $error.Error %}", "Cause": "{% $error.Cause %}"},
    }
    comment = f"Runs a Spark step of the workflow {workflow} on a cluster of its own; compiled by Headwater"
    return {"Comment": comment, "QueryLanguage": "JSONata", "StartAt": "make the cluster", "States": states}


def _call(operation: str, arguments: State | str) -> State:
    return {"Type": "Task", "Resource": _EMR + operation, "Arguments": arguments, "Retry": retriers("emr-cluster", 0)}


def _terminate(following: str) -> State:
    called = _call("terminateCluster", {"ClusterId": "{% $cluster %}"})
    return {**called, "TimeoutSeconds": 600, "Catch": [{**_GO_ON, "Next": following}], "Next": following}
