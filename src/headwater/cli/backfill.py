"""``headwater backfill``: the workflow's period part for each period of a range, then the rest once."""

from __future__ import annotations

from typing import Optional

import typer

from headwater.cli.console import out, reported, seconds_text
from headwater.cli.options import Debug, Home, Iam, On, Profile, Project, Region

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def backfill(
    first: str = typer.Argument(help="The first period: YYYY-MM or YYYY-MM-DD."),
    last: str = typer.Argument(help="The last period, included."),
    parameter: Optional[list[str]] = typer.Option(
        None, "--set", help="A declared parameter, as NAME=VALUE; repeatable."
    ),
    data_only: bool = typer.Option(False, "--data-only", help="Leave out the stages that do not go by period."),
    wait: bool = typer.Option(False, "--wait", help="Wait for another run of this project to end."),
    iam: Iam = None,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Run each period in turn: the stages that make partitioned data and what they need; then the others, once."""
    with reported(debug):
        from headwater.cli.audit_view import say_audit, would_be_denied
        from headwater.cli.deploying import open_runs, ready
        from headwater.cli.following import follow, raise_if_failed
        from headwater.cli.periods import periods
        from headwater.cli.project import Project as ProjectFolder
        from headwater.cli.project import Where
        from headwater.cli.run import inputs, settle_unfinished
        from headwater.cli.local_endpoint import check_told_master
        from headwater.cli.run_lock import run_lock
        from headwater.cli.summary import say_summary, summary

        folder = ProjectFolder(project, home)
        if on == "local":
            check_told_master()
        wanted = periods(first, last)
        settings = parameter or []
        partial = 0 < len(folder.plan.period) < len([s for s in folder.plan.stages if s.when == "success"])
        with (
            run_lock(folder.home, "backfill", wait),
            folder.cloud(Where(on, profile, region), iam=iam.value if iam else None) as cloud,
        ):
            settle_unfinished(folder, cloud, anew=False)
            found = ready(folder, cloud)
            runs = open_runs(folder, cloud, found)
            for period in wanted:
                whole = not partial or (period == wanted[-1] and not data_only)
                fixed = {"RUN_DATE": period} | ({} if whole else {"DATA_ONLY": True})
                ended = follow(runs, runs.start(inputs(folder, fixed, settings)), folder.kinds, quiet=not whole)
                took = seconds_text((ended.ended - ended.started).total_seconds() if ended.ended else None)
                out.print(f"{period}  {ended.status}  {took}")
                say_audit(would_be_denied(folder, cloud, ended))
                raise_if_failed(cloud, ended, folder.plan.name)
            say_summary(summary(folder.plan, cloud, found, ended), ended)
