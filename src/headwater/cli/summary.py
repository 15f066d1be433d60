"""What a run made and where it is: datasets with their rows, metrics, the registered model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from headwater.cli.cost_view import say_cost
from headwater.cli.console import bytes_text, counted, out, seconds_text

if TYPE_CHECKING:
    from headwater.cloud.runs import Run
    from headwater.cloud.session import Cloud
    from headwater.plan.plan import Plan


def summary(plan: Plan, cloud: Cloud, outputs: dict[str, str], run: Run) -> dict[str, Any]:
    """The end of a run for programs: the run as in ``status --json``, with ``datasets`` and ``metrics``.

    A dataset is ``{"uri", "objects", "size_bytes", "rows"}``; rows are counted from Parquet footers, null otherwise.
    Metrics are ``{stage: {name: value}}``, those that the run's stages wrote.
    """
    from headwater.cloud.datasets import describe_dataset, read_metrics
    from headwater.cloud.lake import LakeUri
    from headwater.plan.naming import metrics_prefix

    bucket = outputs["Bucket"]
    written = {name for stage in plan.stages for name in stage.writes}
    datasets = {
        name: describe_dataset(cloud, bucket, prefix) for name, prefix in plan.datasets.items() if name in written
    }
    metrics = {}
    for stage in plan.stages:
        ran = next((found for found in run.stages if found.name == stage.name), None)
        if stage.kind == "processing" and ran is not None and ran.status == "SUCCEEDED":
            key = f"{metrics_prefix(stage.name)}{run.name}/metrics.json"
            values = read_metrics(cloud, LakeUri(bucket, key))
            if values:
                metrics[stage.name] = values
    return {**run.to_json(), "datasets": datasets, "metrics": metrics}


def say_summary(made: dict[str, Any], run: Run) -> None:
    """The end of a run for people."""
    took = (run.ended - run.started).total_seconds() if run.ended else None
    out.print(f"\n[green]{run.status}[/green] in {seconds_text(took)}  (run {run.name})")
    for name, found in made["datasets"].items():
        rows = f"{found['rows']:,} rows, " if found["rows"] is not None else ""
        size = bytes_text(found["size_bytes"])
        out.print(f"  {escape(name):<16} {rows}{size} in {counted(found['objects'], 'object')}  {found['uri']}")
    for stage, values in made["metrics"].items():
        shown = ", ".join(f"{name} {_number(value)}" for name, value in values.items())
        out.print(f"  {escape(stage):<16} {shown}")
    if made.get("cost"):
        say_cost(made["cost"])
    out.print("  `headwater status`, `headwater logs STAGE` and `headwater history` tell more.", style="dim")


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return json.dumps(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
