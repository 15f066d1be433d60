"""boto's errors as ours, by AWS's code: what was asked, what AWS said, and what mends it. The only such place."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from headwater.errors import CloudError, CredentialsError, EndpointError

# Codes of the services' "common errors", AWS API references, 2026-11: each service has its own spelling.
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
UNKNOWN_KEY = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
HINTS = {
    "AccessDenied": "ask whoever manages the account for this permission, or choose another --profile",
    "AccessDeniedException": "ask whoever manages the account for this permission, or choose another --profile",
    "AuthorizationHeaderMalformed": "the resource is in another region: pass --region",
    "BucketAlreadyExists": "another account has a bucket of this name: choose another name for the lake",
    "IllegalLocationConstraintException": "the bucket's region is another one: pass --region",
    "OptInRequired": "the account has not enabled this region: enable it, or pass another --region",
    "PermanentRedirect": "the bucket is in another region: pass --region",
}


def error_code(error: ClientError) -> str:
    """AWS's code of an error (``NoSuchKey``)."""
    return str(error.response["Error"]["Code"])


def explain(error: ClientError) -> CloudError:
    """A service's error as one of ours: which call, AWS's code, AWS's words, and what to do."""
    said = error.response["Error"]
    code, operation = str(said["Code"]), str(error.operation_name)
    text = f"{operation} failed: {code}: {said.get('Message', '')}"
    if code in EXPIRED:
        mend = "the session has expired: sign in again (`aws sso login`), or get a new session token"
        return CredentialsError(f"{text}\n{mend}", code, operation)
    if code in UNKNOWN_KEY:
        mend = "AWS does not know these credentials: check --profile, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        return CredentialsError(f"{text}\n{mend}", code, operation)
    return CloudError(f"{text}\n{HINTS[code]}" if code in HINTS else text, code, operation)


def explain_client_side(error: BotoCoreError) -> CloudError:
    """An error that boto raised before any service answered."""
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return CredentialsError(f"{error}: run `aws configure` or `aws sso login`, or pass --profile")
    if isinstance(error, (SSOError, TokenRetrievalError)):
        return CredentialsError(f"{error}: sign in again with `aws sso login`")
    if isinstance(error, ProfileNotFound):
        return CloudError(f"{error}: `aws configure list-profiles` shows those that there are")
    if isinstance(error, NoRegionError):
        return CloudError("no region is set: pass --region, or set AWS_DEFAULT_REGION")
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return EndpointError(f"{error}: is the region right (--region), and is the network there?")
    return CloudError(str(error))
