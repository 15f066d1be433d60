"""From an operation of Amazon EMR and its members to what IAM decides on.

An operation on clusters is decided for each of them, all before anything is done; operations without a resource type
are allowed by ``*`` alone. A cluster that is made with tags also asks for AddTags, on every cluster, and passes its
service role to EMR and its nodes' role to EC2.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Elastic MapReduce"
(2026-11); that tags on creation ask for AddTags since 2023-04-24, and on which resource: aws/aws-cdk, pull request
24856, gchq/sleeper, issue 2584; whom the roles are passed to: the managed policy AmazonEMRFullAccessPolicy_v2
(2025-03).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.local.identity.policies import Request
from headwater.local.service import Call, Members

CLUSTER_MEMBERS = ("ClusterId", "JobFlowId", "JobFlowIds", "ResourceId")


def emr_requests(
    call: Call, members: Members, context: dict[str, Any], role_of_profile: Callable[[str], str | None]
) -> list[Request]:
    """Everything that IAM must allow before a call of EMR may be done; all of it must be.

    ``role_of_profile`` gives the ARN of an instance profile's role, None where there is none: then nothing is passed.
    """
    arn = f"arn:aws:elasticmapreduce:{call.region}:{call.account}:cluster/"
    context = {**context, **_own_keys(members, context)}
    clusters = [id for member in CLUSTER_MEMBERS for id in _listed(members.get(member))]
    resources = [id if id.startswith("arn:") else arn + id for id in clusters] or ["*"]
    found = [Request(f"elasticmapreduce:{call.operation}", resource, context) for resource in resources]
    if call.operation != "RunJobFlow":
        return found
    if members.get("Tags"):
        found.append(Request("elasticmapreduce:AddTags", f"{arn}*", context))
    role = str(members.get("ServiceRole") or "")
    if role:
        role = role if role.startswith("arn:") else f"arn:aws:iam::{call.account}:role/{role}"
        found.append(_pass_role(role, "elasticmapreduce.amazonaws.com", context))
    nodes = role_of_profile(str(members["JobFlowRole"])) if members.get("JobFlowRole") else None
    if nodes:
        found.append(_pass_role(nodes, "ec2.amazonaws.com", context))
    return found


def _pass_role(role: str, service: str, context: dict[str, Any]) -> Request:
    return Request("iam:PassRole", role, {**context, "iam:passedtoservice": service})


def _own_keys(members: Members, context: dict[str, Any]) -> dict[str, Any]:
    """EMR's own condition keys: those of the request's tags beside the global ones, and a step's role."""
    tags = {key: value for key, value in context.items() if key.startswith("aws:requesttag/")}
    own = {key.replace("aws:", "elasticmapreduce:", 1): value for key, value in tags.items()}
    role = members.get("ExecutionRoleArn")
    return {**own, "elasticmapreduce:executionrolearn": role} if role else own


def _listed(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)] if value else []
