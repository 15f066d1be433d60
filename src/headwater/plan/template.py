"""The CloudFormation template of a workflow: all its resources, its parameter, its outputs, within AWS's quotas."""

from __future__ import annotations

import json
from typing import Any

from headwater.errors import PlanError
from headwater.plan import alarms, dashboard, ending, images, job_metrics, naming, policies, resources, roles, storage
from headwater.plan.code import Code
from headwater.plan.emr import cluster, serverless
from headwater.plan.plan_roles import PlanRole
from headwater.plan.images import image_id
from headwater.plan.tags import stage_tags, tag_list
from headwater.plan.tasks import State
from headwater.workflow.stages import FunctionStage, MachineStage, SparkStage
from headwater.workflow.workflow import Workflow

# CloudFormation and Step Functions quotas, 2026-11.
_MOST_RESOURCES = 500
_LARGEST_DEFINITION_BYTES = 1_048_576
_LARGEST_TEMPLATE_BYTES = 1_048_576


def make_template(
    workflow: Workflow, codes: dict[str, Code], definition: State, planned: tuple[PlanRole, ...]
) -> dict[str, Any]:
    """Return the template of a workflow.

    Raises
    ------
    PlanError
        If AWS's quotas hold no template for it.
    """
    found = storage.storage(workflow)
    own = {role.id: role for role in planned}
    for stage in workflow.stages:
        if roles.service_of(stage):
            role = own.pop(naming.role_id(stage))
            name, tags = naming.role_name(workflow.name, stage.name), stage_tags(workflow, stage)
            found[role.id] = _role(workflow, role, name, tags)
        if isinstance(stage, SparkStage) and stage.engine == "auto":
            role = own.pop(naming.emr_role_id(stage))
            name, tags = naming.emr_role_name(workflow.name, stage), stage_tags(workflow, stage)
            found[role.id] = _role(workflow, role, name, tags)
        found |= resources.stage_resources(workflow, stage, codes.get(stage.name))
    for role in own.values():
        part = "spark-clusters" if role.id == naming.CLUSTERS_ROLE else role.service.removesuffix(".amazonaws.com")
        name = naming.role_name(workflow.name, part)
        found[role.id] = _role(workflow, role, name, stage_tags(workflow))
    found |= resources.spark_resources(workflow)
    found |= resources.clusters_resources(workflow)
    found |= resources.machine_resources(workflow, definition, _substitutions(workflow))
    found |= resources.schedule_resources(workflow)
    found |= ending.ending_resources(workflow)
    found |= alarms.alarm_resources(workflow)
    found |= job_metrics.metric_filter_resources(workflow)
    found |= dashboard.dashboard_resources(workflow)
    return _within_quotas(workflow, found)


def _role(workflow: Workflow, role: PlanRole, name: object, tags: dict[str, str]) -> dict[str, Any]:
    description = f"{role.what} of the workflow {workflow.name}"
    return policies.role(name, role.service, role.permissions, description, tag_list(tags))


def _within_quotas(workflow: Workflow, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    size_bytes = len(found[naming.MACHINE]["Properties"]["DefinitionString"].encode())
    if size_bytes > _LARGEST_DEFINITION_BYTES:
        raise PlanError(
            f"workflow {workflow.name!r}: its state machine's definition has {size_bytes:,} bytes, and Step Functions "
            f"takes {_LARGEST_DEFINITION_BYTES:,}. Split the workflow in two over one lake."
        )
    if len(found) > _MOST_RESOURCES:
        raise PlanError(
            f"workflow {workflow.name!r}: its template has {len(found)} resources, and CloudFormation takes "
            f"{_MOST_RESOURCES}. Split the workflow in two over one lake."
        )
    bucket_name = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
    assets = {"Type": "String", "AllowedPattern": bucket_name, "Description": "The bucket that holds the plan's assets"}
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Workflow {workflow.name} over the lake {workflow.lake.name}, planned by Headwater",
        "Parameters": {naming.ASSETS_BUCKET: assets},
        "Resources": found,
        "Outputs": _outputs(),
    }
    if any(isinstance(stage, MachineStage) for stage in workflow.stages):
        template["Mappings"] = {images.MAPPING: images.mapping()}
    size_bytes = len(json.dumps(template, separators=(",", ":")).encode())
    if size_bytes > _LARGEST_TEMPLATE_BYTES:
        raise PlanError(
            f"workflow {workflow.name!r}: its template has {size_bytes:,} bytes, and CloudFormation takes "
            f"{_LARGEST_TEMPLATE_BYTES:,}. Split the workflow in two over one lake."
        )
    return template


def _substitutions(workflow: Workflow) -> dict[str, Any]:
    values: dict[str, Any] = {
        naming.BUCKET: {"Ref": naming.BUCKET},
        naming.DATABASE: {"Ref": naming.DATABASE},
    }
    for stage in workflow.stages:
        if isinstance(stage, MachineStage):
            values[naming.role_id(stage)] = {"Fn::GetAtt": [naming.role_id(stage), "Arn"]}
            values[image_id(stage.framework)] = images.image_uri(stage.framework)
            values[naming.ASSETS_BUCKET] = {"Ref": naming.ASSETS_BUCKET}
            if stage.kind == "training":
                values["Region"] = {"Ref": "AWS::Region"}
        elif isinstance(stage, FunctionStage):
            values[naming.resource_id(stage)] = {"Fn::GetAtt": [naming.resource_id(stage), "Arn"]}
        elif stage.kind == "crawler" or (isinstance(stage, SparkStage) and stage.on_glue):
            values[naming.resource_id(stage)] = {"Ref": naming.resource_id(stage)}
    values |= {**serverless.substitutions(workflow), **cluster.substitutions(workflow)}
    return dict(sorted(values.items()))


def _outputs() -> dict[str, Any]:
    logs = {"Ref": naming.MACHINE_LOGS}
    topic = {"Ref": naming.ALARM_TOPIC}
    return {
        "AlarmTopicArn": {"Description": "Told of each run that did not succeed", "Value": topic},
        "Bucket": {"Description": "The lake's bucket", "Value": {"Ref": naming.BUCKET}},
        "Database": {"Description": "The lake's Glue database", "Value": {"Ref": naming.DATABASE}},
        "StateMachineArn": {"Description": "The workflow's state machine", "Value": {"Ref": naming.MACHINE}},
        "StateMachineLogGroup": {"Description": "Its execution history", "Value": logs},
    }
