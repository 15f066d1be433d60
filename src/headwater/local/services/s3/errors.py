"""S3's errors, with S3's codes and texts.

Source: Amazon S3 API Reference, "Error responses" (2025).
"""

from __future__ import annotations

from headwater.local.service import ServiceError


def no_such_bucket(bucket: str) -> ServiceError:
    """The bucket does not exist."""
    return ServiceError("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=bucket)


def no_such_key(key: str) -> ServiceError:
    """The object does not exist."""
    return ServiceError("NoSuchKey", "The specified key does not exist.", 404, Key=key)


def no_such_upload(upload_id: str) -> ServiceError:
    """The multipart upload does not exist."""
    return ServiceError(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed.",
        404,
        UploadId=upload_id,
    )


def invalid_argument(name: str, value: object, message: str) -> ServiceError:
    """A parameter has a value that S3 refuses."""
    return ServiceError("InvalidArgument", message, 400, ArgumentName=name, ArgumentValue=str(value))


def precondition_failed(condition: str) -> ServiceError:
    """A condition of the request does not hold."""
    return ServiceError(
        "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412, Condition=condition
    )


def malformed_xml() -> ServiceError:
    """The body lacks what the operation needs."""
    return ServiceError(
        "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
    )


def key_too_long(key: str, limit_bytes: int) -> ServiceError:
    """The key, or its path on disk, is over the limit."""
    return ServiceError(
        "KeyTooLongError",
        "Your key is too long",
        400,
        Size=str(len(key.encode("utf-8", "replace"))),
        MaxSizeAllowed=str(limit_bytes),
    )


def not_kept(what: str, mend: str) -> ServiceError:
    """A member whose promise Headwater cannot keep is refused, never ignored."""
    return ServiceError("NotImplemented", f"Headwater does not compute {what}, and refuses it. {mend}", 501)
