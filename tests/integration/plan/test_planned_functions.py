"""A planned workflow of functions, deployed to the embedded endpoint and run with its own roles: nothing is doubled."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater import Lake, Workflow
from headwater.plan.plan import Plan, make_plan

Client = Callable[..., Any]
ASSETS = "headwater-assets-000000000000-us-east-1"
REPEAT = """
import boto3
from common.places import split

s3 = boto3.client("s3")


def handler(event, context):
    for name, uri in event["reads"].items():
        bucket, prefix = split(uri)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
                if body == b"broken":
                    raise ValueError(found["Key"] + " is broken")
                for target in event["writes"].values():
                    where, to = split(target)
                    s3.put_object(Bucket=where, Key=to + found["Key"].rsplit("/", 1)[1], Body=body.upper())
"""
NOSY = """
import boto3


def handler(event, context):
    boto3.client("s3").get_object(Bucket=event["bucket"], Key="raw/words/a.txt")
"""
TELL = """
import json
import logging

logging.getLogger().setLevel("INFO")


def handler(event, context):
    logging.info(json.dumps({"status": event["status"], "error": event["error"], "run": event["run"]}))
"""
PLACES = "def split(uri):\n    bucket, _, key = uri.removeprefix('s3://').partition('/')\n    return bucket, key\n"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "places.py").write_text(PLACES)
    for name, text in (("repeat", REPEAT), ("tell", TELL), ("nosy", NOSY)):
        (tmp_path / f"{name}.py").write_text(text)
    lake = Lake("words")
    words, loud, copy = lake.raw("words"), lake.processed("loud"), lake.processed("copy")
    workflow = Workflow("shout", lake, parameters={"VOLUME": 11})
    workflow.root = tmp_path
    workflow.function("shout", "repeat.py", reads=words, writes=loud)
    workflow.function("again", "repeat.py", reads=loud, writes=copy)
    workflow.function("other", "repeat.py", reads=words)
    workflow.function("tell", "tell.py", when="always")
    return make_plan(workflow)


def deploy(plan: Plan, aws: Client) -> dict[str, str]:
    s3, cloudformation = aws("s3"), aws("cloudformation")
    s3.create_bucket(Bucket=ASSETS)
    for asset in plan.assets:
        s3.put_object(Bucket=ASSETS, Key=asset.key, Body=asset.read())
    cloudformation.create_stack(
        StackName=plan.name,
        TemplateBody=json.dumps(plan.template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": "AssetsBucket", "ParameterValue": ASSETS}],
    )
    stack = settled(lambda: cloudformation.describe_stacks(StackName=plan.name)["Stacks"][0], "StackStatus")
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def settled(describe: Callable[[], dict[str, Any]], field: str) -> dict[str, Any]:
    """Ask until the thing is no longer under way; there is no event to wait on through the API."""
    deadline = time.monotonic() + 60
    while (found := describe())[field].endswith(("IN_PROGRESS", "RUNNING")):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def run(arn: str, aws: Client, **run_input: object) -> dict[str, Any]:
    states = aws("stepfunctions")
    execution = states.start_execution(stateMachineArn=arn, input=json.dumps(run_input))["executionArn"]
    return settled(lambda: states.describe_execution(executionArn=execution), "status")


def told(aws: Client, status: str) -> dict[str, Any]:
    """What the function for the end logged of the run that ended so; a log may follow its run by a moment."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = aws("logs").filter_log_events(logGroupName="/aws/lambda/shout-tell", filterPattern="status")["events"]
        events = [json.loads(event["message"][event["message"].index("{") :]) for event in found]
        if matching := [event for event in events if event["status"] == status]:
            return dict(matching[0])
        time.sleep(0.05)
    raise AssertionError(f"no run was told to have {status}")


def test_it_runs_with_its_roles_and_fails_with_its_own_error(plan: Plan, aws: Client) -> None:
    outputs = deploy(plan, aws)
    s3, bucket = aws("s3"), outputs["Bucket"]
    s3.put_object(Bucket=bucket, Key="raw/words/a.txt", Body=b"hello")
    done = run(outputs["StateMachineArn"], aws, RUN_DATE="2026-11")
    assert done["status"] == "SUCCEEDED", (done["error"], done["cause"])
    assert s3.get_object(Bucket=bucket, Key="processed/copy/a.txt")["Body"].read() == b"HELLO"
    event = told(aws, "SUCCEEDED")
    assert event["error"] is None
    assert (event["run"]["RUN_DATE"], event["run"]["VOLUME"]) == ("2026-11", 11)

    s3.put_object(Bucket=bucket, Key="raw/words/b.txt", Body=b"broken")
    failed = run(outputs["StateMachineArn"], aws)
    assert (failed["status"], failed["error"]) == ("FAILED", "ValueError")
    assert "raw/words/b.txt is broken" in failed["cause"]
    assert told(aws, "FAILED")["error"]["Error"] == "ValueError"


def test_a_function_may_not_read_what_it_does_not_declare(tmp_path: Path, aws: Client) -> None:
    (tmp_path / "nosy.py").write_text(NOSY)
    lake = Lake("words")
    lake.raw("words")
    workflow = Workflow("nosy", lake)
    workflow.root = tmp_path
    workflow.function("nosy", "nosy.py")
    outputs = deploy(make_plan(workflow), aws)
    aws("s3").put_object(Bucket=outputs["Bucket"], Key="raw/words/a.txt", Body=b"secret")
    failed = run(outputs["StateMachineArn"], aws)
    assert failed["status"] == "FAILED" and "AccessDenied" in failed["cause"], failed
