"""CloudWatch metrics over a real store."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.service import Call, ServiceError
from headwater.local.services.cloudwatch import CloudWatchService
from headwater.local.services.cloudwatch.datapoints import Sample, percentile
from headwater.local.store import Store

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
RANGE = {"StartTime": HOUR, "EndTime": HOUR + timedelta(hours=1)}
METRIC = {"Namespace": "app", "MetricName": "ms"}


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[Any]:
    store = Store(tmp_path / "headwater.db")
    service = CloudWatchService(SimpleNamespace(store=store))  # type: ignore[arg-type]

    def ask(operation: str, **members: Any) -> Any:
        call = Call("cloudwatch", operation, None, "us-east-1", "000000000000", "request")  # type: ignore[arg-type]
        return getattr(service, operation)(call, **members)

    yield ask
    store.close()


def put(metrics: Any, *data: dict[str, Any]) -> None:
    metrics("put_metric_data", Namespace="app", MetricData=[{"MetricName": "ms"} | datum for datum in data])


def test_statistics_by_period_and_unit(metrics: Any) -> None:
    put(
        metrics,
        {"Value": 1.0, "Timestamp": HOUR},
        {"Values": [2.0, 3.0], "Counts": [1.0, 2.0], "Timestamp": HOUR + timedelta(seconds=59)},
        {
            "StatisticValues": {"Minimum": 5.0, "Maximum": 7.0, "Sum": 12.0, "SampleCount": 2.0},
            "Timestamp": HOUR + timedelta(minutes=1),
        },
        {"Value": 100.0, "Timestamp": HOUR, "Unit": "Bytes"},
        {"Value": 100.0, "Timestamp": HOUR, "Dimensions": [{"Name": "a", "Value": "1"}]},
    )
    names = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]
    query = {**METRIC, **RANGE, "Period": 60, "Statistics": names, "ExtendedStatistics": ["p50"]}
    points = metrics("get_metric_statistics", **query)["Datapoints"]
    found = [(p["Timestamp"].minute, p["Unit"], *(p[name] for name in names)) for p in points]
    assert found == [
        (0, "Bytes", 1, 100, 100, 100, 100),
        (0, "None", 4, 2.25, 9, 1, 3),
        (1, "None", 2, 6, 12, 5, 7),
    ]
    assert points[1]["ExtendedStatistics"] == {"p50": 2.5} and "ExtendedStatistics" not in points[2]
    assert len(metrics("get_metric_statistics", **query, Unit="Bytes")["Datapoints"]) == 1
    dimensions = [{"Name": "a", "Value": "1"}]
    assert len(metrics("get_metric_statistics", **query, Dimensions=dimensions)["Datapoints"]) == 1


def test_metric_data_is_newest_first(metrics: Any) -> None:
    put(metrics, *({"Value": float(n), "Timestamp": HOUR + timedelta(minutes=n)} for n in range(3)))
    query = {"Id": "m", "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "Sum"}}
    (result,) = metrics("get_metric_data", MetricDataQueries=[query], **RANGE)["MetricDataResults"]
    assert result["Values"] == [2.0, 1.0, 0.0] and result["StatusCode"] == "Complete"
    math = {"Id": "e", "Expression": "m * 2"}
    with pytest.raises(ServiceError) as caught:
        metrics("get_metric_data", MetricDataQueries=[math], **RANGE)
    assert caught.value.code == "ValidationError"


def test_metrics_are_listed_in_pages(metrics: Any) -> None:
    for number in range(501):
        dimensions = [{"Name": "n", "Value": f"{number:03}"}, {"Name": "a", "Value": "x"}]
        put(metrics, {"Value": 1.0, "Dimensions": dimensions})
    first = metrics("list_metrics", Namespace="app")
    rest = metrics("list_metrics", Namespace="app", NextToken=first["NextToken"])
    assert len(first["Metrics"]) == 500 and len(rest["Metrics"]) == 1 and "NextToken" not in rest
    wanted = [{"Name": "n", "Value": "007"}, {"Name": "a"}]
    assert len(metrics("list_metrics", Dimensions=wanted)["Metrics"]) == 1
    assert metrics("list_metrics", Namespace="other")["Metrics"] == []


@pytest.mark.parametrize(
    ("datum", "code"),
    [
        ({}, "MissingParameter"),
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, "InvalidParameterValue"),
        ({"Value": 1.0, "Timestamp": HOUR - timedelta(days=15)}, "InvalidParameterValue"),
        ({"Value": 1.0, "Timestamp": HOUR + timedelta(days=1)}, "InvalidParameterValue"),
    ],
)
def test_bad_data_is_refused_whole(metrics: Any, datum: dict[str, Any], code: str) -> None:
    with pytest.raises(ServiceError) as caught:
        put(metrics, {"Value": 1.0}, datum)
    assert caught.value.code == code
    assert metrics("list_metrics")["Metrics"] == []


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"Period": 7}, "InvalidParameterValue"),
        ({"Period": 1}, "InvalidParameterCombination"),
        ({"EndTime": HOUR}, "InvalidParameterCombination"),
        ({"Statistics": ["tm90"]}, "InvalidParameterValue"),
        ({"Statistics": []}, "MissingParameter"),
    ],
)
def test_bad_questions_are_refused(metrics: Any, members: dict[str, Any], code: str) -> None:
    with pytest.raises(ServiceError) as caught:
        metrics("get_metric_statistics", **(METRIC | RANGE | {"Period": 60, "Statistics": ["Sum"]} | members))
    assert caught.value.code == code


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 3)), min_size=1, max_size=20), st.integers(1, 99))
def test_percentiles_agree_with_the_standard_library(weighted: list[tuple[int, int]], percent: int) -> None:
    values = [float(value) for value, count in weighted for _ in range(count)]
    samples = [Sample(0, value, value, value * count, count) for value, count in weighted]
    cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    assert percentile(samples, percent) == pytest.approx(cuts[percent - 1])
