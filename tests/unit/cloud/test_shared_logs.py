"""Retention of log groups that an account shares, against the endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from headwater.cloud.session import Cloud
from headwater.cloud.shared_logs import SharedGroup, SharedLogs
from headwater.errors import CloudError
from headwater.local.endpoint import LocalEndpoint

WANTED = {"/jobs/output": 30, "/jobs/short": 30, "/jobs/new": 30}


def cloud_of(endpoint: LocalEndpoint, **keys: str) -> Cloud:
    return Cloud("local", boto3.Session(region_name="us-east-1", **keys), endpoint.url, poll_s=0.1)


def test_only_what_nobody_has_set_is_set(endpoint: LocalEndpoint, aws: Callable[..., Any]) -> None:
    logs, shared = aws("logs"), SharedLogs(cloud_of(endpoint, aws_access_key_id="test", aws_secret_access_key="test"))
    for name in ("/jobs/output", "/jobs/output-of-another", "/jobs/short"):
        logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName="/jobs/short", retentionInDays=7)
    unbounded = shared.unbounded(WANTED)
    assert unbounded == [SharedGroup("/jobs/output", True, 30), SharedGroup("/jobs/new", False, 30)]
    assert len(logs.describe_log_groups()["logGroups"]) == 3, "a look makes nothing"
    logs.put_retention_policy(logGroupName="/jobs/output", retentionInDays=400)  # between the look and the deed
    shared.bound(unbounded)
    kept = {group["logGroupName"]: group.get("retentionInDays") for group in logs.describe_log_groups()["logGroups"]}
    assert kept == {"/jobs/new": 30, "/jobs/output": 400, "/jobs/output-of-another": None, "/jobs/short": 7}
    assert shared.unbounded(WANTED) == []
    assert [(group.name, group.days) for group in shared.existing([*WANTED, "/jobs/none"])] == [
        ("/jobs/output", 400),
        ("/jobs/short", 7),
        ("/jobs/new", 30),
    ]


def test_a_refusal_names_the_call(endpoint: LocalEndpoint) -> None:
    held = endpoint.assume("arn:aws:iam::000000000000:role/without-policies", "me")
    keys = {"aws_access_key_id": held.access_key, "aws_secret_access_key": held.secret_key}
    shared = SharedLogs(cloud_of(endpoint, **keys, aws_session_token=held.token))
    with pytest.raises(CloudError, match="DescribeLogGroups failed: AccessDeniedException"):
        shared.unbounded(WANTED)
