"""Which grants are counted as used, over HTTP and over a kill."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import LocalEndpoint
from headwater.local.identity.uses import Uses
from headwater.local.store import Store
from tests.conftest import client_factory

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
STATEMENTS = [
    {
        "Sid": "Read",
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": ["arn:aws:s3:::lake/raw/*", "arn:aws:s3:::lake/done/*"],
    },
    {
        "Effect": "Allow",
        "Action": "s3:List*",
        "Resource": "arn:aws:s3:::lake",
        "Condition": {"StringLike": {"s3:prefix": ["raw/*", "done/*"]}},
    },
]


@pytest.fixture
def worker(aws: Callable[..., Any], endpoint: LocalEndpoint) -> Any:
    """S3 as a role with two statements, the second without a name."""
    trust = {"Sid": "Us", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/first"}}
    aws("iam").create_role(
        RoleName="first", AssumeRolePolicyDocument=_document([{**trust, "Principal": {"AWS": ACCOUNT}}])
    )
    aws("iam").put_role_policy(
        RoleName="first",
        PolicyName="own",
        PolicyDocument=_document([{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE}]),
    )
    aws("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=_document([trust]))
    aws("iam").put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=_document(STATEMENTS))
    aws("s3").create_bucket(Bucket="lake")
    aws("s3").put_object(Bucket="lake", Key="raw/a", Body=b"a")
    first = _session(aws("sts"), f"arn:aws:iam::{ACCOUNT}:role/first", endpoint.url)
    return _session(first("sts"), ROLE, endpoint.url)("s3")


def _document(statements: list[dict[str, Any]]) -> str:
    def whole(statement: dict[str, Any]) -> dict[str, Any]:
        return statement if "Action" in statement else {**statement, "Action": "sts:AssumeRole"}

    return json.dumps({"Version": "2012-10-17", "Statement": [whole(each) for each in statements]})


def _session(sts: Any, role: str, url: str) -> Callable[..., Any]:
    got = sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    return client_factory(url, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])


def _asked(endpoint: LocalEndpoint) -> dict[tuple[str, ...], int]:
    with urllib.request.urlopen(f"{endpoint.url}/_headwater/policy-uses") as answer:
        found = json.load(answer)
    assert found["mode"] == "enforce"
    names = ("kind", "statement", "action", "resource", "prefix")
    return {tuple(use[name] for name in names): use["calls"] for use in found["uses"] if use["role"] == ROLE}


def test_grants_are_counted_by_statement_action_resource_and_prefix(worker: Any, endpoint: LocalEndpoint) -> None:
    for _ in range(3):
        worker.get_object(Bucket="lake", Key="raw/a")
    worker.list_objects_v2(Bucket="lake", Prefix="raw/2013/")
    with pytest.raises(ClientError, match="AccessDenied"):
        worker.put_object(Bucket="lake", Key="other/a", Body=b"")
    assert _asked(endpoint) == {
        ("Trust Policy", "Us", "sts:AssumeRole", "", ""): 1,
        ("IAM Policy", "Read", "s3:GetObject", "arn:aws:s3:::lake/raw/*", ""): 3,
        ("IAM Policy", "1", "s3:ListBucket", "arn:aws:s3:::lake", "raw/*"): 1,
    }


def test_a_grants_first_use_is_in_the_store_before_the_call_ends(worker: Any, endpoint: LocalEndpoint) -> None:
    worker.get_object(Bucket="lake", Key="raw/a")
    store = Store(Path(endpoint.home) / "state.sqlite")  # as after a kill: nothing was told to flush
    try:
        assert ("s3:GetObject", 1) in {(use["action"], use["calls"]) for use in Uses(store).listed()}
    finally:
        store.close()
