"""What a SearchExpression finds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.sagemaker.search import matches

JOB = {
    "TrainingJobName": "fit-1",
    "TrainingJobStatus": "Completed",
    "CreationTime": datetime(2026, 11, 1, tzinfo=UTC),
    "BillableTimeInSeconds": 90,
    "EnableManagedSpotTraining": True,
    "ModelArtifacts": {"S3ModelArtifacts": "s3://lake/models/model.tar.gz"},
    "HyperParameters": {"max_depth": "10"},
    "InputDataConfig": [{"ChannelName": "train"}, {"ChannelName": "test"}],
    "FinalMetricDataList": [{"MetricName": "validation:auc", "Value": 0.75}],
    "Tags": [{"Key": "team", "Value": "a"}],
}


@pytest.mark.parametrize(
    "name, operator, value, found",
    [
        ("ModelArtifacts.S3ModelArtifacts", "Equals", "s3://lake/models/model.tar.gz", True),
        ("ModelArtifacts.S3ModelArtifacts", "Contains", "models", True),
        ("TrainingJobName", "NotEquals", "fit-1", False),
        ("TrainingJobStatus", "In", "Failed, Completed", True),
        ("CreationTime", "GreaterThan", "2026-10-31T00:00:00Z", True),
        ("CreationTime", "LessThan", "2026-10-31", False),
        ("BillableTimeInSeconds", "Equals", "90", True),
        ("BillableTimeInSeconds", "LessThanOrEqualTo", "100", True),
        ("HyperParameters.max_depth", "GreaterThan", "9", True),
        ("HyperParameters.max_depth", "GreaterThan", "nine", False),
        ("EnableManagedSpotTraining", "Equals", "true", True),
        ("InputDataConfig.ChannelName", "Equals", "test", True),
        ("Metrics.validation:auc", "GreaterThanOrEqualTo", "0.75", True),
        ("Tags.team", "Equals", "a", True),
        ("Tags.owner", "NotExists", None, True),
        ("FailureReason", "Exists", None, False),
    ],
)
def test_a_filter(name: str, operator: str, value: str | None, found: bool) -> None:
    one: dict[str, Any] = {"Name": name, "Operator": operator} | ({} if value is None else {"Value": value})
    assert matches(JOB, {"Filters": [one]}) is found


def test_filters_are_joined() -> None:
    right, wrong = {"Name": "Tags.team", "Value": "a"}, {"Name": "Tags.team", "Value": "b"}
    assert matches(JOB, {})
    assert not matches(JOB, {"Filters": [right, wrong]})
    assert matches(JOB, {"Filters": [right, wrong], "Operator": "Or"})
    assert matches(JOB, {"Filters": [right], "SubExpressions": [{"Filters": [wrong, right], "Operator": "Or"}]})
    assert not matches(JOB, {"Filters": [right], "SubExpressions": [{"Filters": [wrong]}]})


@pytest.mark.parametrize(
    "expression",
    [
        {"Filters": [{"Name": "Tags.team", "Operator": "Like", "Value": "a"}]},
        {"Filters": [{"Name": "Tags.team", "Operator": "Equals"}]},
        {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": []}]},
    ],
)
def test_what_cannot_be_decided_is_refused(expression: dict[str, Any]) -> None:
    with pytest.raises(ServiceError):
        matches(JOB, expression)
