"""The Spark event logs of a run, for the Spark history server: ``--enable-spark-ui`` and ``--spark-event-logs-path``.

Spark writes them to the run's folder; when the script has ended they go to the path, as the job's role.

Source: AWS Glue, "Enabling the Apache Spark web UI for AWS Glue jobs" (2026-11). Not faithful to AWS: nothing is there
before the run ends (AWS flushes every 30 seconds), and the logs do not roll.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from headwater.local.service import ServiceError

PATH = "--spark-event-logs-path"
ENABLED = "--enable-spark-ui"
FOLDER = "event-logs"


def wanted(merged: dict[str, str]) -> str | None:
    """Where the logs go (``s3://…/``), or None when the run keeps none. Raises InvalidInputException."""
    path = merged.get(PATH, "")
    if not path or merged.get(ENABLED, "").lower() != "true":
        return None
    where = urlsplit(path)
    if where.scheme not in ("s3", "s3a") or not where.netloc:
        raise ServiceError("InvalidInputException", f"{PATH} is a path in S3, s3://bucket/prefix/, got {path!r}")
    return f"s3://{where.netloc}/{where.path.strip('/')}".rstrip("/") + "/"


def properties(folder: Path) -> dict[str, str]:
    """The Spark properties that write the logs of a run to its folder, which is made."""
    logs = folder / FOLDER
    logs.mkdir()
    return {"spark.eventLog.enabled": "true", "spark.eventLog.dir": logs.as_uri()}


def files(folder: Path) -> list[Path]:
    """The logs that a run left."""
    return sorted(path for path in (folder / FOLDER).glob("*") if path.is_file() and not path.name.startswith("."))
