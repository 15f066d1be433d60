"""What running a step on a cluster needs: of the workflow's machine, of the machine that makes clusters, of the nodes.

Sources: Step Functions developer guide, "IAM policies for Amazon EMR" and "IAM policies for starting Step Functions
workflow executions"; Service Authorization Reference, "Amazon Elastic MapReduce"; EMR Management Guide, "Using
service-linked roles for Amazon EMR for cleanup"; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable

from headwater.plan import naming
from headwater.plan.emr.cluster import on_clusters
from headwater.plan.naming import CLUSTERS_MACHINE, EMR_ROLE
from headwater.plan.permissions import Permission, arn, as_service_uploads, write_objects
from headwater.workflow.stages import SparkStage, Stage

SERVICE, NODES = "elasticmapreduce.amazonaws.com", "ec2.amazonaws.com"
_STOPPED = "a run is stopped while the step runs, or a stage beside it fails"


def caller_permissions(workflow: str, stages: Iterable[Stage]) -> list[Permission]:
    """Return what the workflow's state machine needs to have its steps run."""
    if not on_clusters(stages):
        return []
    machine = naming.clusters_machine_name(workflow)
    rule = arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")
    return [
        Permission("RunSteps", ("states:StartExecution",), (f"${{{CLUSTERS_MACHINE}}}",), "run steps on clusters"),
        Permission(
            "FollowSteps",
            ("states:DescribeExecution", "states:StopExecution"),
            (arn("states", f"execution:{machine}:*"),),
            "wait for the steps, and stop them when a run is stopped",
            sometimes={"states:StopExecution": _STOPPED},
        ),
        Permission(
            "WatchForSteps",
            ("events:DescribeRule", "events:PutRule", "events:PutTargets"),
            (rule,),
            "learn when a step's execution ends: the rule that Step Functions itself keeps for .sync",
        ).on_aws_alone("Step Functions here is told of an execution's end by the endpoint, without a rule"),
    ]


def cluster_permissions(workflow: str, stages: Iterable[SparkStage]) -> list[Permission]:
    """Return what the machine that makes clusters needs."""
    clusters = (arn("elasticmapreduce", "cluster/*"),)
    tag = "headwater:workflow"
    asked = {"StringEquals": {f"aws:RequestTag/{tag}": workflow}}
    tagged = {"StringEquals": {f"aws:ResourceTag/{tag}": workflow}}
    linked = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/aws-service-role/{SERVICE}/*"
    nodes = tuple(f"${{{naming.role_id(stage)}.Arn}}" for stage in stages)
    return [
        Permission(
            "MakeClusters",
            ("elasticmapreduce:RunJobFlow",),
            ("*",),
            "make clusters, with the workflow's tag; RunJobFlow has no resource level",
            asked,
        ),
        Permission("TagClusters", ("elasticmapreduce:AddTags",), clusters, "tag the clusters that it makes", asked),
        Permission(
            "UseClusters",
            (
                "elasticmapreduce:AddJobFlowSteps",
                "elasticmapreduce:CancelSteps",
                "elasticmapreduce:DescribeCluster",
                "elasticmapreduce:DescribeStep",
                "elasticmapreduce:TerminateJobFlows",
            ),
            clusters,
            "wait for the workflow's own clusters, run their steps and terminate them",
            tagged,
            sometimes={"elasticmapreduce:CancelSteps": _STOPPED},
        ),
        Permission(
            "PassRoleOfEmr",
            ("iam:PassRole",),
            (f"${{{EMR_ROLE}.Arn}}",),
            "give EMR the role with which it makes a cluster's instances",
            {"StringEquals": {"iam:PassedToService": SERVICE}},
        ),
        Permission(
            "PassRolesOfNodes",
            ("iam:PassRole",),
            nodes,
            "give the nodes of each cluster its stage's role",
            {"StringEquals": {"iam:PassedToService": NODES}},
        ),
        Permission(
            "LinkCleanup",
            ("iam:CreateServiceLinkedRole",),
            (linked,),
            "the role by which EMR terminates instances that it no longer uses, made with an account's first cluster",
            {"StringEquals": {"iam:AWSServiceName": SERVICE}},
        ).on_aws_alone("there are no instances here"),
    ]


def node_permissions(stage: SparkStage) -> list[Permission]:
    """Return what the role of a cluster's nodes needs beside the stage's data and code."""
    prefixes = [naming.emr_log_prefix(stage)]
    return as_service_uploads(write_objects(prefixes, "Logs", "the cluster's logs"))
