"""The ARN of the one thing that an operation is about, from its members.

Not faithful to AWS: a role, user or policy with a path is known by it only where the request says it. Of an operation
that is not described here only the action is decided (see :class:`headwater.local.identity.policies.Request`).

Source: Service Authorization Reference, "Resource types defined by" each service, read 2026-11.
"""

from __future__ import annotations

from headwater.local.service import Call, Members

# Members that hold an ARN, of whatever service.
ARN_MEMBERS = (
    *("stateMachineArn", "executionArn", "activityArn", "mapRunArn", "stateMachineAliasArn", "stateMachineVersionArn"),
    *("TopicArn", "ModelPackageName", "TargetArn", "SecretId", "KeyId", "StackName"),
    *("ResourceArn", "ResourceARN", "resourceArn", "Resource"),
)
# Members by which an operation names one thing, the first that is there; `{}` is its value.
NAMED: dict[str, tuple[tuple[str, str], ...]] = {
    "cloudformation": (("StackName", "stack/{}/*"),),
    "dynamodb": (("TableName", "table/{}"),),
    "ecr": (("repositoryName", "repository/{}"),),
    "kms": (("KeyId", "key/{}"),),
    "lambda": (("FunctionName", "function:{}"),),
    "logs": (("logGroupName", "log-group:{}:*"),),
    "sagemaker": (
        ("TrainingJobName", "training-job/{}"),
        ("ProcessingJobName", "processing-job/{}"),
        ("TransformJobName", "transform-job/{}"),
        ("ModelName", "model/{}"),
        ("ModelPackageGroupName", "model-package-group/{}"),
        ("EndpointConfigName", "endpoint-config/{}"),
        ("EndpointName", "endpoint/{}"),
    ),
    "secretsmanager": (("SecretId", "secret:{}"),),
    "ssm": (("Name", "parameter/{}"),),
    "sts": (("RoleArn", "role/{}"),),
}
# The same for operations that name things otherwise than the rest of their service.
BY_OPERATION: dict[tuple[str, str], tuple[str, str]] = {
    ("events", "DeleteRule"): ("Name", "rule/{}"),
    ("events", "DescribeRule"): ("Name", "rule/{}"),
    ("events", "DisableRule"): ("Name", "rule/{}"),
    ("events", "EnableRule"): ("Name", "rule/{}"),
    ("events", "ListTargetsByRule"): ("Rule", "rule/{}"),
    ("events", "PutRule"): ("Name", "rule/{}"),
    ("events", "PutTargets"): ("Rule", "rule/{}"),
    ("events", "RemoveTargets"): ("Rule", "rule/{}"),
    ("scheduler", "CreateSchedule"): ("Name", "schedule/{}"),
    ("scheduler", "DeleteSchedule"): ("Name", "schedule/{}"),
    ("scheduler", "GetSchedule"): ("Name", "schedule/{}"),
    ("scheduler", "UpdateSchedule"): ("Name", "schedule/{}"),
    ("sns", "CreateTopic"): ("Name", "{}"),
    ("sqs", "CreateQueue"): ("QueueName", "{}"),
    ("stepfunctions", "CreateActivity"): ("name", "activity:{}"),
    ("stepfunctions", "CreateStateMachine"): ("name", "stateMachine:{}"),
}
# IAM's own, in the order in which they count where a request has several (AttachRolePolicy is about the role).
IAM: tuple[tuple[str, str], ...] = (
    ("InstanceProfileName", "instance-profile"),
    ("GroupName", "group"),
    ("RoleName", "role"),
    ("UserName", "user"),
    ("PolicyArn", "policy"),
    ("PolicyName", "policy"),
)


def resource_of(call: Call, members: Members, prefix: str) -> str | None:
    """The ARN of what an operation is about; None for an operation that is not described here.

    ``prefix`` is IAM's name of the service.
    """
    arn = f"arn:aws:{prefix}:{call.region}:{call.account}:"
    for member in ARN_MEMBERS:
        if str(members.get(member, "")).startswith("arn:"):
            return str(members[member])
    if call.service == "iam":
        return _of_iam(call, members)
    if call.service == "kms" and str(members.get("KeyId", "")).startswith("alias/"):
        return None  # the key is decided on, which only KMS knows
    if (call.service, call.operation) == ("sts", "GetFederationToken"):
        return f"arn:aws:sts::{call.account}:federated-user/{members['Name']}"
    if call.service == "sqs" and members.get("QueueUrl"):
        return arn + str(members["QueueUrl"]).rsplit("/", 1)[-1]
    own = BY_OPERATION.get((call.service, call.operation))
    for member, shape in (own,) if own else NAMED.get(call.service, ()):
        if value := members.get(member):
            name = str(value).lstrip("/") if call.service == "ssm" else str(value)
            return name if name.startswith("arn:") else arn + shape.format(_within(call.service, members, name))
    return None


def _within(service: str, members: Members, name: str) -> str:
    """A schedule's name within its group, a rule's within its bus; only the default bus goes without saying."""
    if service == "scheduler":
        return f"{members.get('GroupName') or 'default'}/{name}"
    bus = str(members.get("EventBusName") or "default").rsplit("/", 1)[-1] if service == "events" else "default"
    return name if bus == "default" else f"{bus}/{name}"


def _of_iam(call: Call, members: Members) -> str | None:
    for member, kind in IAM:
        if value := members.get(member):
            if str(value).startswith("arn:"):
                return str(value)
            return f"arn:aws:iam::{call.account}:{kind}{members.get('Path') or '/'}{value}"
    return None
