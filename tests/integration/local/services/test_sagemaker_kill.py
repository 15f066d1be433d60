"""kill -9 of the endpoint while a training job runs: the job dies too, and the next endpoint says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from tests.conftest import client_factory
from tests.integration.local.services.sagemaker_kit import Kit

WAIT_S = 60
SERVER = """
import sys, threading
from pathlib import Path
from headwater.local.endpoint import EndpointSettings, LocalEndpoint
endpoint = LocalEndpoint(EndpointSettings(home=Path(sys.argv[1])))
endpoint.start()
print(endpoint.url, flush=True)
threading.Event().wait()
"""
SCRIPT = """
import os, pathlib, signal
pathlib.Path("/opt/ml/checkpoints/pid").write_text(str(os.getpid()))
signal.pause()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path / "home")], stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.kill()


def test_a_job_of_a_killed_endpoint_is_interrupted(server: subprocess.Popen[str], tmp_path: Path) -> None:
    assert server.stdout is not None
    aws = client_factory(server.stdout.readline().strip())
    kit = Kit(None, aws)
    config = {"S3Uri": "s3://lake/checkpoints/", "LocalPath": "/opt/ml/checkpoints"}
    kit.sagemaker.create_training_job(**kit.training("fit", SCRIPT, CheckpointConfig=config))
    running = psutil.Process(int(kit.appears("checkpoints/pid")))
    os.kill(server.pid, signal.SIGKILL)
    server.wait(WAIT_S)
    running.wait(WAIT_S)

    again = LocalEndpoint(EndpointSettings(home=tmp_path / "home"))
    again.start()
    try:
        job = again.call("sagemaker", "describe_training_job", TrainingJobName="fit")
    finally:
        again.stop()
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("Headwater.Interrupted: ")
