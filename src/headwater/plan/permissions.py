"""The permissions that stages need, each with the reason why: exact actions on exact ARNs.

`*` stands only where AWS offers no resource level for the action (Service Authorization Reference, read 2026-11), and
the reason says so. Strings may hold template references (`${LakeBucket}`), resolved by `Fn::Sub`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headwater.plan.images import repository_arn
from headwater.plan.naming import ASSETS_BUCKET, BUCKET, DATABASE

LAKE = f"arn:${{AWS::Partition}}:s3:::${{{BUCKET}}}"
ASSETS = f"arn:${{AWS::Partition}}:s3:::${{{ASSETS_BUCKET}}}"
Resource = str | dict[str, object]


@dataclass(frozen=True)
class Permission:
    """One statement of a policy, always an Allow.

    Parameters
    ----------
    actions, resources:
        As in IAM; resources may hold template references.
    reason:
        Why the role needs it, and for `*`, why nothing narrower exists.
    condition:
        IAM's Condition block.
    """

    actions: tuple[str, ...]
    resources: tuple[Resource, ...]
    reason: str
    condition: Mapping[str, Any] | None = None


def arn(service: str, resource: str) -> str:
    """Return an ARN of this account and region, to be resolved by `Fn::Sub`."""
    return f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"


def read_objects(prefixes: Iterable[str], why: str) -> list[Permission]:
    """Return what reading prefixes of the lake needs; each prefix has its closing slash."""
    wanted = list(dict.fromkeys(prefixes))
    if not wanted:
        return []
    objects = tuple(f"{LAKE}/{prefix}*" for prefix in wanted)
    return [Permission(("s3:GetObject",), objects, why), list_objects(wanted, why)]


def list_objects(prefixes: Iterable[str], why: str, *, bucket: str = LAKE) -> Permission:
    """Return what listing prefixes of a bucket needs: s3:ListBucket, held to the prefixes by a condition."""
    listed = [text for prefix in prefixes for text in (prefix.rstrip("/"), f"{prefix}*")]
    return Permission(("s3:ListBucket",), (bucket,), f"list: {why}", {"StringLike": {"s3:prefix": listed}})


def write_objects(prefixes: Iterable[str], why: str, *, delete: bool = False) -> list[Permission]:
    """Return what writing prefixes of the lake needs.

    Parameters
    ----------
    delete:
        Whether objects are replaced by removing old ones, as an overwrite does.
    """
    wanted = tuple(f"{LAKE}/{prefix}*" for prefix in dict.fromkeys(prefixes))
    if not wanted:
        return []
    actions = ("s3:AbortMultipartUpload", *(("s3:DeleteObject",) if delete else ()), "s3:PutObject")
    return [Permission(actions, wanted, why)]


def spark_objects(reads: Iterable[str], writes: Iterable[str], why: str) -> list[Permission]:
    """Return what Spark needs to read and write prefixes of the lake through S3A, beside what others need.

    S3A asks for a prefix without its slash, to learn whether it is a file, and for the folders above what it writes;
    Spark's committer renames what it wrote, that is, copies and deletes. S3 answers a HEAD of a key that does not exist
    with 404 only to those who may list, and a HEAD carries no prefix to compare: the condition on listing is an
    ``IfExists``, for S3A takes the 403 for a failure (Hadoop, "Working with IAM Assumed Roles"; S3 API, HeadObject).
    """
    written = list(dict.fromkeys(writes))
    above = list(dict.fromkeys(prefix.split("/", 1)[0] for prefix in written))
    read = list(dict.fromkeys([*reads, *written]))
    objects = [text for prefix in read for text in (f"{LAKE}/{prefix}*", f"{LAKE}/{prefix.rstrip('/')}")]
    listed = [text for prefix in read for text in (prefix.rstrip("/"), f"{prefix}*")]
    listed += [text for name in above for text in (name, f"{name}/")]
    condition = {"StringLikeIfExists": {"s3:prefix": listed}}
    return [
        Permission(("s3:GetObject",), (*objects, *(f"{LAKE}/{name}" for name in above)), f"read {why}, as S3A does"),
        Permission(("s3:ListBucket",), (LAKE,), f"list {why}, and see what is not there, as S3A does", condition),
        *write_objects(written, f"write {why}", delete=True),
    ]


def read_assets(keys: Iterable[str], why: str) -> Permission:
    """Return what reading code needs: exactly its objects; a key that ends in a slash is a folder."""
    resources = tuple(f"{ASSETS}/{key}{'*' if key.endswith('/') else ''}" for key in keys)
    return Permission(("s3:GetObject",), resources, why)


def read_catalog(tables: Iterable[str]) -> Permission:
    """Return what reading tables of the Glue catalog needs."""
    actions = ("glue:BatchGetPartition", "glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable")
    return Permission(actions, _catalog(tables), "read the tables of the datasets it uses")


def write_catalog(tables: Iterable[str]) -> Permission:
    """Return what keeping tables of the Glue catalog up to date needs, as with `enableUpdateCatalog`."""
    actions = (
        *("glue:BatchCreatePartition", "glue:BatchUpdatePartition", "glue:CreatePartition", "glue:CreateTable"),
        *("glue:UpdatePartition", "glue:UpdateTable"),
    )
    return Permission(actions, _catalog(tables), "keep the tables of the datasets it writes up to date")


def list_catalog() -> Permission:
    """Return what listing the tables of the lake's database needs."""
    return Permission(("glue:GetTables",), _catalog(("*",)), "a crawler compares with all the tables of its database")


def write_logs(group: str, why: str) -> Permission:
    """Return what writing to log groups that the service itself makes needs.

    Parameters
    ----------
    group:
        The group's name, with a trailing `*` where the service adds to it.
    """
    resources = (arn("logs", f"log-group:{group}"), arn("logs", f"log-group:{group}:*"))
    actions = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
    return Permission(actions, resources, why)


def put_metrics(namespace: str) -> Permission:
    """Return what publishing the service's metrics needs."""
    why = f"metrics of {namespace}; PutMetricData has no resource level, so the namespace is held by a condition"
    return Permission(
        ("cloudwatch:PutMetricData",), ("*",), why, {"StringEquals": {"cloudwatch:namespace": [namespace]}}
    )


def pull_image(framework: str) -> list[Permission]:
    """Return what pulling a framework image needs."""
    actions = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    login = "log in to ECR; GetAuthorizationToken has no resource level"
    return [
        Permission(actions, (repository_arn(framework),), f"pull the {framework} image"),
        Permission(("ecr:GetAuthorizationToken",), ("*",), login),
    ]


def _catalog(tables: Iterable[str]) -> tuple[str, ...]:
    names = dict.fromkeys(tables)
    database = arn("glue", f"database/${{{DATABASE}}}")
    return (arn("glue", "catalog"), database, *(arn("glue", f"table/${{{DATABASE}}}/{name}") for name in names))
