"""ListObjects, ListObjectsV2 and ListObjectVersions over the bucket's folder.

Not faithful to AWS: versions are not kept, so ListObjectVersions gives each object once, as version ``null``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import quote

from headwater.local.service import Call, Members, operation
from headwater.local.services.s3 import errors
from headwater.local.services.s3.buckets import BucketOperations
from headwater.local.services.s3.objects import StoredObject

MAX_KEYS = 1000
URL_SAFE = "/-_.~*!'()"


@dataclass(frozen=True)
class Page:
    """One page: objects and common prefixes in order, and where the next one starts (empty at the end)."""

    objects: list[StoredObject]
    prefixes: list[str]
    next_after: str


def encoder(encoding_type: str | None) -> Any:
    """The function that writes keys as ``encoding-type`` asks."""
    if encoding_type is None:
        return lambda text: text
    if encoding_type != "url":
        raise errors.invalid_argument("encoding-type", encoding_type, "Invalid Encoding Method specified in Request")
    return lambda text: quote(text, safe=URL_SAFE)


class ListingOperations(BucketOperations):
    """The operations that list a bucket's objects."""

    def page(self, folder: str, bucket: str, prefix: str, delimiter: str, after: str, max_keys: int) -> Page:
        """At most ``max_keys`` objects and common prefixes that follow ``after``."""
        if max_keys < 0:
            raise errors.invalid_argument(
                "maxKeys", max_keys, "Argument maxKeys must be an integer between 0 and 2147483647"
            )
        limit = min(max_keys, MAX_KEYS)
        if limit == 0:
            return Page([], [], "")
        found = list(islice(self._entries(folder, prefix, delimiter, after), limit + 1))
        more = len(found) > limit
        shown = found[:limit]
        objects = self.objects.describe_page(bucket, [(key, path) for key, path in shown if path])
        return Page(objects, [key for key, path in shown if not path], shown[-1][0] if more else "")

    def _entries(self, folder: str, prefix: str, delimiter: str, after: str) -> Iterator[tuple[str, str]]:
        """(key, path), or (common prefix, empty)."""
        if delimiter in ("", "/"):
            yield from self.tree.walk(folder, prefix, after, fold=bool(delimiter))
            return
        last = after if delimiter in after[len(prefix) :] and after.endswith(delimiter) else None
        for key, path in self.tree.walk(folder, prefix, after):
            cut = key.find(delimiter, len(prefix))
            if cut < 0:
                yield key, path
            elif (common := key[: cut + len(delimiter)]) != last:
                last = common
                yield common, ""

    def entry(self, stored: StoredObject, owner: bool) -> Members:
        """An object as listings show it."""
        shown: Members = {
            "Key": stored.key,
            "LastModified": datetime.fromtimestamp(stored.modified_s, UTC),
            "ETag": f'"{stored.etag}"',
            "Size": stored.size_bytes,
            "StorageClass": stored.storage_class,
        }
        if stored.checksum_algorithm:
            algorithm, _, kind = stored.checksum_algorithm.partition(":")
            shown |= {"ChecksumAlgorithm": [algorithm], "ChecksumType": kind}
        if owner:
            shown["Owner"] = self.owner()
        return shown

    @operation
    def list_objects_v2(
        self,
        call: Call,
        Bucket: str,
        Prefix: str = "",
        Delimiter: str = "",
        MaxKeys: int = MAX_KEYS,
        StartAfter: str = "",
        ContinuationToken: str | None = None,
        EncodingType: str | None = None,
        FetchOwner: bool = False,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
        OptionalObjectAttributes: list[str] | None = None,
    ) -> Members:
        """One page of a bucket's keys, in UTF-8 order."""
        folder = self.bucket_folder(Bucket, ExpectedBucketOwner)
        encode = encoder(EncodingType)
        after = StartAfter if ContinuationToken is None else _read_token(ContinuationToken)
        page = self.page(folder, Bucket, Prefix, Delimiter, after, MaxKeys)
        answer: Members = {
            "Name": Bucket,
            "Prefix": encode(Prefix),
            "MaxKeys": min(MaxKeys, MAX_KEYS),
            "KeyCount": len(page.objects) + len(page.prefixes),
            "IsTruncated": bool(page.next_after),
        }
        answer |= self._contents("Contents", page, encode, FetchOwner)
        if page.next_after:
            answer["NextContinuationToken"] = base64.urlsafe_b64encode(page.next_after.encode()).decode()
        given = {"ContinuationToken": ContinuationToken, "EncodingType": EncodingType}
        answer |= {name: value for name, value in given.items() if value is not None}
        encoded = {"Delimiter": encode(Delimiter), "StartAfter": encode(StartAfter)}
        return answer | {name: value for name, value in encoded.items() if value}

    @operation
    def list_objects(
        self,
        call: Call,
        Bucket: str,
        Prefix: str = "",
        Delimiter: str = "",
        MaxKeys: int = MAX_KEYS,
        Marker: str = "",
        EncodingType: str | None = None,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
        OptionalObjectAttributes: list[str] | None = None,
    ) -> Members:
        """One page of a bucket's keys; NextMarker comes only with a delimiter, as on AWS."""
        folder = self.bucket_folder(Bucket, ExpectedBucketOwner)
        encode = encoder(EncodingType)
        page = self.page(folder, Bucket, Prefix, Delimiter, Marker, MaxKeys)
        answer: Members = {
            "Name": Bucket,
            "Prefix": encode(Prefix),
            "Marker": encode(Marker),
            "MaxKeys": min(MaxKeys, MAX_KEYS),
            "IsTruncated": bool(page.next_after),
        }
        answer |= self._contents("Contents", page, encode, owner=True)
        if EncodingType:
            answer["EncodingType"] = EncodingType
        if Delimiter:
            answer["Delimiter"] = encode(Delimiter)
            if page.next_after:
                answer["NextMarker"] = encode(page.next_after)
        return answer

    @operation
    def list_object_versions(
        self,
        call: Call,
        Bucket: str,
        Prefix: str = "",
        Delimiter: str = "",
        MaxKeys: int = MAX_KEYS,
        KeyMarker: str = "",
        VersionIdMarker: str = "",
        EncodingType: str | None = None,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
        OptionalObjectAttributes: list[str] | None = None,
    ) -> Members:
        """One page of a bucket's keys, each as its only version, ``null``."""
        folder = self.bucket_folder(Bucket, ExpectedBucketOwner)
        encode = encoder(EncodingType)
        page = self.page(folder, Bucket, Prefix, Delimiter, KeyMarker, MaxKeys)
        answer: Members = {
            "Name": Bucket,
            "Prefix": encode(Prefix),
            "KeyMarker": encode(KeyMarker),
            "VersionIdMarker": VersionIdMarker,
            "MaxKeys": min(MaxKeys, MAX_KEYS),
            "IsTruncated": bool(page.next_after),
        }
        answer |= self._contents("Versions", page, encode, owner=True)
        for version in answer.get("Versions", ()):
            version |= {"VersionId": "null", "IsLatest": True}
        if EncodingType:
            answer["EncodingType"] = EncodingType
        if Delimiter:
            answer["Delimiter"] = encode(Delimiter)
        if page.next_after:
            answer |= {"NextKeyMarker": encode(page.next_after), "NextVersionIdMarker": "null"}
        return answer

    def _contents(self, name: str, page: Page, encode: Any, owner: bool) -> Members:
        answer: Members = {}
        if page.objects:
            answer[name] = [
                entry | {"Key": encode(entry["Key"])}
                for entry in (self.entry(stored, owner) for stored in page.objects)
            ]
        if page.prefixes:
            answer["CommonPrefixes"] = [{"Prefix": encode(prefix)} for prefix in page.prefixes]
        return answer


def _read_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise errors.invalid_argument(
            "continuation-token", token, "The continuation token provided is incorrect"
        ) from None
