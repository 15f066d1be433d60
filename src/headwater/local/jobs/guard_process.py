"""The endpoint's end of the guard: starts :mod:`headwater.local.jobs.guard` and tells it of jobs."""

from __future__ import annotations

import logging
import subprocess  # nosec B404: supervising processes is what this is for
import sys
import threading

from headwater.local.jobs import guard

log = logging.getLogger(__name__)


class GuardProcess:
    """Thread-safe. The guard is in a session of its own, so a Ctrl-C of the endpoint's terminal does not reach it."""

    def __init__(self, marker: str) -> None:
        self._marker = marker
        self._groups: set[int] = set()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the guard, with the groups known so far."""
        with self._lock:
            self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(  # nosec B603: our own file under our own interpreter
            [sys.executable, "-I", "-S", guard.__file__, self._marker],
            cwd="/",
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self._tell("".join(f"+{group}\n" for group in self._groups))

    def _tell(self, lines: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(lines.encode())
        except BrokenPipeError:
            log.debug("the guard process is gone; its successor is told of every group")

    @property
    def pid(self) -> int:
        """The guard's process."""
        assert self._process is not None  # nosec B101: started first
        return self._process.pid

    def replace(self) -> None:
        """Start another guard in place of one that ended."""
        with self._lock:
            if self._process is None:
                return
            log.warning("the guard process was killed; starting another")
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait()
            self._start()

    def add(self, group: int) -> None:
        """Kill this group when the endpoint dies."""
        with self._lock:
            self._groups.add(group)
            self._tell(f"+{group}\n")

    def discard(self, group: int) -> None:
        """Forget this group."""
        with self._lock:
            self._groups.discard(group)
            self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the guard, which kills what is still marked, and wait for its end."""
        with self._lock:
            if self._process is None:
                return
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait()
            self._process = None
