"""Deploy, run and destroy by the code that works on AWS: an endpoint in another process, found by AWS_ENDPOINT_URL."""

from __future__ import annotations

import json
import signal

from tests.integration.aws_account import ASSETS, BUCKET, STACK, Account
from tests.integration.command_line import wait_until


def test_a_project_lives_and_dies_on_aws(account: Account) -> None:
    project = account.project
    assert "is not deployed" in account.headwater("run", code=5)
    refused = account.headwater("deploy", code=2)
    assert "--yes" in refused and not account.client("cloudformation").list_stacks()["StackSummaries"]

    group = "/aws-glue/crawlers"  # Glue's own, shared by the account
    assert f"+ {group}  keeps its events for 30 days" in account.headwater("deploy", "--dry-run")
    assert account.client("logs").describe_log_groups()["logGroups"] == []
    said = account.headwater("deploy", "--yes")
    assert said.index("policies (") < said.index("other changes (") < said.index(group)
    found = account.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [each["retentionInDays"] for each in found] == [30]
    account.client("logs").delete_retention_policy(logGroupName=group)
    assert "1 log group" in account.headwater("deploy", "--yes"), "the stack is as planned, and the group is not"
    assert "CREATE_COMPLETE" in said and f"Bucket                 {BUCKET}" in said
    unchanged = json.loads(account.headwater("deploy", "--yes", "--json"))
    assert (unchanged["changed"], unchanged["changes"]) == (False, []) and unchanged["outputs"]["Bucket"] == BUCKET

    account.headwater("lake", "sync", "data/raw", "raw")
    account.headwater("run")
    assert not (project.home / "state.sqlite").exists(), "nothing ran on the project's own endpoint"
    status = json.loads(account.headwater("status", "--json"))
    assert status["status"] == "SUCCEEDED" and "SUCCEEDED" in account.headwater("history")
    assert account.headwater("logs", "validate")

    project.edit("functions/validate.py", ("def ", "raise_here = 1 / 0\n\n\ndef "))
    assert "headwater deploy --on aws" in account.headwater("run", code=5)
    change = json.loads(account.headwater("deploy", "--dry-run", "--json"))
    assert [(c["action"], c["resource"]) for c in change["changes"] if c["type"] == "AWS::Lambda::Function"] == [
        ("Modify", "ValidateFunction")
    ]
    assert account.client("cloudformation").list_change_sets(StackName=STACK)["Summaries"] == []
    said = account.headwater("deploy", "--yes")
    assert "assets: 1 uploaded, 1 there already" in said and "ValidateFunction" in said
    failed = account.headwater("run", code=6)
    assert "stage validate failed" in failed and "ZeroDivisionError" in failed and "the last lines of its log" in failed
    assert "ZeroDivisionError" in account.headwater("logs", "validate")
    assert json.loads(account.headwater("status", "--json"))["status"] == "FAILED"
    project.edit("functions/validate.py", ("raise_here = 1 / 0\n\n\ndef ", "def "))
    assert "ValidateFunction" in account.headwater("plan", "--diff")
    account.headwater("deploy", "--yes")
    assert "ValidateFunction" not in account.headwater("plan", "--diff")
    account.headwater("resume")
    assert json.loads(account.headwater("status", "--json"))["status"] == "SUCCEEDED"

    said = account.headwater("destroy", "--yes")
    assert f"left  AWS::S3::Bucket  {BUCKET}" in said
    assert f"left   log group {group}, which the account shares: events kept for 30 days" in said
    assert account.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] > 0
    assert account.client("s3").list_objects_v2(Bucket=ASSETS)["KeyCount"] == 0
    assert "nothing to delete" in account.headwater("destroy", "--yes")
    assert "taken over" in account.headwater("deploy", "--yes")
    assert "--bucket" in account.headwater("destroy", "--yes", "--with-data", code=2)
    assert "nothing was deleted" in account.headwater("destroy", "--yes", "--with-data", "--bucket", "x", code=2)
    assert account.status() == "CREATE_COMPLETE"
    gone = json.loads(account.headwater("destroy", "--yes", "--with-data", "--bucket", BUCKET, "--json"))
    assert gone["left"] == [] and "LakeBucket" in gone["deleted"]
    assert gone["log_groups_left"] == [{"log_group": group, "exists": True, "retention_days": 30}]
    assert [b["Name"] for b in account.client("s3").list_buckets()["Buckets"]] == [ASSETS]


def test_failures_are_named_and_leave_a_stack_that_deploys(account: Account) -> None:
    group = "/aws/lambda/flight-delays-validate"
    account.client("logs").create_log_group(logGroupName=group)
    said = account.headwater("deploy", "--yes", code=5)
    assert "is ROLLBACK_COMPLETE: ValidateLogs: " in said and "already exists" in said, said
    assert "what had been made was removed" in said
    account.client("logs").delete_log_group(logGroupName=group)
    assert "removing the empty stack" in account.headwater("deploy", "--yes")

    assert "does not know these credentials" in account.headwater(
        "deploy", "--yes", code=5, but={"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}
    )
    unreachable = account.headwater("deploy", "--yes", code=5, but={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert "Could not connect" in unreachable
    without = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    assert "no AWS credentials were found" in account.headwater("deploy", "--yes", code=5, but=without)
    assert account.status() == "CREATE_COMPLETE"


def test_an_interrupted_deploy_is_taken_up_by_the_next(account: Account) -> None:
    with account.start("deploy", "--yes").ended() as deploy:
        deploy.until("CREATE_IN_PROGRESS")
        deploy.signal(signal.SIGKILL)
        deploy.end()
    said = account.headwater("deploy", "--yes")
    assert "following it first" in said or "nothing to change" in said
    assert account.status() == "CREATE_COMPLETE"

    account.project.edit("workflow.py", ('"demo"', '"test"'))
    with account.start("deploy", "--yes").ended() as deploy:
        deploy.until("UPDATE_IN_PROGRESS")
        deploy.signal(signal.SIGINT)
        assert deploy.end() in (0, 130)
    account.headwater("deploy", "--yes")
    wait_until(lambda: account.status() in ("UPDATE_COMPLETE", "CREATE_COMPLETE"), "the stack stands")
    functions = account.client("lambda")
    arn = functions.get_function(FunctionName="flight-delays-validate")["Configuration"]["FunctionArn"]
    assert functions.list_tags(Resource=arn)["Tags"]["Environment"] == "test"
