"""``headwater run``: deploy what changed, run the workflow, follow it, and say what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import typer

from headwater.cli.console import out, print_json, reported
from headwater.cli.options import Debug, Home, Iam, Json, On, Profile, Project, Region
from headwater.errors import LakeHeldError, UsageError

if TYPE_CHECKING:
    from headwater.cli.project import Project as ProjectFolder
    from headwater.cloud.session import Cloud

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def run(
    run_date: str = typer.Option(
        "", "--run-date", help="The period (YYYY-MM or YYYY-MM-DD); by default all that is new."
    ),
    parameter: Optional[list[str]] = typer.Option(
        None, "--set", help="A declared parameter, as NAME=VALUE; repeatable."
    ),
    wait: bool = typer.Option(False, "--wait", help="Wait for another run of this project to end."),
    anew: bool = typer.Option(False, "--anew", help="Stop a run that was interrupted, instead of asking to resume it."),
    json: Json = False,
    iam: Iam = None,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Run the workflow on the embedded endpoint (started when none is up) or on AWS, and follow it to its end."""
    with reported(debug):
        from headwater.cli.audit_view import say_audit, would_be_denied
        from headwater.cli.costing import cost_of_run
        from headwater.cli.deploying import open_runs, ready
        from headwater.cli.following import follow, raise_if_failed
        from headwater.cli.periods import check_run_date
        from headwater.cli.project import Project as ProjectFolder
        from headwater.cli.project import Where
        from headwater.cli.local_endpoint import check_told_master
        from headwater.cli.run_lock import run_lock
        from headwater.cli.summary import say_summary, summary

        folder = ProjectFolder(project, home)
        if on == "local":
            check_told_master()
        run_input = inputs(folder, {"RUN_DATE": check_run_date(run_date)}, parameter or [])
        with (
            run_lock(folder.home, "run", wait),
            folder.cloud(Where(on, profile, region), iam=iam.value if iam else None) as cloud,
        ):
            if not json:
                out.print(f"{folder.plan.name}: {len(folder.plan.stages)} stages on {cloud.name}")
            settle_unfinished(folder, cloud, anew)
            found = ready(folder, cloud, lambda line: None if json else out.print(f"  {line}", style="dim"))
            runs = open_runs(folder, cloud, found)
            ended = follow(runs, runs.start(run_input), folder.kinds, quiet=json)
            made = summary(folder.plan, cloud, found, ended)
            made["cost"] = cost_of_run(folder, cloud, found["Bucket"], ended)
            denied = would_be_denied(folder, cloud, ended)
            if denied is not None:
                made["would_be_denied"] = denied
            if json:
                print_json(made)
            if ended.status == "SUCCEEDED" and not json:
                say_summary(made, ended)
            if not json:
                say_audit(denied)
            raise_if_failed(cloud, ended, folder.plan.name)


def inputs(folder: ProjectFolder, fixed: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """The input of an execution: declared parameters with their defaults, and what the command sets.

    Raises
    ------
    UsageError
        For a parameter that workflow.py does not declare, or a setting without ``=``.
    """
    values = {**folder.plan.parameters, **fixed}
    declared = set(folder.plan.parameters) - set(fixed)
    for setting in settings:
        name, found, value = setting.partition("=")
        if not found or name not in declared:
            known = ", ".join(sorted(declared)) or "workflow.py declares none"
            raise UsageError(f"--set takes NAME=VALUE of a declared parameter ({known}), got {setting!r}")
        values[name] = value
    return values


def settle_unfinished(folder: ProjectFolder, cloud: Cloud, anew: bool) -> None:
    """Two executions must not work on one lake: stop what is unfinished when told to, else say how to go on.

    Asked before a deploy, which would change what the unfinished run has yet to do.
    """
    from headwater.cli.deploying import deployment_of, open_runs

    standing = deployment_of(folder.plan, cloud).outputs()
    if not standing or "StateMachineArn" not in standing:
        return
    runs = open_runs(folder, cloud, standing)
    for found in runs.latest(status="RUNNING"):
        if not anew:
            raise LakeHeldError(
                f"run {found['name']} is not finished and holds the lake: `headwater resume` goes on with it, "
                "`headwater run --anew` stops it first"
            )
        runs.stop(found["executionArn"], "a new run was asked for")
