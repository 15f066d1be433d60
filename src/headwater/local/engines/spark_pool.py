"""Warmed JVMs, ready for the next Spark jobs.

Most of a small Spark job is a cold JVM: loading classes, interpreting, compiling. A JVM that has already done a little
of everything runs the same job in a fifth of the time. So up to :data:`READY` are kept, warmed but never used by a job,
and each job gets one for itself, once.

Warming costs as much processor as it saves, so it happens when no job runs or ran a moment ago: JVMs that are being
warmed are paused (SIGSTOP) while a job runs, for at most :data:`PAUSE_S`, and the next is begun :data:`QUIET_S` after
the last job. A job that comes while one is being warmed gets it as warm as it is. With no Spark jobs defined nothing is
started, JVMs unused for :data:`IDLE_S` are let go, and the environment variable HEADWATER_SPARK_READY (0, 1 or 2) says
how many to keep at most: 0 saves the memory, about 600 MB each.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil

from headwater.local.engines.spark_jvm import Gateway, Jvm, JvmOptions, SparkUnavailable, default_heap_bytes
from headwater.local.engines.spark_settings import base_properties, lake_properties
from headwater.local.engines.spark_warm_up import LAKE
from headwater.local.jobs import Job, JobExit, JobSpec, JobSupervisor

READY = 2
READY_MEMORY_BYTES = 6 << 30  # a machine needs this much free memory for a second ready JVM
IDLE_S = 15 * 60.0
PREPARE_S = 0.5  # what is defined and at once deleted costs no JVM
QUIET_S = 10.0  # what follows a Spark job, such as the training on its data, has the processors first
PAUSE_S = 20.0
WARM_UP = Path(__file__).parent / "spark_warm_up.py"
WARM_UP_TIMEOUT_S = 180.0
STEP_TIMEOUT_S = 30.0

log = logging.getLogger(__name__)


def gateway_line(gateway: Gateway, properties: dict[str, str]) -> bytes:
    """What a program that attaches reads on its standard input."""
    text = json.dumps({"port": gateway.port, "secret": gateway.secret, "properties": properties})
    return text.encode() + b"\n"


class WarmJvm:
    """A JVM on its way to ready."""

    def __init__(self, jvm: Jvm) -> None:
        self.jvm = jvm
        self.warmer: Job | None = None
        self.done = threading.Event()
        self.failed = False
        self.hurry = False

    def warmed_by(self, warmer: Job) -> None:
        """Remember the program that warms it, and end that at once when a job already waits."""
        self.warmer = warmer
        if self.hurry:
            warmer.stop(grace_s=STEP_TIMEOUT_S)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the JVM's group and to the warming program's."""
        for pid in [self.jvm.pid, *([self.warmer.pid] if self.warmer is not None else [])]:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:
                log.debug("process group %s has ended", pid)


class SparkPool:
    """Gives JVMs to jobs. Thread-safe.

    Parameters
    ----------
    jobs:
        The supervisor.
    folder:
        Where JVMs have their folders; removed at the start, since no JVM survives its endpoint.
    """

    def __init__(self, jobs: JobSupervisor, folder: Path) -> None:
        self._jobs = jobs
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        self._lock = threading.Condition()
        self._warm: list[WarmJvm] = []
        self._used = 0
        self._wanted = 0
        self._closed = False
        self._timer: threading.Timer | None = None
        self._idle: threading.Timer | None = None
        self._soon: threading.Timer | None = None

    @property
    def ready(self) -> int:
        """How many warmed JVMs wait for a job."""
        return sum(1 for warm in self._warm if warm.done.is_set() and not warm.failed and warm.jvm.running)

    @property
    def used(self) -> int:
        """How many jobs have a JVM."""
        return self._used

    def prepare(self, count: int = 1) -> None:
        """Have JVMs ready for ``count`` jobs to come. Returns at once."""
        free = psutil.virtual_memory().available
        most = int(os.environ.get("HEADWATER_SPARK_READY", str(READY)))
        with self._lock:
            self._wanted = min(count, most, READY if free > READY_MEMORY_BYTES else 1)
            self._rest_later()
            if self._soon is not None:
                self._soon.cancel()
            self._soon = _timer(PREPARE_S, self._begin)

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until a warmed JVM is ready; False when there is none within the time."""
        with self._lock:
            return self._lock.wait_for(lambda: self.ready > 0 or not self._wanted, timeout_s) and self.ready > 0

    def take(self, options: JvmOptions | None = None) -> Jvm:
        """A JVM for one job: a warmed one, else the one being warmed, else a cold one (which may not listen yet).

        ``options`` None takes the usual ones; a job with others always starts cold. Pair with :meth:`release`.
        """
        usual = JvmOptions(default_heap_bytes())
        with self._lock:
            warm = self._pick() if options is None or options == usual else None
            self._used += 1
            self._pause()
        try:
            if warm is not None and self._hand_over(warm):
                return warm.jvm
            jvm = self._new(options or usual)
            jvm.start()
            return jvm
        except BaseException:
            self._left()
            raise

    def release(self, jvm: Jvm) -> None:
        """The job is over: end its JVM, and warm the next one."""
        jvm.kill()
        self._left()

    def close(self) -> None:
        """Let every JVM go."""
        with self._lock:
            self._closed = True
            self._empty()
            for timer in (self._timer, self._idle, self._soon):
                if timer is not None:
                    timer.cancel()

    # -- inside; the lock is held ------------------------------------------------------------------------------------

    def _pick(self) -> WarmJvm | None:
        self._warm = [warm for warm in self._warm if warm.jvm.running and not warm.failed]
        best = sorted(self._warm, key=lambda warm: not warm.done.is_set())
        if best:
            self._warm.remove(best[0])
            return best[0]
        return None

    def _fill(self) -> None:
        """Start warming one when one is missing; one at a time, and not while a job runs."""
        if self._closed or self._used or len(self._warm) >= self._wanted:
            return
        if any(not warm.done.is_set() for warm in self._warm):
            return
        if self._warm and os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
            return  # the second is a luxury, and the machine is busy
        warm = WarmJvm(self._new(JvmOptions(default_heap_bytes())))
        try:
            warm.jvm.start()
        except (SparkUnavailable, RuntimeError) as error:
            self._wanted = 0
            log.warning("no JVM is kept ready: %s", error)
            return
        self._warm.append(warm)
        threading.Thread(target=self._warm_up, args=(warm,), name=warm.jvm.id, daemon=True).start()

    def _pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        waiting = [warm for warm in self._warm if not warm.done.is_set()]
        for warm in waiting:
            warm.signal(signal.SIGSTOP)
        if waiting:
            self._timer = _timer(PAUSE_S, self._resume)

    def _empty(self) -> None:
        for warm in self._warm:
            warm.jvm.kill()
            if warm.warmer is not None:
                warm.warmer.stop(grace_s=0)
        self._warm.clear()

    def _rest_later(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = _timer(IDLE_S, self._rest)

    def _new(self, options: JvmOptions) -> Jvm:
        id = f"spark-jvm-{uuid.uuid4().hex[:12]}"
        return Jvm(self._jobs, id, self._folder / id, options, self._folder.with_name(f"{self._folder.name}-classes"))

    # -- inside; the lock is taken -----------------------------------------------------------------------------------

    def _begin(self) -> None:
        with self._lock:
            self._fill()

    def _resume(self) -> None:
        with self._lock:
            for warm in self._warm:
                if not warm.done.is_set():
                    warm.signal(signal.SIGCONT)

    def _rest(self) -> None:
        with self._lock:
            if not self._used:
                self._wanted = 0
                self._empty()

    def _left(self) -> None:
        with self._lock:
            self._used -= 1
            if not self._used and not self._closed:
                self._rest_later()
                if self._soon is not None:
                    self._soon.cancel()
                self._soon = _timer(QUIET_S, self._settle)

    def _settle(self) -> None:
        """The last job is over for a while: go on warming, and warm the next."""
        with self._lock:
            if self._used or self._closed:
                return
            for warm in self._warm:
                if not warm.done.is_set():
                    warm.signal(signal.SIGCONT)
            self._fill()

    def _hand_over(self, warm: WarmJvm) -> bool:
        """Wait for the step that the warming is in; False when the JVM is not to be used."""
        if not warm.done.is_set():
            warm.hurry = True
            warm.signal(signal.SIGCONT)
            if warm.warmer is not None:
                warm.warmer.stop(grace_s=STEP_TIMEOUT_S)
            warm.done.wait(STEP_TIMEOUT_S + 5)
        if warm.done.is_set() and not warm.failed and warm.jvm.running:
            return True
        warm.jvm.kill()
        return False

    def _warm_up(self, warm: WarmJvm) -> None:
        """Warm one JVM, on a thread of its own; then see whether another is missing."""
        try:
            warm.failed = not self._run_warm_up(warm)
        except (OSError, RuntimeError, SparkUnavailable) as error:
            warm.failed = True
            if not self._closed:
                log.warning("a JVM could not be warmed: %s", error)
        finally:
            with self._lock:
                warm.done.set()
                if warm.failed:
                    warm.jvm.kill()
                    self._wanted = 0
                    self._warm = [one for one in self._warm if one is not warm]
                self._lock.notify_all()
                self._fill()

    def _run_warm_up(self, warm: WarmJvm) -> bool:
        gateway = warm.jvm.gateway()
        if warm.hurry:
            return True
        lake = warm.jvm.folder / "lake"
        (lake / LAKE).mkdir(parents=True, exist_ok=True)
        properties = {**base_properties(warm.jvm.folder), **lake_properties(lake, [LAKE])}
        exit = start_fed(
            self._jobs,
            JobSpec(
                id=f"{warm.jvm.id}-warm-up",
                argv=[sys.executable, str(WARM_UP)],
                cwd=warm.jvm.folder,
                env={"PATH": os.environ.get("PATH", ""), "TZ": "UTC", "PYSPARK_PYTHON": sys.executable},
                timeout_s=WARM_UP_TIMEOUT_S,
            ),
            gateway_line(gateway, properties),
            started=warm.warmed_by,
        )
        if not exit.code == 0 and not self._closed:
            log.warning("warming a JVM failed (%s):\n%s", exit.code, "\n".join(exit.tail[-20:]))
        return exit.code == 0


def start_fed(jobs: JobSupervisor, spec: JobSpec, line: bytes, started: Callable[[Job], None]) -> JobExit:
    """Run a job whose standard input is one line, and wait for its end."""
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, line)
        job = jobs.start(replace(spec, stdin_fd=read_end))
    finally:
        os.close(read_end)
        os.close(write_end)
    started(job)
    return job.wait()


def _timer(delay_s: float, function: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(delay_s, function)
    timer.daemon = True
    timer.start()
    return timer
