"""``headwater lake``: the lake's files, by the same boto3 calls on either endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from headwater.cli.console import bytes_text, counted, err, out, print_json, reported
from headwater.cli.options import Debug, Home, Json, On, Profile, Project, Region
from headwater.errors import UsageError

if TYPE_CHECKING:
    from headwater.cloud.lake import LakeFiles, LakeUri

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Put, get, list, sync and remove the lake's files.",
)


class _Lake:
    """The lake of a project, opened."""

    def __init__(self, files: LakeFiles, bucket: str) -> None:
        self.files = files
        self.bucket = bucket

    def uri(self, text: str) -> LakeUri:
        from headwater.cloud.lake import LakeUri

        return LakeUri.parse(text, self.bucket)


@contextmanager
def _opened(
    project: Path | None, home: Path | None, on: str, profile: str | None, region: str | None, fills: bool = False
) -> Iterator[_Lake]:
    """The lake; what fills it makes its bucket, by a deploy to the local endpoint, when it is not there yet."""
    from headwater.cli.deploying import ensure_lake, outputs
    from headwater.cli.project import Project as ProjectFolder
    from headwater.cli.project import Where
    from headwater.cloud.lake import LakeFiles

    folder = ProjectFolder(project, home)
    with folder.cloud(Where(on, profile, region)) as cloud:
        bucket = ensure_lake(folder, cloud) if fills else outputs(folder, cloud)["Bucket"]
        yield _Lake(LakeFiles(cloud), bucket)


@app.command()
def put(
    source: Path,
    target: str,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Upload a file (in parts above 100 MB) to s3://BUCKET/KEY or a path in the lake."""
    with reported(debug), _opened(project, home, on, profile, region, fills=True) as lake:
        if not source.is_file():
            raise UsageError(f"{source} is no file; `headwater lake sync` takes a folder")
        uri = lake.uri(target + source.name if target.endswith("/") else target)
        _upload(lake.files, [(source, uri)])
        out.print(f"put {uri} ({bytes_text(source.stat().st_size)})")


@app.command()
def get(
    source: str,
    target: Path = typer.Argument(Path(".")),
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Download an object to a file or a folder."""
    with reported(debug), _opened(project, home, on, profile, region) as lake:
        uri = lake.uri(source)
        path = target / uri.key.rsplit("/", 1)[-1] if target.is_dir() else target
        _download(lake.files, [(uri, path)])
        out.print(f"got {path} ({bytes_text(path.stat().st_size)})")


@app.command()
def ls(
    where: str = typer.Argument(""),
    recursive: bool = typer.Option(False, "--recursive", "-r", help="List every object below."),
    json: Json = False,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """List the objects and folders of a path."""
    from headwater.cloud.lake import LakeObject

    with reported(debug), _opened(project, home, on, profile, region) as lake:
        listed: list[Any] = []
        for found in lake.files.find(lake.uri(where), recursive):
            if isinstance(found, LakeObject):
                entry = {"key": found.key, "size_bytes": found.size_bytes, "modified": found.modified.isoformat()}
                line = f"{found.modified:%Y-%m-%d %H:%M:%S}  {bytes_text(found.size_bytes):>9}  {found.key}"
            else:
                entry, line = {"prefix": found}, f"{'':19}  {'':>9}  {found}"
            if json:
                listed.append(entry)
            else:
                out.print(line, markup=False)
        if json:
            print_json(listed)


@app.command()
def sync(
    source: str,
    target: str,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Copy what differs from a folder to the lake, or from s3://… or the lake to a folder."""
    folder = Path(source)
    with reported(debug), _opened(project, home, on, profile, region, fills=folder.is_dir()) as lake:
        if folder.is_dir():
            changed = lake.files.plan_upload(folder, lake.uri(target))
            _upload(lake.files, changed)
            out.print(f"synced {folder} to {lake.uri(target)}: {counted(len(changed), 'file')} uploaded")
            return
        if not source.startswith("s3://") and not Path(target).is_dir():
            raise UsageError(f"{source} is no folder here; to download, name an existing folder as the target")
        wanted = lake.files.plan_download(lake.uri(source), Path(target).resolve())
        _download(lake.files, wanted)
        out.print(f"synced {lake.uri(source)} to {target}: {counted(len(wanted), 'file')} downloaded")


@app.command()
def rm(
    where: str,
    recursive: bool = typer.Option(False, "--recursive", "-r", help="Remove everything below."),
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Remove an object, or with --recursive everything under a path."""
    with reported(debug), _opened(project, home, on, profile, region) as lake:
        uri = lake.uri(where)
        if not recursive and not lake.files.exists(uri):
            raise UsageError(f"there is no object {uri}; --recursive removes everything below a path")
        out.print(f"removed {counted(lake.files.remove(uri, recursive), 'object')}")


def _upload(files: LakeFiles, pairs: list[tuple[Path, LakeUri]]) -> None:
    with _bar("uploading", sum(path.stat().st_size for path, _ in pairs)) as advance:
        for path, uri in pairs:
            files.put(path, uri, advance)


def _download(files: LakeFiles, pairs: list[tuple[LakeUri, Path]]) -> None:
    with _bar("downloading", sum(files.size_bytes(uri) for uri, _ in pairs) if err.is_terminal else 0) as advance:
        for uri, path in pairs:
            files.get(uri, path, advance)


@contextmanager
def _bar(doing: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; gives what takes the bytes done since the last call."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(doing, total=total_bytes)
        yield lambda done: progress.advance(task, done)
