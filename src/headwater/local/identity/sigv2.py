"""S3's older presigned URLs (Signature Version 2), which boto3 still makes for us-east-1 unless told ``s3v4``.

Source: Amazon S3 User Guide, "Signing and authenticating REST requests (AWS signature version 2)" (2024).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, unquote

from headwater.local.service import ServiceError

SUB_RESOURCES = frozenset(
    "accelerate acl cors defaultObjectAcl delete lifecycle location logging notification partNumber policy "
    "replication requestPayment response-cache-control response-content-disposition response-content-encoding "
    "response-content-language response-content-type response-expires select select-type tagging torrent uploadId "
    "uploads versionId versioning versions website".split()
)


def read_presigned(query: str) -> tuple[str, str, str | None] | None:
    """(access key, signature, session token) of a presigned URL's query, or None when it is not one."""
    if "AWSAccessKeyId=" not in query:
        return None
    values = dict(parse_qsl(query, keep_blank_values=True))
    if not {"AWSAccessKeyId", "Signature", "Expires"} <= values.keys():
        raise ServiceError(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
            403,
        )
    return values["AWSAccessKeyId"], values["Signature"], values.get("x-amz-security-token")


def check_presigned(
    secret: str, method: str, path: str, query: str, headers: Mapping[str, str], now: datetime | None = None
) -> None:
    """Raise AccessDenied when the URL has expired, SignatureDoesNotMatch when it was not made with ``secret``.

    Parameters
    ----------
    path:
        Percent-encoded, beginning with the bucket.
    headers:
        The request's, with lower-case names.
    """
    values = dict(parse_qsl(query, keep_blank_values=True))
    expires = values["Expires"]
    if not expires.isdigit() or int(expires) < (now or datetime.now(UTC)).timestamp():
        raise ServiceError("AccessDenied", "Request has expired", 403)
    amazon = {name: value for name, value in (*headers.items(), *values.items()) if name.startswith("x-amz-")}
    to_sign = "\n".join(
        (
            method,
            values.get("content-md5") or headers.get("content-md5", ""),
            values.get("content-type") or headers.get("content-type", ""),
            expires,
            "".join(f"{name}:{amazon[name].strip()}\n" for name in sorted(amazon)) + path + _sub_resources(query),
        )
    )
    digest = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha1).digest()
    if not hmac.compare_digest(base64.b64encode(digest).decode(), values["Signature"]):
        raise ServiceError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and "
            "signing method.",
            403,
        )


def _sub_resources(query: str) -> str:
    pairs = sorted(part.partition("=") for part in query.split("&") if part.partition("=")[0] in SUB_RESOURCES)
    return "?" + "&".join(name + equals + unquote(value) for name, equals, value in pairs) if pairs else ""
