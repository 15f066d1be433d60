"""The permissions that stages need, each with the reason why: exact actions on exact ARNs.

`*` stands only where AWS offers no resource level for the action (Service Authorization Reference, read 2026-11), and
the reason says so. Strings may hold template references (`${LakeBucket}`), resolved by `Fn::Sub`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headwater.plan.images import repository_arn
from headwater.plan.naming import ASSETS_BUCKET, BUCKET, DATABASE

LAKE = f"arn:${{AWS::Partition}}:s3:::${{{BUCKET}}}"
ASSETS = f"arn:${{AWS::Partition}}:s3:::${{{ASSETS_BUCKET}}}"
Resource = str | dict[str, object]
ENDPOINT_LOGS = "AWS writes the log with the role's rights; here the endpoint keeps it itself"
_ABORT = "s3:AbortMultipartUpload"


@dataclass(frozen=True)
class Permission:
    """One statement of a policy, always an Allow.

    Parameters
    ----------
    sid:
        The statement's name, of letters and digits, one in its policy.
    actions, resources:
        As in IAM; resources may hold template references.
    reason:
        Why the role needs it, and for `*`, why nothing narrower exists.
    condition:
        IAM's Condition block.
    aws_only:
        Action → why it is needed on AWS although no call here asks for it.
    sometimes:
        Action → when it is needed, where not every run does.
    resources_when:
        When one of the resources is needed, where not every run asks for each of them.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[Resource, ...]
    reason: str
    condition: Mapping[str, Any] | None = None
    aws_only: Mapping[str, str] = field(default_factory=dict)
    sometimes: Mapping[str, str] = field(default_factory=dict)
    resources_when: str = ""

    def on_aws_alone(self, why: str) -> Permission:
        """Return it with every action marked as needed on AWS alone."""
        return replace(self, aws_only=dict.fromkeys(self.actions, why))

    def only_when(self, when: str) -> Permission:
        """Return it with every action marked as needed now and then; what only AWS needs stays so."""
        marked = {action: when for action in self.actions if action not in self.aws_only}
        return replace(self, sometimes={**self.sometimes, **marked})


def arn(service: str, resource: str) -> str:
    """Return an ARN of this account and region, to be resolved by `Fn::Sub`."""
    return f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"


def read_objects(prefixes: Iterable[str], what: str, why: str) -> list[Permission]:
    """Return what reading prefixes of the lake needs; each prefix has its closing slash.

    Parameters
    ----------
    what:
        What they are, in the statements' names: `Datasets`.
    """
    wanted = list(dict.fromkeys(prefixes))
    if not wanted:
        return []
    return [get_objects(wanted, what, why), list_objects(wanted, what, why)]


def get_objects(prefixes: Iterable[str], what: str, why: str) -> Permission:
    """Return what reading objects of the lake by their keys needs."""
    objects = tuple(f"{LAKE}/{prefix}*" for prefix in dict.fromkeys(prefixes))
    return Permission(f"Read{what}", ("s3:GetObject",), objects, why)


def list_objects(prefixes: Iterable[str], what: str, why: str, *, bucket: str = LAKE) -> Permission:
    """Return what listing prefixes of a bucket needs: s3:ListBucket, held to the prefixes by a condition."""
    listed = [f"{prefix}*" for prefix in dict.fromkeys(prefixes)]
    condition = {"StringLike": {"s3:prefix": listed}}
    return Permission(f"List{what}", ("s3:ListBucket",), (bucket,), f"list: {why}", condition)


def write_objects(prefixes: Iterable[str], what: str, why: str, *, delete: bool = False) -> list[Permission]:
    """Return what writing prefixes of the lake needs.

    Parameters
    ----------
    delete:
        Whether objects are replaced by removing old ones, as an overwrite does.
    """
    wanted = tuple(f"{LAKE}/{prefix}*" for prefix in dict.fromkeys(prefixes))
    if not wanted:
        return []
    actions = (_ABORT, *(("s3:DeleteObject",) if delete else ()), "s3:PutObject")
    return [Permission(f"Write{what}", actions, wanted, why, sometimes={_ABORT: "an upload in parts is broken off"})]


def as_service_uploads(permissions: Iterable[Permission]) -> list[Permission]:
    """Return permissions to write, for a service that uploads in parts on AWS and puts whole files here."""
    why = "the service uploads large files in parts, and takes back what it cannot end; here files are put as a whole"
    return [
        replace(each, aws_only={**each.aws_only, _ABORT: why}, sometimes={}) if _ABORT in each.actions else each
        for each in permissions
    ]


def spark_objects(reads: Iterable[str], writes: Iterable[str], what: str, why: str) -> list[Permission]:
    """Return what Spark needs to read and write prefixes of the lake through S3A.

    S3A asks for a prefix without its slash, to learn whether it is a file, and for the folders above what it writes;
    Spark's committer renames what it wrote, that is, copies and deletes. S3 answers a HEAD of a key that does not exist
    with 404 only to those who may list, and a HEAD carries no prefix to compare: the condition on listing is an
    ``IfExists``, for S3A takes the 403 for a failure (Hadoop, "Working with IAM Assumed Roles"; S3 API, HeadObject).
    """
    read, written = list(dict.fromkeys(reads)), list(dict.fromkeys(writes))
    return [
        *read_objects(read, what, f"read {why}"),
        *as_service_uploads(write_objects(written, what, f"write {why}", delete=True)),
        *_as_s3a([*read, *written], written),
    ]


def _as_s3a(touched: list[str], written: list[str]) -> list[Permission]:
    """What S3A asks for beside the objects that a script names."""
    names = [prefix.rstrip("/") for prefix in dict.fromkeys(touched)]
    above = list(dict.fromkeys(prefix.split("/", 1)[0] for prefix in written))
    objects = [*(f"{LAKE}/{name}" for name in [*names, *above]), *(f"{LAKE}/{prefix}*" for prefix in written)]
    listed = [*names, *(text for name in above for text in (name, f"{name}/")), *(f"{prefix}*" for prefix in written)]
    condition = {"StringLikeIfExists": {"s3:prefix": list(dict.fromkeys(listed))}}
    why = "Spark on AWS reaches S3 through S3A; here it opens the lake's files, and a rename is one of the file system"
    looks = "see whether a name is an object, and copy what is renamed, as S3A does"
    lists = "list to see what is not there, as S3A does"
    return [
        Permission("LookAsS3A", ("s3:GetObject",), tuple(objects), looks).on_aws_alone(why),
        Permission("ListAsS3A", ("s3:ListBucket",), (LAKE,), lists, condition).on_aws_alone(why),
    ]


def read_assets(keys: Iterable[str], why: str) -> Permission:
    """Return what reading code needs: exactly its objects; a key that ends in a slash is a folder."""
    resources = tuple(f"{ASSETS}/{key}{'*' if key.endswith('/') else ''}" for key in keys)
    return Permission("ReadCode", ("s3:GetObject",), resources, why)


def read_catalog(tables: Iterable[str], reader: str, asked: Iterable[str]) -> Permission:
    """Return what reading tables of the Glue catalog needs.

    Parameters
    ----------
    reader:
        Who reads them: the crawler, Glue's library.
    asked:
        The actions that it asks for here; the others it may ask for on AWS, where it is closed.
    """
    actions = ("glue:BatchGetPartition", "glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable")
    reason = "read the tables of the datasets it uses"
    return Permission("ReadCatalog", actions, _catalog(tables), reason, aws_only=_closed(reader, actions, asked))


def write_catalog(tables: Iterable[str], writer: str, asked: Iterable[str]) -> Permission:
    """Return what keeping tables of the Glue catalog up to date needs, as with `enableUpdateCatalog`.

    Parameters
    ----------
    writer, asked:
        As for :func:`read_catalog`.
    """
    actions = (
        *("glue:BatchCreatePartition", "glue:BatchUpdatePartition", "glue:CreatePartition", "glue:CreateTable"),
        *("glue:UpdatePartition", "glue:UpdateTable"),
    )
    reason = "keep the tables of the datasets it writes up to date"
    return Permission("WriteCatalog", actions, _catalog(tables), reason, aws_only=_closed(writer, actions, asked))


def _closed(who: str, actions: tuple[str, ...], asked: Iterable[str]) -> dict[str, str]:
    """Glue User Guide, "AWS managed policies for AWS Glue" (AWSGlueServiceRole) and its examples, 2026-11."""
    why = f"{who} of AWS is closed, and AWS names no smaller list for it; here it does not ask"
    return dict.fromkeys(sorted(set(actions) - set(asked)), why)


def list_catalog() -> Permission:
    """Return what listing the tables of the lake's database needs."""
    why = "a crawler compares with all the tables of its database"
    return Permission("ListCatalog", ("glue:GetTables",), _catalog(("*",)), why)


def write_logs(group: str, why: str) -> Permission:
    """Return what writing to log groups that the service itself makes needs.

    Parameters
    ----------
    group:
        The group's name, with a trailing `*` where the service adds to it.
    """
    resources = (arn("logs", f"log-group:{group}"), arn("logs", f"log-group:{group}:*"))
    actions = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
    return Permission("WriteLogs", actions, resources, why).on_aws_alone(ENDPOINT_LOGS)


def put_metrics(namespace: str) -> Permission:
    """Return what publishing the service's metrics needs."""
    why = f"metrics of {namespace}; PutMetricData has no resource level, so the namespace is held by a condition"
    condition = {"StringEquals": {"cloudwatch:namespace": [namespace]}}
    alone = "the service publishes what its machines measure; here there are none, and a job's own metrics are read"
    return Permission("PutMetrics", ("cloudwatch:PutMetricData",), ("*",), why, condition).on_aws_alone(alone)


def pull_image(framework: str) -> list[Permission]:
    """Return what pulling a framework image needs."""
    actions = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    login = "log in to ECR; GetAuthorizationToken has no resource level"
    alone = "SageMaker pulls the image from ECR; here the framework's packages are installed, and no image is pulled"
    needed = (
        Permission("PullImage", actions, (repository_arn(framework),), f"pull the {framework} image"),
        Permission("LogInToEcr", ("ecr:GetAuthorizationToken",), ("*",), login),
    )
    return [permission.on_aws_alone(alone) for permission in needed]


def _catalog(tables: Iterable[str]) -> tuple[str, ...]:
    names = dict.fromkeys(tables)
    database = arn("glue", f"database/${{{DATABASE}}}")
    return (arn("glue", "catalog"), database, *(arn("glue", f"table/${{{DATABASE}}}/{name}") for name in names))
