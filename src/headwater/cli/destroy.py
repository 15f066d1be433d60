"""``headwater destroy``: show what goes and what stays, ask, take the stack away, and say what is left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Optional

import typer

from headwater.cli.console import INTERRUPTED, Exit, bytes_text, counted, out, print_json, reported
from headwater.cli.options import Debug, Home, Json, On, Profile, Project, Region
from headwater.errors import LakeHeldError, UsageError

if TYPE_CHECKING:
    from headwater.cli.project import Project as ProjectFolder
    from headwater.cloud.destruction import Destruction, Part
    from headwater.cloud.session import Cloud
    from headwater.cloud.shared_logs import SharedGroup

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def destroy(
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    with_data: bool = typer.Option(False, "--with-data", help="Delete the lake's bucket, its data and its models too."),
    bucket: Optional[str] = typer.Option(
        None, "--bucket", help="With --with-data: the bucket's name, for programs that cannot type it when asked."
    ),
    json: Json = False,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Delete the workflow's stack and its assets. The lake's bucket and registered models stay.

    With --with-data they go too, once the bucket's name was typed. Assets that another stack uses stay.
    """
    with reported(debug):
        _check_asked(yes, with_data, bucket)
        from headwater.cli.project import Project as ProjectFolder
        from headwater.cli.project import Where
        from headwater.cloud.destruction import Destruction
        from headwater.cloud.shared_logs import SharedLogs
        from headwater.plan.shared_logs import shared_log_groups

        folder = ProjectFolder(project, home)
        with folder.cloud(Where(on, profile, region)) as cloud:
            destruction = Destruction(cloud, folder.plan.name)
            say: Callable[[str], None] = (lambda line: None) if json else (lambda line: out.print(line, markup=False))
            parts = destruction.parts(say, _events(json))
            if parts is None:
                _say_nothing(folder, cloud, json)
                return
            _check_nothing_runs(folder, cloud)
            data = _buckets(parts) if with_data else []
            logs = SharedLogs(cloud).existing(shared_log_groups(folder.plan))
            if not json:
                _say_parts(destruction.stack, cloud, parts, data)
                _say_logs("stays", logs)
            _confirm(destruction.stack, data, yes, bucket)
            removed = _carry_out(destruction, parts, data, say, json)
            left = [part for part in parts if part.stays and not data]
            if json:
                print_json(_shape(destruction.stack, parts, left, removed, logs))
            else:
                _say_left(destruction.stack, left, removed)
                _say_logs("left", logs)


def _check_asked(yes: bool, with_data: bool, bucket: str | None) -> None:
    if bucket and not with_data:
        raise UsageError("--bucket goes with --with-data")
    if sys.stdin.isatty():
        return
    if not yes:
        raise UsageError("nothing was deleted: say --yes to delete without being asked")
    if with_data and not bucket:
        raise UsageError("nothing was deleted: --with-data --yes needs the bucket's name: --bucket NAME")


def _check_nothing_runs(folder: ProjectFolder, cloud: Cloud) -> None:
    """A state machine that goes away under a run leaves its jobs behind."""
    from headwater.cli.deploying import deployment_of, open_runs

    found = deployment_of(folder.plan, cloud).outputs()
    if not found or "StateMachineArn" not in found:
        return
    for run in open_runs(folder, cloud, found).latest(1, status="RUNNING"):
        raise LakeHeldError(
            f"run {run['name']} is not finished: wait for it, or stop it first "
            f"(`aws stepfunctions stop-execution --execution-arn {run['executionArn']}`)"
        )


def _buckets(parts: Sequence[Part]) -> list[str]:
    from headwater.cloud.destruction import BUCKET_TYPE

    return [part.physical_id for part in parts if part.type == BUCKET_TYPE]


def _say_parts(stack: str, cloud: Cloud, parts: Sequence[Part], data: list[str]) -> None:
    out.print(f"{stack} in account {cloud.account}, {cloud.region} ({cloud.name})", markup=False)
    for part in sorted(parts, key=lambda part: (part.stays, part.logical_id)):
        stays = part.stays and not data
        held = f"  {part.objects:,} objects, {bytes_text(part.size_bytes)}" if part.objects else ""
        word, style = ("stays", "green") if stays else ("goes", "red")
        out.print(
            f"  {word:<5}  {part.type:<36}  {part.physical_id or part.logical_id}{held}", style=style, markup=False
        )


def _say_logs(word: str, logs: Sequence[SharedGroup]) -> None:
    for group in logs:
        kept = f"events kept for {group.days} days" if group.days else "events kept for ever"
        out.print(f"  {word:<5}  log group {group.name}, which the account shares: {kept}", style="dim", markup=False)


def _confirm(stack: str, data: list[str], yes: bool, bucket: str | None) -> None:
    for name in data:
        typed = bucket or typer.prompt(f"this deletes all data in {name}; type the bucket's name")
        if typed != name:
            raise UsageError(f"nothing was deleted: the bucket is {name}, not {typed}")
    if not yes and not typer.confirm(f"delete stack {stack}?", default=False):
        raise UsageError("nothing was deleted")


def _carry_out(
    destruction: Destruction, parts: Sequence[Part], data: list[str], say: Callable[[str], None], quiet: bool
) -> int:
    try:
        return destruction.carry_out(parts, data, say, _events(quiet))
    except KeyboardInterrupt:
        raise Exit(
            INTERRUPTED,
            f"left while stack {destruction.stack} was being deleted: CloudFormation goes on; `headwater destroy` "
            "follows it, and does what is left",
        ) from None


def _events(quiet: bool) -> Callable[[dict[str, object]], None]:
    from headwater.cli.change_view import say_event
    from headwater.cloud.stacks import unheard

    return unheard if quiet else say_event


def _say_nothing(folder: ProjectFolder, cloud: Cloud, json: bool) -> None:
    """The stack is gone already; what an interrupted destroy left of its assets goes now."""
    from headwater.cloud.asset_store import AssetStore

    removed = AssetStore(cloud).remove(folder.plan.name)
    if json:
        print_json(_shape(folder.plan.name, [], [], removed))
        return
    out.print(f"nothing to delete: there is no stack {folder.plan.name} in {cloud.region} ({cloud.name})", markup=False)
    if removed:
        out.print(f"deleted {counted(removed, 'asset')} that it had left")


def _shape(
    stack: str, parts: Sequence[Part], left: Sequence[Part], removed: int, logs: Sequence[SharedGroup] = ()
) -> dict[str, object]:
    """The documented shape of ``headwater destroy --json``."""
    return {
        "stack": stack,
        "deleted": [part.logical_id for part in parts if part not in left],
        "left": [{"resource": part.logical_id, "type": part.type, "physical_id": part.physical_id} for part in left],
        "log_groups_left": [group.to_json() for group in logs],
        "assets_deleted": removed,
    }


def _say_left(stack: str, left: Sequence[Part], removed: int) -> None:
    out.print(f"[green]deleted[/green] {stack}" + (f" and {counted(removed, 'asset')}" if removed else ""))
    for part in left:
        held = f": {part.objects:,} objects, {bytes_text(part.size_bytes)}" if part.objects else ""
        out.print(f"  left  {part.type}  {part.physical_id}{held}", markup=False)
    if left:
        out.print("  the next deploy takes these over; `aws s3 rb --force s3://BUCKET` deletes a bucket", style="dim")
