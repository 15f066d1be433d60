"""Roles that hold the policies that AWS manages, as most roles of Glue and SageMaker do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from tests.conftest import client_factory

Aws = Callable[..., Any]
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
TRUST = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}


@pytest.fixture
def reader(aws: Aws) -> str:
    """The ARN of a role that may only read S3, by AWS's own policy."""
    aws("s3").create_bucket(Bucket="lake")
    aws("s3").put_object(Bucket="lake", Key="a", Body=b"1")
    document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    arn: str = aws("iam").create_role(RoleName="reader", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    aws("iam").attach_role_policy(RoleName="reader", PolicyArn=READ_ONLY)
    return arn


def test_a_role_with_a_policy_that_aws_manages_may_what_it_says(aws: Aws, endpoint: LocalEndpoint, reader: str) -> None:
    got = aws("sts").assume_role(RoleArn=reader, RoleSessionName="me")["Credentials"]
    s3 = client_factory(endpoint.url, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])("s3")
    assert s3.get_object(Bucket="lake", Key="a")["Body"].read() == b"1"
    with pytest.raises(ClientError, match="no identity-based policy allows the s3:PutObject action"):
        s3.put_object(Bucket="lake", Key="b", Body=b"")


def test_what_was_attached_is_there_after_a_new_start(aws: Aws, endpoint: LocalEndpoint, reader: str) -> None:
    role_id = aws("iam").get_role(RoleName="reader")["Role"]["RoleId"]
    again = LocalEndpoint(EndpointSettings(home=endpoint.home))
    again.start()
    try:
        attached = again.call("iam", "list_attached_role_policies", RoleName="reader")["AttachedPolicies"]
        assert [policy["PolicyArn"] for policy in attached] == [READ_ONLY]
        assert again.call("iam", "get_role", RoleName="reader")["Role"]["RoleId"] == role_id
    finally:
        again.stop()


def test_policies_of_aws_are_listed_unless_only_ones_own_are_asked_for(aws: Aws) -> None:
    iam = aws("iam")
    assert iam.list_policies(Scope="Local")["Policies"] == []
    names = {
        policy["PolicyName"] for page in iam.get_paginator("list_policies").paginate() for policy in page["Policies"]
    }
    assert {"AWSGlueServiceRole", "AmazonSageMakerFullAccess", "AWSLambdaBasicExecutionRole"} <= names
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")
