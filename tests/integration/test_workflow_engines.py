"""A Spark stage that goes to Glue or EMR Serverless by the size of what it reads, or to an EMR cluster of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import client_factory
from tests.integration.command_line import ProjectFolder

pytest.importorskip("pyspark")
pytestmark = pytest.mark.timeout(600)

WORKFLOW = """
from headwater import Lake, Workflow

lake = Lake("orders")
orders = lake.raw("orders", format="csv")
daily = lake.processed("daily")
wf = Workflow("routing", lake, tags={"Team": "data"})
wf.spark("aggregate", "jobs/aggregate.py", reads=orders, writes=daily, engine="auto", emr_above_gb=1)
"""
SCRIPT = """
import argparse
from common.lines import announce
from pyspark.sql import SparkSession

parser = argparse.ArgumentParser()
parser.add_argument("--ORDERS_PATH")
parser.add_argument("--DAILY_PATH")
given, _ = parser.parse_known_args()
spark = SparkSession.builder.getOrCreate()
orders = spark.read.csv(given.ORDERS_PATH, header=True, inferSchema=True)
orders.groupBy("day").sum("amount").coalesce(1).write.mode("overwrite").parquet(given.DAILY_PATH)
announce(orders.count())
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectFolder]:
    folder = tmp_path / "routing"
    for name, text in (
        ("workflow.py", WORKFLOW),
        ("jobs/aggregate.py", SCRIPT),
        ("common/__init__.py", ""),
        ("common/lines.py", 'def announce(rows):\n    print("aggregated", rows)\n'),
        ("data/orders/a.csv", "day,amount\n1,10\n1,5\n2,7\n"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    made = ProjectFolder(folder)
    made.headwater("up")
    yield made
    made.headwater("down")
    made.close()


def client(project: ProjectFolder, service: str) -> Any:
    return client_factory(json.loads((project.home / "endpoint.json").read_text())["url"])(service)


def test_both_engines_run_the_same_script(project: ProjectFolder) -> None:
    project.headwater("lake", "sync", "data/orders", "raw/orders")
    said = project.headwater("plan")
    assert "EMR Serverless" in said and "1 GB" in said

    made = project.json("run")
    assert made["datasets"]["daily"]["rows"] == 2
    assert project.stages()["aggregate"]["job"]["service"] == "glue"
    assert "aggregated 3" in project.headwater("logs", "aggregate")

    project.edit("workflow.py", ("emr_above_gb=1)", "emr_above_gb=0.00000001)"))
    made = project.json("run")
    assert made["datasets"]["daily"]["rows"] == 2
    stage = project.stages()["aggregate"]
    assert (stage["status"], stage["job"]["service"]) == ("SUCCEEDED", "emr-serverless")
    assert "aggregated 3" in project.headwater("logs", "aggregate")
    assert "what was granted is what was used" in project.headwater("policies", "check", code=0)
    _check_tags(project)
    said = project.headwater("destroy", "--yes")
    assert "stopping the EMR Serverless application" in said and "deleted routing" in said


def _check_tags(project: ProjectFolder) -> None:
    """The application, and the job run that the state machine made there, bear the workflow's tags."""
    emr = client(project, "emr-serverless")
    (application,) = emr.list_applications()["applications"]
    (run,) = emr.list_job_runs(applicationId=application["id"])["jobRuns"]
    tags = {"Team": "data", "headwater:workflow": "routing"}
    assert emr.list_tags_for_resource(resourceArn=application["arn"])["tags"] == tags
    assert emr.list_tags_for_resource(resourceArn=run["arn"])["tags"] == {**tags, "headwater:stage": "aggregate"}


def clusters(project: ProjectFolder) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client(project, "emr").list_clusters()["Clusters"]
    return found


def test_a_stage_has_a_cluster_of_its_own(project: ProjectFolder) -> None:
    project.edit("workflow.py", ('engine="auto", emr_above_gb=1)', 'engine="emr")'))
    project.headwater("lake", "sync", "data/orders", "raw/orders")
    assert "on an EMR cluster" in project.headwater("plan")

    made = project.json("run")
    assert made["datasets"]["daily"]["rows"] == 2
    stage = project.stages()["aggregate"]
    assert (stage["status"], stage["attempts"], stage["job"]["service"]) == ("SUCCEEDED", 1, "emr")
    assert project.headwater("logs", "aggregate").count("aggregated 3") == 1
    assert "what was granted is what was used" in project.headwater("policies", "check", code=0)
    assert "EC2 of an EMR cluster, spot" in project.headwater("cost")
    (cluster,) = clusters(project)
    assert cluster["Status"]["State"] == "TERMINATED" and cluster["Name"] == stage["job"]["id"]

    project.edit("jobs/aggregate.py", ("announce(orders.count())", 'raise ValueError("no such day")'))
    said = project.headwater("run", code=6)
    assert "stage aggregate failed: ValueError: no such day" in said
    assert [each["Status"]["State"] for each in clusters(project)] == ["TERMINATED", "TERMINATED"]

    project.edit("jobs/aggregate.py", ('raise ValueError("no such day")', "announce(orders.count())"))
    assert "aggregate has changed since the run began" in project.headwater("resume", code=5)
    assert "no such day" in project.headwater("resume", "--as-begun", code=6)
