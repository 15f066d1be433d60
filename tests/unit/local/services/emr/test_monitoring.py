"""Where the lines of a step go in CloudWatch Logs, and which settings EMR refuses."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.emr.monitoring import checked_monitoring, step_stream

APPLICATIONS = [{"Name": "Spark"}, {"Name": "AmazonCloudWatchAgent"}]


def cluster(release: str = "emr-7.12.0", **logs: Any) -> dict[str, Any]:
    monitoring = {"CloudWatchLogConfiguration": {"Enabled": True, **logs}}
    return {"Id": "j-1", "ReleaseLabel": release, "Applications": APPLICATIONS, "MonitoringConfiguration": monitoring}


def test_the_lines_of_a_step_go_to_the_group_and_prefix_that_were_asked_for() -> None:
    named = cluster(LogGroupName="/w", LogStreamNamePrefix="clean-1")
    assert checked_monitoring(named) == named["MonitoringConfiguration"]
    assert step_stream(named, "s-1", "stdout") == ("/w", "clean-1/steps/s-1/stdout")
    assert step_stream(cluster(), "s-1", "stderr") == ("/aws/emr/j-1", "/steps/s-1/stderr")
    assert step_stream({"Id": "j-1"}, "s-1", "stderr") == ("/headwater/emr/j-1", "s-1/stderr")


def test_what_the_log_types_leave_out_is_not_published() -> None:
    errors = cluster(LogTypes={"STEP_LOGS": ["STDERR"]})
    assert step_stream(errors, "s-1", "stdout") is None
    assert step_stream(errors, "s-1", "stderr") == ("/aws/emr/j-1", "/steps/s-1/stderr")
    assert step_stream(cluster(LogTypes={"SPARK_EXECUTOR": ["STDERR"]}), "s-1", "stderr") is None


@pytest.mark.parametrize(
    ("members", "text"),
    [
        (cluster("emr-7.10.0"), "emr-7.11.0 or later, got emr-7.10.0"),
        ({**cluster(), "Applications": [{"Name": "Spark"}]}, "needs the application AmazonCloudWatchAgent"),
        (cluster(LogTypes={"YARN": ["STDOUT"]}), "LogTypes takes SPARK_DRIVER, SPARK_EXECUTOR, STEP_LOGS, got YARN"),
        (cluster(LogTypes={"STEP_LOGS": ["SYSLOG"]}), "STEP_LOGS takes STDERR and STDOUT, got SYSLOG"),
        (cluster(EncryptionKeyArn="arn:aws:kms:us-east-1:1:key/k"), "does not compute EncryptionKeyArn"),
        (
            {"MonitoringConfiguration": {"S3LoggingConfiguration": {"LogTypeUploadPolicy": {"system-logs": "x"}}}},
            "does not compute S3LoggingConfiguration",
        ),
    ],
)
def test_settings_that_are_refused(members: dict[str, Any], text: str) -> None:
    with pytest.raises(ServiceError, match=text):
        checked_monitoring(members)
