"""AWS Signature Version 4, checked: was this request signed with the key that it names?

Covers the Authorization header and presigned URLs, as the documentation has it ("Create a signed AWS API request",
2024). The payload's hash is taken from x-amz-content-sha256 where the client sent it; the body itself is compared with
that hash by whoever reads it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote

from botocore.utils import normalize_url_path

from headwater.local.service import ServiceError
from headwater.local.identity.sigv2 import check_presigned, read_presigned

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = timedelta(minutes=15)
UNSIGNED = "UNSIGNED-PAYLOAD"
HEADER = re.compile(r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]+)")


@dataclass(frozen=True)
class Signature:
    """What a request says of its signature, header or query alike."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    token: str | None
    presigned: bool
    expires_s: int = 0
    version: int = 4

    @property
    def scope(self) -> str:
        """The credential scope without the key."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read_signature(headers: Mapping[str, str], query: str) -> Signature | None:
    """The signature of a request, or None when it is unsigned. ``headers`` have lower-case names."""
    authorization = headers.get("authorization", "")
    if authorization:
        match = HEADER.match(authorization)
        if not match:
            raise ServiceError(
                "IncompleteSignature", f"Authorization header is not of {ALGORITHM} form: {authorization[:40]!r}…", 403
            )
        credential, signed, signature = match.groups()
        timestamp = headers.get("x-amz-date") or headers.get("date", "")
        token, presigned, expires_s = headers.get("x-amz-security-token"), False, 0
    elif "X-Amz-Signature=" in query:
        values = dict(parse_qsl(query, keep_blank_values=True))
        credential, signed = values.get("X-Amz-Credential", ""), values.get("X-Amz-SignedHeaders", "")
        signature, timestamp = values["X-Amz-Signature"], values.get("X-Amz-Date", "")
        token, presigned = values.get("X-Amz-Security-Token"), True
        expires_s = int(values["X-Amz-Expires"]) if values.get("X-Amz-Expires", "").isdigit() else 0
    else:
        older = read_presigned(query)
        if older is None:
            return None
        key, signature, token = older
        return Signature(key, "", "us-east-1", "s3", (), signature, "", token, presigned=True, version=2)
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise ServiceError(
            "IncompleteSignature", f"Credential must be KEY/DATE/REGION/SERVICE/aws4_request: {credential}", 403
        )
    key, date, region, service, _ = parts
    return Signature(
        key, date, region, service, tuple(signed.split(";")), signature, timestamp, token, presigned, expires_s
    )


def check_signature(
    found: Signature,
    secret: str,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body_sha256: str | None,
    now: datetime | None = None,
) -> None:
    """Raise :class:`ServiceError` unless ``found`` was made with ``secret`` over this request, recently.

    Parameters
    ----------
    path:
        Percent-encoded, as it arrived.
    body_sha256:
        The body's hash, for requests that do not carry x-amz-content-sha256.
    """
    if found.version == 2:
        check_presigned(secret, method, path, query, headers, now)
        return
    _check_time(found, now or datetime.now(UTC))
    if found.presigned:
        payload = headers.get("x-amz-content-sha256", UNSIGNED)
    else:
        payload = headers.get("x-amz-content-sha256") or body_sha256 or hashlib.sha256(b"").hexdigest()
    canonical = "\n".join(
        (
            method,
            _canonical_path(path, found.service),
            _canonical_query(query),
            "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in found.signed_headers),
            ";".join(found.signed_headers),
            payload,
        )
    )
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join((ALGORITHM, found.timestamp, found.scope, hashed))
    expected = hmac.new(_signing_key(secret, found), to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, found.signature):
        raise ServiceError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
            403,
        )


def _check_time(found: Signature, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(found.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise ServiceError(
            "IncompleteSignature", f"x-amz-date is not YYYYMMDD'T'HHMMSS'Z': {found.timestamp!r}", 403
        ) from error
    if found.presigned:
        if now > signed_at + timedelta(seconds=found.expires_s):
            raise ServiceError("AccessDenied", "Request has expired", 403)
    elif abs(now - signed_at) > MAX_SKEW:
        raise ServiceError(
            "RequestTimeTooSkewed" if found.service == "s3" else "InvalidSignatureException",
            "The difference between the request time and the current time is too large.",
            403,
        )


def _canonical_path(path: str, service: str) -> str:
    # S3 signs the path as sent; every other service encodes the normalised path once more.
    return path if service == "s3" else quote(normalize_url_path(path), safe="/-_.~")


def _canonical_query(query: str) -> str:
    pairs = []
    for part in query.split("&") if query else []:
        name, _, value = part.partition("=")
        if name != "X-Amz-Signature":
            pairs.append((_encode(name), _encode(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encode(text: str) -> str:
    return quote(unquote(text.replace("+", "%20")), safe="-_.~")


def _signing_key(secret: str, found: Signature) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (found.date, found.region, found.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
