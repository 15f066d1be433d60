"""``headwater status``: a run and its stages."""

from __future__ import annotations

from typing import Optional

import typer

from headwater.cli.console import out, print_json, reported, seconds_text
from headwater.cli.options import Debug, Home, Json, On, Profile, Project, Region

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def status(
    run: Optional[str] = typer.Argument(None, help="The run's id; by default the latest."),
    json: Json = False,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Show a run, its stages, and what each made of it."""
    with reported(debug):
        from headwater.cli.deploying import open_runs
        from headwater.cli.local_endpoint import next_schedule
        from headwater.cli.project import Project as ProjectFolder
        from headwater.cli.project import Where
        from headwater.cli.stage_view import table_of
        from headwater.cloud.history import plain_cause

        folder = ProjectFolder(project, home)
        served = folder.local_address()
        with folder.cloud(Where(on, profile, region)) as cloud:
            runs = open_runs(folder, cloud)
            found = runs.describe(runs.find(run))
            kinds = folder.kinds
            if json:
                shape = found.to_json()
                for stage in shape["stages"]:
                    stage["kind"] = kinds.get(stage["name"])
                print_json(shape)
                return
            took = seconds_text((found.ended - found.started).total_seconds() if found.ended else None)
            out.print(f"run {found.name}  {found.status}  {took}".rstrip())
            out.print(table_of(found, kinds))
            if found.status == "RUNNING" and on == "local" and not served:
                out.print("it was interrupted; `headwater resume` goes on with it", style="yellow")
            if on == "local" and served and (line := next_schedule(served)):
                out.print(line)
            if found.error:
                out.print(f"{found.error}: {plain_cause(found.cause)}", markup=False)
