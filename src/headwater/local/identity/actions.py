"""From an operation and its members to what IAM decides on: the actions, and the ARN of each resource.

Source: Service Authorization Reference (2024).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.local.identity.emr_actions import emr_requests
from headwater.local.identity.passed_roles import passed_roles
from headwater.local.identity.policies import Request
from headwater.local.identity.resource_names import resource_of
from headwater.local.service import Call, Members

# botocore's service name → IAM's prefix, where they differ.
PREFIXES = {
    "cloudwatch": "cloudwatch",
    "resourcegroupstaggingapi": "tag",
    "stepfunctions": "states",
}

# S3's operations whose permission is named otherwise.
S3_ACTIONS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetObjectAttributes": "GetObject",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}

# What has a permission of its own for a version that is named.
_OF_VERSIONS = frozenset({"s3:DeleteObject", "s3:DeleteObjectTagging", "s3:GetObject", "s3:GetObjectTagging"})


def requests_of(
    call: Call, members: Members, context: dict[str, Any], role_of_profile: Callable[[str], str | None]
) -> list[Request]:
    """Everything that IAM must allow before a call may be done; all of it must be.

    ``role_of_profile`` gives the ARN of an instance profile's role, None where there is none.
    """
    if call.service == "emr":
        return emr_requests(call, members, context, role_of_profile)
    own = _s3(call, members, context) if call.service == "s3" else _requests(call, members, context)
    return own + [
        Request("iam:PassRole", role, {**context, "iam:passedtoservice": service})
        for role, service in passed_roles(call, members)
    ]


def _requests(call: Call, members: Members, context: dict[str, Any]) -> list[Request]:
    prefix = PREFIXES.get(call.service, call.service)
    action = f"{prefix}:{_action(call)}"
    arn = f"arn:aws:{prefix}:{call.region}:{call.account}:"
    if call.service == "glue":
        resources: list[str | None] = [*_glue(call.operation, members, arn)] or [resource_of(call, members, prefix)]
    else:
        resources = [resource_of(call, members, prefix)]
    if call.service == "emr-serverless":
        resources = [_emr_serverless(members, arn)]
    if call.service == "cloudwatch" and "Namespace" in members:
        context = {**context, "cloudwatch:namespace": members["Namespace"]}
    if call.service == "iam":
        keys = {"iam:policyarn": "PolicyArn", "iam:permissionsboundary": "PermissionsBoundary"}
        context = {**context, **{key: members[name] for key, name in keys.items() if name in members}}
    if call.service == "sts":
        context = {
            **context,
            "sts:rolesessionname": members.get("RoleSessionName", ""),
            **({"sts:externalid": members["ExternalId"]} if "ExternalId" in members else {}),
        }
    found = [Request(action, resource, context) for resource in resources]
    if call.service == "sts" and members.get("Tags"):
        found.append(Request("sts:TagSession", resources[0], context))
    if (
        call.service == "emr-serverless"
        and call.operation in ("CreateApplication", "StartJobRun")
        and members.get("tags")
    ):
        new = f"{resources[0]}/jobruns/*" if resources[0] else f"{arn}/applications/*"  # what is made has no id yet
        found.append(Request("emr-serverless:TagResource", new, context))
    if call.service == "sagemaker" and call.operation.startswith("Create") and members.get("Tags"):
        found.append(Request("sagemaker:AddTags", resources[0], context))  # "dependent actions" of each Create
    return found


def _action(call: Call) -> str:
    if (call.service, call.operation) == ("lambda", "Invoke"):
        return "InvokeFunction"
    return call.operation


def _emr_serverless(members: Members, arn: str) -> str | None:
    """An application, or a job run of one (Service Authorization Reference, Amazon EMR Serverless, 2026-11)."""
    if members.get("resourceArn"):
        return str(members["resourceArn"])
    if "applicationId" not in members:
        return None
    run = f"/jobruns/{members['jobRunId']}" if "jobRunId" in members else ""
    return f"{arn}/applications/{members['applicationId']}{run}"


# -- S3 --------------------------------------------------------------------------------------------------------------


def _s3(call: Call, members: Members, context: dict[str, Any]) -> list[Request]:
    action = "s3:" + S3_ACTIONS.get(call.operation, call.operation)
    bucket = members.get("Bucket")
    if bucket is None:
        return [Request(action, "*", context)]
    base = f"arn:aws:s3:::{bucket}"
    for member, key in (("Prefix", "s3:prefix"), ("Delimiter", "s3:delimiter"), ("MaxKeys", "s3:max-keys")):
        if member in members:
            context = {**context, key: members[member]}
    if action in ("s3:ListBucket", "s3:ListBucketVersions") and call.operation.startswith("List"):
        context = {"s3:prefix": "", **context}
    if call.operation == "DeleteObjects":
        return []  # each object is decided on by itself, and told beside the others
    action = _versioned(action, members)
    found = [Request(action, f"{base}/{members['Key']}" if "Key" in members else base, context)]
    if source := _copy_source(members.get("CopySource")):
        found.append(Request("s3:GetObject", f"arn:aws:s3:::{source}", context))
    return found


def _versioned(action: str, members: Members) -> str:
    """One version of an object is another permission than the object."""
    return f"{action}Version" if action in _OF_VERSIONS and members.get("VersionId") else action


def _copy_source(source: Any) -> str | None:
    if isinstance(source, dict):
        return f"{source['Bucket']}/{source['Key']}"
    return str(source).lstrip("/").split("?versionId=")[0] if source else None


# -- Glue ------------------------------------------------------------------------------------------------------------


def _glue(operation: str, members: Members, arn: str) -> list[str]:
    """The data catalog's operations ask for the catalog, the database and the table; the others for one thing."""
    table_input = members.get("TableInput") or {}
    table = members.get("TableName") or table_input.get("Name")
    database = members.get("DatabaseName")
    name = members.get("Name") or members.get("JobName") or members.get("CrawlerName")
    if operation in ("GetTable", "DeleteTable"):
        table = members.get("Name")
    elif "Database" in operation:
        database = members.get("Name") or (members.get("DatabaseInput") or {}).get("Name")
    if database or "Database" in operation:
        found = [arn + "catalog"]
        found += [f"{arn}database/{database}"] if database else []
        table = "*" if operation == "GetTables" else table  # it asks for all of them
        found += [f"{arn}table/{database}/{table}"] if table else []
        return found
    for kind in ("Crawler", "Job", "Trigger", "Workflow"):
        if kind in operation and name:
            return [f"{arn}{kind.lower()}/{name}"]
    return []
