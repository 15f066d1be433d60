"""A cluster's step logs in CloudWatch Logs, streamed as the step writes them.

Not faithful to AWS: STEP_LOGS are what the step writes, without its controller's lines; Spark has no containers here,
so SPARK_DRIVER and SPARK_EXECUTOR add nothing. EncryptionKeyArn and S3LoggingConfiguration are refused.

Source: Amazon EMR Management Guide, "Publish Amazon EMR logs to CloudWatch Logs"; API reference,
CloudWatchLogConfiguration (2026-11).
"""

from __future__ import annotations

import re

from headwater.local.service import Members
from headwater.local.services.emr.records import invalid

AGENT = "AmazonCloudWatchAgent"
LOG_TYPES = ("SPARK_DRIVER", "SPARK_EXECUTOR", "STEP_LOGS")
FILES = ("STDERR", "STDOUT")
FIRST_RELEASE = (7, 11)


def checked_monitoring(members: Members) -> Members | None:
    """The MonitoringConfiguration of a new cluster; ValidationException for what is refused."""
    monitoring: Members | None = members.get("MonitoringConfiguration")
    if not monitoring:
        return None
    if monitoring.get("S3LoggingConfiguration"):
        raise invalid("Headwater does not compute S3LoggingConfiguration: logs below LogUri are put when a step ends")
    logs = monitoring.get("CloudWatchLogConfiguration") or {}
    if not logs.get("Enabled"):
        return monitoring
    if logs.get("EncryptionKeyArn"):
        raise invalid("Headwater does not compute EncryptionKeyArn of CloudWatchLogConfiguration")
    release = re.fullmatch(r"emr-(\d+)\.(\d+)\.\d+", members.get("ReleaseLabel") or "")
    if release and (int(release[1]), int(release[2])) < FIRST_RELEASE:
        raise invalid(f"CloudWatch logging needs the release emr-7.11.0 or later, got {members['ReleaseLabel']}")
    if AGENT not in [each.get("Name") for each in members.get("Applications") or []]:
        raise invalid(f"CloudWatch logging needs the application {AGENT}: add it to Applications")
    for kind, files in (logs.get("LogTypes") or {}).items():
        if kind not in LOG_TYPES:
            raise invalid(f"LogTypes takes {', '.join(LOG_TYPES)}, got {kind}")
        if wrong := sorted(set(files) - set(FILES)):
            raise invalid(f"LogTypes of {kind} takes {' and '.join(FILES)}, got {', '.join(wrong)}")
    return monitoring


def step_stream(cluster: Members, step: str, file: str) -> tuple[str, str] | None:
    """The log group and stream of what a step writes to ``stdout`` or ``stderr``; None where it is not published.

    Of a cluster without CloudWatch logging it is ``/headwater/emr/<cluster>``, which AWS does not have.
    """
    logs: Members = (cluster.get("MonitoringConfiguration") or {}).get("CloudWatchLogConfiguration") or {}
    if not logs.get("Enabled"):
        return f"/headwater/emr/{cluster['Id']}", f"{step}/{file}"
    if file.upper() not in (logs.get("LogTypes") or {"STEP_LOGS": FILES}).get("STEP_LOGS", ()):
        return None
    group, prefix = logs.get("LogGroupName") or f"/aws/emr/{cluster['Id']}", logs.get("LogStreamNamePrefix") or ""
    return group, f"{prefix}/steps/{step}/{file}"
