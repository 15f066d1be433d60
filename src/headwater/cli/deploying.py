"""From a project's plan to its stack, its lake and its runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from headwater.errors import NotDeployedError

if TYPE_CHECKING:
    from headwater.cli.project import Project
    from headwater.cloud.runs import Runs
    from headwater.cloud.session import Cloud


def deploy(project: Project, cloud: Cloud, progress: Callable[[str], None] = lambda line: None) -> dict[str, str]:
    """Deploy the project's plan, unless the stack is as it says already; returns the stack's outputs."""
    from headwater.cloud.deployment import AssetFile, Deployment

    plan = project.plan
    assets = [AssetFile(asset.key, asset.source) for asset in plan.assets]
    return Deployment(cloud, plan.name).apply(plan.template, assets, {"headwater:workflow": plan.name}, progress)


def outputs(project: Project, cloud: Cloud) -> dict[str, str]:
    """The outputs of the project's stack; raises when it is not deployed."""
    from headwater.cloud.deployment import Deployment

    found = Deployment(cloud, project.plan.name).outputs()
    if found is None:
        raise NotDeployedError(f"the workflow {project.plan.name!r} is not deployed yet: start with `headwater run`")
    return found


def ensure_lake(project: Project, cloud: Cloud) -> str:
    """The lake's bucket; on the embedded endpoint it is made by a deploy when it is not there yet."""
    from headwater.cloud.deployment import Deployment

    found = Deployment(cloud, project.plan.name).outputs()
    if found is None and cloud.name == "local":
        found = deploy(project, cloud)
    if found is None:
        raise NotDeployedError(f"the lake of {project.plan.name!r} is not deployed to {cloud.name} yet")
    return found["Bucket"]


def open_runs(project: Project, cloud: Cloud, found: dict[str, str] | None = None) -> Runs:
    """The runs of the project's state machine."""
    from headwater.cloud.runs import Runs

    plan = project.plan
    arn = (found or outputs(project, cloud))["StateMachineArn"]
    return Runs(cloud, arn, [stage.name for stage in plan.stages], plan.stage_of_state)
