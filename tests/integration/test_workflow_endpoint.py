"""The endpoint as a process: up, down, health, memory, and other programs' clients."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from headwater.cloud.session import is_alive
from tests.integration.command_line import SCRIPT, Background, ProjectFolder, environment, wait_until

CLIENT = """
import json, sys
import boto3

def client(name):
    return boto3.client(name)

bucket = "flights-000000000000-us-east-1"
pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="raw/")
keys = [item["Key"] for page in pages for item in page["Contents"]]
planes = client("s3").get_object(Bucket=bucket, Key="raw/planes/planes.csv")["Body"].read()
states = client("stepfunctions")
machine = states.list_state_machines()["stateMachines"][0]["stateMachineArn"]
run = states.start_execution(stateMachineArn=machine, input=json.dumps({"RUN_DATE": ""}))["executionArn"]
while (ended := states.describe_execution(executionArn=run))["status"] == "RUNNING":
    pass
history = states.get_paginator("get_execution_history").paginate(executionArn=run)
tables = client("glue").get_tables(DatabaseName="flights")["TableList"]
print(json.dumps({
    "keys": keys,
    "planes": len(planes),
    "status": ended["status"],
    "events": [event["type"] for page in history for event in page["events"]],
    "columns": {t["Name"]: [c["Name"] for c in t["StorageDescriptor"]["Columns"]] for t in tables},
    "partitions": {t["Name"]: [c["Name"] for c in t["PartitionKeys"]] for t in tables},
}))
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home outside any project; nothing may run from it at the end."""
    folder = tmp_path / "home"
    yield folder
    down(folder)
    ProjectFolderOf(folder).await_nothing_left()


class ProjectFolderOf(ProjectFolder):
    """Only a home, for its processes."""

    def __init__(self, home: Path) -> None:
        super().__init__(home.parent)
        self.home = home


def headwater(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"{arguments}: exit code {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def up(home: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(headwater("up", "--home", home, "--json", *options).stdout)
    return found


def down(home: Path) -> str:
    return headwater("down", "--home", home).stdout


def health(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/_headwater/health", timeout=5) as answer:
        assert answer.status == 200
        found: dict[str, Any] = json.load(answer)
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_plain_boto3_in_another_process_runs_the_workflow(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of(months=(1,), rows=100)
    project.keep_stages("validate", "catalog", "notify")
    project.headwater("lake", "sync", "data/raw", "raw")
    said = project.json("up")
    variables = {
        "AWS_ENDPOINT_URL": said["endpoint_url"],
        "AWS_ACCESS_KEY_ID": said["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": said["secret_access_key"],
        "AWS_DEFAULT_REGION": said["region"],
    }
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert "raw/flights/year=2013/month=1/flights.csv" in got["keys"]
    assert got["planes"] == (project.path / "data" / "raw" / "planes" / "planes.csv").stat().st_size
    assert got["status"] == "SUCCEEDED"
    assert got["events"][0] == "ExecutionStarted" and got["events"][-1] == "ExecutionSucceeded"
    assert set(got["columns"]) == {"airports", "flights", "planes", "weather"}
    assert "arr_delay" in got["columns"]["flights"] and got["partitions"]["flights"] == ["year", "month"]
    # The person's own commands see the run that another program started.
    assert {stage["status"] for stage in project.stages().values()} == {"SUCCEEDED"}
    project.headwater("down")


def test_up_down_up_keeps_what_is_there(home: Path) -> None:
    first = up(home)
    assert health(first["endpoint_url"])["status"] == "running"
    assert (first["region"], first["account"], first["home"]) == ("us-east-1", "000000000000", str(home))
    exports = headwater("up", "--home", home).stdout
    assert "is up already" in exports and f"export AWS_ENDPOINT_URL={first['endpoint_url']}" in exports
    assert up(home)["pid"] == first["pid"]
    with Background([str(SCRIPT), "up", "--home", str(home), "--foreground"], home).ended() as refused:
        assert refused.end() == 1 and "already serves" in refused.text and "headwater down" in refused.text

    aws = boto3_of(first)
    aws("s3").create_bucket(Bucket="kept")
    aws("s3").put_object(Bucket="kept", Key="a/b", Body=b"kept")
    assert "has ended" in down(home)
    assert "no endpoint serves" in down(home)
    assert not is_alive(first["pid"])

    second = up(home)
    assert second["pid"] != first["pid"]
    assert boto3_of(second)("s3").get_object(Bucket="kept", Key="a/b")["Body"].read() == b"kept"


def boto3_of(said: dict[str, Any]) -> Callable[..., Any]:
    from tests.conftest import client_factory

    return client_factory(said["endpoint_url"], said["access_key_id"], said["secret_access_key"])


def test_foreground_serves_until_it_is_told_to_end(home: Path, tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        port = free_port()
        command = [str(SCRIPT), "up", "--foreground", "--port", str(port), "--home", str(home)]
        with Background(command, tmp_path).ended() as serving:
            wait_until(lambda: answers(port), "the endpoint answers", 30)
            assert health(f"http://127.0.0.1:{port}")["status"] == "running"
            serving.until(f"export AWS_ENDPOINT_URL=http://127.0.0.1:{port}")
            serving.signal(number)
            assert serving.end(30) == 0, serving.text
            assert "Traceback" not in serving.text
        assert not answers(port)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_in_use_is_refused_by_name(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for options in ([], ["--foreground"]):
            done = subprocess.run(
                [str(SCRIPT), "up", "--home", str(home), "--port", str(port), *options],
                env=environment(),
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode != 0
            assert f"port {port} " in done.stderr and "in use" in done.stderr, done.stderr
            assert "Traceback" not in done.stderr


def test_an_idle_endpoint_is_small(home: Path) -> None:
    said = up(home)
    aws = boto3_of(said)
    aws("s3").list_buckets()
    aws("stepfunctions").list_state_machines()
    family = [psutil.Process(said["pid"]), *psutil.Process(said["pid"]).children(recursive=True)]
    resident = {process.pid: process.memory_info().rss / 1e6 for process in family}
    assert resident[said["pid"]] < 150, resident
    assert not [process for process in family if "java" in process.name()]


def test_health_answers_soon_after_the_process_starts(home: Path) -> None:
    port = free_port()
    with Background(
        [str(SCRIPT), "up", "--foreground", "--port", str(port), "--home", str(home)], home.parent
    ).ended() as serving:
        wait_until(lambda: answers(port) or serving.process.poll() is not None, "the port is open", 30)
        assert health(f"http://127.0.0.1:{port}")["status"] == "running"
