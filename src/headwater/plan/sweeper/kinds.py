"""What the sweeper can delete: for each kind of resource how it is looked at, when it stays, and how it goes.

Expressions are JSONata: `$item` is the resource (`arn`, `kind`, `name`, `tags`), `$states.result` the answer of the
look. Parameters and answers are spelled as Step Functions' AWS SDK integrations spell them (developer guide, "Learning
to use AWS service SDK integrations", read 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Arguments = Mapping[str, object]


@dataclass(frozen=True)
class ApiCall:
    """One call of an AWS API by a state.

    Parameters
    ----------
    action:
        The service as the integration spells it, and the operation: `sagemaker:describeEndpoint`.
    arguments:
        Its parameters.
    permission:
        The IAM action, where it is not the service and the operation.
    """

    action: str
    arguments: Arguments
    permission: str = ""


@dataclass(frozen=True)
class Until:
    """Looking again, every few seconds, until a condition holds.

    Parameters
    ----------
    call:
        The look.
    done, failed:
        Conditions on `$states.result`, or on an error of the look where it says that the resource is gone.
    """

    call: ApiCall
    done: str
    failed: str


@dataclass(frozen=True)
class Each:
    """One call for each element that another call lists; in it, `$states.input` is the element."""

    listing: ApiCall
    elements: str
    call: ApiCall


@dataclass(frozen=True)
class Drain:
    """A listing and a call for what it holds, again until it holds nothing; in the call, `$states.input` is that.

    Parameters
    ----------
    errors:
        What the call's answer names as not done, from `$states.result`: it ends the loop.
    """

    listing: ApiCall
    elements: str
    call: ApiCall
    errors: str


Step = ApiCall | Until | Each | Drain


@dataclass(frozen=True)
class Kind:
    """One kind of resource.

    Parameters
    ----------
    name:
        What people call it.
    prefix:
        How its ARNs begin, without partition, region and account: `sagemaker:endpoint/`; the rest is its name.
    phase:
        When it goes: what others need goes after them.
    look:
        The call that tells its age and state.
    created:
        When it was made, in milliseconds since 1970, from `$states.result`; nothing where AWS does not tell.
    stays:
        Why this one is not deleted, or an empty string.
    steps:
        What deletes it, in order.
    resources:
        The ARNs that the role needs, without their beginning, `<>` standing for region and account.
    absent:
        Whether the look's answer says that the resource is gone, where that is not an error.
    """

    name: str
    prefix: str
    phase: int
    look: ApiCall
    created: str
    stays: str
    steps: tuple[Step, ...]
    resources: tuple[str, ...]
    absent: str = "false"


STOP, ENDPOINTS, MODELS, CLUSTERS, STACKS, LOOSE, LOGS, DATA = range(1, 9)

_MILLIS = "$toMillis($states.result.{})"


def _sagemaker_job(name: str, prefix: str, what: str) -> Kind:
    """A job of SageMaker: it is stopped while it runs; once it has ended it is a record that costs nothing."""
    named = {f"{what}Name": "{% $item.name %}"}
    ended = f"{what}Status"
    return Kind(
        name,
        f"sagemaker:{prefix}/",
        STOP,
        ApiCall(f"sagemaker:describe{what}", named),
        _MILLIS.format("CreationTime"),
        f"$states.result.{ended} in ['InProgress', 'Stopping'] ? '' : 'it has ended, and costs nothing'",
        (ApiCall(f"sagemaker:stop{what}", named),),
        (f"sagemaker:<>:{prefix}/*",),
    )


def _sagemaker(name: str, prefix: str, what: str, phase: int) -> Kind:
    named = {f"{what}Name": "{% $item.name %}"}
    return Kind(
        name,
        f"sagemaker:{prefix}/",
        phase,
        ApiCall(f"sagemaker:describe{what}", named),
        _MILLIS.format("CreationTime"),
        "''",
        (ApiCall(f"sagemaker:delete{what}", named),),
        (f"sagemaker:<>:{prefix}/*",),
    )


_APPLICATION = {"ApplicationId": "{% $item.name %}"}
_BUCKET = {"Bucket": "{% $item.name %}"}
_CLUSTER = {"ClusterId": "{% $item.name %}"}
_GROUP = "$states.result.LogGroups[LogGroupName = $item.name]"
_NAMED = "$exists($named[$ = $item.arn])"
_RULE = {"Rule": "{% $item.name %}"}
_STACK = {"StackName": "{% $item.arn %}"}
_GONE = "$states.result.Stacks[0].StackStatus = 'DELETE_COMPLETE'"

KINDS: tuple[Kind, ...] = (
    _sagemaker_job("training job", "training-job", "TrainingJob"),
    _sagemaker_job("processing job", "processing-job", "ProcessingJob"),
    _sagemaker_job("transform job", "transform-job", "TransformJob"),
    _sagemaker_job("tuning job", "hyper-parameter-tuning-job", "HyperParameterTuningJob"),
    _sagemaker("endpoint", "endpoint", "Endpoint", ENDPOINTS),
    _sagemaker("endpoint configuration", "endpoint-config", "EndpointConfig", MODELS),
    _sagemaker("model", "model", "Model", MODELS),
    Kind(
        "EMR Serverless application",
        "emr-serverless:/applications/",
        CLUSTERS,
        ApiCall("emrserverless:getApplication", _APPLICATION, "emr-serverless:GetApplication"),
        _MILLIS.format("Application.CreatedAt"),
        "$states.result.Application.State = 'TERMINATED' ? 'it is terminated' : ''",
        (
            Each(
                ApiCall(
                    "emrserverless:listJobRuns",
                    {**_APPLICATION, "States": ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING"]},
                    "emr-serverless:ListJobRuns",
                ),
                "JobRuns",
                ApiCall(
                    "emrserverless:cancelJobRun",
                    {**_APPLICATION, "JobRunId": "{% $states.input.Id %}"},
                    "emr-serverless:CancelJobRun",
                ),
            ),
            Until(
                ApiCall(
                    "emrserverless:listJobRuns",
                    {**_APPLICATION, "States": ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "CANCELLING"]},
                    "emr-serverless:ListJobRuns",
                ),
                "$count($states.result.JobRuns) = 0",
                "false",
            ),
            ApiCall("emrserverless:stopApplication", _APPLICATION, "emr-serverless:StopApplication"),
            Until(
                ApiCall("emrserverless:getApplication", _APPLICATION, "emr-serverless:GetApplication"),
                "$states.result.Application.State in ['CREATED', 'STOPPED', 'TERMINATED']",
                "false",
            ),
            ApiCall("emrserverless:deleteApplication", _APPLICATION, "emr-serverless:DeleteApplication"),
        ),
        ("emr-serverless:<>:/applications/*",),
    ),
    Kind(
        "EMR cluster",
        "elasticmapreduce:cluster/",
        CLUSTERS,
        ApiCall("emr:describeCluster", _CLUSTER, "elasticmapreduce:DescribeCluster"),
        _MILLIS.format("Cluster.Status.Timeline.CreationDateTime"),
        "$contains($states.result.Cluster.Status.State, 'TERMINAT') ? 'it is terminated' : ''",
        (ApiCall("emr:terminateJobFlows", {"JobFlowIds": ["{% $item.name %}"]}, "elasticmapreduce:TerminateJobFlows"),),
        ("elasticmapreduce:<>:cluster/*",),
    ),
    Kind(
        "stack",
        "cloudformation:stack/",
        STACKS,
        ApiCall("cloudformation:describeStacks", _STACK),
        _MILLIS.format("Stacks[0].CreationTime"),
        f"{_GONE} ? 'it is deleted' : ''",
        (
            ApiCall("cloudformation:deleteStack", {**_STACK, "RoleARN": "${StackRole}"}),
            Until(
                ApiCall("cloudformation:describeStacks", _STACK),
                _GONE,
                "$states.result.Stacks[0].StackStatus = 'DELETE_FAILED'",
            ),
        ),
        ("cloudformation:<>:stack/*",),
    ),
    Kind(
        "function",
        "lambda:function:",
        LOOSE,
        ApiCall("lambda:getFunction", {"FunctionName": "{% $item.name %}"}),
        _MILLIS.format("Configuration.LastModified"),
        "''",
        (ApiCall("lambda:deleteFunction", {"FunctionName": "{% $item.name %}"}),),
        ("lambda:<>:function:*",),
    ),
    Kind(
        "state machine",
        "states:stateMachine:",
        LOOSE,
        ApiCall("sfn:describeStateMachine", {"StateMachineArn": "{% $item.arn %}"}, "states:DescribeStateMachine"),
        _MILLIS.format("CreationDate"),
        "''",
        (ApiCall("sfn:deleteStateMachine", {"StateMachineArn": "{% $item.arn %}"}, "states:DeleteStateMachine"),),
        ("states:<>:stateMachine:*",),
    ),
    Kind(
        "Glue job",
        "glue:job/",
        LOOSE,
        ApiCall("glue:getJob", {"JobName": "{% $item.name %}"}),
        _MILLIS.format("Job.CreatedOn"),
        "''",
        (ApiCall("glue:deleteJob", {"JobName": "{% $item.name %}"}),),
        ("glue:<>:job/*",),
    ),
    Kind(
        "crawler",
        "glue:crawler/",
        LOOSE,
        ApiCall("glue:getCrawler", {"Name": "{% $item.name %}"}),
        _MILLIS.format("Crawler.CreationTime"),
        "$states.result.Crawler.State = 'RUNNING' ? 'it runs: stop it, or sweep again when it has ended' : ''",
        (ApiCall("glue:deleteCrawler", {"Name": "{% $item.name %}"}),),
        ("glue:<>:crawler/*",),
    ),
    Kind(
        "rule",
        "events:rule/",
        LOOSE,
        ApiCall("eventbridge:describeRule", {"Name": "{% $item.name %}"}, "events:DescribeRule"),
        "null",  # EventBridge does not tell when a rule was made
        "$exists($states.result.ManagedBy) ? 'it is managed by ' & $states.result.ManagedBy : ''",
        (
            Each(
                ApiCall("eventbridge:listTargetsByRule", _RULE, "events:ListTargetsByRule"),
                "Targets",
                ApiCall(
                    "eventbridge:removeTargets", {**_RULE, "Ids": ["{% $states.input.Id %}"]}, "events:RemoveTargets"
                ),
            ),
            ApiCall("eventbridge:deleteRule", {"Name": "{% $item.name %}"}, "events:DeleteRule"),
        ),
        ("events:<>:rule/*",),
    ),
    Kind(
        "log group",
        "logs:log-group:",
        LOGS,
        ApiCall(
            "cloudwatchlogs:describeLogGroups", {"LogGroupNamePrefix": "{% $item.name %}"}, "logs:DescribeLogGroups"
        ),
        f"$exists({_GROUP}) ? {_GROUP}.CreationTime : null",
        "''",
        (ApiCall("cloudwatchlogs:deleteLogGroup", {"LogGroupName": "{% $item.name %}"}, "logs:DeleteLogGroup"),),
        ("logs:<>:log-group:*",),
        f"$not($exists({_GROUP}))",
    ),
    Kind(
        "Glue database",
        "glue:database/",
        DATA,
        ApiCall("glue:getDatabase", {"Name": "{% $item.name %}"}),
        _MILLIS.format("Database.CreateTime"),
        f"{_NAMED} ? '' : 'it describes datasets: name it to delete it'",
        (ApiCall("glue:deleteDatabase", {"Name": "{% $item.name %}"}),),
        ("glue:<>:catalog", "glue:<>:database/*", "glue:<>:table/*", "glue:<>:userDefinedFunction/*"),
    ),
    Kind(
        "bucket",
        "s3:",
        DATA,
        ApiCall("s3:listObjectVersions", {**_BUCKET, "MaxKeys": 1}, "s3:ListBucketVersions"),
        "null",  # the age of a bucket is told by its list only, which names every bucket of the account
        "$exists($states.result.Versions) or $exists($states.result.DeleteMarkers)"
        f" ? ({_NAMED} ? '' : 'it holds objects: name it to delete it') : ''",
        (
            Drain(
                ApiCall("s3:listObjectVersions", {**_BUCKET, "MaxKeys": 500}, "s3:ListBucketVersions"),
                "$append($states.result.Versions, $states.result.DeleteMarkers).{'Key': Key, 'VersionId': VersionId}",
                ApiCall(
                    "s3:deleteObjects",
                    {**_BUCKET, "Delete": {"Objects": "{% $states.input %}", "Quiet": True}},
                    "s3:DeleteObjectVersion",
                ),
                "Errors",
            ),
            ApiCall("s3:deleteBucket", _BUCKET),
        ),
        ("s3:::*",),
    ),
)
