"""kill -9 of the endpoint while a step runs: its process dies, and the next endpoint says so; nothing runs twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from tests.conftest import client_factory
from tests.integration.local.services.test_emr import made_ready, step
from tests.integration.local.services.test_sagemaker_kill import SERVER

WAIT_S = 90
SCRIPT = b"""
import os, signal
with open(os.environ["HOME"] + "/pid.new", "w") as file:
    file.write(str(os.getpid()))
os.rename(file.name, os.environ["HOME"] + "/pid")
signal.pause()
"""
pytestmark = [pytest.mark.spark, pytest.mark.timeout(300)]


def test_a_step_of_a_killed_endpoint_is_interrupted(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with subprocess.Popen([sys.executable, "-c", SERVER, str(home)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            aws = client_factory(server.stdout.readline().strip())
            wanted = made_ready(aws)
            aws("s3").put_object(Bucket="lake", Key="code/wait.py", Body=SCRIPT)
            id = aws("emr").run_job_flow(**wanted, Steps=[step("wait.py"), step("wait.py")])["JobFlowId"]
            first = aws("emr").list_steps(ClusterId=id)["Steps"][-1]["Id"]
            written, end = home / "emr" / "steps" / first / "pid", time.monotonic() + WAIT_S
            while not written.exists():
                assert time.monotonic() < end and server.poll() is None
                time.sleep(0.05)
            running = psutil.Process(int(written.read_text()))
            os.kill(server.pid, signal.SIGKILL)
            server.wait(WAIT_S)
            running.wait(WAIT_S)
        finally:
            server.kill()
    again = LocalEndpoint(EndpointSettings(home=home))
    again.start()
    try:
        steps = again.call("emr", "list_steps", ClusterId=id)["Steps"]
        status = again.call("emr", "describe_cluster", ClusterId=id)["Cluster"]["Status"]
    finally:
        again.stop()
    assert [each["Status"]["State"] for each in reversed(steps)] == ["INTERRUPTED", "CANCELLED"]
    assert steps[-1]["Status"]["FailureDetails"]["Message"].startswith("Headwater.Interrupted: ")
    assert status["State"] == "TERMINATED_WITH_ERRORS"
    assert status["StateChangeReason"]["Message"].startswith("Headwater.Interrupted: ")


def test_a_call_that_is_asked_again_starts_nothing_twice(endpoint: LocalEndpoint) -> None:
    wanted = made_ready(client_factory(endpoint.url))
    made = [endpoint.call("emr", "run_job_flow", idempotency_key="a", **wanted)["JobFlowId"] for _ in range(2)]
    assert made[0] == made[1] and len(endpoint.call("emr", "list_clusters")["Clusters"]) == 1
    steps = {"JobFlowId": made[0], "Steps": [step("absent.py")]}
    added = [endpoint.call("emr", "add_job_flow_steps", idempotency_key=key, **steps)["StepIds"] for key in "bbc"]
    assert added[0] == added[1] != added[2]
    assert len(endpoint.call("emr", "list_steps", ClusterId=made[0])["Steps"]) == 2
