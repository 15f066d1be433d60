"""IAM users: their keys, and the session credentials that they get of STS, with AWS's limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from tests.conftest import client_factory

ACCOUNT = "000000000000"
ANA = f"arn:aws:iam::{ACCOUNT}:user/ana"
Aws = Callable[..., Any]


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def policy(*actions: str, resource: str = "*") -> str:
    return document(allow(*actions, resource=resource))


def refused(work: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        work()
    said = error.value.response["Error"]
    return said["Code"], said["Message"]


def with_session(endpoint: LocalEndpoint, answer: dict[str, Any]) -> Aws:
    got = answer["Credentials"]
    return client_factory(endpoint.url, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])


@pytest.fixture
def key(aws: Aws) -> dict[str, str]:
    """A key of the user ana, who may see her buckets and IAM's users."""
    iam = aws("iam")
    iam.create_user(UserName="ana", Tags=[{"Key": "team", "Value": "raw"}])
    own = allow("s3:*", resource="arn:aws:s3:::${aws:username}-${aws:PrincipalTag/team}")
    listed = allow("s3:GetBucketTagging", "s3:ListBucket", resource="arn:aws:s3:::ana-raw")
    others = allow("iam:ListUsers", "sts:*", "sqs:ListQueues")
    iam.put_user_policy(UserName="ana", PolicyName="own", PolicyDocument=document(own, listed, others))
    made: dict[str, str] = iam.create_access_key(UserName="ana")["AccessKey"]
    return made


@pytest.fixture
def ana(key: dict[str, str], endpoint: LocalEndpoint) -> Aws:
    return client_factory(endpoint.url, key["AccessKeyId"], key["SecretAccessKey"])


def test_a_user_calls_by_its_key_within_its_policies(aws: Aws, ana: Aws, key: dict[str, str]) -> None:
    assert ana("sts").get_caller_identity()["Arn"] == ANA
    ana("s3").create_bucket(Bucket="ana-raw")
    code, text = refused(lambda: ana("s3").create_bucket(Bucket="ana-other"))
    assert code == "AccessDenied" and text.startswith(f"User: {ANA} is not authorized to perform: s3:CreateBucket")

    iam = aws("iam")
    iam.create_group(GroupName="readers")
    iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=policy("sns:ListTopics"))
    refused(lambda: ana("sns").list_topics())
    iam.add_user_to_group(GroupName="readers", UserName="ana")
    assert ana("sns").list_topics()["Topics"] == []
    assert ana("s3").head_bucket(Bucket="ana-raw")
    bound = f"arn:aws:iam::{ACCOUNT}:policy/bound"
    assert refused(lambda: iam.create_user(UserName="bo", PermissionsBoundary=bound))[0] == "InvalidInput", "told"

    iam.update_access_key(UserName="ana", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refused(lambda: ana("s3").head_bucket(Bucket="ana-raw"))[0] in ("403", "InvalidAccessKeyId")


def test_a_key_works_after_a_new_start_and_not_once_deleted(
    endpoint: LocalEndpoint, aws: Aws, key: dict[str, str]
) -> None:
    endpoint.stop()
    again = LocalEndpoint(EndpointSettings(home=endpoint.home))
    again.start()
    try:
        ana = client_factory(again.url, key["AccessKeyId"], key["SecretAccessKey"])
        assert ana("sts").get_caller_identity()["Arn"] == ANA
        client_factory(again.url)("iam").delete_access_key(UserName="ana", AccessKeyId=key["AccessKeyId"])
        assert refused(lambda: ana("sts").get_caller_identity())[0] == "UnrecognizedClientException"
    finally:
        again.stop()


def test_a_users_session_token_acts_as_the_user_but_for_iam_and_sts(
    endpoint: LocalEndpoint, aws: Aws, ana: Aws
) -> None:
    ana("s3").create_bucket(Bucket="ana-raw")
    assert ana("iam").list_users()["Users"], "with its own key she may"
    session = with_session(endpoint, ana("sts").get_session_token(DurationSeconds=900))
    assert session("sts").get_caller_identity()["Arn"] == ANA
    assert session("s3").head_bucket(Bucket="ana-raw")
    refused(lambda: session("s3").create_bucket(Bucket="ana-other"))
    assert refused(lambda: session("iam").list_users())[0] == "InvalidClientTokenId"
    assert refused(lambda: session("sts").get_session_token()) == (
        "AccessDenied",
        "Cannot call GetSessionToken with session credentials",
    )
    refused(lambda: session("sts").get_federation_token(Name="guest"))
    trust = {"Effect": "Allow", "Principal": {"AWS": ANA}, "Action": "sts:AssumeRole"}
    aws("iam").create_role(RoleName="next", AssumeRolePolicyDocument=document(trust))
    role = f"arn:aws:iam::{ACCOUNT}:role/next"
    assumed = session("sts").assume_role(RoleArn=role, RoleSessionName="me")
    assert assumed["AssumedRoleUser"]["Arn"].endswith("assumed-role/next/me")
    worker = with_session(endpoint, assumed)
    assert "with session credentials" in refused(lambda: worker("sts").get_session_token())[1]

    without_mfa = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    deny = {**allow("*"), "Effect": "Deny", "Condition": without_mfa}
    aws("iam").put_user_policy(UserName="ana", PolicyName="mfa", PolicyDocument=document(deny))
    assert "explicit deny" in refused(lambda: session("sqs").list_queues())[1]
    code, text = refused(lambda: ana("sts").get_session_token(DurationSeconds=200_000))
    assert code == "ValidationError" and "129600" in text


def test_the_persons_session_token_lasts_an_hour_at_most(endpoint: LocalEndpoint, aws: Aws) -> None:
    answer = aws("sts").get_session_token(DurationSeconds=40_000)
    session = with_session(endpoint, answer)
    identity = session("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    left = answer["Credentials"]["Expiration"].timestamp()
    assert left - aws("sts").get_session_token()["Credentials"]["Expiration"].timestamp() < 10
    assert session("sqs").create_queue(QueueName="q")["QueueUrl"]
    assert refused(lambda: session("iam").list_users())[0] == "InvalidClientTokenId"


def test_a_federated_user_may_what_both_policies_allow(endpoint: LocalEndpoint, aws: Aws, ana: Aws) -> None:
    ana("s3").create_bucket(Bucket="ana-raw")
    sts = ana("sts")
    answer = sts.get_federation_token(Name="guest", Policy=policy("s3:ListBucket", "sns:*"))
    assert answer["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/guest"
    guest = with_session(endpoint, answer)
    assert guest("sts").get_caller_identity()["Arn"].endswith("federated-user/guest")
    assert guest("s3").list_objects_v2(Bucket="ana-raw")["KeyCount"] == 0, "both allow it"
    assert guest("s3").list_objects_v2(Bucket="ana-raw", Prefix="x")["KeyCount"] == 0
    assert "no session policy allows" in refused(lambda: guest("s3").get_bucket_tagging(Bucket="ana-raw"))[1]
    assert "no identity-based policy allows" in refused(lambda: guest("sns").list_topics())[1]
    nobody = with_session(endpoint, sts.get_federation_token(Name="nobody"))
    refused(lambda: nobody("s3").list_objects_v2(Bucket="ana-raw"))
    for sessions in (guest, nobody):
        assert refused(lambda: sessions("iam").list_users())[0] == "InvalidClientTokenId"
        refused(lambda: sessions("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/x", RoleSessionName="me"))
    of_person = aws("sts").get_federation_token(Name="helper", Policy=policy("sqs:*"))
    helper = with_session(endpoint, of_person)
    assert helper("sqs").create_queue(QueueName="q")["QueueUrl"]
    refused(lambda: helper("s3").list_buckets())
