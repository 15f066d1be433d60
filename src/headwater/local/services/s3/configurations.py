"""Buckets' configuration sub-resources: stored and given back through one table.

What is stored is not acted upon here: no object expires by a lifecycle rule, no notification is sent, no access is
logged, nothing is replicated, no website is served. Versioning's status is kept; versions are not.
Object lock, ACLs and what else would promise protection are refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headwater.local.identity.policy_checks import bucket_policy_problem
from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.s3 import errors
from headwater.local.services.s3.attributes import check_acl, check_tags, refuse_others
from headwater.local.services.s3.buckets import CONFIGURATIONS, BucketOperations

_COMMON = frozenset({"ChecksumAlgorithm", "ContentMD5", "ExpectedBucketOwner", "RequestPayer"})


@dataclass(frozen=True)
class SubResource:
    """One configuration of a bucket.

    Attributes
    ----------
    name:
        Its key in the store.
    member:
        The request's member that holds it.
    get, put, delete, list:
        The methods' names; empty where S3 has none (``delete``) or Headwater computes none.
    wrapped:
        True when GetX answers the member itself, False when it answers the member's own members.
    absent:
        The error (code, text) when there is none, or the answer.
    by_id:
        True when a bucket has several, by Id.
    extra:
        Further members that PutX takes and GetX gives back.
    """

    name: str
    member: str
    get: str
    put: str = ""
    delete: str = ""
    list: str = ""
    wrapped: bool = False
    absent: tuple[str, str] | Members = ("", "")
    by_id: bool = False
    extra: frozenset[str] = frozenset()


_NO_CONFIGURATION = ("NoSuchConfiguration", "The specified configuration does not exist.")
_AES256 = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]}

SUB_RESOURCES = (
    SubResource(
        "accelerate",
        "AccelerateConfiguration",
        "get_bucket_accelerate_configuration",
        "put_bucket_accelerate_configuration",
        absent={},
    ),
    SubResource(
        "analytics",
        "AnalyticsConfiguration",
        "get_bucket_analytics_configuration",
        "put_bucket_analytics_configuration",
        "delete_bucket_analytics_configuration",
        "list_bucket_analytics_configurations",
        wrapped=True,
        absent=_NO_CONFIGURATION,
        by_id=True,
    ),
    SubResource(
        "cors",
        "CORSConfiguration",
        "get_bucket_cors",
        "put_bucket_cors",
        "delete_bucket_cors",
        absent=("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    ),
    # Every bucket is encrypted with S3's keys unless told otherwise (since 2023-01), so there is no error when absent.
    SubResource(
        "encryption",
        "ServerSideEncryptionConfiguration",
        "get_bucket_encryption",
        "put_bucket_encryption",
        "delete_bucket_encryption",
        wrapped=True,
        absent={"ServerSideEncryptionConfiguration": _AES256},
    ),
    SubResource(
        "intelligent_tiering",
        "IntelligentTieringConfiguration",
        "get_bucket_intelligent_tiering_configuration",
        "put_bucket_intelligent_tiering_configuration",
        "delete_bucket_intelligent_tiering_configuration",
        "list_bucket_intelligent_tiering_configurations",
        wrapped=True,
        absent=_NO_CONFIGURATION,
        by_id=True,
    ),
    SubResource(
        "inventory",
        "InventoryConfiguration",
        "get_bucket_inventory_configuration",
        "put_bucket_inventory_configuration",
        "delete_bucket_inventory_configuration",
        "list_bucket_inventory_configurations",
        wrapped=True,
        absent=_NO_CONFIGURATION,
        by_id=True,
    ),
    SubResource(
        "lifecycle",
        "LifecycleConfiguration",
        "get_bucket_lifecycle_configuration",
        "put_bucket_lifecycle_configuration",
        "delete_bucket_lifecycle",
        absent=("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        extra=frozenset({"TransitionDefaultMinimumObjectSize"}),
    ),
    SubResource("logging", "BucketLoggingStatus", "get_bucket_logging", "put_bucket_logging", absent={}),
    SubResource(
        "metrics",
        "MetricsConfiguration",
        "get_bucket_metrics_configuration",
        "put_bucket_metrics_configuration",
        "delete_bucket_metrics_configuration",
        "list_bucket_metrics_configurations",
        wrapped=True,
        absent=_NO_CONFIGURATION,
        by_id=True,
    ),
    SubResource(
        "notification",
        "NotificationConfiguration",
        "get_bucket_notification_configuration",
        "put_bucket_notification_configuration",
        absent={},
    ),
    SubResource(
        "object_lock",
        "ObjectLockConfiguration",
        "get_object_lock_configuration",
        absent=(
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ),
    ),
    SubResource(
        "ownership",
        "OwnershipControls",
        "get_bucket_ownership_controls",
        "put_bucket_ownership_controls",
        "delete_bucket_ownership_controls",
        wrapped=True,
        absent=("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
    ),
    SubResource(
        "policy",
        "Policy",
        "get_bucket_policy",
        "put_bucket_policy",
        "delete_bucket_policy",
        wrapped=True,
        absent=("NoSuchBucketPolicy", "The bucket policy does not exist"),
    ),
    SubResource(
        "public_access_block",
        "PublicAccessBlockConfiguration",
        "get_public_access_block",
        "put_public_access_block",
        "delete_public_access_block",
        wrapped=True,
        absent=("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
    ),
    SubResource(
        "replication",
        "ReplicationConfiguration",
        "get_bucket_replication",
        "put_bucket_replication",
        "delete_bucket_replication",
        wrapped=True,
        absent=("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
    ),
    SubResource(
        "request_payment",
        "RequestPaymentConfiguration",
        "get_bucket_request_payment",
        "put_bucket_request_payment",
        absent={"Payer": "BucketOwner"},
    ),
    SubResource(
        "tagging",
        "Tagging",
        "get_bucket_tagging",
        "put_bucket_tagging",
        "delete_bucket_tagging",
        absent=("NoSuchTagSet", "The TagSet does not exist"),
    ),
    SubResource("versioning", "VersioningConfiguration", "get_bucket_versioning", "put_bucket_versioning", absent={}),
    SubResource(
        "website",
        "WebsiteConfiguration",
        "get_bucket_website",
        "put_bucket_website",
        "delete_bucket_website",
        absent=("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
    ),
)
OPTIONS = frozenset({"SkipDestinationValidation", "ConfirmRemoveSelfBucketAccess"})


class ConfigurationOperations(BucketOperations):
    """The operations on sub-resources; those of :data:`SUB_RESOURCES` are added below the class."""

    def policy_of(self, bucket: str) -> str | None:
        """The policy document of a bucket, for who decides calls; None where there is no policy, or no bucket."""
        record = self.store.get(CONFIGURATIONS, f"{bucket}/policy/")
        return None if record is None else str(record["value"])

    def _get_configuration(self, resource: SubResource, bucket: str, members: Members) -> Members:
        refuse_others(resource.get, members, _COMMON | ({"Id"} if resource.by_id else set()))
        self.bucket_folder(bucket, members.get("ExpectedBucketOwner"))
        record = self.store.get(CONFIGURATIONS, _key(resource, bucket, members))
        if record is None:
            if isinstance(resource.absent, dict):
                return dict(resource.absent)
            code, text = resource.absent
            raise ServiceError(code, text, 404, BucketName=bucket)
        return _answer(resource, record)

    def _put_configuration(self, resource: SubResource, bucket: str, members: Members) -> Members:
        accepted = _COMMON | resource.extra | OPTIONS | {resource.member} | ({"Id"} if resource.by_id else set())
        refuse_others(resource.put, members, accepted)
        self.bucket_folder(bucket, members.get("ExpectedBucketOwner"))
        value = members.get(resource.member)
        if value is None:
            raise errors.malformed_xml()
        _check(resource.name, value, bucket)
        extra = {name: members[name] for name in resource.extra if name in members}
        record = json.loads(json.dumps({"value": value, "extra": extra}, default=_moment))
        self.store.put(CONFIGURATIONS, _key(resource, bucket, members), record)
        return extra

    def _delete_configuration(self, resource: SubResource, bucket: str, members: Members) -> Members:
        refuse_others(resource.delete, members, _COMMON | ({"Id"} if resource.by_id else set()))
        self.bucket_folder(bucket, members.get("ExpectedBucketOwner"))
        existed = self.store.delete(CONFIGURATIONS, _key(resource, bucket, members))
        if resource.by_id and not existed:
            raise ServiceError(*_NO_CONFIGURATION, 404)
        return {}

    def _list_configuration(self, resource: SubResource, bucket: str, members: Members) -> Members:
        refuse_others(resource.list, members, _COMMON | {"ContinuationToken"})
        self.bucket_folder(bucket, members.get("ExpectedBucketOwner"))
        start, after = f"{bucket}/{resource.name}/", members.get("ContinuationToken", "")
        found = self.store.scan(CONFIGURATIONS, prefix=start, after=start + after, limit=101)
        answer: Members = {"IsTruncated": len(found) > 100}
        if found:
            answer[f"{resource.member}List"] = [_moments(record["value"]) for _, record in found[:100]]
        if after:
            answer["ContinuationToken"] = after
        if len(found) > 100:
            answer["NextContinuationToken"] = found[99][0][len(start) :]
        return answer

    @operation
    def get_bucket_acl(self, call: Call, Bucket: str, ExpectedBucketOwner: str | None = None) -> Members:
        """The owner's full control: buckets enforce their owner."""
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        return self.full_control()

    @operation
    def put_bucket_acl(
        self,
        call: Call,
        Bucket: str,
        ACL: str | None = None,
        AccessControlPolicy: Members | None = None,
        ContentMD5: str | None = None,
        ChecksumAlgorithm: str | None = None,
        ExpectedBucketOwner: str | None = None,
    ) -> Members:
        """Refused but for the owner's full control, as AWS does where the owner is enforced (its default)."""
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        check_acl(None if ACL == "private" else ACL or "AccessControlPolicy")
        return {}

    @operation
    def get_object_acl(
        self,
        call: Call,
        Bucket: str,
        Key: str,
        VersionId: str | None = None,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
    ) -> Members:
        """The owner's full control."""
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        if self.objects.find(Bucket, Key) is None:
            raise errors.no_such_key(Key)
        return self.full_control()

    @operation
    def put_object_acl(
        self,
        call: Call,
        Bucket: str,
        Key: str,
        ACL: str | None = None,
        AccessControlPolicy: Members | None = None,
        ContentMD5: str | None = None,
        ChecksumAlgorithm: str | None = None,
        RequestPayer: str | None = None,
        ExpectedBucketOwner: str | None = None,
    ) -> Members:
        """Refused but for the owner's full control, as AWS does where the owner is enforced (its default)."""
        self.bucket_folder(Bucket, ExpectedBucketOwner)
        if self.objects.find(Bucket, Key) is None:
            raise errors.no_such_key(Key)
        check_acl(ACL or "AccessControlPolicy")
        return {}

    def full_control(self) -> Members:
        """The one ACL there is."""
        grantee = {**self.owner(), "Type": "CanonicalUser"}
        return {"Owner": self.owner(), "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}


def _key(resource: SubResource, bucket: str, members: Members) -> str:
    return f"{bucket}/{resource.name}/{members['Id'] if resource.by_id else ''}"


def _answer(resource: SubResource, record: Members) -> Members:
    value = _moments(record["value"])
    answer: Members = {resource.member: value} if resource.wrapped else dict(value)
    extra: Members = record.get("extra", {})
    return answer | extra


def _check(name: str, value: Any, bucket: str) -> None:
    """S3's own checks of a configuration, beyond the model's."""
    if name == "policy":
        if problem := bucket_policy_problem(value, bucket):
            raise ServiceError("MalformedPolicy", problem)
    elif name == "versioning" and value.get("Status") not in ("Enabled", "Suspended"):
        raise ServiceError("IllegalVersioningConfigurationException", "The Versioning element must be specified")
    elif name == "tagging":
        check_tags(value.get("TagSet") or [], limit=50)
    elif name == "ownership" and value["Rules"][0]["ObjectOwnership"] != "BucketOwnerEnforced":
        raise errors.not_kept("ACLs", "Use ObjectOwnership BucketOwnerEnforced, AWS's default, and policies.")


def _moment(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"$moment": value.isoformat()}
    raise TypeError(f"a configuration holds a {type(value).__name__}")


def _moments(value: Any) -> Any:
    if isinstance(value, list):
        return [_moments(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$moment"}:
        return datetime.fromisoformat(value["$moment"])
    return {name: _moments(one) for name, one in value.items()}


def _bind(method: Callable[..., Members], resource: SubResource, name: str) -> None:
    def run(self: ConfigurationOperations, call: Call, Bucket: str, **members: Any) -> Members:
        return method(self, resource, Bucket, members)

    run.__name__ = name
    run.__doc__ = f"``{name}`` of the sub-resource {resource.name}: stored only."
    setattr(ConfigurationOperations, name, operation(run))


for _resource in SUB_RESOURCES:
    _bind(ConfigurationOperations._get_configuration, _resource, _resource.get)
    for _name, _method in (
        (_resource.put, ConfigurationOperations._put_configuration),
        (_resource.delete, ConfigurationOperations._delete_configuration),
        (_resource.list, ConfigurationOperations._list_configuration),
    ):
        if _name:
            _bind(_method, _resource, _name)
