"""From a project's plan to its stack, its lake and its runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from headwater.cli.checks import check_plan
from headwater.errors import NotDeployedError

if TYPE_CHECKING:
    from headwater.cli.project import Project
    from headwater.cloud.deployment import AssetFile, Deployment
    from headwater.cloud.runs import Runs
    from headwater.cloud.session import Cloud
    from headwater.plan.plan import Plan


def deployment_of(plan: Plan, cloud: Cloud) -> Deployment:
    """The plan's stack."""
    from headwater.cloud.deployment import Deployment

    return Deployment(cloud, plan.name)


def files_of(plan: Plan) -> list[AssetFile]:
    """What the plan needs in the assets bucket."""
    from headwater.cloud.deployment import AssetFile

    return [
        AssetFile(asset.key, asset.source if isinstance(asset.source, (bytes, Path)) else asset.source.build)
        for asset in plan.assets
    ]


def deploy(project: Project, cloud: Cloud, progress: Callable[[str], None] = lambda line: None) -> dict[str, str]:
    """Deploy the project's plan, unless the stack is as it says already; returns the stack's outputs."""
    from headwater.plan.shared_logs import shared_log_groups

    plan = project.plan
    check_plan(plan, cloud)
    groups = shared_log_groups(plan)
    return deployment_of(plan, cloud).apply(plan.template, files_of(plan), plan.tags, progress, groups)


def ready(project: Project, cloud: Cloud, progress: Callable[[str], None] = lambda line: None) -> dict[str, str]:
    """The outputs of a stack that is as the plan says: deployed here without asking, on AWS only looked at.

    Raises
    ------
    NotDeployedError
        On AWS, when the plan is not deployed, or another one is: a run must not change an account unasked.
    """
    if cloud.name == "local":
        return deploy(project, cloud, progress)
    found = outputs(project, cloud)
    if deployment_of(project.plan, cloud).differs(project.plan.template):
        raise NotDeployedError(
            f"what is deployed in {cloud.region} differs from the plan of {project.plan.name!r}: `headwater plan "
            f"--diff --on {cloud.name}` shows how, `headwater deploy --on {cloud.name}` deploys the plan"
        )
    return found


def outputs(project: Project, cloud: Cloud) -> dict[str, str]:
    """The outputs of the project's stack; raises when it is not deployed."""
    found = deployment_of(project.plan, cloud).outputs()
    if found is None:
        raise _not_deployed(project, cloud)
    return found


def _not_deployed(project: Project, cloud: Cloud) -> NotDeployedError:
    name = project.plan.name
    if cloud.name == "local":
        return NotDeployedError(f"the workflow {name!r} is not deployed yet: start with `headwater run`")
    return NotDeployedError(
        f"the workflow {name!r} is not deployed to account {cloud.account} in {cloud.region}: "
        f"`headwater deploy --on {cloud.name}` deploys it; --region and --profile choose another place"
    )


def ensure_lake(project: Project, cloud: Cloud) -> str:
    """The lake's bucket; on the embedded endpoint it is made by a deploy when it is not there yet."""
    found = deployment_of(project.plan, cloud).outputs()
    if found is None and cloud.name == "local":
        found = deploy(project, cloud)
    if found is None:
        raise _not_deployed(project, cloud)
    return found["Bucket"]


def open_runs(project: Project, cloud: Cloud, found: dict[str, str] | None = None) -> Runs:
    """The runs of the project's state machine."""
    from headwater.cloud.runs import Runs

    plan = project.plan
    arn = (found or outputs(project, cloud))["StateMachineArn"]
    return Runs(cloud, arn, [stage.name for stage in plan.stages], plan.stage_of_state)
