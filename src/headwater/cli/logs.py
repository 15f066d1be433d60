"""``headwater logs``: a stage's log lines, from CloudWatch Logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Optional

import typer

from headwater.cli.console import err, out, print_json, reported
from headwater.cli.options import Debug, Home, Json, On, Profile, Project, Region
from headwater.errors import UsageError

if TYPE_CHECKING:
    from headwater.cli.project import Project as ProjectFolder
    from headwater.cloud.history import StageRun
    from headwater.cloud.log_lines import LogLine
    from headwater.cloud.runs import Run

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def logs(
    stage: Optional[str] = typer.Argument(None, help="The stage; without it, every stage in turn."),
    run: Optional[str] = typer.Option(None, "--run", help="The run's id; by default the latest."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Go on as lines come, until the stage ends."),
    json: Json = False,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Show the log of a stage."""
    with reported(debug):
        from headwater.cli.deploying import open_runs
        from headwater.cli.project import Project as ProjectFolder
        from headwater.cli.project import Where
        from headwater.cloud.logs import StageLogs

        folder = ProjectFolder(project, home)
        with folder.cloud(Where(on, profile, region)) as cloud:
            runs = open_runs(folder, cloud)
            arn = runs.find(run)
            stage_logs = StageLogs(cloud)
            described = runs.describe(arn)
            _find_endings(folder, described)
            chosen = _chosen(described, stage)
            if follow:
                if len(chosen) != 1:
                    raise UsageError("--follow takes one stage: " + ", ".join(one.name for one in chosen))
                name = chosen[0].name
                for line in stage_logs.follow(lambda: _chosen(runs.describe(arn), name)[0]):
                    _say(line)
                return
            lines = [(one.name, line) for one in chosen for line in stage_logs.lines(one)]
            if json:
                print_json([{"stage": name, "timestamp_ms": x.timestamp_ms, "message": x.message} for name, x in lines])
                return
            for name, line in lines:
                _say(line, "" if stage else name)
            if not lines:
                err.print(f"{stage or 'the run'} has logged nothing (yet)", style="dim")


def _chosen(run: Run, stage: str | None) -> list[StageRun]:
    if stage is None:
        return run.stages
    for one in run.stages:
        if one.name == stage:
            return [one]
    raise UsageError(f"there is no stage {stage!r}; the stages are: {', '.join(one.name for one in run.stages)}")


def _find_endings(folder: ProjectFolder, run: Run) -> None:
    """Give the functions that a rule started after a failed run their log: the minute after the run's end."""
    names = {s.name: s.resource for s in folder.plan.stages if s.when != "success" and s.resource}
    for stage in run.stages:
        if stage.name in names and stage.job is None and run.ended and run.status != "SUCCEEDED":
            function = names[stage.name]
            stage.job = {"service": "lambda", "id": function, "log_group": f"/aws/lambda/{function}", "log_stream": ""}
            stage.started, stage.ended = run.ended, run.ended + timedelta(minutes=1)


def _say(line: LogLine, stage: str = "") -> None:
    stamp = datetime.fromtimestamp(line.timestamp_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    out.print(f"{stamp}  {stage + '  ' if stage else ''}{line.message}", markup=False)
