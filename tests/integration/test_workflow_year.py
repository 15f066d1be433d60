"""All of 2013, as ``make run`` does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import client_factory
from tests.integration.command_line import ProjectFolder

ROWS = 327_346


@pytest.mark.timeout(900)
def test_the_whole_year_and_then_nothing_new(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of(months=range(1, 13), rows=1_000_000)
    project.edit("workflow.py", ("0.4", "0.68"))
    project.headwater("lake", "sync", "data/raw", "raw")
    project.headwater("up")

    made = project.json("run")
    assert made["datasets"]["delays"]["rows"] == ROWS == project.rows()
    assert made["metrics"]["evaluate"]["auc"] >= 0.68
    stages = project.stages()
    assert list(stages) == [
        "validate",
        "catalog",
        "clean",
        "featurise",
        "split",
        "fit",
        "evaluate",
        "good enough",
        "register",
        "notify",
    ]
    assert {name: stage["status"] for name, stage in stages.items()} == dict.fromkeys(stages, "SUCCEEDED")
    assert '"message": "12 months built"' in project.headwater("logs", "clean")

    _check_cost(project, made["cost"])

    said = project.headwater("run")
    assert "on AWS this run would cost about $" in said
    assert f"delays           {ROWS:,} rows" in said and "auc 0.6" in said
    assert '"message": "0 months built"' in project.headwater("logs", "clean")
    assert project.rows() == ROWS
    _check_metrics(project)
    _check_tags(project)
    project.headwater("down")


def _check_cost(project: ProjectFolder, cost: dict[str, Any]) -> None:
    """The cost of the run that has just ended is that of its measured work, also when it is asked for by name."""
    found = project.json("cost")
    assert found["measured"] and found["run"] == project.json("status")["id"]
    assert found["planned_usd"] == cost["planned_usd"] < found["on_demand_usd"]
    services = {line["stage"]: line["service"] for line in reversed(found["lines"])}
    assert (services["clean"], services["catalog"]) == ("Glue, flexible", "Glue crawler")
    assert (services["fit"], services["evaluate"]) == ("SageMaker training, spot", "SageMaker processing")
    crawl = next(line for line in found["lines"] if line["stage"] == "catalog")
    assert crawl["quantity"] == pytest.approx(2 / 6)  # ten minutes at least
    gets = {line["stage"]: line["quantity"] for line in found["lines"] if line["unit"] == "GET requests"}
    assert gets["clean"] == 12 + 3
    again = project.json("cost", "--run", found["run"])
    assert again["planned_usd"] == pytest.approx(found["planned_usd"])


# Types that bear no tags in CloudFormation (user guide, resource reference, 2026-11).
WITHOUT_TAGS = {
    "AWS::CloudWatch::Dashboard",
    "AWS::Glue::Database",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::Logs::MetricFilter",
    "AWS::SNS::TopicPolicy",
    "AWS::Scheduler::Schedule",
}


def _check_metrics(project: ProjectFolder) -> None:
    """What the trainings and evaluations logged is in CloudWatch, read by the workflow's metric filters."""
    cloudwatch = client_factory(json.loads((project.home / "endpoint.json").read_text())["url"])("cloudwatch")
    asked = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": "Headwater",
                    "MetricName": name,
                    "Dimensions": [{"Name": "Stage", "Value": stage}, {"Name": "Workflow", "Value": "flight-delays"}],
                },
                "Period": 86_400,
                "Stat": "SampleCount",
            },
        }
        for name, stage in (("auc", "evaluate"), ("validation_auc", "fit"))
    ]
    now = datetime.now(UTC)
    found = cloudwatch.get_metric_data(
        MetricDataQueries=asked, StartTime=now - timedelta(days=1), EndTime=now + timedelta(days=1)
    )
    counts = {each["Id"]: sum(each["Values"]) for each in found["MetricDataResults"]}
    assert counts == {"auc": 2, "validation_auc": 2 * 6}  # two runs; sixty rounds, every tenth of them logged


def _check_tags(project: ProjectFolder) -> None:
    """The stack, each resource of it and each job that the runs made bear the workflow's tags."""
    aws = client_factory(json.loads((project.home / "endpoint.json").read_text())["url"])
    tags = {"Environment": "demo", "headwater:workflow": "flight-delays"}
    (stack,) = aws("cloudformation").describe_stacks(StackName="flight-delays")["Stacks"]
    assert {tag["Key"]: tag["Value"] for tag in stack["Tags"]} == tags

    sagemaker = aws("sagemaker")
    jobs = sagemaker.list_processing_jobs()["ProcessingJobSummaries"]
    trainings = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    arns = [*(job["ProcessingJobArn"] for job in jobs), *(job["TrainingJobArn"] for job in trainings)]
    assert len(arns) == 2 * 3
    stages = set()
    for arn in arns:
        found = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
        stages.add(found.pop("headwater:stage"))
        assert found == tags
    assert stages == {"split", "fit", "evaluate"}

    asked = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    pages = aws("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=asked)
    tagged = {found["ResourceARN"] for page in pages for found in page["ResourceTagMappingList"]}
    for made in aws("cloudformation").list_stack_resources(StackName="flight-delays")["StackResourceSummaries"]:
        kind, physical = made["ResourceType"], made["PhysicalResourceId"]
        if kind == "AWS::IAM::Role":  # of which the Tagging API does not tell
            found = {tag["Key"]: tag["Value"] for tag in aws("iam").list_role_tags(RoleName=physical)["Tags"]}
            assert found.items() >= tags.items(), physical
        elif kind not in WITHOUT_TAGS:
            assert any(arn.endswith(physical.rpartition(":")[2]) for arn in tagged), physical
