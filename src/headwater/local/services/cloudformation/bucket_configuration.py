"""From a bucket's CloudFormation properties to S3's configuration requests: the two spell the same things differently.

Source: AWS CloudFormation Template Reference, "AWS::S3::Bucket", and the S3 API Reference, 2025-11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Configuration = dict[str, Any]


def _without(value: Configuration, *names: str) -> Configuration:
    return {name: item for name, item in value.items() if name not in names}


def encryption(value: Configuration) -> Configuration:
    """BucketEncryption → ServerSideEncryptionConfiguration."""
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        renamed = _without(rule, "ServerSideEncryptionByDefault")
        if "ServerSideEncryptionByDefault" in rule:
            renamed["ApplyServerSideEncryptionByDefault"] = rule["ServerSideEncryptionByDefault"]
        rules.append(renamed)
    return {"Rules": rules}


def cors(value: Configuration) -> Configuration:
    """CorsConfiguration → CORSConfiguration."""
    names = {"ExposedHeaders": "ExposeHeaders", "Id": "ID", "MaxAge": "MaxAgeSeconds"}
    return {"CORSRules": [{names.get(k, k): v for k, v in rule.items()} for rule in value["CorsRules"]]}


def lifecycle(value: Configuration) -> Configuration:
    """LifecycleConfiguration → LifecycleConfiguration."""
    return {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}


def _lifecycle_rule(rule: Configuration) -> Configuration:
    result = {"Status": rule["Status"], "Filter": _lifecycle_filter(rule)}
    if "Id" in rule:
        result["ID"] = rule["Id"]
    expiration = {
        member: rule[name]
        for name, member in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if name in rule
    }
    if expiration:
        result["Expiration"] = expiration
    if "AbortIncompleteMultipartUpload" in rule:
        result["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    transitions = [*rule.get("Transitions", []), *([rule["Transition"]] if "Transition" in rule else [])]
    if transitions:
        names = {"TransitionInDays": "Days", "TransitionDate": "Date"}
        result["Transitions"] = [{names.get(k, k): v for k, v in item.items()} for item in transitions]
    return {**result, **_noncurrent(rule)}


def _noncurrent(rule: Configuration) -> Configuration:
    """What a rule does to versions that are no longer current."""
    result: Configuration = {}
    if "NoncurrentVersionExpiration" in rule:
        result["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    elif "NoncurrentVersionExpirationInDays" in rule:
        result["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    single = [rule["NoncurrentVersionTransition"]] if "NoncurrentVersionTransition" in rule else []
    transitions = [*rule.get("NoncurrentVersionTransitions", []), *single]
    if transitions:
        names = {"TransitionInDays": "NoncurrentDays"}
        result["NoncurrentVersionTransitions"] = [{names.get(k, k): v for k, v in t.items()} for t in transitions]
    return result


def _lifecycle_filter(rule: Configuration) -> Configuration:
    conditions: Configuration = {}
    for name in ("ObjectSizeGreaterThan", "ObjectSizeLessThan"):
        if name in rule:
            conditions[name] = rule[name]
    tags = rule.get("TagFilters", [])
    if "Prefix" in rule:
        conditions["Prefix"] = rule["Prefix"]
    if len(conditions) + len(tags) > 1:
        return {"And": {**conditions, **({"Tags": tags} if tags else {})}}
    if tags:
        return {"Tag": tags[0]}
    return conditions or {"Prefix": ""}


def notification(value: Configuration) -> Configuration:
    """NotificationConfiguration → NotificationConfiguration."""
    result: Configuration = {}
    for name, member, target, target_member in (
        ("LambdaConfigurations", "LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
        ("QueueConfigurations", "QueueConfigurations", "Queue", "QueueArn"),
        ("TopicConfigurations", "TopicConfigurations", "Topic", "TopicArn"),
    ):
        if name in value:
            result[member] = [_notification_target(item, target, target_member) for item in value[name]]
    if str(value.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", "false")).lower() == "true":
        result["EventBridgeConfiguration"] = {}
    return result


def _notification_target(item: Configuration, target: str, member: str) -> Configuration:
    result = {member: item[target], "Events": [item["Event"]]}
    if "Filter" in item:
        result["Filter"] = {"Key": {"FilterRules": item["Filter"]["S3Key"]["Rules"]}}
    return result


def logging(value: Configuration) -> Configuration:
    """LoggingConfiguration → BucketLoggingStatus."""
    enabled = {"TargetBucket": value["DestinationBucketName"], "TargetPrefix": value.get("LogFilePrefix", "")}
    if "TargetObjectKeyFormat" in value:
        enabled["TargetObjectKeyFormat"] = value["TargetObjectKeyFormat"]
    return {"LoggingEnabled": enabled}


def website(value: Configuration) -> Configuration:
    """WebsiteConfiguration → WebsiteConfiguration."""
    result: Configuration = {}
    if "IndexDocument" in value:
        result["IndexDocument"] = {"Suffix": value["IndexDocument"]}
    if "ErrorDocument" in value:
        result["ErrorDocument"] = {"Key": value["ErrorDocument"]}
    if "RedirectAllRequestsTo" in value:
        result["RedirectAllRequestsTo"] = value["RedirectAllRequestsTo"]
    if "RoutingRules" in value:
        names = {"RedirectRule": "Redirect", "RoutingRuleCondition": "Condition"}
        result["RoutingRules"] = [{names.get(k, k): v for k, v in rule.items()} for rule in value["RoutingRules"]]
    return result


def object_lock(value: Configuration) -> Configuration:
    """ObjectLockConfiguration → ObjectLockConfiguration."""
    return value


def replication(value: Configuration) -> Configuration:
    """ReplicationConfiguration → ReplicationConfiguration."""
    return {**value, "Rules": [{("ID" if k == "Id" else k): v for k, v in rule.items()} for rule in value["Rules"]]}


def plain(value: Configuration) -> Configuration:
    """A configuration that both spell alike."""
    return value


def versioning(value: Configuration) -> Configuration:
    """VersioningConfiguration → VersioningConfiguration."""
    return {"Status": value["Status"]}


# Property → (put operation, its member, converter, delete operation; "" puts an empty configuration instead).
CONFIGURATIONS: dict[str, tuple[str, str, Callable[[Configuration], Configuration], str]] = {
    "AccelerateConfiguration": (
        "put_bucket_accelerate_configuration",
        "AccelerateConfiguration",
        lambda value: {"Status": value["AccelerationStatus"]},
        "",
    ),
    "BucketEncryption": (
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        encryption,
        "delete_bucket_encryption",
    ),
    "CorsConfiguration": ("put_bucket_cors", "CORSConfiguration", cors, "delete_bucket_cors"),
    "LifecycleConfiguration": (
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        lifecycle,
        "delete_bucket_lifecycle",
    ),
    "LoggingConfiguration": ("put_bucket_logging", "BucketLoggingStatus", logging, ""),
    "NotificationConfiguration": (
        "put_bucket_notification_configuration",
        "NotificationConfiguration",
        notification,
        "",
    ),
    "ObjectLockConfiguration": ("put_object_lock_configuration", "ObjectLockConfiguration", object_lock, ""),
    "OwnershipControls": (
        "put_bucket_ownership_controls",
        "OwnershipControls",
        plain,
        "delete_bucket_ownership_controls",
    ),
    "PublicAccessBlockConfiguration": (
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
        plain,
        "delete_public_access_block",
    ),
    "ReplicationConfiguration": (
        "put_bucket_replication",
        "ReplicationConfiguration",
        replication,
        "delete_bucket_replication",
    ),
    "VersioningConfiguration": ("put_bucket_versioning", "VersioningConfiguration", versioning, ""),
    "WebsiteConfiguration": ("put_bucket_website", "WebsiteConfiguration", website, "delete_bucket_website"),
}
