"""Our check of signatures against botocore's making of them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from headwater.local.identity.sigv4 import check_signature, read_signature

SECRET = "test"


def signed(auth: type, service: str, method: str, url: str, body: bytes = b"", **extra: object) -> AWSRequest:
    request = AWSRequest(method=method, url=url, data=body, headers={"host": urlsplit(url).netloc})
    auth(Credentials("AKID", SECRET), service, "us-east-1", **extra).add_auth(request)
    return request


def check(request: AWSRequest, body: bytes = b"", secret: str = SECRET, now: datetime | None = None) -> None:
    parts = urlsplit(request.url)
    headers = {k.lower(): str(v) for k, v in request.headers.items()}
    found = read_signature(headers, parts.query)
    assert found is not None and found.access_key == "AKID"
    digest = hashlib.sha256(body).hexdigest()
    check_signature(found, secret, request.method, parts.path, parts.query, headers, digest, now)


@given(
    path=st.text(st.characters(codec="utf-8", exclude_characters="/?#"), max_size=12),
    body=st.binary(max_size=40),
)
def test_a_botocore_signature_is_accepted(path: str, body: bytes) -> None:
    from urllib.parse import quote

    check(signed(SigV4Auth, "glue", "POST", f"http://127.0.0.1:4566/{quote(path)}?b=2&a=1%20x", body), body)
    check(signed(S3SigV4Auth, "s3", "PUT", f"http://127.0.0.1:4566/b/{quote(path)}?tagging", body), body)


@given(changed=st.binary(min_size=1, max_size=10))
def test_another_body_is_refused(changed: bytes) -> None:
    request = signed(SigV4Auth, "glue", "POST", "http://127.0.0.1/", b"the body")
    with pytest.raises(ServiceError) as caught:
        check(request, b"the body" + changed)
    assert caught.value.code == "SignatureDoesNotMatch"


def test_another_secret_is_refused() -> None:
    with pytest.raises(ServiceError, match="SignatureDoesNotMatch"):
        check(signed(SigV4Auth, "glue", "POST", "http://127.0.0.1/"), secret="other")


def test_a_presigned_url_expires() -> None:
    request = signed(S3SigV4QueryAuth, "s3", "GET", "http://127.0.0.1/b/k%20x", expires=60)
    check(request)
    with pytest.raises(ServiceError, match="Request has expired"):
        check(request, now=datetime.now(UTC) + timedelta(seconds=61))


def test_an_old_request_is_refused() -> None:
    request = signed(SigV4Auth, "glue", "POST", "http://127.0.0.1/")
    with pytest.raises(ServiceError, match="too large"):
        check(request, now=datetime.now(UTC) + timedelta(minutes=16))


@pytest.mark.parametrize("header", ["Bearer x", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0"])
def test_a_malformed_header_is_named(header: str) -> None:
    with pytest.raises(ServiceError, match="IncompleteSignature"):
        read_signature({"authorization": header}, "")


def test_no_signature_is_none() -> None:
    assert read_signature({}, "list-type=2") is None
