"""``headwater resume``: go on with a run that failed, was stopped, or was interrupted."""

from __future__ import annotations

from typing import Optional

import typer

from headwater.cli.console import out, reported
from headwater.cli.options import Debug, Home, Iam, On, Profile, Project, Region

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def resume(
    run: Optional[str] = typer.Argument(None, help="The run's id; by default the latest."),
    as_begun: bool = typer.Option(
        False, "--as-begun", help="Go on though stages still to run have changed: they run as they were."
    ),
    wait: bool = typer.Option(False, "--wait", help="Wait for another run of this project to end."),
    iam: Iam = None,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Go on from where the run ended. Stages that had finished are not run again.

    Code of Glue jobs and functions runs as it is now; what else a run does is as it was when the run began, so a change
    of it is refused.
    """
    with reported(debug):
        from headwater.cli.audit_view import say_audit, would_be_denied
        from headwater.cli.costing import cost_of_run
        from headwater.cli.deploying import open_runs, ready
        from headwater.cli.following import follow, raise_if_failed
        from headwater.cli.project import Project as ProjectFolder
        from headwater.cli.project import Where
        from headwater.cli.local_endpoint import check_told_master
        from headwater.cli.run_lock import run_lock
        from headwater.cli.summary import say_summary, summary

        folder = ProjectFolder(project, home)
        if on == "local":
            check_told_master()
        where = Where(on, profile, region)
        with (
            run_lock(folder.home, "resume", wait),
            folder.cloud(where, resume_work=True, iam=iam.value if iam else None) as cloud,
        ):
            found = ready(folder, cloud)
            runs = open_runs(folder, cloud, found)
            arn = runs.find(run)
            runs.resume(arn, as_begun)
            out.print(f"going on with run {arn.rsplit(':', 1)[-1]}")
            ended = follow(runs, arn, folder.kinds)
            if ended.status == "SUCCEEDED":
                cost = cost_of_run(folder, cloud, found["Bucket"], ended)
                say_summary({**summary(folder.plan, cloud, found, ended), "cost": cost}, ended)
            say_audit(would_be_denied(folder, cloud, ended))
            raise_if_failed(cloud, ended, folder.plan.name)
