"""Every role of a plan: whose it is, which service assumes it, and what it may do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headwater.plan import naming, policies, roles
from headwater.plan.code import Code
from headwater.plan.emr import cluster, serverless
from headwater.plan.emr import permissions as on_emr
from headwater.plan.emr.service_role import service_permissions
from headwater.plan.permissions import Permission
from headwater.workflow.stages import SparkStage
from headwater.workflow.workflow import Workflow


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


def planned_roles(
    workflow: Workflow, codes: dict[str, Code], granted: dict[str, list[Permission]], machine: list[Permission]
) -> Iterator[PlanRole]:
    """Yield every role of a workflow: those of its stages, the state machines', EMR's and the schedule's."""
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
