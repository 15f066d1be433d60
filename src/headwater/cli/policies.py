"""``headwater policies check``: what the roles were granted against what their calls used."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import typer

from headwater.cli.console import Exit, counted, out, print_json, reported
from headwater.cli.options import Debug, Home, Json, On, Profile, Project, Region

if TYPE_CHECKING:
    from headwater.cli.project import Project as ProjectFolder
    from headwater.cloud.policy_check import Check, Marks, Unused
    from headwater.cloud.session import Cloud
    from headwater.plan.plan import Plan

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Compare what roles may do with what they did.",
)
DIFFERS = 1


@app.callback()
def _policies() -> None:
    """Compare what roles may do with what they did."""


@app.command()
def check(
    json: Json = False,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """List the grants that no call has used since they were deployed, and the calls denied in the latest run.

    Exit code 1 when a grant was not used that bears no mark (see `headwater plan --policies`), or a call was denied.
    """
    with reported(debug):
        from headwater.cli.project import Project as Folder
        from headwater.cli.project import Where

        folder = Folder(project, home)
        with folder.cloud(Where(on, profile, region)) as cloud:
            found = _check(folder, cloud)
        if json:
            print_json(found.to_json())
        else:
            _say(found)
        if not found.agrees:
            raise Exit(DIFFERS)


def _check(folder: ProjectFolder, cloud: Cloud) -> Check:
    from headwater.cli.deploying import open_runs
    from headwater.cloud.grants import granted
    from headwater.cloud.policy_check import compare, denials, uses

    used = uses(cloud)
    runs = open_runs(folder, cloud)
    latest = runs.describe(runs.find(None))
    statements = granted(cloud, folder.plan.name)
    denied = denials(cloud, sorted({each.role for each in statements}), int(latest.started.timestamp() * 1000))
    return compare(statements, used, denied, _marks(folder.plan))


def _marks(plan: Plan) -> dict[tuple[str, str], Marks]:
    from headwater.cloud.policy_check import Marks

    return {
        (role.id, permission.sid): Marks(permission.aws_only, permission.sometimes, permission.resources_when)
        for role in plan.roles
        for permission in (*role.permissions, role.trust)
    }


def _say(found: Check) -> None:
    out.print(f"{counted(found.statements, 'statement')}, {found.used:,} used")
    _say_unused("not used: take it away, or see why nothing asked for it", "red", found.differences)
    for mark, style in (("only when", "yellow"), ("on AWS alone", "dim")):
        _say_unused(
            f"not used yet, {mark}" if mark == "only when" else f"not used here, needed {mark}",
            style,
            [each for each in found.unused if each.mark == mark],
        )
    if found.denied:
        out.print("denied", style="bold red")
        for each in found.denied:
            times = counted(each.calls, "time")
            out.print(f"  {each.role.rsplit('/', 1)[-1]}  {each.action} on {each.resource} ({times})", markup=False)
    if found.agrees:
        out.print("what was granted is what was used, but for what is marked", style="green")


def _say_unused(head: str, style: str, unused: list[Unused]) -> None:
    """A line for what of a statement has the same reason."""
    if not unused:
        return
    out.print(head, style=f"bold {style}" if style == "red" else style)
    for (role, statement, why), each in groupby(unused, key=lambda found: (found.role, found.statement, found.why)):
        values = ", ".join(found.value for found in each)
        out.print(f"  {role}  {statement}: {values}{f': {why}' if why else ''}", markup=False, style=style)
