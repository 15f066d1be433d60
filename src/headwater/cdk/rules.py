"""What cdk-nag's AWS Solutions pack finds in a plan, and why each finding stands.

A wildcard in a policy is acknowledged with the reason that the plan itself gives for that permission, finding by
finding: a wildcard for which the plan gives none still fails synthesis. The other rules are acknowledged on the types
of resource that they speak of. Where a team decides otherwise, it changes the resource (`PlannedWorkflow.resource`) and
the acknowledgement is without effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from aws_cdk import Acknowledgment, Validations

from headwater.plan import naming
from headwater.plan.permissions import Permission
from headwater.plan.plan import Plan

if TYPE_CHECKING:
    from headwater.cdk.planned_workflow import PlannedWorkflow

# The longest reason that is kept in a template's metadata.
_LONGEST_REASON = 500

# resource type → rule → why it is so here (rules of cdk-nag 3.0, 2026-11)
REASONS: dict[str, dict[str, str]] = {
    "AWS::Glue::Crawler": {
        "AwsSolutions-GL1": "Logs hold no data of the lake; CloudWatch Logs encrypts them at rest with its own key."
    },
    "AWS::Glue::Job": {
        "AwsSolutions-GL1": "Logs hold no data of the lake; CloudWatch Logs encrypts them at rest with its own key.",
        "AwsSolutions-GL3": "Bookmarks hold names and times of objects, no data; Glue encrypts them with its own key.",
    },
    "AWS::Lambda::Function": {
        "AwsSolutions-L1": "The runtime is the Python that the functions were run and tested with before the deploy."
    },
    "AWS::S3::Bucket": {
        "AwsSolutions-S1": "Who read or wrote what is in CloudTrail, by role; server access logs need a second bucket."
    },
    "AWS::StepFunctions::StateMachine": {
        "AwsSolutions-SF2": "Every event of an execution is in CloudWatch Logs (level ALL); X-Ray samples."
    },
}


def acknowledge(planned: PlannedWorkflow) -> None:
    """Acknowledge the findings of a planned workflow, each with its reason."""
    for logical_id, resource in planned.resources().items():
        for rule, reason in REASONS.get(resource.cfn_resource_type, {}).items():
            Validations.of(resource).acknowledge(Acknowledgment(id=rule, reason=reason))
    for role, permissions in _granted(planned.plan).items():
        findings = dict(_wildcards(permissions, planned.assets_bucket))
        for finding, reason in findings.items():
            Validations.of(planned.resource(role)).acknowledge(
                Acknowledgment(id=finding, reason=reason[:_LONGEST_REASON])
            )


def _granted(plan: Plan) -> dict[str, list[Permission]]:
    """Each role's permissions, by its logical id."""
    return {role.id: list(role.permissions) for role in plan.roles}


def _wildcards(permissions: Iterable[Permission], bucket: str) -> Iterator[tuple[str, str]]:
    """cdk-nag's identifier of each wildcard, with the plan's reason."""
    for permission in permissions:
        for action in permission.actions:
            if "*" in action:
                yield f"AwsSolutions-IAM5[Action::{action}]", permission.reason
        for resource in permission.resources:
            if isinstance(resource, str) and "*" in resource:
                located = resource.replace(f"${{{naming.ASSETS_BUCKET}}}", bucket)
                yield f"AwsSolutions-IAM5[Resource::{_flat(located)}]", permission.reason


def _flat(text: str) -> str:
    """A template string as cdk-nag writes it: `${LakeBucket}` and `${LakeBucket.Arn}` in angle brackets."""
    return text.replace("${", "<").replace("}", ">")
