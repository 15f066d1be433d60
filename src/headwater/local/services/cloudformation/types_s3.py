"""AWS::S3 types: buckets with their configuration, and bucket policies.

A bucket that still holds objects is not deleted, as on AWS.
"""

from __future__ import annotations

import json
from typing import Any

from headwater.local.service import Members
from headwater.local.services.cloudformation import shapes
from headwater.local.services.cloudformation.bucket_configuration import CONFIGURATIONS
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.resource_type import (
    ApiType,
    Handle,
    Made,
    Properties,
    ResourceType,
    merged_tags,
    tag_list,
    words,
)
from headwater.local.service import ServiceError

# What a configuration without a delete operation is put back to.
CLEARED: dict[str, Members] = {
    "AccelerateConfiguration": {"Status": "Suspended"},
    "LoggingConfiguration": {},
    "NotificationConfiguration": {},
    "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"},
    "VersioningConfiguration": {"Status": "Suspended"},
}


class Bucket(ApiType):
    """A bucket; Ref gives its name."""

    name = "AWS::S3::Bucket"
    service = "s3"
    properties = words("AccessControl BucketName ObjectLockEnabled Tags") | frozenset(CONFIGURATIONS)
    create_only = words("BucketName")
    naming = Naming("BucketName", 63, lower=True)
    create_call, update_call, delete_call = "create_bucket", "put_bucket_acl", "delete_bucket"
    apart = frozenset(CONFIGURATIONS) | words("AccessControl ObjectLockEnabled")
    renames = {"BucketName": "Bucket"}
    ref = "{BucketName}"
    getatt = {
        "Arn": "arn:{partition}:s3:::{BucketName}",
        "DomainName": "{BucketName}.s3.amazonaws.com",
        "DualStackDomainName": "{BucketName}.s3.dualstack.{region}.amazonaws.com",
        "RegionalDomainName": "{BucketName}.s3.{region}.amazonaws.com",
        "WebsiteURL": "http://{BucketName}.s3-website-{region}.amazonaws.com",
    }
    delete_on = {"Bucket": "{id}"}

    def create_members(self, handle: Handle, properties: Properties) -> Members:
        """With the region, and object lock, which can only be asked for here."""
        members = super().create_members(handle, properties)
        if handle.endpoint.region != "us-east-1":
            members["CreateBucketConfiguration"] = {"LocationConstraint": handle.endpoint.region}
        if str(properties.get("ObjectLockEnabled", "false")).lower() == "true":
            members["ObjectLockEnabledForBucket"] = True
        return members

    def exists(self, handle: Handle, properties: Properties) -> bool:
        """Whether the bucket is there, and may be taken over."""
        return self._found(handle, properties) == 200

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Make the bucket; one that is there already is a failure, also when it is one's own, as on AWS."""
        found = self._found(handle, properties)
        if found != 404:
            whose = "" if found == 200 else ", and is another account's or may not be used"
            raise ServiceError("BucketAlreadyExists", f"{properties['BucketName']} already exists{whose}", 409)
        return super().create(handle, properties)

    @staticmethod
    def _found(handle: Handle, properties: Properties) -> int:
        """What S3 answers to a look at the bucket: 200, 403 or 404."""
        try:
            return 200 if handle.has("s3", "head_bucket", Bucket=properties["BucketName"]) else 404
        except ServiceError as error:
            if error.status == 403:
                return 403
            raise

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Put each configuration that changed."""
        made = self.made(handle, physical_id, new, {})
        self.after(handle, made, old, new)
        return made

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Put what changed, remove what is no longer there."""
        bucket = made.physical_id
        if not old and (tags := merged_tags(handle, new.get("Tags"))):
            handle.call("s3", "put_bucket_tagging", Bucket=bucket, Tagging={"TagSet": tag_list(tags)})
        if new.get("AccessControl") != old.get("AccessControl"):
            acl = str(new.get("AccessControl", "Private"))
            handle.call("s3", "put_bucket_acl", Bucket=bucket, ACL=_canned(acl))
        for name in sorted(CONFIGURATIONS):
            if old.get(name) != new.get(name):
                self._configure(handle, bucket, name, new.get(name))

    @staticmethod
    def _configure(handle: Handle, bucket: str, name: str, value: Any) -> None:
        put, member, convert, delete = CONFIGURATIONS[name]
        if value is None and delete:
            handle.call("s3", delete, Bucket=bucket)
            return
        body = CLEARED[name] if value is None else convert(value)
        handle.call("s3", put, Bucket=bucket, **shapes.to_members("s3", put, {member: body}))

    def update_tags(self, handle: Handle, made: Made, properties: Properties, old: Any) -> None:
        """Put the whole set of tags."""
        tags = merged_tags(handle, properties.get("Tags"))
        if tags:
            handle.call("s3", "put_bucket_tagging", Bucket=made.physical_id, Tagging={"TagSet": tag_list(tags)})
        else:
            handle.call("s3", "delete_bucket_tagging", Bucket=made.physical_id)


def _canned(acl: str) -> str:
    """``PublicRead`` → ``public-read``."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in acl).lstrip("-")


class BucketPolicy(ResourceType):
    """A bucket's policy; Ref gives the bucket's name."""

    name = "AWS::S3::BucketPolicy"
    properties = words("Bucket PolicyDocument")
    required = properties
    create_only = words("Bucket")

    def predicted_id(self, handle: Handle, properties: Properties) -> str:
        """The bucket."""
        return str(properties["Bucket"])

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Put the policy."""
        document = properties["PolicyDocument"]
        policy = document if isinstance(document, str) else json.dumps(document)
        handle.call("s3", "put_bucket_policy", Bucket=properties["Bucket"], Policy=policy)
        return Made(str(properties["Bucket"]))

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Put the policy again."""
        return self.create(handle, new)

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Delete the policy; a bucket that is gone has none."""
        handle.remove("s3", "delete_bucket_policy", Bucket=physical_id)
