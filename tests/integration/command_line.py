"""A project folder driven as a person does: through the console script, in processes of its own.

Nothing here sleeps to wait: a command in the background is followed line by line, with a time limit for a line that
does not come. The limits are wide, for a machine whose cores are shared.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

SCRIPT = Path(sys.executable).parent / "headwater"
LIMIT_S = 280.0
OWN_CODE = "headwater/cli/"
BUCKET = "flights-000000000000-us-east-1"
LOOKUPS = ("airports", "planes", "weather")


def environment() -> dict[str, str]:
    """The person's environment without their AWS and Headwater settings, and with pipes rather than a terminal."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "HEADWATER_", "SM_"))}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "PYTHONUNBUFFERED": "1"}


def wait_until(fact: Callable[[], Any], what: str, limit_s: float = 60.0) -> Any:
    """Look until something is true, and return it; fail by name when it is not in time."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        found = fact()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {limit_s:.0f} s: {what}")


class Background:
    """A command under way, in a process group of its own as a terminal would give it."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def text(self) -> str:
        """All that it has said."""
        return "\n".join(self.lines)

    def until(self, *words: str, limit_s: float = LIMIT_S) -> str:
        """The first line that holds all of ``words``, waited for."""

        def found() -> str | None:
            return next((line for line in self.lines if all(word in line for word in words)), None)

        with self._news:
            self._news.wait_for(lambda: found() or self.process.poll() is not None, limit_s)
            line = found()
        if line is None:
            raise AssertionError(f"no line with {words} (exit code {self.process.poll()}):\n{self.text}")
        return line

    def signal(self, number: int) -> None:
        """Send a signal to the whole group, as a terminal does."""
        os.killpg(self.process.pid, number)

    @contextmanager
    def ended(self) -> Iterator[Background]:
        """Itself for the time of a block, at whose end it is killed if it still runs."""
        try:
            yield self
        finally:
            if self.process.poll() is None:
                self.signal(signal.SIGKILL)
            self.end(30)

    def end(self, limit_s: float = LIMIT_S) -> int:
        """The exit code, waited for; the output is complete then."""
        code = self.process.wait(limit_s)
        self._reader.join(30)
        return code


class ProjectFolder:
    """A flights project in a folder, with a small part of the raw data."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.home = path / ".headwater"
        self._background: list[Background] = []

    def headwater(self, *arguments: str | Path, code: int = 0, limit_s: float = LIMIT_S) -> str:
        """Run a command to its end; returns what it said (stdout, then stderr)."""
        done = subprocess.run(
            [str(SCRIPT), *map(str, arguments)],
            cwd=self.path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"headwater {arguments}: exit code {done.returncode}, expected {code}:\n{said}"
        assert OWN_CODE not in said, f"a traceback of ours:\n{said}"
        return said

    def json(self, *arguments: str) -> Any:
        """What a command prints for programs."""
        return json.loads(self.headwater(*arguments, "--json"))

    def start(self, *arguments: str) -> Background:
        """Run a command in the background."""
        begun = Background([str(SCRIPT), *arguments], self.path)
        self._background.append(begun)
        return begun

    def stages(self, run: str | None = None) -> dict[str, dict[str, Any]]:
        """The stages of the latest run (or of one), by name."""
        return {stage["name"]: stage for stage in self.json("status", *([run] if run else []))["stages"]}

    def edit(self, file: str, *pairs: tuple[str, str]) -> None:
        """Replace text in a file of the project; each old text must be there."""
        path = self.path / file
        text = path.read_text()
        for old, new in pairs:
            assert old in text, f"{file} has no {old!r}"
            text = text.replace(old, new)
        path.write_text(text)

    def keep_stages(self, *names: str) -> None:
        """Cut the workflow down to some of its stages."""
        lines = (self.path / "workflow.py").read_text().splitlines(keepends=True)
        kept = [x for x in lines if "wf." not in x or any(f'("{name}"' in x for name in names)]
        (self.path / "workflow.py").write_text("".join(kept))

    def rows(self) -> int:
        """The rows of the clean table, counted in its Parquet files."""
        import pyarrow.dataset as ds

        return int(ds.dataset(self.table, format="parquet").count_rows())

    def content(self) -> list[tuple[Any, ...]]:
        """The clean table as sorted rows."""
        import pyarrow.dataset as ds

        table = ds.dataset(self.table, format="parquet", partitioning="hive").to_table()
        columns = [table[name].to_pylist() for name in sorted(table.column_names)]
        return sorted(zip(*columns), key=repr)

    @property
    def table(self) -> Path:
        """The clean table's folder: the lake is plain files."""
        return self.home / "s3" / BUCKET / "processed" / "delays"

    def known_arrivals(self) -> int:
        """How many rows the clean table must have: the raw flights with a known arrival delay."""
        count = 0
        for path in (self.path / "data" / "raw" / "flights").rglob("*.csv"):
            with path.open(newline="") as file:
                count += sum(row["arr_delay"] != "" for row in csv.DictReader(file))
        return count

    def processes(self) -> list[str]:
        """The live processes of this project's home: endpoint, guards, JVMs, workers."""
        found = []
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), *process.environ().values()]
                if process.status() != psutil.STATUS_ZOMBIE and any(str(self.home) in word for word in words):
                    found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
            except psutil.Error:
                continue
        return found

    def await_process(self, *words: str) -> None:
        """Until a process of this project runs whose command line holds all of ``words``."""
        wait_until(lambda: any(all(w in line for w in words) for line in self.processes()), f"a process of {words}")

    def await_nothing_left(self, limit_s: float = 30.0) -> None:
        """Until no process of this project is alive."""
        try:
            wait_until(lambda: not self.processes(), "no process is left", limit_s)
        except AssertionError:
            raise AssertionError("processes are left:\n" + "\n".join(self.processes())) from None

    def endpoint_pid(self) -> int:
        """The process of the endpoint that serves this project."""
        return int(json.loads((self.home / "endpoint.json").read_text())["pid"])

    def close(self) -> None:
        """End what a failed test left."""
        for begun in self._background:
            if begun.process.poll() is None:
                begun.signal(signal.SIGKILL)
                begun.end(30)
        try:
            os.kill(self.endpoint_pid(), signal.SIGKILL)
        except (OSError, ValueError, KeyError):
            return


def thin(lines: list[str], rows: int) -> Iterable[str]:
    """The header and an even part of the rows."""
    return [lines[0], *lines[1 :: max(1, (len(lines) - 1) // rows)]]


def new_project(path: Path, year: Path, months: Iterable[int] = (1, 2), rows: int = 1500) -> ProjectFolder:
    """A project from ``headwater init`` with part of the data in ``year``, whose gate a small model can pass."""
    subprocess.run([str(SCRIPT), "init", str(path)], check=True, env=environment(), stdout=subprocess.DEVNULL)
    for name in LOOKUPS:
        target = path / "data" / "raw" / name / f"{name}.csv"
        target.parent.mkdir(parents=True)
        target.write_bytes((year / "raw" / name / f"{name}.csv").read_bytes())
    for month in months:
        relative = Path("raw", "flights", "year=2013", f"month={month}", "flights.csv")
        target = path / "data" / relative
        target.parent.mkdir(parents=True)
        target.write_text("".join(thin((year / relative).read_text().splitlines(keepends=True), rows)))
    project = ProjectFolder(path)
    project.edit("workflow.py", ("0.68", "0.4"))
    return project
