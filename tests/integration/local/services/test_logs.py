"""CloudWatch Logs and metrics as boto3 sees them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest


def test_groups_streams_and_events(endpoint: Any, aws: Any) -> None:
    logs = aws("logs")
    logs.create_log_group(logGroupName="/app/a", tags={"Environment": "demo"})
    logs.create_log_stream(logGroupName="/app/a", logStreamName="s")
    now = int(time.time() * 1000)
    events = [
        {"timestamp": now + n, "message": f'{{"level": "{"ERROR" if n % 2 else "INFO"}", "n": {n}}}'} for n in range(10)
    ]
    logs.put_log_events(logGroupName="/app/a", logStreamName="s", logEvents=events)
    endpoint.store.append_logs("/aws/lambda/f", "x", [(now, "hello")])

    names = [g["logGroupName"] for p in logs.get_paginator("describe_log_groups").paginate() for g in p["logGroups"]]
    assert names == ["/app/a", "/aws/lambda/f"]
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName="/app/a", filterPattern='{ $.level = "ERROR" && $.n > 2 }', PaginationConfig={"PageSize": 2}
    )
    assert [event["timestamp"] - now for page in pages for event in page["events"]] == [3, 5, 7, 9]
    page = logs.get_log_events(logGroupName="/app/a", logStreamName="s", limit=4)
    assert [event["timestamp"] - now for event in page["events"]] == [6, 7, 8, 9]
    before = logs.get_log_events(logGroupName="/app/a", logStreamName="s", limit=4, nextToken=page["nextBackwardToken"])
    assert [event["timestamp"] - now for event in before["events"]] == [2, 3, 4, 5]
    arn = logs.describe_log_groups(logGroupNamePrefix="/app")["logGroups"][0]["logGroupArn"]
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"Environment": "demo"}
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName="none", logStreamName="s")
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName="/app/a")
    with pytest.raises(logs.exceptions.ClientError, match="refuses it rather than pretend"):
        logs.start_query(logGroupName="/app/a", startTime=0, endTime=1, queryString="fields @message")


def test_resource_policies_are_records(aws: Any) -> None:
    logs = aws("logs")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    logs.put_resource_policy(policyName="states", policyDocument=document)
    policies = logs.describe_resource_policies()["resourcePolicies"]
    assert [(policy["policyName"], json.loads(policy["policyDocument"])) for policy in policies] == [
        ("states", json.loads(document))
    ]
    logs.delete_resource_policy(policyName="states")
    assert logs.describe_resource_policies()["resourcePolicies"] == []


def test_metrics(aws: Any) -> None:
    cloudwatch = aws("cloudwatch")
    now = datetime.now(UTC)
    data = [{"MetricName": "auc", "Value": 0.5 + n / 10, "Timestamp": now} for n in range(3)]
    cloudwatch.put_metric_data(Namespace="headwater", MetricData=data)
    metrics = cloudwatch.list_metrics(Namespace="headwater")["Metrics"]
    assert metrics == [{"Namespace": "headwater", "MetricName": "auc", "Dimensions": []}]
    span = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=5)}
    points = cloudwatch.get_metric_statistics(
        Namespace="headwater", MetricName="auc", Period=60, Statistics=["Average", "Maximum"], **span
    )["Datapoints"]
    assert [(round(p["Average"], 6), p["Maximum"]) for p in points] == [(0.6, 0.7)]
    query = {"Id": "m", "MetricStat": {"Metric": metrics[0], "Period": 60, "Stat": "Sum"}}
    (result,) = cloudwatch.get_metric_data(MetricDataQueries=[query], **span)["MetricDataResults"]
    assert result["Values"] == [pytest.approx(1.8)]
    with pytest.raises(cloudwatch.exceptions.ClientError) as caught:
        cloudwatch.put_metric_data(Namespace="headwater", MetricData=[{"MetricName": "x"}])
    assert caught.value.response["Error"]["Code"] == "MissingParameter"
