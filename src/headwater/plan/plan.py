"""The plan of a workflow: its template, its assets, and what each stage is to be and may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from headwater.errors import PlanError
from headwater.plan import alarms, dashboard, ending, graph, images, job_metrics, naming, policies, resources
from headwater.plan import roles, storage
from headwater.plan.assets import Asset
from headwater.plan.code import Code, code_of
from headwater.plan.cost.sizes import Size, size_of
from headwater.plan.emr import cluster, serverless
from headwater.plan.emr import permissions as on_emr
from headwater.plan.emr.service_role import service_permissions
from headwater.plan.graph import Predecessors
from headwater.plan.nest import Nest, nest
from headwater.plan.permissions import Permission
from headwater.plan.states import Definition
from headwater.plan.tasks import State, Tasks, image_id, stage_tags, tag_list
from headwater.workflow import order
from headwater.workflow.stages import FunctionStage, MachineStage, ScriptStage, SparkStage, Stage
from headwater.workflow.workflow import Workflow

# CloudFormation and Step Functions quotas, 2026-11.
_MOST_RESOURCES = 500
_LARGEST_DEFINITION_BYTES = 1_048_576
_LARGEST_TEMPLATE_BYTES = 1_048_576


@dataclass(frozen=True)
class PlanStage:
    """One stage of a plan.

    Parameters
    ----------
    name:
        The stage's name, which is its Task's too.
    after:
        The stages directly before it, in the order declared.
    when:
        "success", or when it runs at the end.
    resource:
        The name of the function, job or crawler; of a SageMaker job, what its name begins with; none for calls.
    engine, emr_above_gb:
        Of a Spark stage, what runs it, and from which size of its inputs on EMR rather than Glue; else None.
    role:
        The logical id of the role whose permissions these are: its own, or the state machine's.
    """

    name: str
    kind: str
    script: str | None
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    after: tuple[str, ...]
    when: str
    resource: str | None
    role: str
    permissions: tuple[Permission, ...]
    period: bool
    engine: str | None = None
    emr_above_gb: float | None = None


@dataclass(frozen=True)
class PlanRole:
    """One role of a plan.

    Parameters
    ----------
    id:
        Its logical id.
    what:
        Whose it is, as a heading: `Stage clean`, `State machine`.
    service:
        The service that assumes it, as `glue.amazonaws.com`.
    permissions:
        What it may do.
    """

    id: str
    what: str
    service: str
    permissions: tuple[Permission, ...]

    @property
    def trust(self) -> Permission:
        """The trust policy as a permission with its marks: nothing of the role may be needed in every run, or here."""
        sid, reason = policies.trust_sid(self.service), policies.trust_reason(self.service)
        found = Permission(sid, ("sts:AssumeRole",), (), reason)
        every = [(each, action) for each in self.permissions for action in each.actions]
        if any(action not in each.aws_only and action not in each.sometimes for each, action in every):
            return found
        when = next((each.sometimes[action] for each, action in every if action in each.sometimes), "")
        alone = next((each.aws_only[action] for each, action in every if action in each.aws_only), "")
        return found.only_when(when) if when else found.on_aws_alone(alone) if alone else found


@dataclass(frozen=True)
class Plan:
    """What a workflow becomes.

    Parameters
    ----------
    name:
        The workflow's name, which is the stack's.
    template:
        The CloudFormation template; its parameter `AssetsBucket` names the bucket that holds the assets.
    assets:
        What to upload to that bucket before.
    stages:
        In the order declared.
    levels:
        The names of the stages by the length of the longest chain before them, without the functions for the end.
    nest:
        The period part and the rest, each nested for the state machine; none where there is no such part.
    period:
        The stages that a run with DATA_ONLY runs, in the order declared, before the functions for the end.
    definition:
        The state machine's definition, before substitution.
    machine_permissions:
        What the state machine's role may do.
    roles:
        Every role of the template: those of the stages, the state machine's, the schedule's.
    sizes:
        What each stage occupies on AWS, which its price depends on.
    tags:
        The tags of all that belongs to the workflow, and of its stack.
    schedule, budget_usd:
        As declared.
    """

    name: str
    lake: str
    database: str
    template: dict[str, Any]
    assets: tuple[Asset, ...]
    stages: tuple[PlanStage, ...]
    levels: tuple[tuple[str, ...], ...]
    nest: tuple[Nest | None, Nest | None]
    period: tuple[str, ...]
    definition: State
    machine_permissions: tuple[Permission, ...]
    roles: tuple[PlanRole, ...]
    parameters: dict[str, object]
    datasets: dict[str, str]
    owners: dict[str, str] = field(repr=False)
    sizes: dict[str, Size] = field(default_factory=dict, repr=False)
    tags: dict[str, str] = field(default_factory=dict)
    schedule: str | None = None
    budget_usd: float | None = None

    def stage_of_state(self, state: str) -> str | None:
        """Return the stage that a state of the state machine belongs to, None for a state of no stage."""
        return self.owners.get(state)


def make_plan(workflow: Workflow) -> Plan:
    """Plan a workflow: pure, deterministic, with no network.

    Parameters
    ----------
    workflow:
        As declared; it is checked first.

    Raises
    ------
    DeclarationError
        With every mistake of the declaration.
    PlanError
        If AWS's quotas hold no template for it.
    """
    workflow.check()
    before = graph.predecessors(workflow)
    codes = {s.name: code_of(workflow.root, s) for s in workflow.stages if isinstance(s, ScriptStage)}
    period = graph.period_part(workflow, before)
    nests = _nests(workflow, before, period)
    definition = Definition(workflow, Tasks(workflow, codes), *nests)
    machine = roles.machine_permissions(workflow.name, workflow.stages)
    granted = {s.name: roles.stage_permissions(workflow.name, s, codes.get(s.name)) for s in workflow.stages}
    planned = tuple(_roles(workflow, codes, granted, machine))
    template = _template(workflow, codes, definition.document, planned)
    return Plan(
        name=workflow.name,
        lake=workflow.lake.name,
        database=workflow.lake.database,
        template=template,
        assets=_assets(codes),
        stages=tuple(_plan_stage(workflow, s, before, granted, period) for s in workflow.stages),
        levels=tuple(tuple(level) for level in graph.levels(before)),
        nest=nests,
        period=tuple(s.name for s in workflow.stages if s.name in period),
        definition=definition.document,
        machine_permissions=tuple(machine),
        roles=planned,
        parameters=dict(workflow.parameters),
        datasets={dataset.name: dataset.prefix for dataset in workflow.lake.datasets},
        owners=definition.owners,
        sizes={stage.name: size_of(stage) for stage in workflow.stages},
        tags=stage_tags(workflow),
        schedule=workflow.schedule,
        budget_usd=workflow.budget_usd,
    )


def _nests(workflow: Workflow, before: Predecessors, period: frozenset[str]) -> tuple[Nest | None, Nest | None]:
    weight = graph.weights(workflow.stages)
    parts = (period, frozenset(before) - period)
    inner = [{name: before[name] & part for name in before if name in part} for part in parts]
    return (nest(inner[0], weight) if inner[0] else None, nest(inner[1], weight) if inner[1] else None)


def _assets(codes: dict[str, Code]) -> tuple[Asset, ...]:
    by_key = {asset.key: asset for name in codes for asset in codes[name].assets}
    return tuple(by_key[key] for key in sorted(by_key))


def _roles(
    workflow: Workflow, codes: dict[str, Code], granted: dict[str, list[Permission]], machine: list[Permission]
) -> Iterator[PlanRole]:
    for stage in workflow.stages:
        if service := roles.service_of(stage):
            yield PlanRole(naming.role_id(stage), f"Stage {stage.name}", service, tuple(granted[stage.name]))
        if isinstance(stage, SparkStage) and stage.engine == "auto":
            permissions = tuple(roles.permissions_on_emr(stage, codes[stage.name]))
            what = f"Stage {stage.name} on EMR"
            yield PlanRole(naming.emr_role_id(stage), what, serverless.SERVICE, permissions)
    yield PlanRole(naming.MACHINE_ROLE, "State machine", "states.amazonaws.com", tuple(machine))
    if held := cluster.on_clusters(workflow.stages):
        makes = tuple(roles.clusters_permissions(workflow.name, held))
        yield PlanRole(naming.CLUSTERS_ROLE, "State machine of clusters", "states.amazonaws.com", makes)
        nodes = tuple(f"${{{naming.role_id(stage)}.Arn}}" for stage in held)
        yield PlanRole(naming.EMR_ROLE, "Amazon EMR", on_emr.SERVICE, tuple(service_permissions(workflow, nodes)))
    if workflow.schedule is not None:
        permissions = tuple(roles.schedule_permissions())
        yield PlanRole(naming.SCHEDULE_ROLE, "Schedule", "scheduler.amazonaws.com", permissions)


def _template(
    workflow: Workflow, codes: dict[str, Code], definition: State, planned: tuple[PlanRole, ...]
) -> dict[str, Any]:
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


def _plan_stage(
    workflow: Workflow,
    stage: Stage,
    before: Predecessors,
    granted: dict[str, list[Permission]],
    period: frozenset[str],
) -> PlanStage:
    names = [each.name for each in order.ordered_stages(workflow.stages)]
    own = roles.service_of(stage) is not None
    resource = None
    if isinstance(stage, MachineStage):
        resource = naming.job_prefix(workflow.name, stage)
    elif own:
        resource = naming.stage_resource_name(workflow.name, stage)
    return PlanStage(
        name=stage.name,
        kind=stage.kind,
        script=stage.script if isinstance(stage, ScriptStage) else None,
        reads=tuple(dataset.name for dataset in stage.reads),
        writes=tuple(dataset.name for dataset in stage.writes),
        after=tuple(name for name in names if name in before.get(stage.name, ())),
        when=stage.when if isinstance(stage, FunctionStage) else "success",
        resource=resource,
        role=naming.role_id(stage) if own else naming.MACHINE_ROLE,
        permissions=tuple(granted[stage.name]),
        period=stage.name in period,
        engine=stage.engine if isinstance(stage, SparkStage) else None,
        emr_above_gb=stage.emr_above_gb if isinstance(stage, SparkStage) and stage.engine == "auto" else None,
    )
