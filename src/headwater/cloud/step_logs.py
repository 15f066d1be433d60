"""What the steps of an EMR cluster wrote, from the objects that EMR puts below the cluster's LogUri.

EMR puts them every few minutes while a step runs, and when it ends (EMR Management Guide, "Configure cluster logging
and debugging", 2026-11). The embedded endpoint puts them at the end, and has the lines in a log group until then. Lines
bear no time, so each has that of its object, and keeps its place.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from headwater.cloud.log_lines import LogLine
from headwater.cloud.session import Cloud, error_code, explain

_FILE = re.compile(r"(.*/steps/([^/]+)/(stderr|stdout))\.gz")


class StepLogs:
    """Reads the step logs of the clusters of one stage of one run."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._read: dict[str, tuple[str, list[LogLine]]] = {}

    def lines(self, cluster: str, log_uri: str) -> list[LogLine]:
        """All lines so far.

        Parameters
        ----------
        cluster:
            The name of the clusters: an attempt has one.
        log_uri:
            What is their LogUri, and nobody else's.
        """
        try:
            found = list(self._put(log_uri))
            if self._cloud.name == "local":
                seen = {line.id for line in found}
                found += [line for line in self._live(cluster) if line.id not in seen]
        except ClientError as error:
            raise explain(error) from error
        return found

    def _put(self, log_uri: str) -> Iterator[LogLine]:
        s3, place = self._cloud.client("s3"), urlsplit(log_uri)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=place.path.lstrip("/"))
        for item in (item for page in pages for item in page.get("Contents", ())):
            named = _FILE.fullmatch(item["Key"])
            if named is None:
                continue
            etag, lines = self._read.get(item["Key"], ("", []))
            if etag != item["ETag"]:
                body = s3.get_object(Bucket=place.netloc, Key=item["Key"])["Body"].read()
                text = gzip.decompress(body).decode(errors="replace")
                at_ms = int(item["LastModified"].timestamp() * 1000)
                lines = [_line(at_ms, each, named[2], named[3], n) for n, each in enumerate(text.splitlines())]
                self._read[item["Key"]] = (item["ETag"], lines)
            yield from lines

    def _live(self, cluster: str) -> Iterator[LogLine]:
        """The lines of steps that have not ended here."""
        pages = self._cloud.client("emr").get_paginator("list_clusters").paginate()
        ids = [each["Id"] for page in pages for each in page["Clusters"] if each["Name"] == cluster]
        for id in reversed(ids):
            for step, events in self._streams(f"/headwater/emr/{id}"):
                name, file = step.split("/")
                yield from (_line(e["timestamp"], e["message"], name, file, n) for n, e in enumerate(events))

    def _streams(self, group: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        logs = self._cloud.client("logs")
        try:
            streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return
            raise
        for stream in streams:
            asked = {"logGroupName": group, "logStreamNames": [stream["logStreamName"]]}
            pages = logs.get_paginator("filter_log_events").paginate(**asked)
            yield stream["logStreamName"], [event for page in pages for event in page["events"]]


def _line(at_ms: int, text: str, step: str, file: str, number: int) -> LogLine:
    return LogLine(at_ms, text.rstrip("\n"), f"{step}/{file}:{number}")
