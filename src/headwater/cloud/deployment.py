"""A template and its assets, deployed to either endpoint: only what changed is uploaded, nothing is done twice.

Knows neither workflow nor plan: what it takes is a template, files, and names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.session import Cloud, error_code, explain
from headwater.cloud.stacks import INLINE_TEMPLATE_BYTES, Stacks
from headwater.errors import CloudError

ASSETS_PARAMETER = "AssetsBucket"
DIGEST_TAG = "headwater:template"


@dataclass(frozen=True)
class AssetFile:
    """A file that the template refers to by its key in the assets bucket; the key names its content."""

    key: str
    source: Path | bytes


class Deployment:
    """One stack of one cloud.

    Parameters
    ----------
    stack:
        The stack's name.
    """

    def __init__(self, cloud: Cloud, stack: str) -> None:
        self._cloud = cloud
        self._s3 = cloud.client("s3")
        self._stacks = Stacks(cloud)
        self.stack = stack

    @property
    def assets_bucket(self) -> str:
        """The bucket of code, one an account and region, made by the first deploy."""
        return f"headwater-assets-{self._cloud.account}-{self._cloud.region}"

    def outputs(self) -> dict[str, str] | None:
        """The stack's outputs, or None when it is not there."""
        return self._stacks.outputs(self.stack)

    def apply(
        self,
        template: Mapping[str, Any],
        assets: Iterable[AssetFile],
        tags: Mapping[str, str],
        progress: Callable[[str], None] = lambda line: None,
    ) -> dict[str, str]:
        """Make the stack as the template says, unless it is so already; returns its outputs.

        Raises
        ------
        CloudError
            When a call is refused.
        StackError
            When the stack failed and was rolled back: which resource, and why.
        """
        body = json.dumps(template, sort_keys=True)
        digest = hashlib.sha256(body.encode()).hexdigest()
        self._make_assets_bucket()
        uploaded = sum(self._upload(asset) for asset in assets)
        if uploaded:
            progress(f"uploaded {uploaded} asset(s)")
        found = self._stacks.tags(self.stack)
        if found is not None and found.get(DIGEST_TAG) == digest:
            outputs = self.outputs()
            if outputs is not None:
                return outputs
        return self._stacks.deploy(
            self.stack,
            body,
            parameters={ASSETS_PARAMETER: self.assets_bucket} if ASSETS_PARAMETER in template["Parameters"] else {},
            tags={**tags, DIGEST_TAG: digest},
            progress=progress,
            template_url=self._template_url(body, digest),
        )

    def _template_url(self, body: str, digest: str) -> str | None:
        """Where the template lies in S3, when it is too long to be sent in the request."""
        if len(body.encode()) <= INLINE_TEMPLATE_BYTES:
            return None
        key = f"templates/{digest}.json"
        self._upload(AssetFile(key, body.encode()))
        return f"{self._s3.meta.endpoint_url}/{self.assets_bucket}/{key}"

    def _make_assets_bucket(self) -> None:
        options: dict[str, Any] = {}
        if self._cloud.region != "us-east-1":
            options["CreateBucketConfiguration"] = {"LocationConstraint": self._cloud.region}
        try:
            self._s3.head_bucket(Bucket=self.assets_bucket)
            return
        except ClientError as error:
            if error_code(error) not in ("404", "NoSuchBucket"):
                raise explain(error) from error
        try:
            self._s3.create_bucket(Bucket=self.assets_bucket, **options)
            self._s3.put_public_access_block(
                Bucket=self.assets_bucket,
                PublicAccessBlockConfiguration={
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
            )
        except ClientError as error:
            if error_code(error) != "BucketAlreadyOwnedByYou":
                raise explain(error) from error

    def _upload(self, asset: AssetFile) -> bool:
        try:
            self._s3.head_object(Bucket=self.assets_bucket, Key=asset.key)
            return False  # the key names the content: what is there is right
        except ClientError as error:
            if error_code(error) not in ("404", "NoSuchKey"):
                raise explain(error) from error
        try:
            body = asset.source if isinstance(asset.source, bytes) else asset.source.read_bytes()
            self._s3.put_object(Bucket=self.assets_bucket, Key=asset.key, Body=body)
        except ClientError as error:
            raise explain(error) from error
        except OSError as error:
            raise CloudError(f"cannot read {error.filename}: {error.strerror}") from error
        return True
