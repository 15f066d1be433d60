"""A workflow's dashboard: how its runs ended and how long they took, its alarms, its stages, and its latest errors.

SageMaker's jobs get a new name in each run, so their metrics are found by a search over what the names begin with.
Sources, all read 2026-11-25: CloudWatch API reference, "Dashboard Body Structure and Syntax"; CloudWatch user guide,
"Search expressions"; AWS Glue developer guide, "Monitoring AWS Glue using Amazon CloudWatch metrics"; Lambda developer
guide, "Types of metrics"; SageMaker developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from headwater.plan import naming
from headwater.plan.alarms import ALARMS
from headwater.plan.job_metrics import ERRORS, metric_path
from headwater.plan.naming import MACHINE, MACHINE_LOGS
from headwater.plan.tags import stage_tags, tag_list
from headwater.workflow.metrics import logged_metrics
from headwater.workflow.stages import FunctionStage, MachineStage, SparkStage, Stage
from headwater.workflow.workflow import Workflow

Widget = dict[str, Any]

_PERIOD_S = 300
_WIDE, _HALF, _HEIGHT = 24, 12, 6
_ENDS = ("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")


def dashboard_resources(workflow: Workflow) -> dict[str, dict[str, Any]]:
    """Return the dashboard."""
    body = json.dumps({"widgets": _placed(list(_widgets(workflow)))}, separators=(",", ":"))
    properties = {
        "DashboardName": {"Fn::Sub": naming.dashboard_name(workflow.name)},
        "DashboardBody": {"Fn::Sub": body},
        "Tags": tag_list(stage_tags(workflow)),
    }
    return {naming.DASHBOARD: {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}}


def _placed(widgets: list[Widget]) -> list[Widget]:
    """Two in a row, the last one as wide as the page."""
    rows = [divmod(number, 2) for number in range(len(widgets))]
    placed = [
        {**widget, "x": column * _HALF, "y": row * _HEIGHT, "width": _HALF, "height": _HEIGHT}
        for widget, (row, column) in zip(widgets[:-1], rows, strict=False)
    ]
    row = len(widgets) // 2
    return [*placed, {**widgets[-1], "x": 0, "y": row * _HEIGHT, "width": _WIDE, "height": _HEIGHT}]


def _widgets(workflow: Workflow) -> Iterator[Widget]:
    machine = ["StateMachineArn", f"${{{MACHINE}}}"]
    yield _metrics("Runs", [["AWS/States", name, *machine] for name in _ENDS], "Sum")
    yield _metrics("Duration of a run (ms)", [["AWS/States", "ExecutionTime", *machine]], "Maximum")
    alarms = [f"${{{each}.Arn}}" for each in ALARMS]
    yield {"type": "alarm", "properties": {"title": "Alarms", "alarms": alarms}}
    for stage in workflow.stages:
        if (widget := _stage(workflow, stage)) is not None:
            yield widget
        if logged := logged_metrics(stage):
            yield _metrics(f"{stage.name}: metrics", [metric_path(workflow, stage, name) for name in logged], "Average")
    if jobs := [stage for stage in workflow.stages if isinstance(stage, MachineStage)]:
        yield _metrics("Errors that SageMaker's jobs logged", [metric_path(workflow, s, ERRORS) for s in jobs], "Sum")
    query = (
        f"SOURCE '${{{MACHINE_LOGS}}}' | fields @timestamp, type, details.error, details.cause "
        "| filter type like /Failed|TimedOut|Aborted/ | sort @timestamp desc | limit 20"
    )
    shown = {"title": "Latest errors", "query": query, "region": "${AWS::Region}", "view": "table"}
    yield {"type": "log", "properties": shown}


def _stage(workflow: Workflow, stage: Stage) -> Widget | None:
    """A stage's own metrics; None where AWS keeps none: crawlers, gates, registrations, and Spark on EMR alone."""
    if isinstance(stage, SparkStage) and stage.on_glue:
        job = ["JobName", naming.stage_resource_name(workflow.name, stage), "JobRunId", "ALL", "Type", "count"]
        names = ("elapsedTime", "recordsRead", "numFailedTasks")
        metrics = [["Glue", f"glue.driver.aggregate.{name}", *job] for name in names]
        return _metrics(f"{stage.name}: Glue", metrics, "Sum")
    if isinstance(stage, FunctionStage):
        function = ["FunctionName", naming.stage_resource_name(workflow.name, stage)]
        metrics = [["AWS/Lambda", name, *function] for name in ("Invocations", "Errors", "Throttles")]
        return _metrics(f"{stage.name}: Lambda", metrics, "Sum")
    if isinstance(stage, MachineStage):
        group = naming.machine_log_group(stage.kind)
        used = "(CPUUtilization OR MemoryUtilization OR DiskUtilization)"
        # Words, not the name: a hyphen would need quotes, and a quoted term matches only the whole of a value.
        words = naming.job_prefix(workflow.name, stage).replace("-", " ")
        search = f"SEARCH('{{{group},Host}} MetricName={used} {words}', 'Average', 60)"
        return _metrics(f"{stage.name}: SageMaker", [[{"expression": search}]], "Average")
    return None


def _metrics(title: str, metrics: list[list[Any]], statistic: str) -> Widget:
    shown = {"title": title, "region": "${AWS::Region}", "view": "timeSeries", "stat": statistic, "period": _PERIOD_S}
    return {"type": "metric", "properties": {**shown, "metrics": metrics}}
