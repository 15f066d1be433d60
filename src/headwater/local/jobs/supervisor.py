"""Supervised subprocesses: what runs the jobs of Glue, EMR, SageMaker and Lambda.

A job leads a session and process group of its own. Its output goes line by line to CloudWatch Logs, it has a time
limit and a memory limit, it is stopped with SIGTERM, a grace period and SIGKILL, what it leaves behind is killed when
its leader ends, and nothing of it outlives the endpoint: :mod:`headwater.local.jobs.guard` sees to that on kill -9.

One thread with one selector (an asyncio loop) serves the pipes, exits and timers of all jobs; an exit is an event of
the kernel (pidfd, kqueue), not the find of a poll. The cost is this thread, the guard process, and a look at the
process table four times a second while a job with a memory limit runs.

Not faithful to AWS: memory is sampled (see :mod:`headwater.local.jobs.processes`), and jobs share the machine's
processors.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess  # nosec B404: supervising processes is what this is for
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from headwater.local.jobs import guard, processes
from headwater.local.jobs.guard_process import GuardProcess
from headwater.local.jobs.logs import LineSplitter, LogBatches, LogStore, Tail

Reason = Literal["exited", "timeout", "stopped", "memory"]

SAMPLE_S = 0.25
DRAIN_S = 1.0
GUARD_S = 1.0
TELL_S = 30.0
READ_BYTES = 1 << 16

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobSpec:
    """What to run.

    Parameters
    ----------
    id:
        Unique among running jobs.
    argv, cwd, env:
        As for ``execve``; ``env`` is the complete environment, nothing is inherited. Neither is ever logged.
    log_group, log_stream:
        Where the lines go; with either None they go to ``on_line`` and the tail only.
    log_group_stderr:
        Another group for stderr (Glue); None for the same one.
    timeout_s, memory_bytes:
        Limits; None for none.
    grace_s:
        Seconds between SIGTERM and SIGKILL.
    on_line:
        Called with ("stdout" or "stderr", line) on the supervisor's thread, so it must return at once.
    on_exit:
        Called once with the exit, on a thread of its own, when the logs are in the store.
    pass_fds:
        File descriptors that the job inherits.
    output_fd:
        A file descriptor that takes stdout and stderr instead of the logs, for a caller that reads them itself.
    """

    id: str
    argv: Sequence[str] = field(repr=False)
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    log_group: str | None = None
    log_stream: str | None = None
    log_group_stderr: str | None = None
    timeout_s: float | None = None
    memory_bytes: int | None = None
    grace_s: float = 30
    on_line: Callable[[str, str], None] | None = None
    on_exit: Callable[[JobExit], None] | None = None
    pass_fds: Sequence[int] = ()
    stdin_fd: int | None = None
    output_fd: int | None = None


@dataclass(frozen=True)
class JobExit:
    """How a job ended: ``code`` or ``signal`` of the leader, and who ended it (``reason``)."""

    code: int | None
    signal: int | None
    reason: Reason
    duration_s: float
    max_rss_bytes: int
    tail: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the job ended by itself with code 0."""
        return self.code == 0 and self.reason == "exited"

    @property
    def shell_code(self) -> int:
        """The code as a shell gives it: 128 and the number for a signal."""
        return self.code if self.code is not None else 128 + (self.signal or 0)


class Job:
    """A running job. Methods may be called from any thread."""

    def __init__(self, spec: JobSpec, supervisor: JobSupervisor, process: subprocess.Popen[bytes]) -> None:
        self.spec = spec
        self.id = spec.id
        self.pid = process.pid
        self.exit: Future[JobExit] = Future()
        self.started = time.monotonic()
        self.tail = Tail()
        self.reason: Reason = "exited"
        self.max_rss_bytes = 0
        self._supervisor = supervisor
        self.process = process  # kept so that Popen's finaliser stays quiet; the supervisor reaps

    @property
    def running(self) -> bool:
        """Whether the job has not ended yet."""
        return not self.exit.done()

    def wait(self, timeout_s: float | None = None) -> JobExit:
        """Block until the job has ended and its logs are stored; :class:`TimeoutError` after ``timeout_s``.

        On an event loop, ``await asyncio.wrap_future(job.exit)``.
        """
        return self.exit.result(timeout_s)

    def stop(self, grace_s: float | None = None) -> None:
        """Ask the job to end: SIGTERM now, SIGKILL after ``grace_s`` (the spec's when None). Returns at once."""
        self._supervisor.end(self, "stopped", self.spec.grace_s if grace_s is None else grace_s)


class JobSupervisor:
    """Starts jobs, watches them and ends them.

    Parameters
    ----------
    store:
        Where log lines go.
    home:
        The endpoint's folder.
    """

    def __init__(self, store: LogStore, home: Path) -> None:
        self.home = home
        self._marker = uuid.uuid4().hex
        self._guard = GuardProcess(self._marker)
        self._jobs: dict[str, Job] = {}
        self._tellers: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._logs = LogBatches(store, self._loop.call_later)
        self._sampling = False
        self._guard_watch: processes.ExitWatch | None = None
        self._thread: threading.Thread | None = None

    def start(self, spec: JobSpec) -> Job:
        """Start a job; returns when its program runs.

        Raises
        ------
        ValueError
            A job of this id is running.
        OSError
            The program cannot be run (not found, no permission, no memory).
        RuntimeError
            The supervisor is closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError(f"job {spec.id}: the endpoint is stopping")
            if spec.id in self._jobs:
                raise ValueError(f"a job {spec.id} is running")
            self._begin()
            process = self._spawn(spec)
            self._guard.add(process.pid)
            job = self._jobs[spec.id] = Job(spec, self, process)
        log.info("job %s started: process %s", spec.id, process.pid)
        self._loop.call_soon_threadsafe(_Watch, self, self._loop, self._logs, job)
        return job

    def _begin(self) -> None:
        if self._thread is None:
            self._guard.start()
            self._thread = threading.Thread(target=self._loop.run_forever, name="jobs", daemon=True)
            self._thread.start()
            self._loop.call_soon_threadsafe(self._watch_guard)

    def _watch_guard(self) -> None:
        self._guard_watch = processes.ExitWatch(self._guard.pid)
        self._loop.add_reader(self._guard_watch.fd, self._guard_ended)

    def _guard_ended(self) -> None:
        self._unwatch_guard()
        if not self._closed:
            self._guard.replace()
            # Not at once, so that a guard that cannot live does not keep a processor busy.
            self._loop.call_later(GUARD_S, self._watch_guard)

    def _unwatch_guard(self) -> None:
        if self._guard_watch is not None:
            self._loop.remove_reader(self._guard_watch.fd)
            self._guard_watch.close()
            self._guard_watch = None

    def _spawn(self, spec: JobSpec) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # nosec B603: argv comes from a service, never from a shell string
            list(spec.argv),
            cwd=spec.cwd,
            env={**spec.env, guard.MARKER: self._marker},
            stdin=subprocess.DEVNULL if spec.stdin_fd is None else spec.stdin_fd,
            stdout=subprocess.PIPE if spec.output_fd is None else spec.output_fd,
            stderr=subprocess.PIPE if spec.output_fd is None else spec.output_fd,
            bufsize=0,
            start_new_session=True,
            pass_fds=spec.pass_fds,
        )

    def get(self, id: str) -> Job | None:
        """The running job of this id, or None."""
        return self._jobs.get(id)

    def write_log(self, group: str, stream: str, line: str) -> None:
        """Add a line to a log stream, batched with the jobs' own; from an ``on_line`` only (it is not thread-safe)."""
        self._logs.add(group, stream, int(time.time() * 1000), [line])

    def end(self, job: Job, reason: Reason, grace_s: float) -> None:
        """Send SIGTERM to the job's group, and SIGKILL to its session when it still lives ``grace_s`` later."""
        if not job.running:
            return
        self._loop.call_soon_threadsafe(self._end, job, reason, grace_s)

    def _end(self, job: Job, reason: Reason, grace_s: float) -> None:
        if not job.running or job.process.returncode is not None:
            return
        if job.reason == "exited":
            job.reason = reason
            log.info("job %s: ending it (%s)", job.id, reason)
        if grace_s > 0:
            guard.kill_group(job.pid, signal.SIGTERM)
            self._loop.call_later(grace_s, self._kill, job)
        else:
            self._kill(job)

    @staticmethod
    def _kill(job: Job) -> None:
        if job.process.returncode is None:  # not reaped, so the number is still this job's
            processes.kill_session(job.pid)

    def sample(self) -> None:
        """Look at the memory of jobs with a limit, now and every :data:`SAMPLE_S` while there are any."""
        if self._sampling:
            return
        self._sampling = True
        self._sample()

    def _sample(self) -> None:
        limited = {job.pid: job for job in list(self._jobs.values()) if job.spec.memory_bytes is not None}
        self._sampling = bool(limited)
        for session, pids in processes.members(limited).items() if limited else ():
            job = limited[session]
            resident = sum(processes.resident_bytes(pid) for pid in pids)
            job.max_rss_bytes = max(job.max_rss_bytes, resident)
            if resident > (job.spec.memory_bytes or 0):
                self._end(job, "memory", 0)
        if self._sampling:
            self._loop.call_later(SAMPLE_S, self._sample)

    def finish(self, job: Job, exit: JobExit) -> None:
        """Called by the job's watch when the job is reaped and its pipes are drained."""
        self._logs.flush()
        with self._lock:
            del self._jobs[job.id]
        log.info("job %s ended: code %s, signal %s, %s", job.id, exit.code, exit.signal, exit.reason)
        if job.spec.on_exit is not None:
            teller = threading.Thread(target=self._tell, args=(job, job.spec.on_exit), name=f"exit-{job.id}")
            teller.start()
            self._tellers.add(teller)
        job.exit.set_result(exit)

    def _tell(self, job: Job, on_exit: Callable[[JobExit], None]) -> None:
        try:
            on_exit(job.wait())
        except Exception:
            log.exception("job %s: what follows its end failed", job.id)
        finally:
            self._tellers.discard(threading.current_thread())

    def release(self, job: Job) -> None:
        """Take the job off the guard's list; called before it is reaped, while its number is still its own."""
        self._guard.discard(job.pid)

    def close(self, grace_s: float = 5) -> None:
        """Stop every job (SIGTERM, at most ``grace_s`` seconds, SIGKILL), wait for their ends and for what
        ``on_exit`` makes of them, end the guard."""
        with self._lock:
            closed, self._closed = self._closed, True
            jobs = list(self._jobs.values())
        if closed:
            return
        for job in jobs:
            self.end(job, "stopped", min(grace_s, job.spec.grace_s))
        for job in jobs:
            job.wait(grace_s + DRAIN_S + 10)
        for teller in list(self._tellers):
            teller.join(TELL_S)
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._unwatch_guard()
        self._loop.close()
        self._guard.close()


class _Watch:
    """One job on the supervisor's loop: its two pipes, its end, its time limit."""

    def __init__(self, supervisor: JobSupervisor, loop: asyncio.AbstractEventLoop, logs: LogBatches, job: Job) -> None:
        self.supervisor, self.loop, self.logs, self.job = supervisor, loop, logs, job
        self.open: dict[str, tuple[IO[bytes], LineSplitter]] = {}
        self.watch = processes.ExitWatch(job.pid)
        self.duration_s = 0.0
        self.drain: asyncio.TimerHandle | None = None
        for name, pipe in (("stdout", job.process.stdout), ("stderr", job.process.stderr)):
            if pipe is None:
                continue
            os.set_blocking(pipe.fileno(), False)
            self.open[name] = (pipe, LineSplitter())
            loop.add_reader(pipe, self.read, name)
        loop.add_reader(self.watch.fd, self.ended)
        limit = job.spec.timeout_s
        self.limit = loop.call_later(limit, self.time_out) if limit is not None else None
        if job.spec.memory_bytes is not None:
            supervisor.sample()

    def read(self, name: str) -> None:
        """Take what a pipe holds, at most one buffer of it, so that no job starves the others."""
        pipe, splitter = self.open[name]
        data = pipe.read(READ_BYTES)
        if data:
            self.take(name, splitter.feed(data))
        elif data is not None:
            self.close(name)

    def take(self, name: str, lines: list[str]) -> None:
        """Pass lines on."""
        if not lines:
            return
        spec = self.job.spec
        self.job.tail.add(lines)
        group = spec.log_group_stderr if name == "stderr" and spec.log_group_stderr else spec.log_group
        if group and spec.log_stream:
            self.logs.add(group, spec.log_stream, int(time.time() * 1000), lines)
        if spec.on_line is not None:
            for line in lines:
                try:
                    spec.on_line(name, line)
                except Exception:
                    log.exception("job %s: on_line failed", spec.id)

    def close(self, name: str) -> None:
        """End one pipe."""
        pipe, splitter = self.open.pop(name)
        self.loop.remove_reader(pipe)
        pipe.close()
        self.take(name, splitter.end())
        if not self.open and self.drain is not None:
            self.drain.cancel()
            self.finish()

    def time_out(self) -> None:
        """The time limit."""
        self.supervisor.end(self.job, "timeout", self.job.spec.grace_s)

    def ended(self) -> None:
        """The leader has ended: kill what it leaves, reap it, drain the pipes."""
        job = self.job
        self.loop.remove_reader(self.watch.fd)
        self.watch.close()
        self.duration_s = time.monotonic() - job.started
        if self.limit is not None:
            self.limit.cancel()
        processes.kill_session(job.pid)
        self.supervisor.release(job)
        _, status, usage = os.wait4(job.pid, 0)
        job.process.returncode = os.waitstatus_to_exitcode(status)
        scale = 1024 if processes.HAS_PROC else 1  # ru_maxrss is in KiB on Linux, in bytes on macOS
        job.max_rss_bytes = max(job.max_rss_bytes, usage.ru_maxrss * scale)
        # A process that left the session may hold a pipe open for ever; it is not waited for longer than this.
        self.drain = self.loop.call_later(DRAIN_S, self.abandon)
        if not self.open:
            self.drain.cancel()
            self.finish()

    def abandon(self) -> None:
        """Close pipes that someone outside the job still holds."""
        for name in list(self.open):
            self.read(name)
        for name in list(self.open):
            self.close(name)

    def finish(self) -> None:
        """Report the exit."""
        code = self.job.process.returncode
        self.supervisor.finish(
            self.job,
            JobExit(
                code=code if code >= 0 else None,
                signal=-code if code < 0 else None,
                reason=self.job.reason,
                duration_s=self.duration_s,
                max_rss_bytes=self.job.max_rss_bytes,
                tail=self.job.tail.lines(),
            ),
        )
