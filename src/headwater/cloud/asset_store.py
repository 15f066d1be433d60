"""The bucket of code: one an account and region, objects named by their content, a manifest a stack.

A manifest, `stacks/<stack>.json`, lists every key that the stack's deploys ever uploaded. It is written before the
first upload, so that an interrupted deploy leaves nothing that a later ``headwater destroy`` does not find. Older code
stays until the stack goes: an execution that is resumed runs the code that it began with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from headwater.cloud.refusals import error_code, explain, explain_client_side
from headwater.cloud.session import Cloud
from headwater.errors import CloudError

MULTIPART_BYTES = 100_000_000  # larger files go up in parts, by upload_file
MANIFESTS = "stacks/"
OWN_TAG = {"Key": "headwater:bucket", "Value": "assets"}  # of no workflow: it holds the code of all of them
_MISSING = ("404", "NoSuchKey", "NoSuchBucket")


@dataclass(frozen=True)
class AssetFile:
    """A file that a template refers to by its key in the assets bucket; the key names its content.

    A source that is a function makes its file when it is first needed.
    """

    key: str
    source: Path | bytes | Callable[[], Path]


class AssetStore:
    """The assets bucket of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._s3 = cloud.client("s3")

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return f"headwater-assets-{self._cloud.account}-{self._cloud.region}"

    def url(self, key: str) -> str:
        """Where CloudFormation finds a template of the bucket."""
        return f"{self._s3.meta.endpoint_url}/{self.bucket}/{key}"

    def exists(self) -> bool:
        """Whether the bucket is there; raises :class:`CloudError` when another account has it."""
        return bucket_exists(self._cloud, self.bucket, "the assets bucket")

    def prepare(self) -> None:
        """Make the bucket unless it is there: private, encrypted, over TLS only, versioned, with a life cycle."""
        if self.exists():
            return
        options: dict[str, Any] = {}
        if self._cloud.region != "us-east-1":
            options["CreateBucketConfiguration"] = {"LocationConstraint": self._cloud.region}
        try:
            self._s3.create_bucket(Bucket=self.bucket, **options)
            self._s3.get_waiter("bucket_exists").wait(Bucket=self.bucket)
            self._protect_or_remove()
        except ClientError as error:
            if error_code(error) != "BucketAlreadyOwnedByYou":
                raise explain(error) from error

    def _protect_or_remove(self) -> None:
        """A bucket that cannot be protected does not stay: the next deploy would take it for ours as it is."""
        try:
            self._protect()
        except ClientError:
            self._s3.delete_bucket(Bucket=self.bucket)
            raise

    def _protect(self) -> None:
        """The defaults that the plan gives the lake's bucket, too."""
        blocked = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        encrypted = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        arn = f"arn:{self._s3.meta.partition}:s3:::{self.bucket}"
        only_tls = {
            "Sid": "OnlyOverTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        rule = {
            "ID": "versions",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
        s3, bucket = self._s3, self.bucket
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(blocked, True))
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": encrypted})
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [only_tls]}))
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [OWN_TAG]})

    def upload(self, stack: str, assets: Iterable[AssetFile]) -> int:
        """Put what is not there yet; returns how many objects that was."""
        missing = [asset for asset in assets if not self.has(asset.key)]
        if missing:
            self._remember(stack, {asset.key for asset in missing})
        for asset in missing:
            self.put(asset)
        return len(missing)

    def package(self, assets: Iterable[AssetFile]) -> list[AssetFile]:
        """Make now what is made on need and lies in the bucket not yet: what cannot be made fails before a change."""
        there = self.exists()
        return [
            (
                AssetFile(asset.key, asset.source())
                if callable(asset.source) and not (there and self.has(asset.key))
                else asset
            )
            for asset in assets
        ]

    def has(self, key: str) -> bool:
        """Whether an object is there; its key names its content, so what is there is right."""
        try:
            self._s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _MISSING:
                return False
            raise explain(error) from error
        return True

    def put(self, asset: AssetFile) -> None:
        """Upload one object."""
        source = asset.source() if callable(asset.source) else asset.source
        try:
            if isinstance(source, bytes):
                self._s3.put_object(Bucket=self.bucket, Key=asset.key, Body=source)
            else:
                parts = TransferConfig(multipart_threshold=MULTIPART_BYTES)
                self._s3.upload_file(str(source), self.bucket, asset.key, Config=parts)
        except ClientError as error:
            raise explain(error) from error
        except BotoCoreError as error:
            raise explain_client_side(error) from error
        except OSError as error:
            raise CloudError(f"cannot read {error.filename}: {error.strerror}") from error

    def _remember(self, stack: str, keys: set[str]) -> None:
        known = self.keys_of(stack)
        if not keys <= known:
            body = json.dumps({"stack": stack, "keys": sorted(known | keys)}, indent=1).encode()
            self.put(AssetFile(_manifest(stack), body))

    def keys_of(self, stack: str) -> set[str]:
        """Every key that the stack's deploys uploaded or were to upload."""
        try:
            body = self._s3.get_object(Bucket=self.bucket, Key=_manifest(stack))["Body"].read()
        except ClientError as error:
            if error_code(error) in _MISSING:
                return set()
            raise explain(error) from error
        return set(json.loads(body)["keys"])

    def adopt(self, stack: str, assets: Iterable[AssetFile]) -> None:
        """Note that the stack uses these objects, whoever uploaded them."""
        self._remember(stack, {asset.key for asset in assets})

    def remove(self, stack: str, keep: Iterable[str] = ()) -> int:
        """Delete the stack's objects that no other stack uses, and its manifest; returns how many objects went.

        Parameters
        ----------
        keep:
            Keys that stay, since something that outlives the stack names them.
        """
        if not self.exists():
            return 0
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=MANIFESTS)
        others = [found["Key"] for page in pages for found in page.get("Contents", [])]
        used = set(keep)
        for key in others:
            if key != _manifest(stack):
                used |= self.keys_of(key.removeprefix(MANIFESTS).removesuffix(".json"))
        going = sorted(self.keys_of(stack) - used)
        self.delete(self.bucket, going)
        self.delete(self.bucket, [_manifest(stack)])
        return len(going)

    def delete(self, bucket: str, keys: list[str]) -> None:
        """Delete objects of a bucket, 1,000 a call. Raises :class:`CloudError` for the first that is refused."""
        for first in range(0, len(keys), 1000):
            batch = [{"Key": key} for key in keys[first : first + 1000]]
            try:
                answer = self._s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            except ClientError as error:
                raise explain(error) from error
            for failed in answer.get("Errors", []):
                raise CloudError(f"cannot delete s3://{bucket}/{failed['Key']}: {failed['Code']}: {failed['Message']}")


def bucket_exists(cloud: Cloud, bucket: str, what: str) -> bool:
    """Whether a bucket is there, and the account's own.

    Raises
    ------
    CloudError
        When it is another account's, or may not be used; ``what`` says which bucket it is.
    """
    try:
        cloud.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        code = error_code(error)
        if code in _MISSING:
            return False
        if code in ("403", "AccessDenied"):
            raise CloudError(
                f"{what} {bucket} is another account's, or {cloud.account} may not use it: "
                "a deploy needs s3:ListBucket, s3:GetObject and s3:PutObject on it",
                code,
                "HeadBucket",
            ) from error
        raise explain(error) from error
    return True


def _manifest(stack: str) -> str:
    return f"{MANIFESTS}{stack}.json"
