"""Metrics that are read from the logs of SageMaker's jobs: numbers that the scripts declare, and errors.

The log groups are shared by every job of the account, and a filter pattern sees a message alone. So a filter asks for
the workflow in the JSON line itself, where a script has put it from its environment (`HEADWATER_WORKFLOW`,
`HEADWATER_STAGE`); what another workflow logs does not match. The groups belong to no stack: they must be there before
this one is made.

A metric has the stage as a dimension. That excludes a default value (CloudWatch Logs API reference, PutMetricFilter),
so there is no datapoint where nothing was logged, and nothing to pay for: custom metrics are billed for the hours in
which they get values. All the filters of an account on a group are at most 100 (quota, read 2026-11-25).

A regular expression cannot become a filter: a pattern takes no number out of free text. SageMaker evaluates those, and
puts them into CloudWatch under the training job's name.
"""

from __future__ import annotations

from typing import Any

from headwater.errors import PlanError
from headwater.plan import naming
from headwater.workflow.metrics import logged_metrics
from headwater.workflow.stages import MachineStage, Stage, TrainingStage
from headwater.workflow.workflow import Workflow

MOST_FILTERS = 100  # of a log group
NAMESPACE = "Headwater"
ERRORS = "Errors"
DIMENSIONS = {"Stage": "$.stage", "Workflow": "$.workflow"}
_NUMBER = r"(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)"


def metric_definitions(stage: TrainingStage) -> list[dict[str, str]]:
    """Return a training's metric definitions as SageMaker takes them."""
    return [
        {"Name": each.name, "Regex": f'"{each.name}": ?{_NUMBER}' if each.regex is None else each.regex}
        for each in stage.metric_definitions
    ]


def metric_filter_resources(workflow: Workflow) -> dict[str, dict[str, Any]]:
    """Return the metric filters on SageMaker's log groups. Raises PlanError for more than a group takes."""
    stages = [stage for stage in workflow.stages if isinstance(stage, MachineStage)]
    for kind in {stage.kind for stage in stages}:
        count = 1 + sum(len(logged_metrics(stage)) for stage in stages if stage.kind == kind)
        if count > MOST_FILTERS:
            raise PlanError(
                f"workflow {workflow.name!r}: its {kind} stages need {count} metric filters on "
                f"{naming.machine_log_group(kind)}, and a log group takes {MOST_FILTERS}. Declare fewer metrics."
            )
    found = {naming.errors_filter_id(stage.kind): _errors(workflow, stage.kind) for stage in stages}
    for stage in stages:
        found |= {
            naming.metric_filter_id(stage, name): _logged(workflow, stage, name) for name in logged_metrics(stage)
        }
    return found


def metric_path(workflow: Workflow, stage: Stage, name: str) -> list[str]:
    """Return a metric of a stage as a dashboard names it."""
    return [NAMESPACE, name, "Stage", stage.name, "Workflow", workflow.name]


def _errors(workflow: Workflow, kind: str) -> dict[str, Any]:
    condition = '$.stage = * && ($.level = "ERROR" || $.level = "CRITICAL")'
    return _filter(workflow, kind, "errors", condition, ERRORS, "1", "Count")


def _logged(workflow: Workflow, stage: MachineStage, name: str) -> dict[str, Any]:
    condition = f'$.stage = "{stage.name}" && $.{name} = *'
    return _filter(workflow, stage.kind, f"{stage.name}/{name}", condition, name, f"$.{name}", "None")


def _filter(
    workflow: Workflow, kind: str, name: str, condition: str, metric: str, value: str, unit: str
) -> dict[str, Any]:
    transformation = {
        "MetricName": metric,
        "MetricNamespace": NAMESPACE,
        "MetricValue": value,
        "Dimensions": [{"Key": key, "Value": selector} for key, selector in DIMENSIONS.items()],
        "Unit": unit,
    }
    return {
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "FilterName": f"{workflow.name}/{name}",
            "FilterPattern": f'{{ $.workflow = "{workflow.name}" && {condition} }}',
            "LogGroupName": naming.machine_log_group(kind),
            "MetricTransformations": [transformation],
        },
    }
