"""What is known of processes, with a real child."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable

import pytest

from headwater.local.jobs import processes

LIMIT_S = 10


def exit_watch(pid: int) -> processes.Watch:
    watch = processes.ExitWatch(pid)
    return watch.fd, watch.close


@pytest.mark.parametrize("open_watch", [exit_watch, processes.parked_thread])
def test_a_watch_is_readable_at_the_exit_and_leaves_the_child_to_be_reaped(
    open_watch: Callable[[int], processes.Watch],
) -> None:
    child = subprocess.Popen(["sleep", "100"], start_new_session=True)
    fd, close = open_watch(child.pid)
    try:
        assert select.select([fd], [], [], 0)[0] == []
        processes.kill_session(child.pid)
        assert select.select([fd], [], [], LIMIT_S)[0] == [fd]
        assert child.wait(LIMIT_S) == -9
    finally:
        close()


def test_members_and_memory_of_a_session() -> None:
    child = subprocess.Popen(["sleep", "100"], start_new_session=True)
    try:
        assert processes.members({child.pid}) == {child.pid: [child.pid]}
        assert 0 < processes.resident_bytes(child.pid) <= processes.peak_resident_bytes(child.pid)
    finally:
        child.kill()
        child.wait(LIMIT_S)
    assert processes.members({child.pid}) == {}
    assert processes.resident_bytes(child.pid) == processes.peak_resident_bytes(child.pid) == 0


def test_the_peak_is_at_least_what_is_held_now() -> None:
    held = b"x" * (30 << 20)
    assert processes.peak_resident_bytes(os.getpid()) > len(held)
