"""Deploys that AWS refuses or that are cut off: what is said, that nothing stays changed, that the next one works."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.aws_account import ASSETS, BUCKET, STACK, Account
from tests.integration.command_line import LIMIT_S

ANOTHER = "999999999999"
# What a project's own code may do to its plan.
ADDITION = """
from headwater.plan import resources

_planned = resources.machine_resources
resources.machine_resources = lambda *given: {{**_planned(*given), "Extra": {extra}}}
"""


def deployed(account: Account) -> str:
    said = account.headwater("deploy", "--yes")
    assert account.status() in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return said


def stacks(account: Account) -> list[Any]:
    found = account.client("cloudformation").list_stacks()["StackSummaries"]
    return [stack for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"]


def check_untouched(account: Account) -> None:
    """No stack, bucket, role, function or log group is there."""
    assert stacks(account) == []
    assert account.client("s3").list_buckets()["Buckets"] == []
    assert account.client("iam").list_roles()["Roles"] == []
    assert account.client("logs").describe_log_groups()["logGroups"] == []


def test_a_bucket_name_that_another_account_has_is_told_before_anything_changes(account: Account) -> None:
    place = {"LocationConstraint": "eu-west-1"}

    def as_another(operation: str, **members: Any) -> None:
        account.down()
        account.up(ANOTHER)
        getattr(account.client("s3"), operation)(**members)
        account.down()
        account.up()

    as_another("create_bucket", Bucket=BUCKET, CreateBucketConfiguration=place)
    said = account.headwater("deploy", "--yes", code=5)
    assert f"the bucket of the lake 'flights', {BUCKET} is another account's" in said
    check_untouched(account)

    as_another("delete_bucket", Bucket=BUCKET)
    as_another("create_bucket", Bucket=ASSETS, CreateBucketConfiguration=place)
    said = account.headwater("deploy", "--yes", code=5)
    assert f"the assets bucket {ASSETS} is another account's" in said
    check_untouched(account)
    as_another("delete_bucket", Bucket=ASSETS)
    deployed(account)


def test_a_template_that_cloudformation_refuses_changes_nothing(account: Account) -> None:
    workflow = account.project.path / "workflow.py"
    sound = workflow.read_text()

    def refused(kind: str, **properties: Any) -> str:
        extra = {"Type": kind, "Properties": properties}
        workflow.write_text(sound + ADDITION.format(extra=extra))
        return account.headwater("deploy", "--yes", code=5)

    for kind, properties, words in REFUSED_AT_ONCE:
        said = refused(kind, **properties)
        assert all(word in said for word in words), said
        check_untouched(account)
    said = refused("AWS::Logs::LogGroup", LogGroupName="/extra", RetentionInDays=8)
    assert f"stack {STACK} is ROLLBACK_COMPLETE: Extra: " in said and "retentionInDays" in said
    assert "what had been made was removed" in said and account.client("iam").list_roles()["Roles"] == []
    workflow.write_text(sound)
    deployed(account)

    said = refused("AWS::Logs::LogGroup", LogGroupName="/extra", RetentionInDays=8)
    assert f"stack {STACK} is UPDATE_ROLLBACK_COMPLETE: Extra: " in said and "put back as it was" in said
    workflow.write_text(sound)
    assert "nothing to change" in account.headwater("deploy", "--yes")


def test_a_deployer_who_may_not_pass_a_role_is_told_which(account: Account) -> None:
    iam = account.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    but_passing = {"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"}
    iam.put_role_policy(RoleName="deployer", PolicyName="p", PolicyDocument=document(everything, but_passing))
    session = account.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    as_deployer = {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }
    said = account.headwater("deploy", "--yes", code=5, but=as_deployer)
    assert f"stack {STACK} is ROLLBACK_COMPLETE: " in said and "what had been made was removed" in said
    assert "assumed-role/deployer/me is not authorized to perform: iam:PassRole on resource: " in said
    assert "role/flight-delays-" in said and "with an explicit deny in an identity-based policy" in said
    assert [each["RoleName"] for each in iam.list_roles()["Roles"]] == ["deployer"]
    assert account.client("lambda").list_functions()["Functions"] == []

    iam.put_role_policy(RoleName="deployer", PolicyName="p", PolicyDocument=document(everything))
    assert "CREATE_COMPLETE" in account.headwater("deploy", "--yes", but=as_deployer)


def test_a_deploy_whose_endpoint_is_killed_is_taken_up_by_the_next(account: Account) -> None:
    with account.start("deploy", "--yes").ended() as deploy:
        deploy.until("CREATE_COMPLETE", "AWS::IAM::Role")
        account.kill()
        assert deploy.end(LIMIT_S) == 5
        assert "Could not connect" in deploy.text or "closed" in deploy.text, deploy.text
    account.up()
    deployed(account)
    run = account.client("lambda").get_function(FunctionName="flight-delays-validate")
    assert run["Configuration"]["State"] == "Active"

    account.project.edit("workflow.py", ('"demo"', '"test"'))
    with account.start("deploy", "--yes").ended() as deploy:
        deploy.until("UPDATE_IN_PROGRESS")
        account.kill()
        assert deploy.end(LIMIT_S) in (0, 5)
    account.up()
    deployed(account)
    arn = run["Configuration"]["FunctionArn"]
    assert account.client("lambda").list_tags(Resource=arn)["Tags"]["Environment"] == "test"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


REFUSED_AT_ONCE: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("AWS::S3::Bukket", {}, ("AWS::S3::Bukket",)),
    ("AWS::SNS::Topic", {"TopikName": "t"}, ("Extra", "TopikName")),
    ("AWS::SNS::Topic", {"TopicName": {"Ref": "Nobody"}}, ("Unresolved resource dependencies [Nobody]",)),
]
