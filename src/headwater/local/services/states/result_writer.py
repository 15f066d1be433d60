"""``ResultWriter``: a distributed Map's results as objects in S3: a manifest and one file for each outcome.

Source: Developer Guide, "ResultWriter (Map)", 2025. Not faithful: one file an outcome, however large.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headwater.local.services.states.execution_record import ExecutionRecord
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.templates import Template
from headwater.local.services.states.timestamps import iso_ms

Call = Callable[..., dict[str, Any]]
OUTCOMES = {"FAILED": ("ABORTED", "FAILED", "TIMED_OUT"), "PENDING": ("RUNNING",), "SUCCEEDED": ("SUCCEEDED",)}


@dataclass(frozen=True, slots=True)
class ResultWriter:
    """A compiled writer.

    Attributes
    ----------
    arguments:
        ``Parameters`` or ``Arguments``: {"Bucket", "Prefix"}; None when results only are transformed.
    configuration:
        ``WriterConfig``: Transformation (NONE, COMPACT, FLATTEN) and OutputType (JSON, JSONL).
    """

    arguments: Template | None
    configuration: dict[str, Any]

    def write(
        self, s3: Call, arguments: dict[str, Any], map_run_arn: str, children: list[ExecutionRecord]
    ) -> dict[str, Any]:
        """Write the results; the state's result."""
        bucket = arguments["Bucket"]
        prefix = arguments.get("Prefix", "").rstrip("/")
        folder = "/".join(part for part in (prefix, map_run_arn.rpartition(":")[2]) if part)
        lines = self.configuration.get("OutputType") == "JSONL"
        files: dict[str, list[dict[str, Any]]] = {outcome: [] for outcome in OUTCOMES}
        for outcome, statuses in OUTCOMES.items():
            rows = self.transformed([child for child in children if child.status in statuses])
            if not rows:
                continue
            key = f"{folder}/{outcome}_0.{'jsonl' if lines else 'json'}"
            text = "\n".join(map(dumps, rows)) if lines else dumps(rows)
            s3("put_object", Bucket=bucket, Key=key, Body=text.encode())
            files[outcome].append({"Key": key, "Size": len(text.encode())})
        manifest = {"DestinationBucket": bucket, "MapRunArn": map_run_arn, "ResultFiles": files}
        key = f"{folder}/manifest.json"
        s3("put_object", Bucket=bucket, Key=key, Body=dumps(manifest).encode())
        return {"MapRunArn": map_run_arn, "ResultWriterDetails": {"Bucket": bucket, "Key": key}}

    def transformed(self, children: list[ExecutionRecord]) -> list[Any]:
        """The rows of one outcome."""
        how = self.configuration.get("Transformation", "NONE")
        if how == "NONE":
            return [_whole(child) for child in children]
        outputs = [json.loads(child.output) if child.output is not None else _whole(child) for child in children]
        if how == "COMPACT":
            return outputs
        return [item for output in outputs for item in (output if isinstance(output, list) else [output])]


def _whole(child: ExecutionRecord) -> dict[str, Any]:
    row: dict[str, Any] = {
        "ExecutionArn": child.arn,
        "Input": child.input,
        "InputDetails": {"Included": True},
        "Name": child.name,
        "StartDate": iso_ms(child.started_ms),
        "StateMachineArn": child.machine_arn,
        "Status": child.status,
    }
    if child.stopped_ms is not None:
        row["StopDate"] = iso_ms(child.stopped_ms)
    if child.output is not None:
        row |= {"Output": child.output, "OutputDetails": {"Included": True}}
    return row | {k: v for k, v in (("Error", child.error), ("Cause", child.cause)) if v is not None}
