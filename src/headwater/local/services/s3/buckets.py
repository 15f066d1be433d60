"""Buckets: names, creation, deletion, listing, location.

A bucket is a record and a folder. A folder without a record is not a bucket; a bucket whose folder was removed by hand
is empty.

A bucket belongs to the account that made it. To an endpoint that is started on the same home for another account, its
name is taken and it may not be used.

Not faithful to AWS: names are unique on this endpoint, not in the world; no policy lets another account in.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import uuid
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.s3 import errors
from headwater.local.services.s3.keys import is_side_file
from headwater.local.services.s3.objects import ObjectStore
from headwater.local.services.s3.tree import Tree
from headwater.local.store import Record

BUCKETS = "s3.bucket"
CONFIGURATIONS = "s3.configuration"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
_IP_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_RESERVED_STARTS = ("xn--", "sthree-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")

#: What AWS sets on every new bucket (since 2023-04).
NEW_BUCKET = {
    "ownership": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    "public_access_block": {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    },
}


def check_bucket_name(name: str) -> None:
    """Raise InvalidBucketName unless ``name`` keeps S3's rules.

    Source: Amazon S3 User Guide, "General purpose bucket naming rules" (2025). Names beginning with
    ``amzn-s3-demo-`` are reserved by AWS for its documentation, and taken here, so that its examples run.
    """
    wrong = (
        not _NAME.fullmatch(name)
        or ".." in name
        or _IP_ADDRESS.fullmatch(name)
        or name.startswith(_RESERVED_STARTS)
        or name.endswith(_RESERVED_ENDS)
    )
    if wrong:
        raise ServiceError("InvalidBucketName", "The specified bucket is not valid.", 400, BucketName=name)


class BucketOperations(Service, ABC):
    """The operations on buckets themselves."""

    objects: ObjectStore
    tree: Tree

    def owner(self) -> Members:
        """The account's canonical user."""
        return {"ID": f"{int(self.endpoint.account):064x}"}

    def bucket_folder(self, bucket: str, expected_owner: str | None = None) -> str:
        """The folder of a bucket. Raises NoSuchBucket, or AccessDenied for another account's or another owner."""
        if expected_owner is not None and expected_owner != self.endpoint.account:
            raise ServiceError("AccessDenied", "Access Denied", 403)
        record = self.store.get(BUCKETS, bucket)
        if record is None:
            raise errors.no_such_bucket(bucket)
        if not self._owns(record):
            raise ServiceError("AccessDenied", "Access Denied", 403)
        folder = self.objects.folder(bucket)
        try:
            if not stat.S_ISDIR(os.lstat(folder).st_mode):
                raise ServiceError("InvalidBucketState", f"{folder} is not a folder; move it away", 409)
        except FileNotFoundError:
            os.mkdir(folder)
        return folder

    def _owns(self, record: Record) -> bool:
        """Whether a bucket is the endpoint's account's; those made before accounts were kept are."""
        return bool(record.get("account", self.endpoint.account) == self.endpoint.account)

    @operation
    def create_bucket(
        self,
        call: Call,
        Bucket: str,
        ACL: str = "private",
        CreateBucketConfiguration: Members | None = None,
        ObjectOwnership: str = "BucketOwnerEnforced",
        ObjectLockEnabledForBucket: bool = False,
    ) -> Members:
        """Make a bucket; one's own that is already there, in us-east-1, is not an error, as on AWS."""
        check_bucket_name(Bucket)
        if ObjectLockEnabledForBucket:
            raise errors.not_kept("object lock", "Create the bucket without ObjectLockEnabledForBucket.")
        if ACL != "private":
            raise ServiceError(
                "InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's " "BucketOwnerEnforced setting",
            )
        configuration = CreateBucketConfiguration or {}
        region = configuration.get("LocationConstraint") or call.region
        if region != self.endpoint.region:
            raise ServiceError(
                "IllegalLocationConstraintException",
                f"The {region} location constraint is incompatible for the region specific endpoint this request was "
                "sent to.",
            )
        record = {
            "created_s": int(datetime.now(UTC).timestamp()),
            "region": region,
            "account": self.endpoint.account,
        }
        with self.store.transaction():
            found = self.store.get(BUCKETS, Bucket)
            if found is not None:
                if not self._owns(found):
                    raise ServiceError(
                        "BucketAlreadyExists",
                        "The requested bucket name is not available. The bucket namespace is shared by all users of "
                        "the system. Please select a different name and try again.",
                        409,
                        BucketName=Bucket,
                    )
                if region != "us-east-1":
                    raise ServiceError(
                        "BucketAlreadyOwnedByYou",
                        "Your previous request to create the named bucket succeeded and you already own it.",
                        409,
                        BucketName=Bucket,
                    )
                return {"Location": f"/{Bucket}"}
            os.makedirs(self.objects.folder(Bucket), exist_ok=True)
            self.store.put(BUCKETS, Bucket, record)
            defaults: dict[str, Any] = NEW_BUCKET | {"ownership": {"Rules": [{"ObjectOwnership": ObjectOwnership}]}}
            if configuration.get("Tags"):
                defaults["tagging"] = {"TagSet": configuration["Tags"]}
            for name, value in defaults.items():
                self.store.put(CONFIGURATIONS, f"{Bucket}/{name}/", {"value": value})
        return {"Location": f"/{Bucket}"}

    @operation
    def head_bucket(self, call: Call, Bucket: str, ExpectedBucketOwner: str | None = None) -> Members:
        """Whether a bucket exists, and where."""
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        return {"BucketRegion": self.endpoint.region, "AccessPointAlias": False, "BucketArn": f"arn:aws:s3:::{Bucket}"}

    @operation
    def get_bucket_location(self, call: Call, Bucket: str, ExpectedBucketOwner: str | None = None) -> Members:
        """The bucket's region; us-east-1 is null, as on AWS."""
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        region = self.endpoint.region
        return {"LocationConstraint": None if region == "us-east-1" else region}

    @operation
    def list_buckets(
        self,
        call: Call,
        MaxBuckets: int = 10_000,
        ContinuationToken: str = "",
        Prefix: str = "",
        BucketRegion: str | None = None,
    ) -> Members:
        """The account's buckets by name, in pages."""
        if not 1 <= MaxBuckets <= 10_000:
            raise errors.invalid_argument("max-buckets", MaxBuckets, "max-buckets must be between 1 and 10000")
        found = self.store.scan(BUCKETS, prefix=Prefix, after=ContinuationToken, limit=MaxBuckets + 1)
        buckets = [
            {
                "Name": name,
                "CreationDate": datetime.fromtimestamp(record["created_s"], UTC),
                "BucketRegion": record["region"],
                "BucketArn": f"arn:aws:s3:::{name}",
            }
            for name, record in found[:MaxBuckets]
            if BucketRegion in (None, record["region"]) and self._owns(record)
        ]
        answer: Members = {"Buckets": buckets, "Owner": self.owner()}
        if Prefix:
            answer["Prefix"] = Prefix
        if len(found) > MaxBuckets:
            answer["ContinuationToken"] = found[MaxBuckets - 1][0]
        return answer

    @operation
    def delete_bucket(self, call: Call, Bucket: str, ExpectedBucketOwner: str | None = None) -> Members:
        """Remove an empty bucket with its configuration and its unfinished uploads."""
        folder = self.bucket_folder(Bucket, ExpectedBucketOwner)
        not_empty = ServiceError(
            "BucketNotEmpty", "The bucket you tried to delete is not empty", 409, BucketName=Bucket
        )
        if _holds_file(folder):
            raise not_empty
        grave = self.endpoint.home / "tmp" / f"bucket-{uuid.uuid4().hex}"
        grave.parent.mkdir(exist_ok=True)
        with self.store.transaction():
            os.rename(folder, grave)
            if _holds_file(str(grave)):  # a put came between
                os.rename(grave, folder)
                raise not_empty
            self.store.delete(BUCKETS, Bucket)
            for key, _ in self.store.scan(CONFIGURATIONS, prefix=f"{Bucket}/"):
                self.store.delete(CONFIGURATIONS, key)
            self.objects.forget_bucket(Bucket)
            self.forget_uploads(Bucket)
        shutil.rmtree(grave, ignore_errors=True)
        return {}

    @abstractmethod
    def forget_uploads(self, bucket: str) -> None:
        """Drop the unfinished uploads of a deleted bucket."""


def _holds_file(folder: str) -> bool:
    """Whether anything but folders and Hadoop's side files is there; files that are no objects count: they are data."""
    for _, _, files in os.walk(folder):
        if any(not is_side_file(name) for name in files):
            return True
    return False
