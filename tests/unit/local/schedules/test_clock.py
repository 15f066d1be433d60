"""The waker does what is due when the clock says so, sleeps until the next, and survives a failure."""

from __future__ import annotations

import threading

from headwater.local.schedules import Waker


class SetClock:
    """A clock that a test sets; ``slept`` is told until when each sleep was meant to last."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.slept: list[float | None] = []
        self.sleeping = threading.Event()

    def now(self) -> float:
        return self.time_s

    def wait(self, changed: threading.Condition, until_s: float | None) -> None:
        self.slept.append(until_s)
        self.sleeping.set()
        changed.wait(10)


def test_it_works_when_woken_and_sleeps_until_the_next() -> None:
    clock, done = SetClock(), []

    def work(now_s: float) -> float | None:
        done.append(now_s)
        return now_s + 60 if now_s < 100 else None

    waker = Waker("test", work, clock)
    waker.start()
    for moment in (70.0, 130.0):
        assert clock.sleeping.wait(10)
        clock.sleeping.clear()
        clock.time_s = moment
        waker.wake()
    assert clock.sleeping.wait(10)
    waker.close()
    assert done == [0.0, 70.0, 130.0]
    assert clock.slept == [60.0, 130.0, None]


def test_a_failure_is_tried_again() -> None:
    clock, calls = SetClock(), []

    def work(now_s: float) -> float | None:
        calls.append(now_s)
        raise OSError("no disk")

    waker = Waker("test", work, clock)
    waker.start()
    assert clock.sleeping.wait(10)
    waker.close()
    assert calls == [0.0] and clock.slept == [20.0]
