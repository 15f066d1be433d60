"""``headwater deploy``: show what the plan changes in the cloud, ask, change it, and follow it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from headwater.cli.console import INTERRUPTED, Exit, counted, out, print_json, reported
from headwater.cli.options import Debug, Home, Json, On, Profile, Project, Region
from headwater.errors import UsageError

if TYPE_CHECKING:
    from headwater.cloud.changes import Change
    from headwater.cloud.deployment import AssetFile, Deployment
    from headwater.cloud.shared_logs import SharedGroup
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
        from headwater.cli.deploying import deployment_of, files_of
        from headwater.cli.project import Project as ProjectFolder
        from headwater.cli.project import Where
        from headwater.plan.shared_logs import shared_log_groups

        folder = ProjectFolder(project, home)
        plan = folder.plan
        with folder.cloud(Where(on, profile, region)) as cloud:
            check_plan(plan, cloud)
            say = _say(json)
            for text in check_budget(folder, cloud.region):
                say(f"not counted against budget_usd: {text}")
            deployment = deployment_of(plan, cloud)
            files = deployment.store.package(files_of(plan))
            say(f"{plan.name} → account {cloud.account}, {cloud.region} ({cloud.name})")
            groups = deployment.shared_logs.unbounded(shared_log_groups(plan))
            change_set = deployment.propose(plan.template, plan.tags, say, _events(json))
            _settle(_Proposal(deployment, change_set, files, groups), _Choice(yes, dry_run, json))


@dataclass(frozen=True)
class _Choice:
    """How the person wants it."""

    yes: bool
    dry_run: bool
    json: bool


@dataclass(frozen=True)
class _Proposal:
    """What a deploy would do: to the stack, and to log groups that are no stack's."""

    deployment: Deployment
    change_set: ChangeSet | None
    files: list[AssetFile]
    log_groups: list[SharedGroup]

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.change_set.changes if self.change_set else ()

    def show(self) -> None:
        from headwater.cli.change_view import say_changes, say_log_groups

        if self.change_set:
            say_changes(self.changes)
        say_log_groups(self.log_groups)

    def discard(self) -> None:
        if self.change_set:
            self.deployment.stacks.discard(self.change_set)

    def to_json(self, found: dict[str, str] | None) -> dict[str, Any]:
        """The documented shape of ``headwater deploy --json``; ``outputs`` is null when nothing was executed."""
        from headwater.cloud.changes import ordered

        return {
            "stack": self.deployment.stack,
            "changed": found is not None,
            "changes": [change.to_json() for change in ordered(self.changes)],
            "log_groups": [group.to_json() for group in self.log_groups],
            "outputs": found,
        }


def _settle(proposal: _Proposal, choice: _Choice) -> None:
    """Show what would be done, ask, and do it or throw it away."""
    if proposal.change_set is None and not proposal.log_groups:
        _say_unchanged(proposal, choice.json)
        return
    try:
        if not choice.json:
            proposal.show()
        agreed = not choice.dry_run and (choice.yes or _agreed(proposal))
    except BaseException:  # Ctrl-C at the question too: a change set that nobody wants must not stay
        proposal.discard()
        raise
    if not agreed:
        proposal.discard()
        if choice.json:
            print_json(proposal.to_json(None))
        else:
            out.print("nothing was changed")
        return
    found = _execute(proposal, choice.json)
    if choice.json:
        print_json(proposal.to_json(found))
    else:
        changed = counted(len(proposal.changes), "resource")
        groups = f", {counted(len(proposal.log_groups), 'log group')}" if proposal.log_groups else ""
        out.print(f"[green]deployed[/green] {proposal.deployment.stack}: {changed}{groups}")
        _say_outputs(found)


def _agreed(proposal: _Proposal) -> bool:
    what = f"stack {proposal.deployment.stack}" if proposal.change_set else "the log groups"
    verb = "make" if proposal.change_set and proposal.change_set.creates else "change"
    try:
        return typer.confirm(f"{verb} {what}?", default=False)
    except typer.Abort:
        raise KeyboardInterrupt from None


def _execute(proposal: _Proposal, quiet: bool) -> dict[str, str]:
    deployment = proposal.deployment
    try:
        if proposal.change_set is None:
            deployment.shared_logs.bound(proposal.log_groups)
            return deployment.outputs() or {}
        return deployment.execute(proposal.change_set, proposal.files, proposal.log_groups, _say(quiet), _events(quiet))
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


def _say_unchanged(proposal: _Proposal, json: bool) -> None:
    deployment = proposal.deployment
    found = deployment.outputs() or {}
    if json:
        print_json(proposal.to_json(found) | {"changed": False})
        return
    out.print(f"nothing to change: stack {deployment.stack} is as planned")
    _say_outputs(found)


def _say_outputs(found: dict[str, str]) -> None:
    for name, value in found.items():
        out.print(f"  {name:<22} {value}", markup=False)
