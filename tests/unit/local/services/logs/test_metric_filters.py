"""Metric filters: what AWS refuses, what events publish, minutes without a match, and what a kill leaves."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.service import ServiceError
from headwater.local.services.logs import LogsService
from headwater.local.services.logs.metric_filter_rules import check_filter

GROUP = "/aws/sagemaker/TrainingJobs"
NOW = int(time.time() * 1000)
COUNT = {"metricName": "Errors", "metricNamespace": "Test", "metricValue": "1"}


class Filters:
    """A group of a live endpoint, its filters and their metrics."""

    def __init__(self, endpoint: LocalEndpoint, aws: Callable[..., Any]) -> None:
        self.store = endpoint.store
        self.logs, self.cloudwatch = aws("logs"), aws("cloudwatch")
        service = endpoint.service("logs")
        assert isinstance(service, LogsService)
        self.publisher = service.publisher
        self.logs.create_log_group(logGroupName=GROUP)

    def put(self, pattern: str, name: str = "f", **transformation: Any) -> None:
        self.logs.put_metric_filter(
            logGroupName=GROUP,
            filterName=name,
            filterPattern=pattern,
            metricTransformations=[{**COUNT, **transformation}],
        )

    def write(self, *messages: str, at_ms: int = NOW) -> None:
        self.store.append_logs(GROUP, "job/algo-1", [(at_ms, message) for message in messages])

    def sums(self, statistic: str = "Sum", **metric: Any) -> list[float]:
        start = datetime.fromtimestamp(NOW / 1000, UTC) - timedelta(hours=1)
        found = self.cloudwatch.get_metric_statistics(
            **{"Namespace": "Test", "MetricName": "Errors", **metric},
            StartTime=start,
            EndTime=start + timedelta(hours=3),
            Period=3600 * 24,
            Statistics=[statistic],
        )
        return [point[statistic] for point in found["Datapoints"]]


@pytest.fixture
def filters(endpoint: LocalEndpoint, aws: Callable[..., Any]) -> Filters:
    return Filters(endpoint, aws)


def test_events_are_counted_as_they_come(filters: Filters) -> None:
    filters.write("ERROR before the filter was made")
    filters.put("ERROR", unit="Count")
    filters.write("ERROR one", "fine", "ERROR two")
    filters.logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    events = [{"timestamp": NOW, "message": "ERROR three"}]
    filters.logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)
    filters.store.append_logs("another", "s", [(NOW, "ERROR elsewhere")])
    assert filters.sums(Unit="Count") == [3.0]


def test_a_value_is_read_from_the_event_and_a_dimension_too(filters: Filters) -> None:
    dimensions = {"workflow": "$.workflow"}
    filters.put("{ $.auc = * && $.workflow = * }", metricValue="$.auc", dimensions=dimensions)
    filters.write(
        '{"auc": 0.5, "workflow": "a"}', '{"auc": "0.75", "workflow": "b"}', '{"auc": "high", "workflow": "a"}'
    )
    filters.write('{"auc": 0.25, "workflow": ""}', '{"auc": NaN, "workflow": "a"}', "[" * 100_000)
    for name, expected in (("a", [0.5]), ("b", [0.75])):
        assert filters.sums("Maximum", Dimensions=[{"Name": "workflow", "Value": name}]) == expected
    assert filters.sums() == []
    assert len(filters.cloudwatch.list_metrics(Namespace="Test")["Metrics"]) == 2


def test_fields_without_a_name_are_known_by_their_place(filters: Filters) -> None:
    filters.put("[..., size]", metricValue="$2")
    filters.write("GET 17 x", "GET 3 y")
    assert filters.sums() == [20.0]


def test_a_default_stands_for_a_minute_with_events_and_no_match(filters: Filters) -> None:
    filters.put("ERROR", defaultValue=0)
    assert filters.publisher.publish_defaults(time.time() + 120) is None
    assert filters.sums("SampleCount") == []
    filters.write("fine")
    filters.write("fine as well")
    filters.publisher.publish_defaults(time.time() + 120)
    filters.publisher.publish_defaults(time.time() + 180)
    assert (filters.sums("SampleCount"), filters.sums()) == ([1.0], [0.0])
    filters.write("fine", "ERROR")
    filters.write("fine")
    filters.publisher.publish_defaults(time.time() + 120)
    assert (filters.sums("SampleCount"), filters.sums()) == ([2.0], [1.0])


def test_what_is_not_written_is_not_counted(filters: Filters) -> None:
    filters.put("ERROR")
    with pytest.raises(RuntimeError), filters.store.transaction():
        filters.write("ERROR")
        raise RuntimeError
    assert filters.sums() == []


def test_a_replaced_filter_and_a_deleted_one_are_what_they_are_now(filters: Filters) -> None:
    filters.put("ERROR", defaultValue=5)
    filters.write("fine")
    filters.put("WARN")
    filters.write("ERROR", "WARN")
    filters.publisher.publish_defaults(time.time() + 120)
    assert filters.sums() == [1.0]
    filters.put("WARN", defaultValue=5)
    filters.write("fine")
    filters.logs.delete_metric_filter(logGroupName=GROUP, filterName="f")
    filters.write("WARN")
    filters.publisher.publish_defaults(time.time() + 120)
    assert filters.sums() == [1.0]
    filters.put("WARN")
    filters.logs.delete_log_group(logGroupName=GROUP)
    filters.write("WARN")
    assert filters.sums() == [1.0]
    assert filters.logs.describe_metric_filters()["metricFilters"] == []


def test_filters_are_described_in_order_and_pages(filters: Filters) -> None:
    for name in ("b", "a", "ab"):
        filters.put("ERROR", name=name, metricName=f"Errors-{name}")
    describe = filters.logs.describe_metric_filters
    first = describe(logGroupName=GROUP, limit=2)
    rest = describe(logGroupName=GROUP, nextToken=first["nextToken"])
    assert [f["filterName"] for f in first["metricFilters"] + rest["metricFilters"]] == ["a", "ab", "b"]
    assert first["metricFilters"][0]["metricTransformations"] == [{**COUNT, "metricName": "Errors-a"}]
    prefixed = describe(logGroupName=GROUP, filterNamePrefix="a")["metricFilters"]
    assert [f["filterName"] for f in prefixed] == ["a", "ab"]
    by_metric = describe(metricName="Errors-b", metricNamespace="Test")["metricFilters"]
    assert [f["filterName"] for f in by_metric] == ["b"]
    group = filters.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]
    assert group["metricFilterCount"] == 3


JSON = "{ $.a = * && $.b = * }"
MUTUAL = "Invalid metric transformation: dimensions and default value are mutually exclusive properties"


@pytest.mark.parametrize(
    ("pattern", "transformation", "text"),
    [
        ("{ $.a = }", {}, "Invalid filter pattern"),
        ("x" * 1025, {}, "less than or equal to 1024"),
        ("%a% %b% %c%", {}, "at most 2"),
        ("ERROR", {"metricName": "a:b"}, "metricName"),
        ("ERROR", {"metricNamespace": "$a"}, "metricNamespace"),
        (
            "ERROR",
            {"metricValue": "one"},
            "metric value one must be a number, or a field of the filter pattern (it has",
        ),
        (
            JSON,
            {"metricValue": "$.c"},
            "metric value $.c must be a number, or a field of the filter pattern ($.a, $.b)",
        ),
        ("[a, b]", {"metricValue": "$3"}, "metric value $3"),
        ("ERROR", {"metricValue": "1" * 101}, "metric value"),
        ("ERROR", {"unit": "Furlongs"}, "must satisfy enum value set: [Bits,"),
        ("ERROR", {"defaultValue": math.inf}, "default value must be a number"),
        (JSON, {"dimensions": {"a": "$.a"}, "defaultValue": 0}, MUTUAL),
        ("ERROR", {"dimensions": {"a": "$.a"}}, "The specified filter pattern does not support dimensions"),
        (JSON, {"dimensions": {"a": "prod"}}, "Invalid metric transformation: dimension value must be valid selector"),
        (JSON, {"dimensions": {"c": "$.c"}}, "dimension c: $.c is no field"),
        (JSON, {"dimensions": {name: "$.a" for name in "abcd"}}, "at most 3 dimensions"),
    ],
)
def test_what_aws_refuses(pattern: str, transformation: dict[str, Any], text: str) -> None:
    record = {"filterName": "f", "filterPattern": pattern, "metricTransformations": [{**COUNT, **transformation}]}
    with pytest.raises(ServiceError) as caught:
        check_filter(record, [])
    assert caught.value.code == "InvalidParameterException"
    assert text in caught.value.message


def test_limits_and_what_is_not_there(filters: Filters) -> None:
    def code(operation: str, **members: Any) -> str:
        with pytest.raises(ClientError) as caught:
            getattr(filters.logs, operation)(**members)
        return str(caught.value.response["Error"]["Code"])

    one = {"filterName": "f", "filterPattern": "", "metricTransformations": [COUNT]}
    for number in range(2):
        filters.put("%a% %b%", name=f"r{number}")
    limit = code("put_metric_filter", logGroupName=GROUP, **{**one, "filterPattern": "%a% %b%"})
    assert limit == "LimitExceededException"
    for number in range(98):
        filters.put("", name=f"n{number}")
    assert code("put_metric_filter", logGroupName=GROUP, **one) == "LimitExceededException"
    filters.put("", name="n0")
    wrong = {**one, "filterName": "n0", "filterPattern": "{ $.a = }"}
    assert code("put_metric_filter", logGroupName=GROUP, **wrong) == "InvalidParameterException"
    assert code("put_metric_filter", logGroupName="none", **one) == "ResourceNotFoundException"
    assert code("describe_metric_filters", logGroupName="none") == "ResourceNotFoundException"
    assert code("describe_metric_filters", metricName="a") == "InvalidParameterException"
    assert code("delete_metric_filter", logGroupName="none", filterName="f") == "ResourceNotFoundException"
    assert code("delete_metric_filter", logGroupName=GROUP, filterName="f") == "ResourceNotFoundException"
    filters.logs.create_log_group(logGroupName="rare", logGroupClass="INFREQUENT_ACCESS")
    assert code("put_metric_filter", logGroupName="rare", **one) == "InvalidOperationException"


APACHE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET {} HTTP/1.0" {}'


def test_a_pattern_is_tried_as_the_api_reference_shows(filters: Filters) -> None:
    """CloudWatch Logs API reference, TestMetricFilter, examples (read 2026-11-25)."""

    def tried(pattern: str, *messages: str) -> list[tuple[int, dict[str, str]]]:
        found = filters.logs.test_metric_filter(filterPattern=pattern, logEventMessages=list(messages))["matches"]
        return [(match["eventNumber"], match.get("extractedValues", {})) for match in found]

    hits = [APACHE.format("/index.html", "404 1534"), APACHE.format("/about-us/index.html", "200 5324")]
    placed = {"$1": "127.0.0.1", "$2": "-", "$3": "frank", "$4": "10/Oct/2000:13:25:15 -0700"}
    request = "GET /index.html HTTP/1.0"
    assert tried("[]", hits[0]) == [(0, {**placed, "$5": request, "$6": "404", "$7": "1534"})]
    assert tried("[..., request=*.html*, status_code=4*,]", *hits) == [
        (0, {**placed, "$request": request, "$status_code": "404", "$7": "1534"})
    ]
    assert tried("[..., status_code=200, size]", *hits) == [
        (1, {**placed, "$5": "GET /about-us/index.html HTTP/1.0", "$status_code": "200", "$size": "5324"})
    ]
    assert tried('"[ERROR]"', "[INFO] starting", "[ERROR] ending") == [(1, {})]


def test_a_kill_keeps_the_events_and_what_they_publish(tmp_path: Path) -> None:
    script = f"""
import os, signal, sys, time
from pathlib import Path
from headwater.local.endpoint import EndpointSettings, LocalEndpoint
endpoint = LocalEndpoint(EndpointSettings(home=Path(sys.argv[1])))
endpoint.start()
endpoint.call("logs", "create_log_group", logGroupName="g")
for name, pattern in (("Errors", "ERROR"), ("Warnings", "WARN")):
    metric = {{"metricName": name, "metricNamespace": "Test", "metricValue": "1", "defaultValue": 7}}
    endpoint.call("logs", "put_metric_filter", logGroupName="g", filterName=name, filterPattern=pattern,
                  metricTransformations=[metric])
endpoint.store.append_logs("g", "s", [({NOW}, "ERROR")])
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    endpoint = LocalEndpoint(EndpointSettings(home=tmp_path))
    endpoint.start()
    try:
        service = endpoint.service("logs")
        assert isinstance(service, LogsService)
        service.publisher.publish_defaults(time.time() + 120)
        endpoint.store.append_logs("g", "s", [(NOW, "ERROR")])
        start = datetime.fromtimestamp(NOW / 1000, UTC) - timedelta(hours=1)
        for name, expected in (("Errors", 2.0), ("Warnings", 7.0)):
            found = endpoint.call(
                "cloudwatch",
                "get_metric_statistics",
                Namespace="Test",
                MetricName=name,
                StartTime=start,
                EndTime=start + timedelta(hours=3),
                Period=86_400,
                Statistics=["Sum"],
            )
            assert sum(point["Sum"] for point in found["Datapoints"]) == expected
    finally:
        endpoint.stop()
