"""The clock that fires: one thread for everything that is due, asleep until the next of it.

It looks at the wall clock at least every :data:`LONGEST_SLEEP_S` seconds while anything is to come: a machine that was
suspended, or whose clock was set, would otherwise sleep on, for a thread's sleep does not count suspended time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

LONGEST_SLEEP_S = 20.0

log = logging.getLogger(__name__)


class Clock(Protocol):
    """What tells the time. Tests bring one that they set."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def wait(self, changed: threading.Condition, until_s: float | None) -> None:
        """Sleep on a condition that the caller holds, at most until a moment (seconds since the epoch)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def wait(self, changed: threading.Condition, until_s: float | None) -> None:
        """Sleep on a condition, at most until a moment."""
        changed.wait(None if until_s is None else min(max(until_s - time.time(), 0.0), LONGEST_SLEEP_S))


class Waker:
    """Calls ``work(now)`` whenever something is due; ``work`` answers when the next thing is (None for nothing).

    Thread-safe. The thread starts with :meth:`start`; a failure of ``work`` is logged, and tried again after
    :data:`LONGEST_SLEEP_S`.

    Parameters
    ----------
    name:
        The thread's name.
    work:
        Takes seconds since the epoch, does what is due by then, and answers when to call it next.
    clock:
        Tells the time.
    """

    def __init__(self, name: str, work: Callable[[float], float | None], clock: Clock) -> None:
        self._name = name
        self._work = work
        self._clock = clock
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._woken = False
        self._closed = False

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """What is due has changed: look again."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """End after the work under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                self._woken = False
            next_s = self._once()
            with self._changed:
                if not self._woken and not self._closed:
                    self._clock.wait(self._changed, next_s)

    def _once(self) -> float | None:
        try:
            return self._work(self._clock.now())
        except Exception:
            log.exception("%s could not do what was due", self._name)
            return self._clock.now() + LONGEST_SLEEP_S
