"""The state machine that runs one step on a cluster of its own: make the cluster, run the step, terminate the cluster.

A machine beside the workflow's, which calls it for each such stage. In the workflow's own machine the Catch that
terminates the cluster of a failed step would have to end in a Fail, and a redrive would start in that Fail; here the
workflow's Task fails, and a redrive calls again.

Its input is ``{"Cluster": RunJobFlow's request, "Step": a StepConfig}``, its output ``{"ClusterId", "StepId",
"ExecutionTime": seconds}``. A step may take as long as the longest limit of the workflow's stages here; each stage's
own limit, and an hour for the cluster to start, is that of its Task. A termination that fails is let go: the cluster's
auto-termination policy follows, as it does for an execution that was stopped, which no Catch sees.

Sources: Step Functions developer guide, "Create and manage Amazon EMR clusters" ("Step Functions does not terminate an
Amazon EMR cluster automatically if execution is stopped"), "Redriving executions"; read 2026-11.
"""

from __future__ import annotations

from typing import Any

from headwater.plan.emr.cluster import on_clusters
from headwater.plan.retries import retriers
from headwater.workflow.workflow import Workflow

State = dict[str, Any]
STATES_A_STEP = 4
"""How many states a step takes, whether it succeeds or fails."""
_EMR = "arn:aws:states:::elasticmapreduce:"
_FORWARD = "{% $states.input %}"
_ANY = {"ErrorEquals": ["States.ALL"], "Output": _FORWARD}


def definition(workflow: Workflow) -> State:
    """Return the machine's definition."""
    longest_s = max(stage.timeout_s for stage in on_clusters(workflow.stages))
    failed = {"error": "{% $states.errorOutput %}"}
    ran = {"step": "{% $states.result.Step.Id %}", "elapsed": "{% ($millis() - $began) / 1000 %}"}
    told = {"ClusterId": "{% $cluster %}", "StepId": "{% $step %}", "ExecutionTime": "{% $elapsed %}"}
    states = {
        "make the cluster": {
            **_call("createCluster.sync", "{% $states.input.Cluster %}"),
            "Assign": {"cluster": "{% $states.result.ClusterId %}", "began": "{% $millis() %}"},
            "Output": _FORWARD,
            "Next": "run the step",
        },
        "run the step": {
            **_call("addStep.sync", {"ClusterId": "{% $cluster %}", "Step": "{% $states.input.Step %}"}),
            "TimeoutSeconds": longest_s,
            "Assign": ran,
            "Catch": [{**_ANY, "Assign": failed, "Next": "terminate after a failure"}],
            "Next": "terminate the cluster",
        },
        "terminate the cluster": _terminate("ran"),
        "ran": {"Type": "Succeed", "Output": told},
        "terminate after a failure": _terminate("failed"),
        "failed": {"Type": "Fail", "Error": "{% $error.Error %}", "Cause": "{% $error.Cause %}"},
    }
    comment = f"Runs a Spark step of the workflow {workflow.name} on a cluster of its own; compiled by Headwater"
    return {"Comment": comment, "QueryLanguage": "JSONata", "StartAt": "make the cluster", "States": states}


def _call(operation: str, arguments: State | str) -> State:
    return {"Type": "Task", "Resource": _EMR + operation, "Arguments": arguments, "Retry": retriers("emr-cluster", 0)}


def _terminate(following: str) -> State:
    called = _call("terminateCluster", {"ClusterId": "{% $cluster %}"})
    return {**called, "TimeoutSeconds": 600, "Catch": [{**_ANY, "Next": following}], "Next": following}
