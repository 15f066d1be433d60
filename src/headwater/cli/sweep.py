"""``headwater sweep``: delete what bears a tag and was forgotten, after showing it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Optional

import typer

from headwater.cli.console import counted, out, print_json, reported
from headwater.cli.options import Debug, Home, Json, On, Profile, Project, Region
from headwater.errors import UsageError

if TYPE_CHECKING:
    from headwater.cli.project import Where
    from headwater.cloud.session import Cloud
    from headwater.cloud.sweeps import Sweep

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
STYLES = {"deleted": "green", "would delete": "yellow", "kept": "dim", "gone": "dim", "failed": "red"}
PARTLY = 1


@app.command()
def sweep(
    tag: str = typer.Option("ResourceTag=demo", help="The tag of what is to go, as KEY=VALUE."),
    older_than: float = typer.Option(24, "--older-than", min=0, help="Keep what is younger than this many hours."),
    named: Optional[list[str]] = typer.Option(
        None, "--named", help="The ARN of a bucket or database that may go with what is in it; repeatable."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would go."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    install: bool = typer.Option(
        False, "--install", help="From now on, sweep every night at 03:00 UTC, without being asked; delete nothing now."
    ),
    uninstall: bool = typer.Option(False, "--uninstall", help="Delete the sweeper itself, with its schedule."),
    json: Json = False,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Delete forgotten resources that bear a tag: jobs, endpoints, clusters, stacks, functions, log groups.

    Shows what would go, asks, then runs the same state machine that the sweeper's schedule starts; the first sweep
    makes it (the stack headwater-sweeper), with the schedule off. What bears the tag headwater:keep stays, and so does
    a bucket with objects in it, or a database, that is not named.
    """
    with reported(debug):
        from headwater.cli.project import Where, home_of
        from headwater.cloud.sweeps import Sweeper
        from headwater.plan.sweeper import stack

        settings = _settings(tag, older_than, named or [])
        _check_alone(install, uninstall, dry_run, bool(named))
        with _cloud(Where(on, profile, region), home_of(project, home)) as cloud:
            sweeper = Sweeper(cloud, stack.NAME, stack.template())
            say: Callable[[str], None] = (lambda line: None) if json else out.print
            if uninstall:
                _say_uninstalled(sweeper.uninstall(), json)
                return
            if install:
                _say_installed(sweeper.install(stack.nightly(tag, older_than), say), tag, older_than, json)
                return
            machine = sweeper.prepare(say)
            shown = sweeper.sweep(machine, {**settings, "dry_run": True})
            going = [each.arn for each in shown.having("would delete")]
            if not json:
                _say_absent(shown, tag, named or [])
            if dry_run or not going:
                _say(shown, json)
                return
            if not yes:
                _say(shown, False)
                _ask(len(going), tag)
            done = sweeper.sweep(machine, {**settings, "dry_run": False, "only": going})
            _say(done, json)
            if done.having("failed"):
                sys.exit(PARTLY)


def _check_alone(install: bool, uninstall: bool, dry_run: bool, named: bool) -> None:
    if install and uninstall:
        raise UsageError("--install and --uninstall contradict one another")
    if (install or uninstall) and dry_run:
        raise UsageError(
            "--dry-run shows what a sweep by hand would delete: it does not go with --install, --uninstall"
        )
    if install and named:
        raise UsageError("--named is for one sweep by hand: no schedule deletes a bucket's objects or a database")


def _say_installed(machine: str, tag: str, older_than: float, json: bool) -> None:
    if json:
        print_json({"machine": machine, "tag": tag, "older_than_hours": older_than})
        return
    out.print(f"the sweeper is installed: {machine}", markup=False)
    out.print(f"every night at 03:00 UTC it deletes what bears {tag} and is older than {older_than:g} h", markup=False)


def _say_uninstalled(was_there: bool, json: bool) -> None:
    if json:
        print_json({"deleted": was_there})
        return
    out.print("the sweeper is deleted, with its schedule" if was_there else "there is no sweeper here")


def _settings(tag: str, older_than: float, named: list[str]) -> dict[str, Any]:
    key, given, value = tag.partition("=")
    if not key or not given:
        raise UsageError(f"--tag takes KEY=VALUE, as ResourceTag=demo; got {tag!r}")
    if not math.isfinite(older_than):
        raise UsageError(f"--older-than takes a number of hours, got {older_than}")
    for arn in named:
        if not arn.startswith("arn:"):
            raise UsageError(f"--named takes an ARN, as arn:aws:s3:::my-bucket; got {arn!r}")
    return {"tag": {"key": key, "value": value}, "older_than_hours": older_than, "named": named}


@contextmanager
def _cloud(where: Where, home: Any) -> Iterator[Cloud]:
    """The cloud for the time of a block; no project is needed, for what was forgotten may have lost its own."""
    from headwater.cli import local_endpoint
    from headwater.cloud.session import connect_aws, connect_local

    if where.on == "aws":
        yield connect_aws(where.profile, where.region)
        return
    with local_endpoint.running(home, resume_work=False) as address:
        yield connect_local(address)


def _ask(count: int, tag: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nothing was deleted: say --yes to delete without being asked, or --dry-run to look only")
    if not typer.confirm(f"delete {counted(count, 'resource')} tagged {tag}?", default=False):
        raise UsageError("nothing was deleted")


def _say_absent(shown: Sweep, tag: str, named: list[str]) -> None:
    found = {each.arn for each in shown.outcomes}
    for arn in named:
        if arn not in found:
            out.print(f"{arn} is not there, or does not bear {tag}", style="yellow", markup=False)


def _say(found: Sweep, json: bool) -> None:
    if json:
        print_json(found.to_json())
        return
    for each in found.outcomes:
        why = f"  ({each.why})" if each.why else ""
        out.print(f"{each.outcome:<12}  {each.kind:<26}  {each.arn}{why}", style=STYLES[each.outcome], markup=False)
    counts = {outcome: len(found.having(outcome)) for outcome in STYLES}
    out.print(", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count) or "nothing bears the tag")
    if not found.complete:
        out.print(
            f"more bears the tag than the {counted(len(found.outcomes), 'resource')} of one sweep: sweep again when "
            "these are gone; where they stay, by a tag that fewer bear",
            style="yellow",
        )
