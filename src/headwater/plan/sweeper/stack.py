"""The sweeper's stack: the machine, its role, its log, its schedule.

The role may look at and delete the kinds that the machine knows, never what bears the keep tag: IAM itself refuses
that, where the service tells it the resource's tags. A stack is deleted by CloudFormation under a role of its own,
which may remove what Headwater's plans make and nothing else; it cannot be assumed by anything but CloudFormation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from headwater.plan import policies
from headwater.plan.permissions import Permission, arn
from headwater.plan.sweeper.kinds import DATA, KINDS, ApiCall, Drain, Each, Kind, Until
from headwater.plan.sweeper.machine import KEEP_TAG, definition

NAME = "headwater-sweeper"
LOGS = f"/aws/vendedlogs/states/{NAME}"
LOG_RETENTION_DAYS = 90
TAG_KEY, TAG_VALUE = "ResourceTag", "demo"
OLDER_THAN_HOURS = 24
SCHEDULE = "cron(0 3 * * ? *)"

# Look-ups that AWS lets nobody narrow to a resource (Service Authorization Reference, 2026-11).
_NO_LEVEL = "AWS offers no resource level"
_NO_RESOURCE = frozenset({"logs:DescribeLogGroups"})
_ANYWHERE = (
    "elasticmapreduce:DeleteSecurityConfiguration",
    "elasticmapreduce:DescribeSecurityConfiguration",
    "logs:DescribeLogGroups",
    "sns:Unsubscribe",
)


def template() -> dict[str, Any]:
    """Return the CloudFormation template of the sweeper."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Deletes forgotten resources by their tag, planned by Headwater",
        "Parameters": {
            "TagKey": _parameter("String", TAG_KEY, "The tag that resources to delete bear") | _unquoted(),
            "TagValue": _parameter("String", TAG_VALUE, "The value of that tag") | _unquoted(),
            "OlderThanHours": _parameter("Number", str(OLDER_THAN_HOURS), "Younger resources stay"),
            "ScheduleExpression": _parameter("String", SCHEDULE, "When to sweep, in UTC"),
            "ScheduleState": _parameter("String", "ENABLED", "ENABLED or DISABLED") | _choice("ENABLED", "DISABLED"),
        },
        "Resources": {
            "Logs": {
                "Type": "AWS::Logs::LogGroup",
                "DeletionPolicy": "Delete",
                "UpdateReplacePolicy": "Delete",
                "Properties": {"LogGroupName": LOGS, "RetentionInDays": LOG_RETENTION_DAYS, "Tags": _tags()},
            },
            "Machine": _machine(),
            "MachineRole": _role("states", sweep_permissions(), "Looks for forgotten resources, and deletes them"),
            "StackRole": _role("cloudformation", stack_permissions(), "Removes what is in a forgotten stack"),
            "ScheduleRole": _role("scheduler", [_start()], "Starts the sweeper"),
            "Schedule": {
                "Type": "AWS::Scheduler::Schedule",
                "Properties": {
                    "Name": NAME,
                    "Description": "Starts the sweeper",
                    "ScheduleExpression": {"Ref": "ScheduleExpression"},
                    "ScheduleExpressionTimezone": "UTC",
                    "FlexibleTimeWindow": {"Mode": "OFF"},
                    "State": {"Ref": "ScheduleState"},
                    "Target": {
                        "Arn": {"Ref": "Machine"},
                        "RoleArn": {"Fn::GetAtt": ["ScheduleRole", "Arn"]},
                        "Input": "{}",
                        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 3},
                    },
                },
            },
        },
        "Outputs": {"StateMachineArn": {"Description": "The sweeper", "Value": {"Ref": "Machine"}}},
    }


def nightly(tag: str, older_than_hours: float) -> dict[str, str]:
    """Return the stack's parameters for a schedule that deletes what bears a tag, as KEY=VALUE."""
    key, _, value = tag.partition("=")
    return {"TagKey": key, "TagValue": value, "OlderThanHours": f"{older_than_hours:g}"}


def sweep_permissions() -> list[Permission]:
    """Return what the machine's role may do."""
    found = [
        Permission("FindTagged", ("tag:GetResources",), ("*",), f"find what bears the tag; {_NO_LEVEL} for it"),
        Permission(
            "PassStackRole",
            ("iam:PassRole",),
            ({"Fn::GetAtt": ["StackRole", "Arn"]},),
            "hand CloudFormation the role that removes what is in a stack",
            {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
        ),
        Permission(
            "DeliverLogs",
            (
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            ),
            ("*",),
            f"write the execution history to its log group, and look log groups up; {_NO_LEVEL}",
        ),
    ]
    for kind in KINDS:
        found += _kind_permissions(kind)
    return found


def _kind_permissions(kind: Kind) -> Iterator[Permission]:
    name = _sid(kind.name)
    looks = {_action(kind.look)}
    changes: set[str] = set()
    for step in kind.steps:
        if isinstance(step, Until):
            looks.add(_action(step.call))
        elif isinstance(step, Each | Drain):
            looks.add(_action(step.listing))
            changes.add(_action(step.call))
        else:
            changes.add(_action(step))
    resources = tuple(_located(text) for text in kind.resources)
    narrow = sorted(looks - _NO_RESOURCE)
    if narrow:
        yield Permission(f"Look{name}", tuple(narrow), resources, f"look at each {kind.name}: its age and its state")
    if kind.phase == DATA and kind.prefix == "s3:":
        resources = (*resources, "arn:${AWS::Partition}:s3:::*/*")
    unmarked = {"Null": {f"aws:ResourceTag/{KEEP_TAG}": "true"}}
    yield Permission(
        f"Delete{name}", tuple(sorted(changes)), resources, f"delete each {kind.name} that is to go", unmarked
    )


def stack_permissions() -> list[Permission]:
    """Return what CloudFormation may do to delete a stack of Headwater's: remove, and look whether it is removed."""
    lists = {
        "cloudwatch": ("alarm:*", ("DeleteAlarms", "DescribeAlarms")),
        "emr-serverless": ("/applications/*", ("DeleteApplication", "GetApplication", "StopApplication")),
        "events": ("rule/*", ("DeleteRule", "DescribeRule", "ListTargetsByRule", "RemoveTargets")),
        "lambda": ("function:*", ("DeleteFunction", "GetFunction", "RemovePermission")),
        "scheduler": ("schedule/*/*", ("DeleteSchedule", "GetSchedule")),
        "sns": ("*", ("DeleteTopic", "GetTopicAttributes", "ListSubscriptionsByTopic", "SetTopicAttributes")),
        "states": ("stateMachine:*", ("DeleteStateMachine", "DescribeStateMachine")),
    }
    why = "remove what a stack made, and look whether it is gone; which names it made is not known beforehand"
    found = [
        Permission(_sid(service), tuple(f"{service}:{action}" for action in actions), (arn(service, pattern),), why)
        for service, (pattern, actions) in sorted(lists.items())
    ]
    parts = ("catalog", "database/*", "table/*", "userDefinedFunction/*/*")  # a database goes with all that is in it
    glue = tuple(arn("glue", each) for each in (*parts, "job/*", "crawler/*"))
    removing = ("DeleteCrawler", "DeleteDatabase", "DeleteJob", "DeleteTable", "GetCrawler", "GetDatabase", "GetJob")
    return [
        *found,
        Permission("Glue", tuple(f"glue:{action}" for action in removing), glue, why),
        Permission(
            "Logs",
            ("logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:DescribeMetricFilters"),
            (arn("logs", "log-group:*"),),
            why,
        ),
        Permission("WithoutResource", _ANYWHERE, ("*",), f"{why}; {_NO_LEVEL}"),
        Permission(
            "Models",
            ("sagemaker:DeleteModelPackageGroup", "sagemaker:DescribeModelPackageGroup"),
            (arn("sagemaker", "model-package-group/*"),),
            why,
        ),
        Permission(
            "Roles",
            (
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
            ),
            ("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*",),
            why,
        ),
        Permission(
            "InstanceProfiles",
            ("iam:DeleteInstanceProfile", "iam:GetInstanceProfile", "iam:RemoveRoleFromInstanceProfile"),
            ("arn:${AWS::Partition}:iam::${AWS::AccountId}:instance-profile/*",),
            why,
        ),
        Permission(
            "BucketPolicies",
            ("s3:DeleteBucketPolicy",),
            ("arn:${AWS::Partition}:s3:::*",),
            f"{why}; buckets themselves stay",
        ),
        Permission(
            "Dashboards",
            ("cloudwatch:DeleteDashboards",),
            ("arn:${AWS::Partition}:cloudwatch::${AWS::AccountId}:dashboard/*",),
            why,
        ),
    ]


def _start() -> Permission:
    return Permission(
        "StartSweeper", ("states:StartExecution",), ({"Ref": "Machine"},), "start the sweeper when it is time"
    )


def _machine() -> dict[str, Any]:
    logged = {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["Logs", "Arn"]}}}
    names = ("TagKey", "TagValue", "OlderThanHours")
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "StateMachineName": NAME,
            "StateMachineType": "STANDARD",
            "RoleArn": {"Fn::GetAtt": ["MachineRole", "Arn"]},
            "DefinitionString": json.dumps(definition(), separators=(",", ":"), ensure_ascii=False),
            "DefinitionSubstitutions": {
                **{name: {"Ref": name} for name in names},
                "StackRole": {"Fn::GetAtt": ["StackRole", "Arn"]},
            },
            "LoggingConfiguration": {"Level": "ALL", "IncludeExecutionData": True, "Destinations": [logged]},
            "Tags": _tags(),
        },
    }


def _role(service: str, permissions: list[Permission], description: str) -> dict[str, Any]:
    name = {"Fn::Sub": f"{NAME}-{service}-${{AWS::Region}}"}
    return policies.role(name, f"{service}.amazonaws.com", permissions, description, _tags())


def _sid(name: str) -> str:
    """A name as a statement's."""
    return "".join(part[0].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def _tags() -> list[dict[str, Any]]:
    return [{"Key": KEEP_TAG, "Value": "sweeper"}, {"Key": "headwater:stack", "Value": NAME}]


def _located(text: str) -> str:
    """An ARN of a kind: `<>` stands for region and account."""
    if "<>" not in text:
        return f"arn:${{AWS::Partition}}:{text}"
    return f"arn:${{AWS::Partition}}:{text.replace('<>', '${AWS::Region}:${AWS::AccountId}')}"


def _action(call: ApiCall) -> str:
    if call.permission:
        return call.permission
    service, _, operation = call.action.partition(":")
    return f"{service}:{operation[0].upper()}{operation[1:]}"


def _parameter(kind: str, default: str, description: str) -> dict[str, Any]:
    return {"Type": kind, "Default": default, "Description": description}


def _unquoted() -> dict[str, Any]:
    """The machine's definition holds the text between quotes."""
    told = "takes letters, digits, spaces and _ . : / = + - @"
    return {"AllowedPattern": r"[\w .:/=+@-]*", "ConstraintDescription": told}


def _choice(*values: str) -> dict[str, Any]:
    return {"AllowedValues": list(values)}
