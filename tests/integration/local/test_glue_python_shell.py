"""Glue job runs as a client sees them, with Python shell jobs: they need no JVM."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint

Aws = Callable[..., Any]
WAIT_S = 60


class Runs:
    """Starts runs and waits for their ends by the bus, not by polling."""

    def __init__(self, endpoint: LocalEndpoint, aws: Aws) -> None:
        self.glue, self.s3, self.logs = aws("glue"), aws("s3"), aws("logs")
        self._changed = threading.Condition()
        self.states: dict[str, list[str]] = {}
        endpoint.bus.subscribe("glue.job-run", self._take)
        self.s3.create_bucket(Bucket="lake")
        aws("iam").create_role(RoleName="etl", AssumeRolePolicyDocument=TRUST)
        aws("iam").put_role_policy(RoleName="etl", PolicyName="all", PolicyDocument=ALLOW)

    def _take(self, event: dict[str, Any]) -> None:
        with self._changed:
            self.states.setdefault(event["id"], []).append(event["status"])
            self._changed.notify_all()

    def job(self, name: str, script: str, **settings: Any) -> None:
        self.s3.put_object(Bucket="lake", Key=f"code/{name}.py", Body=script.encode())
        command = {"Name": "pythonshell", "PythonVersion": "3.9", "ScriptLocation": f"s3://lake/code/{name}.py"}
        self.glue.create_job(Name=name, Role="etl", Command=command, **settings)

    def start(self, name: str, **members: Any) -> str:
        return str(self.glue.start_job_run(JobName=name, **members)["JobRunId"])

    def wait(self, run_id: str, *states: str) -> None:
        wanted = set(states or ("SUCCEEDED", "FAILED", "STOPPED", "ERROR", "TIMEOUT"))
        with self._changed:
            assert self._changed.wait_for(lambda: wanted & set(self.states.get(run_id, [])), WAIT_S)

    def run(self, name: str, **members: Any) -> dict[str, Any]:
        run_id = self.start(name, **members)
        self.wait(run_id)
        found: dict[str, Any] = self.glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        return found

    def lines(self, run: dict[str, Any], kind: str) -> list[str]:
        group = f"/aws-glue/python-jobs/{kind}"
        events = self.logs.get_log_events(logGroupName=group, logStreamName=run["Id"])["events"]
        return [event["message"] for event in events]


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    }
)
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


@pytest.fixture
def runs(endpoint: LocalEndpoint, aws: Aws) -> Runs:
    return Runs(endpoint, aws)


def test_a_run_gets_its_arguments_role_and_logs(runs: Runs) -> None:
    runs.s3.put_object(Bucket="lake", Key="code/shared.py", Body=b"WORD = 'shared'")
    runs.job(
        "plain",
        "import sys, boto3\n"
        "from awsglue.utils import getResolvedOptions\n"
        "from shared import WORD\n"
        "args = getResolvedOptions(sys.argv, ['JOB_NAME', 'who', 'what'])\n"
        "print(args['JOB_NAME'], args['who'], args['what'], WORD)\n"
        "print(boto3.client('sts').get_caller_identity()['Arn'])\n"
        "print('to the other log', file=sys.stderr)\n",
        DefaultArguments={"--who": "default", "--what": "kept", "--extra-py-files": "s3://lake/code/shared.py"},
    )
    run = runs.run("plain", Arguments={"--who": "given"})
    assert run["JobRunState"] == "SUCCEEDED", run
    assert run["Arguments"] == {"--who": "given"}
    assert runs.states[run["Id"]] == ["STARTING", "RUNNING", "SUCCEEDED"]
    said, arn = runs.lines(run, "output")
    assert said == "plain given kept shared"
    assert ":assumed-role/etl/GlueJobRunnerSession" in arn
    assert runs.lines(run, "error") == ["to the other log"]


def test_what_a_script_raises_is_the_error_message(runs: Runs) -> None:
    runs.job("bad", "def go():\n    raise ValueError('boom')\n\n\ngo()\n")
    run = runs.run("bad")
    assert (run["JobRunState"], run["ErrorMessage"], run["StateDetail"]) == (
        "FAILED",
        "ValueError: boom",
        "bad.py line 2",
    )
    trace = runs.lines(run, "error")
    assert trace[0] == "Traceback (most recent call last):"
    assert "bad.py" in trace[1], "the script's frame is the first one"


def test_a_script_that_exits(runs: Runs) -> None:
    runs.job("leave", "import sys\nsys.exit(int(sys.argv[sys.argv.index('--code') + 1]))\n")
    assert runs.run("leave", Arguments={"--code": "0"})["JobRunState"] == "SUCCEEDED"
    run = runs.run("leave", Arguments={"--code": "3"})
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "SystemExit: 3")


def test_a_missing_script_fails_the_run_by_name(runs: Runs) -> None:
    runs.job("gone", "")
    runs.s3.delete_object(Bucket="lake", Key="code/gone.py")
    run = runs.run("gone")
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith("NoSuchKey: s3://lake/code/gone.py")


def test_a_module_that_is_not_installed_fails_the_run_by_name(runs: Runs) -> None:
    runs.job("modules", "", DefaultArguments={"--additional-python-modules": "boto3>=1,no-such-module==1.0"})
    run = runs.run("modules")
    assert run["ErrorMessage"].startswith("Headwater.ModuleNotInstalled: --additional-python-modules asks for no-such")


SLEEPER = "import time\nprint('up')\ntime.sleep(600)\n"


def test_stopping_and_the_limit_of_concurrent_runs(runs: Runs) -> None:
    runs.job("slow", SLEEPER)
    run_id = runs.start("slow")
    with pytest.raises(ClientError) as refused:
        runs.start("slow")
    assert refused.value.response["Error"]["Code"] == "ConcurrentRunsExceededException"
    runs.wait(run_id, "RUNNING")
    answer = runs.glue.batch_stop_job_run(JobName="slow", JobRunIds=[run_id, "jr_none"])
    assert answer["SuccessfulSubmissions"] == [{"JobName": "slow", "JobRunId": run_id}]
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    runs.wait(run_id, "STOPPED")
    assert runs.states[run_id] == ["STARTING", "RUNNING", "STOPPING", "STOPPED"]


def test_a_start_with_the_key_of_an_earlier_one_answers_its_run(runs: Runs, endpoint: LocalEndpoint) -> None:
    runs.job("once", "print('once')")
    first, second = (
        endpoint.call("glue", "start_job_run", JobName="once", idempotency_key="execution#0#1")["JobRunId"]
        for _ in range(2)
    )
    runs.wait(first)
    assert first == second
    assert len(runs.glue.get_job_runs(JobName="once")["JobRuns"]) == 1


def test_a_failed_run_is_retried_as_often_as_the_job_says(runs: Runs) -> None:
    runs.job("again", "raise RuntimeError('no')", MaxRetries=1)
    first = runs.run("again")
    second = f"{first['Id']}_attempt_1"
    runs.wait(second)
    found = runs.glue.get_job_runs(JobName="again")["JobRuns"]
    assert [(run["Id"], run["Attempt"], run.get("PreviousRunId")) for run in found] == [
        (second, 1, first["Id"]),
        (first["Id"], 0, None),
    ]


def test_runs_in_flight_are_interrupted_when_the_endpoint_comes_back(tmp_path: Path) -> None:
    from tests.conftest import client_factory

    settings = EndpointSettings(home=tmp_path / "home")
    first = LocalEndpoint(settings)
    first.start()
    try:
        runs = Runs(first, client_factory(first.url))
        runs.job("slow", SLEEPER)
        run_id = runs.start("slow")
        runs.wait(run_id, "RUNNING")
    finally:
        first.stop()
    second = LocalEndpoint(settings)
    second.start()
    try:
        run = second.call("glue", "get_job_run", JobName="slow", RunId=run_id)["JobRun"]
        assert run["JobRunState"] == "ERROR"
        assert run["ErrorMessage"].startswith("Headwater.Interrupted: ")
        assert not (second.home / "glue" / "runs" / run_id).exists()
    finally:
        second.stop()


def test_definitions(runs: Runs, aws: Aws) -> None:
    glue = aws("glue")
    runs.job("kept", "", Description="one", Tags={"team": "a"})
    runs.job("kept", "", Description="one")
    with pytest.raises(ClientError, match="already submitted with different configuration"):
        runs.job("kept", "", Description="two")
    job = glue.get_job(JobName="kept")["Job"]
    assert (job["Timeout"], job["ExecutionProperty"], job["Description"]) == (480, {"MaxConcurrentRuns": 1}, "one")
    assert glue.list_jobs(Tags={"team": "a"})["JobNames"] == ["kept"]
    assert glue.list_jobs(Tags={"team": "b"})["JobNames"] == []
    glue.update_job(JobName="kept", JobUpdate={"Role": "other", "Command": job["Command"]})
    assert "Description" not in glue.get_job(JobName="kept")["Job"]
    glue.delete_job(JobName="kept")
    assert glue.batch_get_jobs(JobNames=["kept"]) | {"ResponseMetadata": None} == {
        "Jobs": [],
        "JobsNotFound": ["kept"],
        "ResponseMetadata": None,
    }
    with pytest.raises(ClientError, match="missing metadata"):
        glue.start_job_run(JobName="kept")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"GlueVersion": "9.9"}, "GlueVersion \\[9.9\\] is not valid"),
        ({"WorkerType": "G.3X", "NumberOfWorkers": 2}, "WorkerType G.3X"),
        ({"WorkerType": "G.1X", "MaxCapacity": 2.0}, "do not set Max Capacity"),
        ({"Timeout": 20000}, "Timeout must be 1 to"),
        ({"Connections": {"Connections": ["jdbc"]}}, "no Glue connections"),
    ],
)
def test_definitions_that_are_refused(runs: Runs, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ClientError, match=text):
        runs.job("refused", "", **settings)
