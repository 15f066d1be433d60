"""The embedded endpoint of a project, as a process: found, started, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess  # nosec B404: starts our own server with a fixed argument list
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from headwater.cloud.session import EndpointAddress, is_alive
from headwater.errors import EndpointError, UsageError

START_LIMIT_S = 30.0
STOP_LIMIT_S = 45.0


def is_healthy(address: EndpointAddress) -> bool:
    """Whether the endpoint answers."""
    try:
        with urllib.request.urlopen(f"{address.url}/_headwater/health", timeout=2) as answer:  # nosec B310: loopback
            return bool(json.load(answer)["status"] == "running")
    except (OSError, ValueError, KeyError, urllib.error.URLError):
        return False


def next_schedule(address: EndpointAddress) -> str | None:
    """Which schedule fires next at an endpoint, and when, as a line; None when none does."""
    try:
        with urllib.request.urlopen(f"{address.url}/_headwater/health", timeout=2) as answer:  # nosec B310: loopback
            found = json.load(answer).get("next_schedule")
    except (OSError, ValueError, urllib.error.URLError):
        return None
    return f"next: {found['name']} {found['due'][:16].replace('T', ' ')} UTC" if found else None


def find(home: Path) -> EndpointAddress | None:
    """The endpoint that serves ``home`` now, or None."""
    address = EndpointAddress.read(home)
    return address if address and is_healthy(address) else None


def told(url: str, what: str) -> Any:
    """What the endpoint at a URL says of itself: ``iam`` (``enforce`` or ``audit``), ``spark_master`` …"""
    try:
        with urllib.request.urlopen(f"{url}/_headwater/health", timeout=10) as answer:  # nosec B310: loopback
            return json.load(answer)[what]
    except (OSError, ValueError, KeyError, urllib.error.URLError) as error:
        raise EndpointError(f"the endpoint at {url} does not say its {what}: {error}") from error


def iam_mode(url: str) -> str:
    """What the endpoint at a URL does with a call that a role may not make: ``enforce`` or ``audit``."""
    return str(told(url, "iam"))


def use_spark_master(master: str) -> None:
    """Have the endpoint that this process starts send Spark jobs to a standalone cluster.

    Raises
    ------
    UsageError
        Unless it is ``spark://host:port``.
    EndpointError
        When nothing answers there.
    """
    parts = urlsplit(master)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme != "spark" or not host or not port or parts.path:
        raise UsageError(
            "--spark and HEADWATER_SPARK_MASTER take spark://HOST:PORT, the URL of a cluster's master, "
            f"got {master!r}"
        )
    try:
        with socket.create_connection((host, port), timeout=5):
            os.environ["HEADWATER_SPARK_MASTER"] = master
    except OSError as error:
        raise EndpointError(f"no Spark master answers at {master}: {error}") from error


def check_told_master() -> None:
    """Check the master that the environment names, before a run waits a minute for it in vain.

    Raises
    ------
    UsageError, EndpointError
        As :func:`use_spark_master` does.
    """
    if master := os.environ.get("HEADWATER_SPARK_MASTER"):
        use_spark_master(master)


def check_spark_master(address: EndpointAddress, master: str | None) -> None:
    """Raise :class:`EndpointError` when the endpoint that is up sends Spark jobs elsewhere than asked."""
    if master is not None and (found := told(address.url, "spark_master")) != master:
        raise EndpointError(
            f"the endpoint at {address.url} is up and runs Spark jobs {f'on {found}' if found else 'by itself'}: "
            "`headwater down`, then again with --spark"
        )


def check_mode(address: EndpointAddress, iam: str | None) -> None:
    """Raise :class:`EndpointError` when the endpoint that is up treats denied calls otherwise than ``iam`` asks."""
    if iam is None:
        return
    found = iam_mode(address.url)
    if found != iam:
        raise EndpointError(
            f"the endpoint at {address.url} is up with --iam {found}, and --iam {iam} was asked for: `headwater down`, "
            f"then again with --iam {iam}; or leave --iam out"
        )


def start(
    home: Path, port: int = 0, *, until_we_end: bool, resume_work: bool = True, iam: str | None = None
) -> EndpointAddress:
    """Start an endpoint in the background and wait until it answers.

    Parameters
    ----------
    until_we_end:
        Whether it ends with this process (however that ends), or stays up.
    resume_work:
        Whether it goes on with executions that an earlier process left unfinished.
    iam:
        ``audit``: calls that a role may not make are done and noted; by default they are denied.
    """
    try:
        import moto  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise EndpointError(f"the embedded endpoint needs {error.name}: pip install 'headwater[all]'") from error
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "headwater.local.server", "--home", str(home), "--port", str(port)]
    command += ["--until-stdin-closes"] if until_we_end else []
    command += [] if resume_work else ["--leave-work"]
    command += ["--iam", iam] if iam else []
    output = (home / "endpoint.out").open("wb")
    with output:
        process = subprocess.Popen(  # nosec B603
            command,
            stdin=subprocess.PIPE if until_we_end else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # glibc would keep an arena of freed memory for each of the many worker threads.
            env={"MALLOC_ARENA_MAX": "2", **os.environ},
            start_new_session=True,
            close_fds=True,
        )
    if until_we_end:
        _kept.append(process)
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit:
        address = EndpointAddress.read(home)
        if address and address.pid == process.pid and is_healthy(address):
            return address
        if process.poll() is not None:
            break
        time.sleep(0.02)
    said = (home / "endpoint.out").read_text(errors="replace").strip().splitlines()
    raise EndpointError(
        f"the endpoint did not start: {said[-1] if said else 'it said nothing'} (see {home}/endpoint.log)"
    )


# Popen objects whose stdin pipe keeps a run's own endpoint alive.
_kept: list[subprocess.Popen[bytes]] = []


def stop(address: EndpointAddress) -> None:
    """Ask an endpoint to end, and wait until it has."""
    try:
        os.kill(address.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    limit = time.monotonic() + STOP_LIMIT_S
    while time.monotonic() < limit:
        for process in _kept:
            process.poll()  # reaps our own, which would look alive where there is no /proc
        if not is_alive(address.pid):
            return
        time.sleep(0.02)
    raise EndpointError(f"the endpoint (pid {address.pid}) did not end within {STOP_LIMIT_S:.0f} s")


@contextmanager
def running(home: Path, *, resume_work: bool, iam: str | None = None) -> Iterator[EndpointAddress]:
    """The endpoint of ``home`` for the time of a block: the one that is up, or one of our own."""
    address = find(home)
    if address:
        check_mode(address, iam)
        yield address
        return
    address = start(home, until_we_end=True, resume_work=resume_work, iam=iam)
    try:
        yield address
    finally:
        stop(address)
