"""Glue Spark jobs end to end: catalog, awsglue, sink with catalog update, bookmark, failure, and the JVM's death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from headwater.local.endpoint import LocalEndpoint
from headwater.local.engines.spark_jvm import JvmOptions
from headwater.local.engines.spark_pool import SparkPool
from tests.integration.local.test_glue_python_shell import Runs

pyspark = pytest.importorskip("pyspark")
pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

Aws = Callable[..., Any]

ETL = """
import sys
from awsglue.transforms import ApplyMapping
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job

args = getResolvedOptions(sys.argv, ["JOB_NAME", "OUT"])
glue = GlueContext(SparkContext())
job = Job(glue)
job.init(args["JOB_NAME"], args)
new = glue.create_dynamic_frame.from_catalog(database="db", table_name="t", transformation_ctx="source")
print("types", new.toDF().schema.simpleString())
print("rows", new.count())
mapped = ApplyMapping.apply(
    frame=new,
    mappings=[("id", "long", "key", "int"), ("v", "double", "v", "double"), ("month", "string", "month", "string")],
)
sink = glue.getSink(connection_type="s3", path=args["OUT"], enableUpdateCatalog=True, partitionKeys=["month"])
sink.setFormat("glueparquet")
sink.setCatalogInfo(catalogDatabase="db", catalogTableName="out")
sink.writeFrame(mapped)
february = glue.create_dynamic_frame.from_catalog("db", "t", push_down_predicate="month > '01'")
print("february", february.count())
glue.get_logger().info("told")
if "--break" in sys.argv:
    df = glue.spark_session.range(9).selectExpr("if(id < 5, id, cast(raise_error('row ' || id) as bigint)) as id")
    df.write.parquet("s3://lake/broken/")
job.commit()
"""


def spark_job(runs: Runs, name: str, script: str, **settings: Any) -> None:
    runs.s3.put_object(Bucket="lake", Key=f"code/{name}.py", Body=script.encode())
    command = {"Name": "glueetl", "ScriptLocation": f"s3://lake/code/{name}.py"}
    runs.glue.create_job(Name=name, Role="etl", Command=command, **settings)


def make_table(runs: Runs) -> None:
    serde = {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {"field.delim": ","},
    }
    columns = [{"Name": "id", "Type": "bigint"}, {"Name": "v", "Type": "double"}, {"Name": "w", "Type": "string"}]
    storage = {"Location": "s3://lake/raw/t/", "Columns": columns, "SerdeInfo": serde}
    runs.glue.create_database(DatabaseInput={"Name": "db"})
    runs.glue.create_table(
        DatabaseName="db",
        TableInput={
            "Name": "t",
            "Parameters": {"classification": "csv", "skip.header.line.count": "1"},
            "PartitionKeys": [{"Name": "month", "Type": "string"}],
            "StorageDescriptor": storage,
        },
    )
    for month in ("01", "02"):
        where = f"s3://lake/raw/t/month={month}/"
        put(runs, month, "a", f"1,{month}.5,x\n2,,\n")
        runs.glue.create_partition(
            DatabaseName="db",
            TableName="t",
            PartitionInput={"Values": [month], "StorageDescriptor": {**storage, "Location": where}},
        )


def put(runs: Runs, month: str, name: str, rows: str) -> None:
    runs.s3.put_object(Bucket="lake", Key=f"raw/t/month={month}/{name}.csv", Body=f"id,v,w\n{rows}".encode())


def spark_lines(runs: Runs, run: dict[str, Any], kind: str = "output") -> list[str]:
    group = f"/aws-glue/jobs/{kind}"
    events = runs.logs.get_log_events(logGroupName=group, logStreamName=run["Id"], startFromHead=True)["events"]
    return [event["message"] for event in events]


def test_an_etl_job_with_a_bookmark(endpoint: LocalEndpoint, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_SPARK_READY", "1")
    runs = Runs(endpoint, aws)
    make_table(runs)
    arguments = {
        "--job-bookmark-option": "job-bookmark-enable",
        "--OUT": "s3://lake/out/",
        "--enable-spark-ui": "true",
        "--spark-event-logs-path": "s3://lake/spark-logs/",
    }
    spark_job(runs, "etl", ETL, DefaultArguments=arguments)

    first = runs.run("etl")
    assert first["JobRunState"] == "SUCCEEDED", first
    [log] = runs.s3.list_objects_v2(Bucket="lake", Prefix="spark-logs/")["Contents"]
    told = runs.s3.get_object(Bucket="lake", Key=log["Key"])["Body"].read().decode().splitlines()
    assert "SparkListenerApplicationStart" in "".join(told) and "SparkListenerApplicationEnd" in told[-1]
    assert spark_lines(runs, first) == [
        "types struct<id:bigint,v:double,w:string,month:string>",
        "rows 4",
        "february 2",
    ]
    assert any("GlueLogger: told" in line for line in spark_lines(runs, first, "error"))
    table = runs.glue.get_table(DatabaseName="db", Name="out")["Table"]
    columns = [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]]
    assert (columns, table["PartitionKeys"]) == (
        [("key", "int"), ("v", "double")],
        [{"Name": "month", "Type": "string"}],
    )
    partitions = runs.glue.get_partitions(DatabaseName="db", TableName="out")["Partitions"]
    assert sorted(partition["Values"] for partition in partitions) == [["01"], ["02"]]

    put(runs, "02", "b", "7,seven,x\n")
    failed = runs.run("etl", Arguments={"--break": "now"})
    assert failed["JobRunState"] == "FAILED"
    raised = "Py4JJavaError: " if pyspark.__version__ < "4" else "SparkRuntimeException: "
    assert failed["ErrorMessage"].startswith(raised) and "row 5" in failed["ErrorMessage"]
    assert "\tat " not in failed["ErrorMessage"]
    assert spark_lines(runs, failed)[:2] == [
        "types struct<id:bigint,v:struct<double:double,string:string>,w:string,month:string>",
        "rows 1",
    ]
    assert runs.glue.get_job_bookmark(JobName="etl")["JobBookmarkEntry"]["RunId"] == first["Id"]
    assert not list((endpoint.s3_root / "lake").rglob("_temporary"))
    assert not list((endpoint.s3_root / "lake").rglob("*.crc"))

    put(runs, "02", "b", "7,7.5,x\n")
    third = runs.run("etl")
    assert third["JobRunState"] == "SUCCEEDED", third
    assert "rows 1" in spark_lines(runs, third)
    entry = runs.glue.get_job_bookmark(JobName="etl")["JobBookmarkEntry"]
    assert (entry["Version"], entry["PreviousRunId"], entry["RunId"]) == (2, first["Id"], third["Id"])
    assert runs.glue.reset_job_bookmark(JobName="etl")["JobBookmarkEntry"]["Version"] == 0


def test_a_version_that_is_not_installed(endpoint: LocalEndpoint, aws: Aws) -> None:
    runs = Runs(endpoint, aws)
    spark_job(runs, "old", "", GlueVersion="3.0")
    with pytest.raises(Exception, match="Headwater.GlueVersionNotInstalled: job old asks for Glue 3.0"):
        runs.start("old")


SERVER = """
import sys
from pathlib import Path
from headwater.local.jobs import JobSupervisor
from headwater.local.store import Store
from headwater.local.engines.spark_pool import SparkPool

home = Path(sys.argv[1])
jobs = JobSupervisor(Store(home / "state.sqlite"), home)
jvm = SparkPool(jobs, home / "spark").take()
jvm.gateway()
print(jvm.pid, flush=True)
sys.stdin.read()
"""


def test_a_jvm_dies_with_an_endpoint_that_is_killed(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None and server.stdin is not None
    jvm = psutil.Process(int(server.stdout.readline()))
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server.stdout.close()
    server.stdin.close()
    psutil.wait_procs([jvm], timeout=20)
    assert not jvm.is_running() or jvm.status() == psutil.STATUS_ZOMBIE


def test_a_pool_that_nobody_prepared_holds_no_jvm(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    pool = SparkPool(endpoint.jobs, tmp_path / "spark")
    assert (pool.ready, pool.wait_ready(0.01)) == (0, False)
    jvm = pool.take(JvmOptions(1 << 29))
    try:
        assert jvm.gateway().port > 0
    finally:
        pool.release(jvm)
        jvm.join()
    assert not jvm.folder.exists()
    pool.close()


TABLES = """
import sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
spark.sql("CREATE DATABASE made")
spark.sql("CREATE TABLE made.t (id INT) USING parquet LOCATION 's3://lake/made/'")
if "--drop" in sys.argv:
    spark.sql("DROP DATABASE made CASCADE")
"""


def test_tables_that_glues_catalog_would_have_kept_fail_the_run(endpoint: LocalEndpoint, aws: Aws) -> None:
    runs = Runs(endpoint, aws)
    spark_job(runs, "tables", TABLES, DefaultArguments={"--enable-glue-datacatalog": "true"})
    lost = runs.run("tables")
    assert lost["JobRunState"] == "FAILED", lost
    assert "does not compute --enable-glue-datacatalog: made.t would be lost" in lost["ErrorMessage"]
    assert runs.run("tables", Arguments={"--drop": "true"})["JobRunState"] == "SUCCEEDED"
