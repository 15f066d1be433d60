"""``headwater history``: the runs, or the events of one."""

from __future__ import annotations

from typing import Any, Optional

import typer

from headwater.cli.console import out, print_json, reported, seconds_text
from headwater.cli.options import Debug, Home, Json, On, Profile, Project, Region

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def history(
    run: Optional[str] = typer.Argument(None, help="A run's id, for its events; without it, the runs."),
    limit: int = typer.Option(20, "--limit", "-n", min=1, help="How many runs."),
    json: Json = False,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """List the runs, newest first; with a run's id, every event of its execution."""
    with reported(debug):
        from headwater.cli.deploying import open_runs
        from headwater.cli.project import Project as ProjectFolder
        from headwater.cli.project import Where

        folder = ProjectFolder(project, home)
        with folder.cloud(Where(on, profile, region)) as cloud:
            runs = open_runs(folder, cloud)
            if run is not None:
                events = list(runs.events(runs.find(run)))
                if json:
                    print_json(events)
                else:
                    for event in events:
                        out.print(_event_line(event), markup=False)
                return
            found = runs.latest(limit)
            if json:
                print_json(found)
                return
            for one in found:
                ended = one.get("stopDate")
                took = seconds_text((ended - one["startDate"]).total_seconds() if ended else None)
                out.print(f"{one['startDate']:%Y-%m-%d %H:%M:%S}  {one['status']:<10} {took:>9}  {one['name']}")


def _event_line(event: dict[str, Any]) -> str:
    details: dict[str, Any] = next((v for k, v in event.items() if k.endswith("EventDetails")), {})
    said = details.get("name") or details.get("resource") or details.get("error") or ""
    return f"{event['timestamp']:%H:%M:%S.%f} {event['id']:>5}  {event['type']:<26} {said}".rstrip()
