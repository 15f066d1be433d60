"""One run at a time in a project: a lock that says who holds it, and that no death of its holder can leave behind."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from headwater.cli.console import err
from headwater.errors import LakeHeldError


@contextmanager
def run_lock(home: Path, command: str, wait: bool) -> Iterator[None]:
    """Hold the project's lake for a run.

    Raises
    ------
    LakeHeldError
        With the holder's name when another holds it and ``wait`` is off.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("a+") as handle:
        told = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                holder = _holder(home / "run.lock")
                if not wait:
                    raise LakeHeldError(f"{holder} holds the lake: wait for it with --wait, or stop it") from None
                if not told:
                    err.print(f"waiting: {holder} holds the lake")
                    told = True
                time.sleep(0.2)
        handle.truncate(0)
        handle.seek(0)
        json.dump({"pid": os.getpid(), "command": command, "since": time.time()}, handle)
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)


def _holder(path: Path) -> str:
    try:
        found = json.loads(path.read_text())
        since = datetime.fromtimestamp(found["since"]).strftime("%H:%M:%S")
        return f"`headwater {found['command']}` (pid {found['pid']}, since {since})"
    except (OSError, ValueError, KeyError):
        return "another headwater command"
