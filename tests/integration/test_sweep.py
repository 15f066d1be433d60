"""The sweeper: exactly what bears the tag goes, by the same state machine that its schedule starts."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater import Lake, Workflow
from headwater.cli.deploying import files_of
from headwater.cloud.deployment import Deployment
from headwater.cloud.session import Cloud, EndpointAddress, connect_local
from headwater.cloud.sweeps import Sweep, Sweeper
from headwater.local.endpoint import LocalEndpoint
from headwater.local.services.tagging.holders import HOLDERS
from headwater.plan.plan import make_plan
from headwater.plan.shared_logs import shared_log_groups
from headwater.plan.sweeper import stack
from headwater.plan.sweeper.kinds import KINDS
from tests.conftest import client_factory
from tests.integration.command_line import LIMIT_S, SCRIPT, environment, wait_until

ACCOUNT = "000000000000"
DEMO = {"ResourceTag": "demo"}
PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
NOW = {"older_than_hours": 0}


@pytest.fixture
def cloud(endpoint: LocalEndpoint) -> Cloud:
    """The endpoint, as the command line sees it."""
    return connect_local(EndpointAddress(endpoint.url, "us-east-1", ACCOUNT, "test", "test", 0))


@pytest.fixture
def sweep(cloud: Cloud) -> Callable[..., Sweep]:
    """Sweep with settings."""
    sweeper = Sweeper(cloud, stack.NAME, stack.template())
    machine = sweeper.prepare()
    return lambda **settings: sweeper.sweep(machine, settings)


def role(aws: Callable[..., Any]) -> str:
    """A role that every service may assume."""
    services = ["lambda.amazonaws.com", "sagemaker.amazonaws.com", "glue.amazonaws.com", "states.amazonaws.com"]
    trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
    iam = aws("iam")
    iam.create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(
        RoleName="any", PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    )
    return f"arn:aws:iam::{ACCOUNT}:role/any"


def packed(name: str, text: str) -> tuple[bytes, bytes]:
    """A file in a zip and in a tar.gz."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as bundle:
        bundle.writestr(name, text)
    with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
    return zipped.getvalue(), tarred.getvalue()


def make_twenty(aws: Callable[..., Any], role_arn: str, name: str, tags: dict[str, str]) -> None:
    """Twenty resources of nine kinds: two stacks with what is in them, a training job that runs; tags on each."""
    upper = [{"Key": key, "Value": value} for key, value in tags.items()]
    lower = [{"key": key, "value": value} for key, value in tags.items()]
    code, source = packed("train.py", "import time\ntime.sleep(600)\n")
    for number in range(2):
        aws("logs").create_log_group(logGroupName=f"/{name}/{number}", tags=tags)
    for number in range(3):
        each = f"{name}-{number}"
        aws("stepfunctions").create_state_machine(name=each, definition=PASS, roleArn=role_arn, tags=lower)
        aws("events").put_rule(Name=each, EventPattern='{"source": ["x"]}', Tags=upper)
        aws("events").put_targets(Rule=each, Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"}])
    for number in range(2):
        each = f"{name}-{number}"
        group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/stack/{each}"}}
        aws("cloudformation").create_stack(
            StackName=each, TemplateBody=json.dumps({"Resources": {"Logs": group}}), Tags=upper
        )
        aws("glue").create_job(
            Name=each, Role=role_arn, Command={"Name": "glueetl", "ScriptLocation": "s3://code/x.py"}, Tags=tags
        )
        aws("glue").create_crawler(
            Name=each, Role=role_arn, DatabaseName="db", Targets={"S3Targets": [{"Path": "s3://code/"}]}, Tags=tags
        )
        aws("lambda").create_function(
            FunctionName=each,
            Runtime="python3.11",
            Role=role_arn,
            Handler="train.handler",
            Code={"ZipFile": code},
            Tags=tags,
        )
        aws("cloudformation").get_waiter("stack_create_complete").wait(StackName=each, WaiterConfig={"Delay": 1})
    aws("s3").create_bucket(Bucket=f"{name}-empty")
    aws("s3").put_bucket_tagging(Bucket=f"{name}-empty", Tagging={"TagSet": upper})
    aws("s3").put_object(Bucket="code", Key="sourcedir.tar.gz", Body=source)
    aws("sagemaker").create_training_job(
        TrainingJobName=f"{name}-fit",
        RoleArn=role_arn,
        AlgorithmSpecification={"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": '"s3://code/sourcedir.tar.gz"',
        },
        OutputDataConfig={"S3OutputPath": "s3://code/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 900},
        Tags=upper,
    )


def everything(endpoint: LocalEndpoint) -> set[str]:
    """Every resource that could bear tags; of training jobs, those that run."""
    return {
        arn
        for holder in HOLDERS
        for arn, listed in holder.resources(endpoint)
        if listed.get("TrainingJobStatus", "InProgress") == "InProgress"
    }


def test_of_twenty_tagged_and_twenty_untagged_exactly_the_tagged_go(
    endpoint: LocalEndpoint, aws: Callable[..., Any], sweep: Callable[..., Sweep]
) -> None:
    role_arn = role(aws)
    aws("s3").create_bucket(Bucket="code")
    before = everything(endpoint)
    make_twenty(aws, role_arn, "live", {"Environment": "live"})
    stays = everything(endpoint)
    make_twenty(aws, role_arn, "demo", DEMO)
    tagged = {
        each["ResourceARN"]
        for each in aws("resourcegroupstaggingapi").get_resources(
            TagFilters=[{"Key": "ResourceTag", "Values": ["demo"]}]
        )["ResourceTagMappingList"]
    }
    assert len(tagged) == 20

    shown = sweep(**NOW, dry_run=True)
    assert {each.arn for each in shown.having("would delete")} == tagged
    assert everything(endpoint) >= stays | tagged, "a dry run changes nothing"

    done = sweep(**NOW)
    outcomes = {each.arn: each.outcome for each in done.outcomes}
    in_stacks = {arn for arn in tagged if ":log-group:/stack/" in arn}
    assert {arn for arn, outcome in outcomes.items() if outcome == "gone"} == in_stacks, done.outcomes
    assert {arn for arn, outcome in outcomes.items() if outcome == "deleted"} == tagged - in_stacks, done.outcomes
    assert aws("sagemaker").describe_training_job(TrainingJobName="demo-fit")["TrainingJobStatus"] != "InProgress"
    assert everything(endpoint) == stays, "exactly those, and what was in their stacks"
    assert before < stays
    aws("sagemaker").stop_training_job(TrainingJobName="live-fit")

    again = sweep(**NOW)
    assert {each.kind: each.outcome for each in again.outcomes} == {"training job": "kept"}


def test_what_is_young_kept_or_full_stays_until_it_is_named(
    aws: Callable[..., Any], sweep: Callable[..., Sweep]
) -> None:
    s3, logs = aws("s3"), aws("logs")
    s3.create_bucket(Bucket="full")
    s3.put_bucket_tagging(Bucket="full", Tagging={"TagSet": [{"Key": "ResourceTag", "Value": "demo"}]})
    for number in range(3):
        s3.put_object(Bucket="full", Key=f"raw/{number}.csv", Body=b"1")
    aws("glue").create_database(DatabaseInput={"Name": "catalog"}, Tags=DEMO)
    logs.create_log_group(logGroupName="/kept", tags={**DEMO, "headwater:keep": "yes"})
    logs.create_log_group(logGroupName="/member", tags=DEMO)
    logs.create_log_group(logGroupName="/marked", tags={**DEMO, "headwater:keep": "false"})
    aws("sqs").create_queue(QueueName="unknown", tags=DEMO)
    database = f"arn:aws:glue:us-east-1:{ACCOUNT}:database/catalog"

    young = {each.arn.rpartition(":")[2]: each.why for each in sweep().outcomes}
    assert young["/member"] == "it is younger than 24 h"

    old = {each.arn.rpartition(":")[2]: (each.outcome, each.why) for each in sweep(**NOW).outcomes}
    assert old["/kept"] == old["/marked"] == ("kept", "it bears the tag headwater:keep"), "whatever its value"
    assert old["unknown"] == ("kept", "the sweeper deletes no resource of this kind")
    assert old["full"] == ("kept", "it holds objects: name it to delete it")
    assert old["database/catalog"] == ("kept", "it describes datasets: name it to delete it")
    assert old["/member"] == ("deleted", "")
    assert len(s3.list_objects_v2(Bucket="full")["Contents"]) == 3

    named = sweep(named=["arn:aws:s3:::full", database])
    assert {each.arn: each.why for each in named.outcomes if each.outcome == "deleted"} == {
        "arn:aws:s3:::full": "",
        database: "",
    }, [each for each in named.outcomes if "full" in each.arn]
    assert s3.list_buckets()["Buckets"] == [] or "full" not in [b["Name"] for b in s3.list_buckets()["Buckets"]]


def test_a_resource_that_cannot_go_is_told_with_awss_error_and_the_others_go(
    aws: Callable[..., Any], sweep: Callable[..., Sweep]
) -> None:
    aws("logs").create_log_group(logGroupName="/one", tags=DEMO)
    aws("stepfunctions").create_state_machine(
        name="two",
        definition=PASS,
        roleArn="arn:aws:iam::000000000000:role/any",
        tags=[{"key": "ResourceTag", "value": "demo"}],
    )
    iam = aws("iam")
    deny = {"Effect": "Deny", "Action": "logs:DeleteLogGroup", "Resource": "*"}
    iam.put_role_policy(
        RoleName="headwater-sweeper-states-us-east-1",
        PolicyName="not-logs",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )
    found = sweep(**NOW)
    assert {each.kind: each.outcome for each in found.outcomes} == {"log group": "failed", "state machine": "deleted"}
    assert "not authorized to perform: logs:DeleteLogGroup" in found.having("failed")[0].why


def test_the_command_shows_before_it_deletes(tmp_path: Path) -> None:
    home = ["--home", str(tmp_path / ".headwater")]

    def headwater(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(SCRIPT), *arguments, *home]
        return subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=LIMIT_S)

    assert headwater("up").returncode == 0
    try:
        address = EndpointAddress.read(tmp_path / ".headwater")
        assert address is not None
        logs = client_factory(address.url)("logs")
        logs.create_log_group(logGroupName="/forgotten", tags={"Environment": "demo"})
        tag = ["--tag", "Environment=demo", "--older-than", "0"]
        shown = headwater("sweep", *tag, "--dry-run")
        assert (shown.returncode, shown.stdout.splitlines()[-1]) == (0, "1 would delete"), shown.stderr
        unasked = headwater("sweep", *tag)
        assert (unasked.returncode, "say --yes" in unasked.stderr) == (2, True)
        assert len(logs.describe_log_groups(logGroupNamePrefix="/forgotten")["logGroups"]) == 1
        done = headwater("sweep", *tag, "--yes", "--json")
        assert [each["outcome"] for each in json.loads(done.stdout)["outcomes"]] == ["deleted"]
        assert logs.describe_log_groups(logGroupNamePrefix="/forgotten")["logGroups"] == []
        nothing = headwater("sweep", *tag)
        assert (nothing.returncode, nothing.stdout.splitlines()[-1]) == (0, "nothing bears the tag")
        assert headwater("sweep", "--tag", "demo").returncode == 2
        assert headwater("sweep", *tag, "--older-than", "inf").returncode == 2
        absent = headwater("sweep", *tag, "--named", "arn:aws:s3:::absent", "--dry-run").stdout
        assert absent.startswith("arn:aws:s3:::absent is not there, or does not bear Environment=demo")
        scheduler = client_factory(address.url)("scheduler")
        assert scheduler.get_schedule(Name="headwater-sweeper")["State"] == "DISABLED", "nobody asked for a schedule"
        assert headwater("sweep", "--install", "--dry-run").returncode == 2
        assert headwater("sweep", "--tag", "Team='a'", "--install").returncode == 5
        installed = headwater("sweep", "--tag", "Team=a b", "--older-than", "0.5", "--install")
        assert installed.stdout.splitlines()[-1].endswith("deletes what bears Team=a b and is older than 0.5 h")
        headwater("sweep", *tag)
        assert scheduler.get_schedule(Name="headwater-sweeper")["State"] == "ENABLED", "a sweep by hand leaves it on"
        assert nightly_settings(client_factory(address.url)) == ({"key": "Team", "value": "a b"}, 0.5)
        assert headwater("sweep", "--uninstall").stdout == "the sweeper is deleted, with its schedule\n"
        assert scheduler.list_schedules()["Schedules"] == []
        assert headwater("sweep", "--uninstall").stdout == "there is no sweeper here\n"
    finally:
        assert headwater("down").returncode == 0


def test_the_stack_of_a_workflow_goes_with_all_but_its_data(
    tmp_path: Path, cloud: Cloud, aws: Callable[..., Any], sweep: Callable[..., Sweep]
) -> None:
    for script in ("spark.py", "train.py", "handler.py"):
        (tmp_path / script).write_text("def handler(event, context): ...\n")
    lake = Lake("lake")
    workflow = Workflow("forgotten", lake, schedule="rate(1 day)", tags=DEMO)
    workflow.root = tmp_path
    raw, clean, model = lake.raw("raw"), lake.processed("clean"), lake.model("model")
    workflow.crawler("catalog", reads=raw)
    workflow.spark("here", "spark.py", reads=raw, engine="auto")
    workflow.spark("there", "spark.py", reads=raw, writes=clean, engine="emr")
    workflow.training("fit", "train.py", reads=clean, writes=model, spot=False, metric_definitions=["loss"])
    workflow.register("register", model)
    workflow.function("notify", "handler.py", when="always")
    plan = make_plan(workflow)
    outputs = Deployment(cloud, plan.name).apply(
        plan.template, files_of(plan), plan.tags, log_groups=shared_log_groups(plan)
    )
    aws("s3").put_object(Bucket=outputs["Bucket"], Key="raw/raw/1.csv", Body=b"1")

    swept = {each.arn: each for each in sweep(**NOW).outcomes}
    whole = [(each.outcome, each.why) for each in swept.values() if each.kind == "stack"]
    assert whole == [("deleted", "")]
    assert aws("s3").list_objects_v2(Bucket=outputs["Bucket"])["KeyCount"] == 1, "data stays"


def nightly_settings(aws: Callable[..., Any]) -> tuple[dict[str, str], float]:
    """What a sweep looks for that is started as the schedule starts it."""
    states = aws("stepfunctions")
    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{stack.NAME}"
    arn = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    ended = ("SUCCEEDED", "FAILED")
    wait_until(lambda: states.describe_execution(executionArn=arn)["status"] in ended, "the sweep ends")
    report = json.loads(states.describe_execution(executionArn=arn)["output"])
    return report["tag"], report["older_than_hours"]


def test_the_kinds_are_known_to_the_tagging_api() -> None:
    known = {holder.type.partition(":")[0] for holder in HOLDERS}
    assert {kind.prefix.partition(":")[0] for kind in KINDS} <= known | {"elasticmapreduce", "emr-serverless"}
