"""The guard: a small process that kills the endpoint's jobs when the endpoint is gone, even by kill -9.

It runs this file as a script, holds the reading end of a pipe whose only writing end the endpoint has, and keeps the
list of process groups that the endpoint names on it (``+123`` and ``-123``, a line each). When the pipe closes, the
endpoint is dead: the guard kills what is listed, and, on Linux, whatever still carries the endpoint's marker in its
environment (a job started in the instant before the kill, or one that left its group). Then it ends.

Why not ``PR_SET_PDEATHSIG``: it fires when the *thread* that forked ends, is cleared by setuid programs, reaches no
grandchildren, and macOS lacks it. The cost is one idle Python process of about 8 MB while jobs are used.

It imports nothing of Headwater, so it starts in about 15 ms, with ``python -I -S``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

MARKER = "HEADWATER_SUPERVISOR"


def processes() -> list[int]:
    """The ids of all processes, where the system has /proc; else none."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        return []


def carries(pid: int, marker: bytes) -> bool:
    """Whether the environment a process was started with holds ``marker``."""
    try:
        return marker in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return False


def session_of(pid: int) -> int:
    """The session of a process; 0 when it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Signal one process if it still exists."""
    try:
        os.kill(pid, number)
    except OSError:
        return


def kill_group(group: int, number: int = signal.SIGKILL) -> None:
    """Signal a process group if it still exists."""
    try:
        os.killpg(group, number)
    except OSError:
        return


def kill_all(groups: Iterable[int], marker: bytes) -> None:
    """Kill the groups, the sessions that they lead, and every process that carries the marker."""
    sessions = set(groups)
    for group in sessions:
        kill_group(group)
    for pid in processes():
        if pid != os.getpid() and (session_of(pid) in sessions or carries(pid, marker)):
            kill(pid)


def follow(lines: Iterable[str]) -> set[int]:
    """The groups that are listed when the lines end."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def run(marker: str) -> None:
    """Wait for the endpoint's end, then kill what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = follow(sys.stdin)
    kill_all(groups, f"{MARKER}={marker}".encode())


if __name__ == "__main__":
    run(sys.argv[1])
