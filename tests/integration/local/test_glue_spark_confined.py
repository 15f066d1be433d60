"""Spark opens the lake's files itself; it is held to what its role may do on S3, in S3's words."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.identity.authorizer import DENIED
from tests.conftest import client_factory
from tests.integration.local.test_glue_python_shell import Runs
from tests.integration.local.test_glue_spark_jobs import spark_job, spark_lines

pytest.importorskip("pyspark")
pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

Aws = Callable[..., Any]

PROBES = """
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
sc = spark.sparkContext


def say(name, attempt):
    try:
        print(name, "done", attempt())
    except Exception as error:
        text = str(error)
        where = text.find("not authorized to perform: ")
        print(name, "refused", text[where:].splitlines()[0][:200] if where >= 0 else type(error).__name__ + " " + text)


rows = spark.read.csv("s3://lake/raw/open/", header=True)
say("read", lambda: rows.count())
say("text", lambda: sc.textFile("s3a://lake/raw/open/*.csv").count())
say("lines", lambda: sc.textFile("s3://lake/lines/").count())
say("lines out", lambda: sc.parallelize(["x"]).saveAsTextFile("s3://lake/out/"))
say("secret", lambda: spark.read.csv("s3://lake/raw/secret/", header=True).count())
say("secret text", lambda: sc.textFile("s3://lake/raw/secret/a.csv").count())
say("denied", lambda: spark.read.csv("s3://lake/raw/open/closed/a.csv").count())
say("other bucket", lambda: spark.read.text("s3://other/a.txt").count())
say("write", lambda: rows.write.mode("overwrite").partitionBy("k").parquet("s3://lake/made/table/"))
spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
say("again", lambda: rows.write.mode("overwrite").partitionBy("k").parquet("s3://lake/made/table/"))
say("back", lambda: spark.read.parquet("s3://lake/made/table/").count())
say("into raw", lambda: rows.write.mode("append").csv("s3://lake/raw/open/"))
say("over raw", lambda: rows.write.mode("overwrite").csv("s3://lake/raw/open/"))
say("elsewhere", lambda: sc.parallelize(["x"]).saveAsTextFile("s3://lake/elsewhere/"))
spark.read.csv("s3://lake/raw/secret/", header=True).count()
"""


def statement(effect: str, actions: list[str], *resources: str, **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": actions, "Resource": [f"arn:aws:s3:::{each}" for each in resources], **more}


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        statement("Allow", ["s3:GetObject"], "lake/code/*", "lake/raw/open/*", "lake/made/*", "lake/out/*"),
        statement("Allow", ["s3:PutObject", "s3:DeleteObject"], "lake/made/*", "lake/out*"),
        statement("Allow", ["s3:GetObject", "s3:PutObject"], "lake/lines/*"),
        statement(
            "Allow",
            ["s3:ListBucket"],
            "lake",
            Condition={"StringLike": {"s3:prefix": ["raw/open*", "made", "made/*", "lines/", "out*"]}},
        ),
        statement("Deny", ["s3:*"], "lake/raw/open/closed/*"),
        {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
    ],
}


COUNT = """
from pyspark import SparkContext

lines = SparkContext.getOrCreate().textFile("s3://lake/lines/")
assert lines.count() == 2
lines.saveAsTextFile("s3://lake/out/")
"""
ONLY_CODE = {"Version": "2012-10-17", "Statement": [statement("Allow", ["s3:GetObject"], "lake/code/*")]}


def test_spark_is_held_to_its_role(endpoint: LocalEndpoint, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_SPARK_READY", "1")
    runs = Runs(endpoint, aws)
    for key in ("lines/a.csv", "raw/open/a.csv", "raw/secret/a.csv", "raw/open/closed/a.csv"):
        runs.s3.put_object(Bucket="lake", Key=key, Body=b"id,k\n1,x\n2,y\n")
    runs.s3.create_bucket(Bucket="other")
    runs.s3.put_object(Bucket="other", Key="a.txt", Body=b"x")
    spark_job(runs, "probes", PROBES)
    aws("iam").put_role_policy(RoleName="etl", PolicyName="all", PolicyDocument=json.dumps(POLICY))
    before = {entry["Key"] for entry in runs.s3.list_objects_v2(Bucket="lake", Prefix="raw/")["Contents"]}

    run = runs.run("probes")
    said = dict(line.split(" done ", 1) for line in spark_lines(runs, run) if " done " in line)
    refused = dict(line.split(" refused ", 1) for line in spark_lines(runs, run) if " refused " in line)
    counted = {"read": "2", "text": "3", "lines": "3", "lines out": "None"}
    assert said == {**counted, "write": "None", "again": "None", "back": "2"}, (said, refused)
    expected = {
        "secret": "s3:ListBucket",
        "secret text": "s3:GetObject",
        "denied": "s3:GetObject",
        "other bucket": "s3:GetObject",
        "into raw": "s3:PutObject",
        "over raw": "s3:DeleteObject",
        "elsewhere": "s3:ListBucket",
    }
    assert {name: text.split()[4] for name, text in refused.items()} == expected, refused
    assert 'resource: "arn:aws:s3:::other/a.txt" because no identity-based policy allows' in refused["other bucket"]
    assert "with an explicit deny" in refused["denied"]
    assert run["JobRunState"] == "FAILED"
    assert "is not authorized to perform: s3:ListBucket on resource" in run["ErrorMessage"]
    assert "assumed-role/etl/GlueJobRunnerSession" in run["ErrorMessage"]
    denied = [json.loads(e["message"]) for e in runs.logs.filter_log_events(logGroupName=DENIED)["events"]]
    assert {(each["action"], each["resource"]) for each in denied} >= {
        ("s3:GetObject", "arn:aws:s3:::other/a.txt"),
        ("s3:DeleteObject", "arn:aws:s3:::lake/raw/open/a.csv"),
        ("s3:ListBucket", "arn:aws:s3:::lake"),
    }
    after = {entry["Key"] for entry in runs.s3.list_objects_v2(Bucket="lake", Prefix="raw/")["Contents"]}
    assert after == before
    with urllib.request.urlopen(f"{endpoint.url}/_headwater/policy-uses") as answer:
        uses = {(use["action"], use["resource"], use["prefix"]) for use in json.load(answer)["uses"]}
    lake = "arn:aws:s3:::lake"
    assert uses >= {
        ("s3:GetObject", f"{lake}/lines/*", ""),
        ("s3:ListBucket", lake, "lines/"),
        ("s3:PutObject", f"{lake}/out*", ""),
        ("s3:DeleteObject", f"{lake}/out*", ""),
        ("s3:PutObject", f"{lake}/made/*", ""),
    }, "what RDDs read and wrote"
    assert ("s3:PutObject", f"{lake}/lines/*", "") not in uses


def test_in_audit_what_an_rdd_does_is_done_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_SPARK_READY", "1")
    audit = LocalEndpoint(EndpointSettings(home=tmp_path / ".headwater", iam="audit"))
    audit.start()
    try:
        aws = client_factory(audit.url)
        runs = Runs(audit, aws)
        runs.s3.put_object(Bucket="lake", Key="lines/a.txt", Body=b"x\ny\n")
        spark_job(runs, "count", COUNT)
        aws("iam").put_role_policy(RoleName="etl", PolicyName="all", PolicyDocument=json.dumps(ONLY_CODE))
        assert runs.run("count")["JobRunState"] == "SUCCEEDED"
        events = runs.logs.filter_log_events(logGroupName=DENIED)["events"]
        denied = {(each["action"], each["resource"]) for each in (json.loads(event["message"]) for event in events)}
        assert ("s3:GetObject", "arn:aws:s3:::lake/lines/a.txt") in denied
        assert ("s3:PutObject", "arn:aws:s3:::lake/out/_temporary") in denied
    finally:
        audit.stop()
