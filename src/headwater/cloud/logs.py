"""A stage's log lines from CloudWatch Logs, or of a step on an EMR cluster from S3, on either endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.history import StageRun
from headwater.cloud.log_lines import LogLine
from headwater.cloud.session import Cloud, error_code, explain
from headwater.cloud.step_logs import StepLogs

# Glue writes what a script prints and what it logs to different groups.
GLUE_GROUPS = ("/aws-glue/jobs/output", "/aws-glue/jobs/error")


class StageLogs:
    """The log of one stage of one run."""

    def __init__(self, cloud: Cloud) -> None:
        self._logs = cloud.client("logs")
        self._steps = StepLogs(cloud)
        self._poll_s = max(cloud.poll_s, 0.3)

    def lines(self, stage: StageRun, since_ms: int | None = None) -> list[LogLine]:
        """All lines of the stage's job so far, in time order; empty when it has not started a job."""
        found: list[LogLine] = []
        if stage.job is not None and stage.job["service"] == "emr":
            return self._steps.lines(stage.job["id"], stage.job["log_group"])
        for group, options in self._sources(stage):
            if since_ms is not None:
                options["startTime"] = since_ms
            found += self._read(group, options)
        return sorted(found, key=lambda line: line.timestamp_ms)

    def follow(self, stage: Callable[[], StageRun]) -> Iterator[LogLine]:
        """Lines as they come, until the stage has ended. ``stage`` answers with the stage as it is now."""
        seen: set[str] = set()
        since: int | None = None
        while True:
            now = stage()
            ended = now.status not in ("RUNNING", "PENDING")
            for line in self.lines(now, since):
                if line.id not in seen:
                    seen.add(line.id)
                    since = max(since or 0, line.timestamp_ms - 1000)
                    yield line
            if ended:
                return
            time.sleep(self._poll_s)

    def _sources(self, stage: StageRun) -> list[tuple[str, dict[str, Any]]]:
        job = stage.job
        if job is None:
            return []
        if job["service"] == "glue":
            return [(group, {"logStreamNames": [job["id"]]}) for group in GLUE_GROUPS]
        if job["service"] == "emr-serverless":
            return [(job["log_group"], {"logStreamNamePrefix": job["log_stream"]})] if job["id"] else []
        if job["service"] == "sagemaker":
            return [(job["log_group"], {"logStreamNamePrefix": f"{job['id']}/"})]
        # A function and a crawler log to the same place in every run: the run's own lines are those of its time.
        options: dict[str, Any] = {"logStreamNames": [job["log_stream"]]} if job["log_stream"] else {}
        if stage.started:
            options["startTime"] = _ms(stage.started)
        if stage.ended:
            options["endTime"] = _ms(stage.ended) + 1000
        return [(job["log_group"], options)]

    def _read(self, group: str, options: dict[str, Any]) -> list[LogLine]:
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=group, **options)
        try:
            return [
                LogLine(event["timestamp"], event["message"].rstrip("\n"), event["eventId"])
                for page in pages
                for event in page["events"]
            ]
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return []
            raise explain(error) from error


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
