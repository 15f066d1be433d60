"""Who holds tags: for each kind of resource, how it is listed, what its ARN is, and how its tags are read and changed.

A table and one reader of it. The services are asked as a client would ask them; a kind whose service does not exist
here, or lacks the operation, has no resources here. A service that is built later is found without a change, as long
as its kind is listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headwater.local.service import Endpoint, Members, ServiceError

Tags = dict[str, str]

# How a list of tags spells a key → a value.
VALUE = {"Key": "Value", "key": "value"}
# What an endpoint answers for an operation that it does not have.
ABSENT = frozenset({"UnknownOperationException", "InvalidAction", "NotImplemented"})
# What a service answers of a resource that bears no tags, or that is gone since it was listed.
NONE_THERE = frozenset({"NoSuchTagSet", "EntityNotFoundException", "ResourceNotFoundException", "ResourceNotFound"})


@dataclass(frozen=True)
class Holder:
    """One kind of resource.

    Parameters
    ----------
    type:
        As the Tagging API's ResourceTypeFilters name it: `service:resourceType`.
    service:
        botocore's name.
    listing:
        The operation that lists them, the member that holds them, and the tokens of request and answer that page them.
    arn:
        The member of a listed resource that is its ARN, or an ARN with `{region}`, `{account}` and `{<member>}` in it;
        `{}` where the listing gives bare names.
    reading:
        The operation that reads tags, the member that names the resource, and the member that holds the tags; none
        where the listing gives them.
    writing:
        The operations that tag and untag, the member that names the resource, and the members for tags and keys.
    pairs:
        How tags are written: as `map`, or as a list of `Key` and `Value`, or of `key` and `value`.
    handle:
        The member of a listed resource by which `reading` and `writing` name it, where that is not its ARN.
    """

    type: str
    service: str
    listing: tuple[str, str, str | None, str | None]
    arn: str
    reading: tuple[str, str, str] | None
    writing: tuple[str, str, str, str, str] | None
    pairs: str = "Key"
    handle: str | None = None

    def resources(self, endpoint: Endpoint) -> Iterator[tuple[str, Members]]:
        """Each resource's ARN and what the listing says of it."""
        operation, held, asks, answers = self.listing
        token: Members = {}
        while True:
            try:
                page = endpoint.call(self.service, operation, **token)
            except ServiceError as error:
                if error.code in ABSENT:
                    return
                raise
            for item in page.get(held) or []:
                listed = item if isinstance(item, dict) else {"": item}
                yield self._arn(endpoint, listed), listed
            if not answers or not asks or not page.get(answers):
                return
            token = {asks: page[answers]}

    def _arn(self, endpoint: Endpoint, listed: Members) -> str:
        if "{" not in self.arn:
            return str(listed[self.arn]).removesuffix(":*")
        values = {"region": endpoint.region, "account": endpoint.account, **listed}
        found = self.arn.replace("{}", str(listed.get("", "")).rsplit("/", 1)[-1])
        for name, value in values.items():
            found = found.replace(f"{{{name}}}", str(value)) if name else found
        return found

    def tags(self, endpoint: Endpoint, arn: str, listed: Members) -> Tags:
        """The tags of a listed resource."""
        if self.reading is None:
            return as_tags(listed.get("Tags") or [], self.pairs)
        operation, names, held = self.reading
        try:
            answer = endpoint.call(self.service, operation, **Members({names: self.named(arn, listed)}))
        except ServiceError as error:
            if error.code in NONE_THERE:
                return {}
            raise
        found: object = answer
        for name in held.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return as_tags(found or [], self.pairs)

    def named(self, arn: str, listed: Members) -> str:
        """What `reading` and `writing` call a listed resource."""
        return arn if self.handle is None else str(listed[self.handle])


def as_tags(found: object, pairs: str) -> Tags:
    """Tags of any of AWS's shapes as a dict."""
    if isinstance(found, Mapping):
        return {str(key): str(text) for key, text in found.items()}
    if pairs not in VALUE:
        return {}
    value = VALUE[pairs]
    return {tag[pairs]: tag.get(value, "") for tag in found} if isinstance(found, list) else {}


def as_pairs(tags: Tags, pairs: str) -> object:
    """Tags in the shape that a service takes."""
    if pairs == "map":
        return tags
    value = VALUE[pairs]
    return [{pairs: key, value: text} for key, text in tags.items()]


_SAGEMAKER_TAGS = ("list_tags", "ResourceArn", "Tags")
_SAGEMAKER_WRITES = ("add_tags", "delete_tags", "ResourceArn", "Tags", "TagKeys")
_UPPER = ("tag_resource", "untag_resource", "ResourceArn", "Tags", "TagKeys")
_LOWER = ("tag_resource", "untag_resource", "resourceArn", "tags", "tagKeys")


def _glue(kind: str, listing: str, held: str, name: str) -> Holder:
    return Holder(
        f"glue:{kind}",
        "glue",
        (listing, held, "NextToken", "NextToken"),
        f"arn:aws:glue:{{region}}:{{account}}:{kind}/{name}",
        ("get_tags", "ResourceArn", "Tags"),
        ("tag_resource", "untag_resource", "ResourceArn", "TagsToAdd", "TagsToRemove"),
        "map",
    )


def _sagemaker(kind: str, listing: str, held: str, arn: str) -> Holder:
    pages = ("NextToken", "NextToken")
    return Holder(f"sagemaker:{kind}", "sagemaker", (listing, held, *pages), arn, _SAGEMAKER_TAGS, _SAGEMAKER_WRITES)


HOLDERS: tuple[Holder, ...] = (
    Holder(
        "cloudformation:stack",
        "cloudformation",
        ("describe_stacks", "Stacks", "NextToken", "NextToken"),
        "StackId",
        None,
        None,
    ),
    Holder(
        "cloudwatch:alarm",
        "cloudwatch",
        ("describe_alarms", "MetricAlarms", "NextToken", "NextToken"),
        "AlarmArn",
        ("list_tags_for_resource", "ResourceARN", "Tags"),
        ("tag_resource", "untag_resource", "ResourceARN", "Tags", "TagKeys"),
    ),
    Holder(
        "dynamodb:table",
        "dynamodb",
        ("list_tables", "TableNames", "ExclusiveStartTableName", "LastEvaluatedTableName"),
        "arn:aws:dynamodb:{region}:{account}:table/{}",
        ("list_tags_of_resource", "ResourceArn", "Tags"),
        _UPPER,
    ),
    Holder(
        "elasticmapreduce:cluster",
        "emr",
        ("list_clusters", "Clusters", "Marker", "Marker"),
        "ClusterArn",
        ("describe_cluster", "ClusterId", "Cluster.Tags"),
        ("add_tags", "remove_tags", "ResourceId", "Tags", "TagKeys"),
        handle="Id",
    ),
    Holder(
        "emr-serverless:applications",
        "emr-serverless",
        ("list_applications", "applications", "nextToken", "nextToken"),
        "arn",
        ("list_tags_for_resource", "resourceArn", "tags"),
        _LOWER,
        "map",
    ),
    Holder(
        "events:rule",
        "events",
        ("list_rules", "Rules", "NextToken", "NextToken"),
        "Arn",
        ("list_tags_for_resource", "ResourceARN", "Tags"),
        ("tag_resource", "untag_resource", "ResourceARN", "Tags", "TagKeys"),
    ),
    _glue("crawler", "get_crawlers", "Crawlers", "{Name}"),
    _glue("database", "get_databases", "DatabaseList", "{Name}"),
    _glue("job", "get_jobs", "Jobs", "{Name}"),
    Holder(
        "lambda:function",
        "lambda",
        ("list_functions", "Functions", "Marker", "NextMarker"),
        "FunctionArn",
        ("list_tags", "Resource", "Tags"),
        ("tag_resource", "untag_resource", "Resource", "Tags", "TagKeys"),
        "map",
    ),
    Holder(
        "logs:log-group",
        "logs",
        ("describe_log_groups", "logGroups", "nextToken", "nextToken"),
        "arn",
        ("list_tags_for_resource", "resourceArn", "tags"),
        _LOWER,
        "map",
    ),
    Holder(
        "s3:bucket",
        "s3",
        ("list_buckets", "Buckets", None, None),
        "arn:aws:s3:::{Name}",
        ("get_bucket_tagging", "Bucket", "TagSet"),
        None,
        handle="Name",
    ),
    _sagemaker("endpoint", "list_endpoints", "Endpoints", "EndpointArn"),
    _sagemaker("endpoint-config", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigArn"),
    _sagemaker(
        "hyper-parameter-tuning-job",
        "list_hyper_parameter_tuning_jobs",
        "HyperParameterTuningJobSummaries",
        "HyperParameterTuningJobArn",
    ),
    _sagemaker("model", "list_models", "Models", "ModelArn"),
    _sagemaker(
        "model-package-group", "list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupArn"
    ),
    _sagemaker("processing-job", "list_processing_jobs", "ProcessingJobSummaries", "ProcessingJobArn"),
    _sagemaker("training-job", "list_training_jobs", "TrainingJobSummaries", "TrainingJobArn"),
    _sagemaker("transform-job", "list_transform_jobs", "TransformJobSummaries", "TransformJobArn"),
    Holder(
        "scheduler:schedule-group",
        "scheduler",
        ("list_schedule_groups", "ScheduleGroups", "NextToken", "NextToken"),
        "Arn",
        ("list_tags_for_resource", "ResourceArn", "Tags"),
        _UPPER,
    ),
    Holder(
        "secretsmanager:secret",
        "secretsmanager",
        ("list_secrets", "SecretList", "NextToken", "NextToken"),
        "ARN",
        None,
        ("tag_resource", "untag_resource", "SecretId", "Tags", "TagKeys"),
    ),
    Holder(
        "sns:topic",
        "sns",
        ("list_topics", "Topics", "NextToken", "NextToken"),
        "TopicArn",
        ("list_tags_for_resource", "ResourceArn", "Tags"),
        _UPPER,
    ),
    Holder(
        "sqs:queue",
        "sqs",
        ("list_queues", "QueueUrls", "NextToken", "NextToken"),
        "arn:aws:sqs:{region}:{account}:{}",
        ("list_queue_tags", "QueueUrl", "Tags"),
        ("tag_queue", "untag_queue", "QueueUrl", "Tags", "TagKeys"),
        "map",
        handle="",
    ),
    Holder(
        "states:activity",
        "stepfunctions",
        ("list_activities", "activities", "nextToken", "nextToken"),
        "activityArn",
        ("list_tags_for_resource", "resourceArn", "tags"),
        _LOWER,
        "key",
    ),
    Holder(
        "states:stateMachine",
        "stepfunctions",
        ("list_state_machines", "stateMachines", "nextToken", "nextToken"),
        "stateMachineArn",
        ("list_tags_for_resource", "resourceArn", "tags"),
        _LOWER,
        "key",
    ),
)
