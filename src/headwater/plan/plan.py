"""The plan of a workflow: its template, its assets, and what each stage is to be and may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headwater.plan import graph, naming, roles
from headwater.plan.assets import Asset
from headwater.plan.code import Code, code_of
from headwater.plan.cost.sizes import Size, size_of
from headwater.plan.graph import Predecessors
from headwater.plan.nest import Nest, nest
from headwater.plan.permissions import Permission
from headwater.plan.plan_roles import PlanRole, planned_roles
from headwater.plan.states import Definition
from headwater.plan.tags import stage_tags
from headwater.plan.tasks import State, Tasks
from headwater.plan.template import make_template
from headwater.workflow import order
from headwater.workflow.stages import FunctionStage, MachineStage, ScriptStage, SparkStage, Stage
from headwater.workflow.workflow import Workflow


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
    planned = tuple(planned_roles(workflow, codes, granted, machine))
    template = make_template(workflow, codes, definition.document, planned)
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
