"""``headwater deploy``: show what the plan changes in the cloud, ask, change it, and follow it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from headwater.cli.console import INTERRUPTED, Exit, counted, out, print_json, reported
from headwater.cli.options import Debug, Home, Json, On, Profile, Project, Region
from headwater.errors import UsageError

if TYPE_CHECKING:
    from headwater.cloud.deployment import AssetFile, Deployment
    from headwater.cloud.stacks import ChangeSet

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def deploy(
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would change."),
    json: Json = False,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Deploy the plan by a change set: policy changes are shown first; asks; streams events; prints the outputs.

    Only assets that changed are uploaded. A deploy that fails is rolled back, and the resource at fault is named. One
    that was interrupted is followed, resumed or rolled back by the next.
    """
    with reported(debug):
        if not (yes or dry_run or sys.stdin.isatty()):
            raise UsageError("nothing was changed: say --yes to deploy without being asked, or --dry-run to look only")
        from headwater.cli.checks import check_plan
        from headwater.cli.costing import check_budget
        from headwater.cli.deploying import deployment_of, files_of, tags_of
        from headwater.cli.project import Project as ProjectFolder
        from headwater.cli.project import Where

        folder = ProjectFolder(project, home)
        plan = folder.plan
        with folder.cloud(Where(on, profile, region)) as cloud:
            check_plan(plan, cloud)
            check_budget(folder, cloud.region)
            deployment = deployment_of(plan, cloud)
            say = _say(json)
            files = deployment.store.package(files_of(plan))
            say(f"{plan.name} → account {cloud.account}, {cloud.region} ({cloud.name})")
            change_set = deployment.propose(plan.template, tags_of(plan), say, _events(json))
            if change_set is None:
                _say_unchanged(deployment, json)
                return
            _settle(deployment, change_set, files, _Choice(yes, dry_run, json))


class _Choice:
    """How the person wants it."""

    def __init__(self, yes: bool, dry_run: bool, json: bool) -> None:
        self.yes, self.dry_run, self.json = yes, dry_run, json


def _settle(deployment: Deployment, change_set: ChangeSet, files: list[AssetFile], choice: _Choice) -> None:
    """Show a change set, ask, and execute it or throw it away."""
    from headwater.cli.change_view import say_changes

    try:
        if not choice.json:
            say_changes(change_set.changes)
        agreed = not choice.dry_run and (choice.yes or _agreed(change_set))
    except BaseException:  # Ctrl-C at the question too: a change set that nobody wants must not stay
        deployment.stacks.discard(change_set)
        raise
    if not agreed:
        deployment.stacks.discard(change_set)
        if choice.json:
            print_json(_shape(deployment.stack, change_set, None))
        else:
            out.print("nothing was changed")
        return
    found = _execute(deployment, change_set, files, choice.json)
    if choice.json:
        print_json(_shape(deployment.stack, change_set, found))
    else:
        out.print(f"[green]deployed[/green] {deployment.stack}: {counted(len(change_set.changes), 'resource')}")
        _say_outputs(found)


def _agreed(change_set: ChangeSet) -> bool:
    verb = "make" if change_set.creates else "change"
    try:
        return typer.confirm(f"{verb} stack {change_set.stack}?", default=False)
    except typer.Abort:
        raise KeyboardInterrupt from None


def _execute(deployment: Deployment, change_set: ChangeSet, files: list[AssetFile], quiet: bool) -> dict[str, str]:
    try:
        return deployment.execute(change_set, files, _say(quiet), _events(quiet))
    except KeyboardInterrupt:
        raise Exit(
            INTERRUPTED,
            f"left while stack {deployment.stack} was changing: CloudFormation goes on with it; `headwater deploy` "
            "follows it to its end, or rolls back what the endpoint's own end cut off",
        ) from None


def _say(quiet: bool) -> Callable[[str], None]:
    return (lambda line: None) if quiet else (lambda line: out.print(line, markup=False))


def _events(quiet: bool) -> Callable[[dict[str, Any]], None]:
    from headwater.cli.change_view import say_event
    from headwater.cloud.stacks import unheard

    return unheard if quiet else say_event


def _say_unchanged(deployment: Deployment, json: bool) -> None:
    found = deployment.outputs() or {}
    if json:
        print_json({"stack": deployment.stack, "changed": False, "changes": [], "outputs": found})
        return
    out.print(f"nothing to change: stack {deployment.stack} is as planned")
    _say_outputs(found)


def _say_outputs(found: dict[str, str]) -> None:
    for name, value in found.items():
        out.print(f"  {name:<22} {value}", markup=False)


def _shape(stack: str, change_set: ChangeSet, found: dict[str, str] | None) -> dict[str, Any]:
    """The documented shape of ``headwater deploy --json``; ``outputs`` is null when nothing was executed."""
    from headwater.cloud.changes import ordered

    changes = [change.to_json() for change in ordered(change_set.changes)]
    return {"stack": stack, "changed": found is not None, "changes": changes, "outputs": found}
