"""Real subprocesses under the supervisor: logs, limits, stops, what is left behind, kill -9 of the endpoint."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from headwater.local.jobs import JobExit, JobSpec, JobSupervisor
from headwater.local.store import Store

LIMIT_S = 20


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "state.db")
    yield store
    store.close()


@pytest.fixture
def supervisor(store: Store, tmp_path: Path) -> Iterator[JobSupervisor]:
    supervisor = JobSupervisor(store, tmp_path)
    yield supervisor
    supervisor.close()


def spec(tmp_path: Path, code: str, **members: object) -> JobSpec:
    options: dict[str, object] = {"id": "job", "log_group": "/jobs", "log_stream": "s", **members}
    argv = [sys.executable, "-u", "-c", code]
    return JobSpec(argv=argv, cwd=tmp_path, env={"PATH": os.defpath}, **options)  # type: ignore[arg-type]


def messages(store: Store, group: str = "/jobs") -> list[str]:
    rows = store.query("SELECT message FROM log_events WHERE log_group = ? ORDER BY id", (group,))
    return [row["message"] for row in rows]


def gone(pid: int) -> bool:
    """Wait for the end of a process that is not our child."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watch], [], [], LIMIT_S)[0])
    finally:
        os.close(watch)


def test_lines_are_stored_before_the_exit_is_told(supervisor: JobSupervisor, store: Store, tmp_path: Path) -> None:
    told: list[tuple[JobExit, list[str]]] = []
    done = threading.Event()

    def on_exit(exit: JobExit) -> None:
        told.append((exit, messages(store)))
        done.set()

    code = r"import sys; sys.stdout.buffer.write(b'one\r\nt\xffwo\nthree')"
    job = supervisor.start(spec(tmp_path, code, on_exit=on_exit))
    exit = job.wait(LIMIT_S)
    assert done.wait(LIMIT_S)
    assert exit.ok and exit.code == 0 and exit.signal is None and exit.max_rss_bytes > 1 << 20
    assert told == [(exit, ["one", "t\ufffdwo", "three"])]
    assert exit.tail == ("one", "t\ufffdwo", "three")
    assert not job.running and supervisor.get("job") is None


def test_stderr_may_go_to_another_group(supervisor: JobSupervisor, store: Store, tmp_path: Path) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    exit = supervisor.start(spec(tmp_path, code, log_group_stderr="/errors")).wait(LIMIT_S)
    assert (exit.code, exit.ok) == (3, False)
    assert (messages(store), messages(store, "/errors")) == (["out"], ["err"])


def test_many_lines_arrive_whole_and_in_order(supervisor: JobSupervisor, store: Store, tmp_path: Path) -> None:
    exit = supervisor.start(spec(tmp_path, "for i in range(20000): print(i)")).wait(LIMIT_S)
    assert messages(store) == [str(i) for i in range(20000)]
    assert exit.tail == tuple(str(i) for i in range(19950, 20000))


def test_environment_is_complete_and_never_inherited(
    supervisor: JobSupervisor, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_ENDPOINT", "x")
    supervisor.start(spec(tmp_path, "import os; print(sorted(os.environ))")).wait(LIMIT_S)
    assert "SECRET_OF_THE_ENDPOINT" not in messages(store)[0]
    assert "hidden" not in repr(JobSpec("i", ["hidden"], Path("/"), {"KEY": "hidden"}))


def test_time_limit_is_sigterm_first(supervisor: JobSupervisor, store: Store, tmp_path: Path) -> None:
    code = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("terminating"), sys.exit(7)))
while True: signal.pause()
"""
    exit = supervisor.start(spec(tmp_path, code, timeout_s=1)).wait(LIMIT_S)
    assert (exit.reason, exit.code) == ("timeout", 7)
    assert messages(store) == ["terminating"]


def test_stop_kills_a_job_that_ignores_sigterm(supervisor: JobSupervisor, tmp_path: Path) -> None:
    ready = threading.Event()
    code = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready')\nwhile True: signal.pause()"
    job = supervisor.start(spec(tmp_path, code, on_line=lambda *_: ready.set()))
    assert ready.wait(LIMIT_S)
    job.stop(grace_s=0.1)
    exit = job.wait(LIMIT_S)
    assert (exit.reason, exit.signal, exit.code) == ("stopped", signal.SIGKILL, None)


def test_memory_limit_counts_the_whole_session(supervisor: JobSupervisor, tmp_path: Path) -> None:
    code = """
import os, signal
for _ in range(2):
    if os.fork() == 0:
        os.setpgid(0, 0)
        held = b"x" * (60 << 20)
        signal.pause()
signal.pause()
"""
    exit = supervisor.start(spec(tmp_path, code, memory_bytes=100 << 20)).wait(LIMIT_S)
    assert (exit.reason, exit.signal) == ("memory", signal.SIGKILL)
    assert exit.max_rss_bytes > 100 << 20


def test_what_the_leader_leaves_is_killed(supervisor: JobSupervisor, store: Store, tmp_path: Path) -> None:
    code = """
import os, signal
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    signal.pause()
print(child)
"""
    exit = supervisor.start(spec(tmp_path, code)).wait(LIMIT_S)
    assert exit.ok
    assert gone(int(messages(store)[0]))


def test_a_pipe_held_by_an_escaped_process_does_not_hold_up_the_exit(
    supervisor: JobSupervisor, store: Store, tmp_path: Path
) -> None:
    code = "import os, signal\nchild = os.fork()\nif child == 0: os.setsid(); signal.pause()\nprint(child)"
    exit = supervisor.start(spec(tmp_path, code)).wait(LIMIT_S)
    assert exit.ok and exit.duration_s < LIMIT_S
    supervisor.close()
    assert gone(int(messages(store)[0])), "the guard finds it by its marker"


def test_two_jobs_of_one_id_are_refused(supervisor: JobSupervisor, tmp_path: Path) -> None:
    job = supervisor.start(spec(tmp_path, "import signal; signal.pause()"))
    with pytest.raises(ValueError, match="a job job is running"):
        supervisor.start(spec(tmp_path, "pass"))
    assert supervisor.get("job") is job


def test_a_program_that_is_not_there_is_an_error_of_start(supervisor: JobSupervisor, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        supervisor.start(JobSpec("x", [str(tmp_path / "absent")], tmp_path, {}))
    assert supervisor.get("x") is None


def test_close_ends_jobs_and_refuses_new_ones(supervisor: JobSupervisor, tmp_path: Path) -> None:
    job = supervisor.start(spec(tmp_path, "import signal; signal.pause()"))
    supervisor.close()
    assert job.wait(0).reason == "stopped"
    with pytest.raises(RuntimeError, match="stopping"):
        supervisor.start(spec(tmp_path, "pass"))


def test_close_waits_for_what_follows_an_exit(supervisor: JobSupervisor, store: Store, tmp_path: Path) -> None:
    release, told = threading.Event(), []

    def on_exit(exit: JobExit) -> None:
        release.wait(LIMIT_S)
        store.put("run", "job", {"state": exit.reason})
        told.append(threading.current_thread())

    supervisor.start(spec(tmp_path, "import signal; signal.pause()", on_exit=on_exit))
    threading.Timer(0.3, release.set).start()
    supervisor.close()
    assert store.get("run", "job") == {"state": "stopped"} and told


ENDPOINT = """
import os, sys, signal
from pathlib import Path
from headwater.local.jobs import JobSpec, JobSupervisor
from headwater.local.store import Store
home = Path(sys.argv[1])
jobs = JobSupervisor(Store(home / "state.db"), home)
pids = []
def started(stream, line):
    pids.append(line)
    if len(pids) == 3:
        print(*pids, flush=True)
code = '''
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0: os.setpgid(0, 0)
elif os.fork() == 0: os.setsid()
print(os.getpid(), flush=True)
while True: signal.pause()
'''
jobs.start(JobSpec("j", [sys.executable, "-c", code], home, {}, on_line=started))
signal.pause()
"""


@pytest.mark.parametrize("guard_dies_first", [False, True])
def test_kill_9_of_the_endpoint_kills_its_jobs(tmp_path: Path, guard_dies_first: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDPOINT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as endpoint:
        try:
            assert endpoint.stdout is not None
            pids = [int(pid) for pid in endpoint.stdout.readline().split()]
            assert len(pids) == 3
            if guard_dies_first:
                (first,) = guards(endpoint.pid)
                psutil.Process(first).kill()
                deadline = time.monotonic() + LIMIT_S
                while guards(endpoint.pid) in ([], [first]):
                    assert time.monotonic() < deadline, "no other guard was started"
                    time.sleep(0.01)
        finally:
            endpoint.kill()
    assert all([gone(pid) for pid in pids])


def guards(endpoint: int) -> list[int]:
    """The guard processes of an endpoint."""
    found = []
    for child in psutil.Process(endpoint).children():
        with contextlib.suppress(psutil.Error):
            if any(part.endswith("guard.py") for part in child.cmdline()):
                found.append(child.pid)
    return found
