"""Who may do what, over HTTP: roles, trust, bucket policies, boundaries, session policies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.identity.authorizer import DENIED
from tests.conftest import client_factory
from tests.integration.command_line import wait_until

ACCOUNT = "000000000000"
Aws = Callable[..., Any]


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def deny(*actions: str, resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {**allow(*actions, resource=resource, **more), "Effect": "Deny"}


def trust(**principal: Any) -> str:
    return document({"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole", "sts:TagSession"]})


@pytest.fixture
def become(aws: Aws, endpoint: LocalEndpoint) -> Callable[..., Aws]:
    """A role of some policies, assumed: a maker of clients that call as it."""

    def assume(*statements: dict[str, Any], name: str = "worker", boundary: str = "", **session: Any) -> Aws:
        iam = aws("iam")
        own = {"PermissionsBoundary": boundary} if boundary else {}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(AWS=ACCOUNT), **own)
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        got = aws("sts").assume_role(RoleArn=role, RoleSessionName="me", **session)["Credentials"]
        return client_factory(endpoint.url, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])

    return assume


def refusal(work: Callable[[], Any]) -> str:
    """The text of the AccessDenied that a call gets."""
    with pytest.raises(ClientError) as refused:
        work()
    assert refused.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
    return str(refused.value.response["Error"]["Message"])


@pytest.fixture
def lake(aws: Aws) -> Any:
    """The person's S3, with an object in a bucket."""
    s3 = aws("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="raw/a.csv", Body=b"1")
    return s3


def test_a_denial_has_awss_words_and_is_logged(lake: Any, aws: Aws, become: Callable[..., Aws]) -> None:
    s3 = become(allow("s3:GetObject", resource="arn:aws:s3:::lake/raw/*"))("s3")
    assert s3.get_object(Bucket="lake", Key="raw/a.csv")["Body"].read() == b"1"
    text = refusal(lambda: s3.put_object(Bucket="lake", Key="raw/b.csv", Body=b"2"))
    assert text == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/worker/me is not authorized to perform: s3:PutObject on resource: "
        '"arn:aws:s3:::lake/raw/b.csv" because no identity-based policy allows the s3:PutObject action'
    )
    [event] = aws("logs").filter_log_events(logGroupName=DENIED)["events"]
    logged = json.loads(event["message"])
    assert (logged["action"], logged["mode"], logged["message"]) == ("s3:PutObject", "enforce", text)


def test_a_bucket_policy_allows_and_denies(lake: Any, become: Callable[..., Aws]) -> None:
    worker = become()
    role = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/worker"}
    objects = "arn:aws:s3:::lake/*"
    assert "no identity-based policy" in refusal(lambda: worker("s3").get_object(Bucket="lake", Key="raw/a.csv"))
    lake.put_bucket_policy(Bucket="lake", Policy=document(allow("s3:GetObject", resource=objects, Principal=role)))
    assert worker("s3").get_object(Bucket="lake", Key="raw/a.csv")["Body"].read() == b"1"
    closed = deny("s3:*", resource=objects, Principal="*", Condition={"StringNotEquals": {"s3:none": "x"}})
    lake.put_bucket_policy(Bucket="lake", Policy=document(closed))
    text = refusal(lambda: worker("s3").get_object(Bucket="lake", Key="raw/a.csv"))
    assert text.endswith("with an explicit deny in a resource-based policy")
    refusal(lambda: lake.get_object(Bucket="lake", Key="raw/a.csv"))  # the root user is held by it too
    lake.delete_bucket_policy(Bucket="lake")
    assert lake.get_object(Bucket="lake", Key="raw/a.csv")["Body"].read() == b"1"


def test_a_policy_for_tls_only_takes_loopback_for_safe(lake: Any) -> None:
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    policy = document(deny("s3:*", resource="arn:aws:s3:::lake/*", Principal="*", Condition=plain))
    lake.put_bucket_policy(Bucket="lake", Policy=policy)
    assert lake.get_object(Bucket="lake", Key="raw/a.csv")["Body"].read() == b"1"


def test_a_boundary_and_a_session_policy_narrow(lake: Any, aws: Aws, become: Callable[..., Aws]) -> None:
    read = aws("iam").create_policy(PolicyName="read", PolicyDocument=document(allow("s3:GetObject", "s3:ListBucket")))
    boundary = read["Policy"]["Arn"]
    everything = allow("s3:*")
    bound = become(everything, name="bound", boundary=boundary)("s3")
    assert bound.get_object(Bucket="lake", Key="raw/a.csv")
    text = refusal(lambda: bound.delete_object(Bucket="lake", Key="raw/a.csv"))
    assert text.endswith("because no permissions boundary allows the s3:DeleteObject action")
    limited = become(everything, name="limited", Policy=document(allow("s3:ListBucket")))("s3")
    assert limited.list_objects_v2(Bucket="lake")["KeyCount"] == 1
    text = refusal(lambda: limited.get_object(Bucket="lake", Key="raw/a.csv"))
    assert text.endswith("because no session policy allows the s3:GetObject action")
    by_arn = become(everything, name="byarn", PolicyArns=[{"arn": boundary}])("s3")
    assert by_arn.get_object(Bucket="lake", Key="raw/a.csv")
    refusal(lambda: by_arn.delete_object(Bucket="lake", Key="raw/a.csv"))


def test_tags_of_principal_request_and_resource_decide(lake: Any, aws: Aws, become: Callable[..., Aws]) -> None:
    own = allow("s3:GetObject", resource="arn:aws:s3:::lake/${aws:PrincipalTag/team}/*")
    asked = allow(
        "logs:CreateLogGroup", Condition={"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}}
    )
    held = allow("logs:DeleteLogGroup", Condition={"StringEquals": {"aws:ResourceTag/team": "raw"}})
    worker = become(own, asked, held, Tags=[{"Key": "team", "Value": "raw"}])
    assert worker("s3").get_object(Bucket="lake", Key="raw/a.csv")
    refusal(lambda: worker("s3").get_object(Bucket="lake", Key="processed/a.csv"))
    worker("logs").create_log_group(logGroupName="/mine", tags={"team": "raw"})
    refusal(lambda: worker("logs").create_log_group(logGroupName="/theirs", tags={"team": "other"}))
    aws("logs").create_log_group(logGroupName="/theirs", tags={"team": "other"})
    refusal(lambda: worker("logs").delete_log_group(logGroupName="/theirs"))
    worker("logs").delete_log_group(logGroupName="/mine")


def test_a_role_is_assumed_by_whom_it_trusts(aws: Aws, become: Callable[..., Aws]) -> None:
    iam = aws("iam")
    iam.create_role(RoleName="glue", AssumeRolePolicyDocument=trust(Service="glue.amazonaws.com"))
    iam.create_role(RoleName="next", AssumeRolePolicyDocument=trust(AWS=f"arn:aws:iam::{ACCOUNT}:role/worker"))
    iam.create_role(RoleName="open", AssumeRolePolicyDocument=trust(AWS=ACCOUNT))
    worker = become()("sts")

    def assume(sts: Any, name: str) -> Any:
        return sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}", RoleSessionName="again")

    assert "sts:AssumeRole" in refusal(lambda: assume(aws("sts"), "glue"))
    assert assume(worker, "next")["AssumedRoleUser"]["Arn"].endswith("assumed-role/next/again")
    refusal(lambda: assume(worker, "open"))  # it trusts the account, whose own policy must allow it too
    iam.put_role_policy(RoleName="worker", PolicyName="assume", PolicyDocument=document(allow("sts:AssumeRole")))
    assert assume(worker, "open")


def test_a_role_is_given_to_a_rule_or_schedule_by_who_may_pass_it(aws: Aws, become: Callable[..., Aws]) -> None:
    worker = become(allow("events:*"), allow("scheduler:*"))
    passed = f"arn:aws:iam::{ACCOUNT}:role/starter"
    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:m"

    def put_targets() -> Any:
        target = {"Id": "1", "Arn": machine, "RoleArn": passed}
        return worker("events").put_targets(Rule="r", Targets=[target])

    def create_schedule() -> Any:
        return worker("scheduler").create_schedule(
            Name="s",
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": machine, "RoleArn": passed},
        )

    aws("iam").create_role(RoleName="starter", AssumeRolePolicyDocument=trust(Service="scheduler.amazonaws.com"))
    worker("events").put_rule(Name="r", EventPattern='{"source": ["a"]}')
    for call in (put_targets, create_schedule):
        assert f"perform: iam:PassRole on resource: {passed} because no identity-based policy" in refusal(call)

    to_events = {"StringEquals": {"iam:PassedToService": "events.amazonaws.com"}}
    own = document(allow("events:*"), allow("scheduler:*"), allow("iam:PassRole", resource=passed, Condition=to_events))
    aws("iam").put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=own)
    assert put_targets()["FailedEntryCount"] == 0
    refusal(create_schedule)  # it may be passed to EventBridge, and not to its Scheduler


def test_what_a_caller_may_not_do_with_one_object_is_told_of_that_one(lake: Any, become: Callable[..., Aws]) -> None:
    s3 = become(allow("s3:GetObject", "s3:DeleteObject", resource="arn:aws:s3:::lake/raw/*"))("s3")
    objects = [{"Key": "raw/none"}, {"Key": "done/none"}]
    answer = s3.delete_objects(Bucket="lake", Delete={"Objects": objects})
    assert [each["Key"] for each in answer["Deleted"]] == ["raw/none"]
    assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [("done/none", "AccessDenied")]
    assert "perform: s3:ListBucket on resource" in refusal(lambda: s3.get_object(Bucket="lake", Key="raw/none"))
    with pytest.raises(ClientError) as absent:
        lake.get_object(Bucket="lake", Key="raw/none")
    assert absent.value.response["Error"]["Code"] == "NoSuchKey", "only who may list is told that it is not there"


def test_a_deny_on_older_sessions_revokes_them(lake: Any, aws: Aws, become: Callable[..., Aws]) -> None:
    s3 = become(allow("s3:*"))("s3")
    s3.list_buckets()
    older = {"DateLessThan": {"aws:TokenIssueTime": "2100-01-01T00:00:00Z"}}
    aws("iam").put_role_policy(
        RoleName="worker", PolicyName="revoke", PolicyDocument=document(deny("*", Condition=older))
    )
    assert "explicit deny" in refusal(s3.list_buckets)


def test_a_service_assumes_a_role_for_the_source_that_its_trust_names(aws: Aws) -> None:
    states, iam = aws("stepfunctions"), aws("iam")
    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:"
    group = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/default"

    def trusted_for(source: str) -> str:
        services = {"Service": ["scheduler.amazonaws.com", "states.amazonaws.com"]}
        condition = {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}
        return document({"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole", "Condition": condition})

    def schedule() -> Any:
        return aws("scheduler").create_schedule(
            Name="s",
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": f"{machine}mine", "RoleArn": role},
        )

    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets", "End": True}
    definition = json.dumps({"StartAt": "T", "States": {"T": task}})
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusted_for(f"{machine}mine"))["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="own", PolicyDocument=document(allow("s3:ListAllMyBuckets")))
    for name, status in (("mine", "SUCCEEDED"), ("other", "FAILED")):
        arn = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
        assert ended(states, states.start_execution(stateMachineArn=arn)["executionArn"]) == status
    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume the role"):
        schedule()
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trusted_for(group))
    assert schedule()["ScheduleArn"]


def ended(states: Any, execution: str) -> str:
    return str(
        wait_until(
            lambda: (found := states.describe_execution(executionArn=execution)["status"]) != "RUNNING" and found,
            "the execution ends",
        )
    )


def test_in_audit_a_denied_call_is_done_and_noted(lake: Any, aws: Aws, endpoint: LocalEndpoint) -> None:
    aws("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=trust(AWS=ACCOUNT))
    endpoint.stop()
    audit = LocalEndpoint(EndpointSettings(home=endpoint.home, iam="audit"))
    audit.start()
    try:
        person = client_factory(audit.url)
        role = f"arn:aws:iam::{ACCOUNT}:role/worker"
        got = person("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
        s3 = client_factory(audit.url, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])("s3")
        assert s3.get_object(Bucket="lake", Key="raw/a.csv")["Body"].read() == b"1"
        [event] = person("logs").filter_log_events(logGroupName=DENIED)["events"]
        assert json.loads(event["message"])["mode"] == "audit"
    finally:
        audit.stop()
