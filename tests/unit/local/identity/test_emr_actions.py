"""What IAM decides on for EMR's operations: actions, clusters, tags, roles that are passed."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.local.identity.emr_actions import emr_requests
from headwater.local.identity.principals import Principal
from headwater.local.service import Call

CLUSTERS = "arn:aws:elasticmapreduce:us-east-1:000000000000:cluster/"
ROLES = "arn:aws:iam::000000000000:role/"


def asked(operation: str, members: dict[str, Any], **tags: str) -> list[tuple[str, str | None, dict[str, Any]]]:
    principal = Principal(f"{ROLES}me", "000000000000", "me", f"{ROLES}me")
    call = Call("emr", operation, principal, "us-east-1", "000000000000", "1")
    context = {f"aws:requesttag/{key}": value for key, value in tags.items()}
    found = emr_requests(call, members, context, {"nodes": f"{ROLES}nodes"}.get)
    return [(each.action, each.resource, dict(each.context)) for each in found]


def test_an_operation_on_clusters_is_decided_for_each() -> None:
    found = asked("TerminateJobFlows", {"JobFlowIds": ["j-1", "j-2"]})
    assert [(action, resource) for action, resource, _ in found] == [
        ("elasticmapreduce:TerminateJobFlows", f"{CLUSTERS}j-1"),
        ("elasticmapreduce:TerminateJobFlows", f"{CLUSTERS}j-2"),
    ]


@pytest.mark.parametrize("member", ["ClusterId", "JobFlowId", "ResourceId"])
def test_a_cluster_is_named_by_its_id_or_its_arn(member: str) -> None:
    assert asked("X", {member: "j-1"}) == asked("X", {member: f"{CLUSTERS}j-1"})


def test_an_operation_without_a_resource_type_is_on_everything() -> None:
    assert asked("ListClusters", {}) == [("elasticmapreduce:ListClusters", "*", {})]


def test_a_step_tells_its_role() -> None:
    [(_, _, context)] = asked("AddJobFlowSteps", {"JobFlowId": "j-1", "ExecutionRoleArn": f"{ROLES}step"})
    assert context == {"elasticmapreduce:executionrolearn": f"{ROLES}step"}


def test_a_new_cluster_asks_for_its_tags_and_passes_its_roles() -> None:
    members = {"ServiceRole": "emr", "JobFlowRole": "nodes", "Tags": [{"Key": "team", "Value": "raw"}]}
    keys = {"aws:requesttag/team": "raw", "elasticmapreduce:requesttag/team": "raw"}
    assert asked("RunJobFlow", members, team="raw") == [
        ("elasticmapreduce:RunJobFlow", "*", keys),
        ("elasticmapreduce:AddTags", f"{CLUSTERS}*", keys),
        ("iam:PassRole", f"{ROLES}emr", {**keys, "iam:passedtoservice": "elasticmapreduce.amazonaws.com"}),
        ("iam:PassRole", f"{ROLES}nodes", {**keys, "iam:passedtoservice": "ec2.amazonaws.com"}),
    ]
    assert [action for action, _, _ in asked("RunJobFlow", {"JobFlowRole": "nobody"})] == [
        "elasticmapreduce:RunJobFlow"
    ]
