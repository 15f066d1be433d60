"""EMR Serverless end to end: job runs on real Spark, by a state machine, with logs, retries and cancellation."""

from __future__ import annotations

import gzip
import io
import json
import threading
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import LocalEndpoint
from headwater.local.engines.spark_jvm import installed_spark

pytest.importorskip("pyspark")
pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

Aws = Callable[..., Any]
ACCOUNT = "000000000000"
RELEASE = "emr-7.12.0" if (installed_spark() or "").startswith("3.5") else "emr-spark-8.0.0"
LIMIT_S = 60.0

SCRIPT = """
import sys
from pyspark.sql import SparkSession
from money import double

spark = SparkSession.builder.getOrCreate()
rows = spark.read.csv("s3://lake/raw/", header=True)
rows.selectExpr("cast(id as int) as id").write.mode("overwrite").parquet("s3a://lake/made/")
print("rows", double(spark.read.parquet("s3://lake/made/").count()), spark.conf.get("spark.my.setting"), sys.argv[1:])
try:
    import awsglue
except ModuleNotFoundError:
    print("no awsglue", file=sys.stderr)
"""
SLOW = """
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
print("under way", flush=True)
spark.sparkContext.parallelize(range(1000), 1000).foreach(lambda _: __import__("time").sleep(60))
"""


@pytest.fixture
def role(aws: Aws) -> str:
    """The job's and the machine's role, and a lake with scripts."""
    iam, s3 = aws("iam"), aws("s3")
    services = ["emr-serverless.amazonaws.com", "states.amazonaws.com"]
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName="job", AssumeRolePolicyDocument=json.dumps(trust))
    anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="job", PolicyName="all", PolicyDocument=json.dumps(anything))
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="raw/a.csv", Body=b"id\n1\n2\n")
    for name, text in (("job", SCRIPT), ("slow", SLOW)):
        s3.put_object(Bucket="lake", Key=f"code/{name}.py", Body=text.encode())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("money.py", "def double(n):\n    return 2 * n\n")
    s3.put_object(Bucket="lake", Key="code/money.zip", Body=packed.getvalue())
    return f"arn:aws:iam::{ACCOUNT}:role/job"


class States:
    """The states of job runs as they are told; waits for them without polling."""

    def __init__(self, endpoint: LocalEndpoint) -> None:
        self._changed = threading.Condition()
        self.seen: dict[str, list[str]] = {}
        endpoint.bus.subscribe("emr-serverless.job-run", self._take)

    def _take(self, event: dict[str, Any]) -> None:
        with self._changed:
            self.seen.setdefault(event["id"], []).append(event["status"])
            self._changed.notify_all()

    def wait(self, run: str | None, *states: str) -> str:
        """Wait for a state of a run, or of any one when None; the run."""

        def found() -> str | None:
            return next((r for r, s in self.seen.items() if run in (None, r) and set(s) & set(states)), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, LIMIT_S), self.seen
            return str(found())


def machine(aws: Aws, role: str, states: dict[str, Any]) -> str:
    """Make a state machine whose states follow one another."""
    names = list(states)
    for name, following in zip(names, [*names[1:], None], strict=True):
        states[name] |= {"Type": "Task", **({"Next": following} if following else {"End": True})}
    definition = {"StartAt": names[0], "QueryLanguage": "JSONata", "States": states}
    made = aws("stepfunctions").create_state_machine(name="emr", definition=json.dumps(definition), roleArn=role)
    return str(made["stateMachineArn"])


def task(role: str, application: str, script: str, **more: Any) -> dict[str, Any]:
    driver = {"EntryPoint": f"s3://lake/code/{script}.py", "EntryPointArguments": ["--N", "a b"]}
    driver["SparkSubmitParameters"] = (
        "--conf spark.my.setting=here --executor-memory 2g --py-files s3://lake/code/money.zip "
        "--conf spark.executorEnv.PYSPARK_PYTHON=/usr/bin/python3.11"
    )
    arguments = {"ApplicationId": application, "ExecutionRoleArn": role, "JobDriver": {"SparkSubmit": driver}, **more}
    return {"Resource": "arn:aws:states:::emr-serverless:startJobRun.sync", "Arguments": arguments}


def test_a_job_run_by_a_state_machine(endpoint: LocalEndpoint, aws: Aws, role: str) -> None:
    emr, states = aws("emr-serverless"), States(endpoint)
    made = {
        "Resource": "arn:aws:states:::emr-serverless:createApplication.sync",
        "Arguments": {"Name": "spark", "ReleaseLabel": RELEASE, "Type": "SPARK", "Tags": {"team": "a"}},
        "Assign": {"application": "{% $states.result.ApplicationId %}"},
    }
    logs = {
        "CloudWatchLoggingConfiguration": {"Enabled": True, "LogGroupName": "/emr", "LogStreamNamePrefix": "clean"},
        "S3MonitoringConfiguration": {"LogUri": "s3://lake/logs/"},
    }
    run = task(
        role, "{% $application %}", "job", ConfigurationOverrides={"MonitoringConfiguration": logs}, Name="clean"
    )
    arn = machine(aws, role, {"Make": made, "Run": run})
    execution = aws("stepfunctions").start_execution(stateMachineArn=arn)["executionArn"]
    run_id = states.wait(None, "SUCCESS", "FAILED")
    [application] = emr.list_applications()["applications"]
    described = emr.get_job_run(applicationId=application["id"], jobRunId=run_id)["jobRun"]
    assert described["state"] == "SUCCESS", described["stateDetails"]
    assert states.seen[run_id] == ["SUBMITTED", "RUNNING", "SUCCESS"]
    assert (application["state"], described["attempt"], described["name"]) == ("STARTED", 1, "clean")
    ended = _ended(aws, execution)
    assert ended["status"] == "SUCCEEDED" and json.loads(ended["output"])["JobRunId"] == run_id
    stream = f"clean/applications/{application['id']}/jobs/{run_id}/SPARK_DRIVER"
    said = "rows 4 here ['--N', 'a b']"
    events = aws("logs").get_log_events(logGroupName="/emr", logStreamName=f"{stream}/stdout")["events"]
    assert [event["message"] for event in events] == [said]
    key = f"logs/applications/{application['id']}/jobs/{run_id}/SPARK_DRIVER/stdout.gz"
    assert gzip.decompress(aws("s3").get_object(Bucket="lake", Key=key)["Body"].read()).decode() == f"{said}\n"
    errors = aws("logs").get_log_events(logGroupName="/emr", logStreamName=f"{stream}/stderr")["events"]
    assert "no awsglue" in [event["message"] for event in errors]
    emr.stop_application(applicationId=application["id"])
    emr.delete_application(applicationId=application["id"])
    assert emr.get_application(applicationId=application["id"])["application"]["state"] == "TERMINATED"


def _ended(aws: Aws, execution: str) -> dict[str, Any]:
    while (found := aws("stepfunctions").describe_execution(executionArn=execution))["status"] == "RUNNING":
        pass
    answer: dict[str, Any] = found
    return answer


def test_a_stopped_execution_cancels_its_job_run(endpoint: LocalEndpoint, aws: Aws, role: str) -> None:
    emr, states = aws("emr-serverless"), States(endpoint)
    application = emr.create_application(releaseLabel=RELEASE, type="SPARK", clientToken="a")["applicationId"]
    assert emr.create_application(releaseLabel=RELEASE, type="SPARK", clientToken="a")["applicationId"] == application
    arn = machine(aws, role, {"Run": task(role, application, "slow")})
    execution = aws("stepfunctions").start_execution(stateMachineArn=arn)["executionArn"]
    run_id = states.wait(None, "RUNNING")
    with pytest.raises(ClientError, match="has job runs that have not ended"):
        emr.stop_application(applicationId=application)
    aws("stepfunctions").stop_execution(executionArn=execution)
    states.wait(run_id, "CANCELLED")
    assert states.seen[run_id][-2:] == ["CANCELLING", "CANCELLED"]
    with pytest.raises(ClientError, match="cannot be cancelled"):
        emr.cancel_job_run(applicationId=application, jobRunId=run_id)


def test_a_failure_is_tried_again_and_told(endpoint: LocalEndpoint, aws: Aws, role: str) -> None:
    emr, states = aws("emr-serverless"), States(endpoint)
    application = emr.create_application(releaseLabel=RELEASE, type="SPARK", clientToken="a")["applicationId"]
    aws("s3").put_object(Bucket="lake", Key="code/broken.py", Body=b"raise SystemExit(3)\n")

    def begin(script: str, **more: Any) -> str:
        driver = {"sparkSubmit": {"entryPoint": f"s3://lake/code/{script}.py"}}
        members = {"applicationId": application, "executionRoleArn": role, "jobDriver": driver, **more}
        return str(emr.start_job_run(clientToken=script, **members)["jobRunId"])

    broken = begin("broken", retryPolicy={"maxAttempts": 2})
    states.wait(broken, "FAILED")
    described = emr.get_job_run(applicationId=application, jobRunId=broken)["jobRun"]
    assert described["attempt"] == 2 and "SystemExit: 3 (broken.py line 1)" in described["stateDetails"]
    attempts = emr.list_job_run_attempts(applicationId=application, jobRunId=broken)["jobRunAttempts"]
    assert [(each["attempt"], each["state"]) for each in attempts] == [(2, "FAILED"), (1, "FAILED")]
    absent = begin("absent")
    states.wait(absent, "FAILED")
    assert "NoSuchKey" in emr.get_job_run(applicationId=application, jobRunId=absent)["jobRun"]["stateDetails"]
    listed = emr.list_job_runs(applicationId=application, states=["FAILED"], maxResults=1)
    assert [run["id"] for run in listed["jobRuns"]] == [absent] and listed["nextToken"]


@pytest.mark.parametrize(
    "driver, release, message",
    [
        ({"hive": {"query": "select 1"}}, RELEASE, "hive is not computed"),
        ({"sparkSubmit": {"entryPoint": "s3://lake/a.jar"}}, RELEASE, r"Python scripts \(.py\)"),
        (
            {"sparkSubmit": {"entryPoint": "s3://lake/a.py", "sparkSubmitParameters": "--packages a:b:1"}},
            RELEASE,
            "--packages",
        ),
        ({"sparkSubmit": {"entryPoint": "s3://lake/a.py"}}, "emr-6.6.0", "Headwater.EmrReleaseNotInstalled: emr-6.6.0"),
    ],
)
def test_what_is_not_computed_is_refused(aws: Aws, driver: dict[str, Any], release: str, message: str) -> None:
    emr = aws("emr-serverless")
    application = emr.create_application(releaseLabel=release, type="SPARK", clientToken="a")["applicationId"]
    with pytest.raises(ClientError, match=message):
        emr.start_job_run(
            applicationId=application,
            clientToken="a",
            executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/x",
            jobDriver=driver,
        )
