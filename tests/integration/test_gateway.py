"""The gateway over real HTTP."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from tests.conftest import client_factory


def get(url: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_health_answers_json(endpoint: LocalEndpoint) -> None:
    status, body = get(endpoint.url + "/_headwater/health")
    assert status == 200
    assert json.loads(body)["status"] == "running"


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_a_web_page_is_refused(endpoint: LocalEndpoint, headers: dict[str, str]) -> None:
    status, _ = get(endpoint.url + "/_headwater/health", **headers)
    assert status == 403


def test_an_unsigned_request_gets_aws_error(endpoint: LocalEndpoint) -> None:
    status, body = get(endpoint.url + "/some-bucket")
    assert status == 403
    assert b"<Code>AccessDenied</Code>" in body


def test_an_upload_by_a_form_is_refused_by_name(endpoint: LocalEndpoint) -> None:
    form = urllib.request.Request(
        endpoint.url + "/lake", data=b"--B--\r\n", headers={"Content-Type": "multipart/form-data; boundary=B"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(form)
    assert refused.value.code == 501
    assert b"<Code>NotImplemented</Code>" in (body := refused.value.read()) and b"PostObject" in body


def test_a_wrong_secret_does_not_match(endpoint: LocalEndpoint) -> None:
    with pytest.raises(ClientError) as caught:
        client_factory(endpoint.url, secret="wrong")("sts").get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_an_unknown_key_is_refused(endpoint: LocalEndpoint) -> None:
    with pytest.raises(ClientError) as caught:
        client_factory(endpoint.url, key="AKIAUNKNOWN")("sts").get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_the_person_is_the_root_of_the_account(aws: Callable[..., Any]) -> None:
    assert aws("sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"


def test_an_operation_nobody_computes_is_refused_by_name(aws: Callable[..., Any]) -> None:
    with pytest.raises(ClientError) as caught:
        aws("athena").start_query_execution(QueryString="select 1")
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    assert "athena" in caught.value.response["Error"]["Message"]


def test_records_survive_a_restart(endpoint: LocalEndpoint) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    iam = client_factory(endpoint.url)("iam")
    made = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    endpoint.stop()
    again = LocalEndpoint(EndpointSettings(home=endpoint.home))
    again.start()
    try:
        assert client_factory(again.url)("iam").get_role(RoleName="worker")["Role"]["RoleId"] == made["RoleId"]
    finally:
        again.stop()


def test_a_role_session_is_somebody_else(aws: Callable[..., Any], endpoint: LocalEndpoint) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    aws("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))
    got = aws("sts").assume_role(RoleArn="arn:aws:iam::000000000000:role/worker", RoleSessionName="me")["Credentials"]
    session = client_factory(endpoint.url, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
    assert session("sts").get_caller_identity()["Arn"] == "arn:aws:sts::000000000000:assumed-role/worker/me"


@pytest.mark.parametrize("size_bytes", [1, 20 << 20])
def test_a_body_that_was_refused_unread_is_not_taken_for_the_next_request(
    aws: Callable[..., Any], size_bytes: int
) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="lake")
    body = b"x" * size_bytes
    for _ in range(2):  # boto3 waits for `100 Continue`, and sends nothing
        with pytest.raises(ClientError, match="InvalidDigest") as refused:
            s3.put_object(Bucket="lake", Key="k", Body=body, ContentMD5="short")
        assert refused.value.response["ResponseMetadata"]["HTTPHeaders"]["connection"] == "close"
    connection = http.client.HTTPConnection(s3.meta.endpoint_url.removeprefix("http://"))
    for _ in range(2):  # another client sends at once
        connection.request("PUT", "/lake/k", body=body)
        with connection.getresponse() as denied:
            assert (denied.status, denied.headers["connection"]) == (403, None)
            assert b"<Code>AccessDenied</Code>" in denied.read()
    connection.close()
