"""``headwater cost``: what a run costs on AWS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

import typer

from headwater.cli.console import print_json, reported
from headwater.cli.options import Debug, Home, Json, Project
from headwater.errors import UsageError

if TYPE_CHECKING:
    from headwater.cli.project import Project as ProjectFolder
    from headwater.plan.cost.work import Work

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def cost(
    run: Optional[str] = typer.Option(None, "--run", help="A run's id; by default the last that succeeded."),
    region: Optional[str] = typer.Option(None, "--region", help="The AWS region whose prices to take."),
    on_demand: bool = typer.Option(False, "--on-demand", help="Without spot and flexible capacity."),
    spot_saving: float = typer.Option(50.0, "--spot-saving", help="What managed spot is taken to save, in percent."),
    json: Json = False,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Estimate what a run costs on AWS, by stage, from the plan and what the last run here did.

    Before a first run: from AWS's minimum billing to every stage's time limit. Needs no network.
    """
    with reported(debug):
        from headwater.cli.cost_view import say_estimate
        from headwater.cli.costing import estimates, kept_work
        from headwater.cli.project import Project as ProjectFolder

        if not 0 <= spot_saving <= 90:
            raise UsageError(f"--spot-saving takes 0 to 90 percent, got {spot_saving:g}")
        folder = ProjectFolder(project, home)
        work = kept_work(folder) if run is None else _work_of_run(folder, run)
        place = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        least, most = estimates(folder.plan, work, place, spot_saving / 100)
        if json:
            print_json({**most.to_json(), "least": None if most.measured else least.to_json()})
        else:
            say_estimate(least, most, on_demand)


def _work_of_run(folder: ProjectFolder, run: str) -> Work:
    from headwater.cli.costing import work_of
    from headwater.cli.deploying import open_runs, outputs
    from headwater.cli.project import Where

    with folder.cloud(Where()) as cloud:
        found = outputs(folder, cloud)
        runs = open_runs(folder, cloud, found)
        return work_of(folder.plan, cloud, found["Bucket"], runs.describe(runs.find(run)))
