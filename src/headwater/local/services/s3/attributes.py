"""The members that S3 keeps with an object and gives back: headers, user metadata, tags, checksum, encryption.

Not faithful to AWS: encryption is recorded and given back, not done; the files stay readable by the machine's tools.
Storage classes are recorded; nothing is archived, so none needs a restore.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from headwater.local.bodies.checksums import ALGORITHMS
from headwater.local.service import Members, ServiceError
from headwater.local.services.s3 import errors
from headwater.local.services.s3.conditions import epoch_s
from headwater.local.services.s3.objects import StoredObject

HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
)
ENCRYPTION = ("BucketKeyEnabled", "SSEKMSKeyId", "ServerSideEncryption")
STORED = frozenset({*HEADERS, *ENCRYPTION, "Metadata", "StorageClass", "Tagging"})
#: Members that ask for nothing that is kept: who pays, whose bucket, and what the body's reader has verified.
CHECKED = frozenset(
    {
        "ACL",
        "ChecksumAlgorithm",
        "ContentLength",
        "ContentMD5",
        "ExpectedBucketOwner",
        "RequestPayer",
        *(f"Checksum{name}" for name in ALGORITHMS),
    }
)
OVERRIDES = {f"Response{name}": name for name in HEADERS[:6]}
STORAGE_CLASSES = frozenset(
    "DEEP_ARCHIVE EXPRESS_ONEZONE FSX_ONTAP FSX_OPENZFS GLACIER GLACIER_IR INTELLIGENT_TIERING ONEZONE_IA OUTPOSTS "
    "REDUCED_REDUNDANCY SNOW STANDARD STANDARD_IA".split()
)
ARCHIVED = frozenset({"DEEP_ARCHIVE", "GLACIER"})
MAX_METADATA_BYTES = 2048


def refuse_others(operation: str, members: Mapping[str, Any], accepted: frozenset[str]) -> None:
    """Refuse by name the members that an operation does not compute."""
    unknown = sorted(set(members) - accepted)
    if unknown:
        raise errors.not_kept(f"{operation} with {', '.join(unknown)}", "Leave the parameter out.")


def check_acl(acl: str | None) -> None:
    """Buckets enforce their owner (S3's default since 2023-04), so the only ACL is the owner's full control."""
    if acl not in (None, "bucket-owner-full-control"):
        raise ServiceError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def check_version(version_id: str | None) -> None:
    """Refuse any version but ``null``: versions are not kept."""
    if version_id not in (None, "null"):
        raise ServiceError(
            "NoSuchVersion",
            f"The specified version does not exist: Headwater keeps no versions, only 'null' (not {version_id!r}).",
            404,
            VersionId=version_id,
        )


def read_attributes(members: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(storage class, attributes to keep) of a request that makes an object."""
    storage_class = members.get("StorageClass", "STANDARD")
    if storage_class not in STORAGE_CLASSES:
        raise ServiceError("InvalidStorageClass", "The storage class you specified is not valid")
    if storage_class in ARCHIVED:
        raise errors.not_kept(f"the storage class {storage_class}", "Use GLACIER_IR or another that reads at once.")
    kept = {name: members[name] for name in (*HEADERS, *ENCRYPTION, "Metadata") if members.get(name) is not None}
    if "Expires" in kept:
        kept["Expires"] = epoch_s(kept["Expires"])
    encodings = [part.strip() for part in kept.pop("ContentEncoding", "").split(",")]
    if encoding := ",".join(part for part in encodings if part and part != "aws-chunked"):
        kept["ContentEncoding"] = encoding
    metadata = {name.lower(): value for name, value in kept.pop("Metadata", {}).items()}
    if sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items()) > MAX_METADATA_BYTES:
        raise ServiceError(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            MaxSizeAllowed=str(MAX_METADATA_BYTES),
        )
    if metadata:
        kept["Metadata"] = metadata
    if members.get("Tagging"):
        pairs = parse_qsl(members["Tagging"], keep_blank_values=True)
        kept["Tags"] = check_tags([{"Key": name, "Value": value} for name, value in pairs])
    return storage_class, kept


def check_tags(tags: list[dict[str, str]], limit: int = 10) -> list[dict[str, str]]:
    """The tags, or S3's error for what is wrong with them."""
    if len(tags) > limit:
        raise ServiceError("BadRequest", f"Object tags cannot be greater than {limit}")
    if len({tag["Key"] for tag in tags}) < len(tags):
        raise ServiceError("InvalidTag", "Cannot provide multiple Tags with the same key")
    for tag in tags:
        if not 1 <= len(tag["Key"]) <= 128 or tag["Key"].startswith("aws:"):
            raise ServiceError("InvalidTag", "The TagKey you have provided is invalid", TagKey=tag["Key"])
        if len(tag["Value"]) > 256:
            raise ServiceError("InvalidTag", "The TagValue you have provided is invalid", TagKey=tag["Key"])
    return [{"Key": tag["Key"], "Value": tag["Value"]} for tag in tags]


def shown(stored: StoredObject, checksum: bool) -> Members:
    """The members of an object that GetObject and HeadObject share."""
    kept = stored.attributes
    answer: Members = {
        "AcceptRanges": "bytes",
        "LastModified": datetime.fromtimestamp(stored.modified_s, UTC),
        "ContentLength": stored.size_bytes,
        "ETag": f'"{stored.etag}"',
        "ContentType": "binary/octet-stream",
        "Metadata": kept.get("Metadata", {}),
        **encryption(kept),
    }
    answer |= {name: kept[name] for name in HEADERS if name in kept}
    if "Expires" in kept:
        answer["Expires"] = datetime.fromtimestamp(kept["Expires"], UTC)
    if stored.storage_class != "STANDARD":
        answer["StorageClass"] = stored.storage_class
    if kept.get("Tags"):
        answer["TagCount"] = len(kept["Tags"])
    return answer | (checksum_members(kept) if checksum else {})


def encryption(kept: Mapping[str, Any]) -> Members:
    """The encryption members of an answer; S3 names its own keys when nobody asked for others."""
    return {"ServerSideEncryption": "AES256"} | {name: kept[name] for name in ENCRYPTION if name in kept}


def checksum_attributes(algorithm: str, value: str, kind: str = "FULL_OBJECT") -> dict[str, Any]:
    """How an object's checksum is kept among its attributes."""
    return {"Checksum": {"Algorithm": algorithm, "Value": value, "Type": kind}}


def checksum_members(kept: Mapping[str, Any]) -> Members:
    """The checksum members of an answer."""
    checksum = kept.get("Checksum")
    if not checksum:
        return {}
    return {f"Checksum{checksum['Algorithm']}": checksum["Value"], "ChecksumType": checksum["Type"]}
