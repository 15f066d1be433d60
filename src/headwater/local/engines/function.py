"""The function engine: runs Lambda functions in warm, reused execution environments.

An environment runs one invocation at a time; concurrent invocations get environments of their own, as on AWS. Idle
ones are kept for some minutes and end with the endpoint. All of them live on one thread with one event loop, so an
idle environment costs its process (about 20 MB) and nothing here.

Initialisations are admitted a few at a time, since each keeps a processor busy. Running invocations are limited by the
machine's memory, generously, because a function may wait for another one; what waits too long for room is throttled,
as on AWS at the account's limit.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
from collections import defaultdict
from concurrent.futures import Future
from pathlib import Path

from headwater.local.engines.function_environment import Environment, RoleEnvironment
from headwater.local.engines.function_spec import FunctionSpec, Invocation, Outcome
from headwater.local.jobs.logs import LogBatches, LogStore
from headwater.local.jobs import JobSupervisor

KEEP_IDLE_S = 300.0
MAX_AGE_S = 6 * 3600.0  # half of what the role's credentials in its environment last
CLOSE_S = 10.0
WAIT_FOR_ROOM_S = 60.0
ENVIRONMENT_BYTES = 64 << 20  # a small function with boto3; what the number of environments is reckoned by

Key = tuple[str, str, str]  # name, version, revision

log = logging.getLogger(__name__)


class Interrupted(Exception):
    """The endpoint stopped while a function ran; what became of the invocation is unknown."""


class Throttled(Exception):
    """The machine has run as many functions as it can for longer than an invocation waits."""


def machine_concurrency() -> int:
    """How many invocations this machine's memory lets run at once: between 16 and AWS's 1,000."""
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(16, min(1000, memory_bytes // ENVIRONMENT_BYTES))


class FunctionEngine:
    """Thread-safe: the public methods may be called from any thread or loop.

    Parameters
    ----------
    store, jobs:
        Where logs go; what starts processes.
    folder:
        For the environments' private temporary folders.
    role_environment:
        (role ARN, session name) → the variables that make a process call as the role.
    keep_idle_s:
        How long an idle environment is kept.
    concurrency:
        How many invocations run at once.
    wait_for_room_s:
        How long an invocation above that waits.
    """

    def __init__(
        self,
        store: LogStore,
        jobs: JobSupervisor,
        folder: Path,
        role_environment: RoleEnvironment,
        keep_idle_s: float = KEEP_IDLE_S,
        concurrency: int | None = None,
        wait_for_room_s: float = WAIT_FOR_ROOM_S,
    ) -> None:
        self._jobs = jobs
        self._tmp = folder / ".tmp"  # no function can have this name
        self._role_environment = role_environment
        self._keep_idle_s = keep_idle_s
        self._concurrency = concurrency or machine_concurrency()
        self._wait_for_room_s = wait_for_room_s
        self._room = asyncio.Semaphore(self._concurrency)
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._logs = LogBatches(store, self._loop.call_later)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._idle: dict[Key, list[Environment]] = defaultdict(list)
        self._all: set[Environment] = set()
        self._starts = asyncio.Semaphore(max(2, os.cpu_count() or 1))
        self._stale: set[Environment] = set()

    def submit(self, spec: FunctionSpec, invocation: Invocation) -> Future[Outcome]:
        """Start an invocation. It runs to its end whoever waits for it.

        The future may raise :class:`Interrupted` or :class:`Throttled`.
        """
        with self._lock:
            if self._closed:
                raise Interrupted(f"function {spec.name}: the endpoint is stopping")
            if self._thread is None:
                shutil.rmtree(self._tmp, ignore_errors=True)
                self._thread = threading.Thread(target=self._loop.run_forever, name="functions", daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._invoke(spec, invocation), self._loop)

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """Run an invocation and wait for it, on any event loop."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(spec, invocation)))

    async def _invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        try:
            await asyncio.wait_for(self._room.acquire(), self._wait_for_room_s if self._room.locked() else None)
        except TimeoutError as error:
            raise Throttled(f"{self._concurrency} invocations are running") from error
        try:
            return await self._run(spec, invocation)
        finally:
            self._room.release()

    async def _run(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        key = (spec.name, spec.version, spec.revision)
        environment = self._take(key)
        cold = environment is None
        if environment is None:
            async with self._starts:
                environment = self._take(key)
                cold = environment is None
                if environment is None:
                    environment = await self._open(spec)
        try:
            outcome = await environment.invoke(invocation, cold)
        except BaseException:
            environment.discard()
            raise
        self._give_back(key, environment)
        if self._closed and outcome.error is not None:
            raise Interrupted(f"function {spec.name}: the endpoint stopped during the invocation")
        return outcome

    def _take(self, key: Key) -> Environment | None:
        idle = self._idle[key]
        while idle:
            environment = idle.pop()
            if environment.alive:
                return environment
        return None

    def _make_room(self) -> None:
        """End the environment that has been idle longest, when there are as many as may run."""
        idle = [(kept.idle_since, key, kept) for key, found in self._idle.items() for kept in found]
        if len(self._all) >= self._concurrency and idle:
            _, key, environment = min(idle, key=lambda item: item[0])
            self._idle[key].remove(environment)
            environment.discard()

    async def _open(self, spec: FunctionSpec) -> Environment:
        self._make_room()
        environment = Environment(spec, self._tmp, self._logs, lambda: self._all.discard(environment))
        self._all.add(environment)
        try:
            await environment.open(self._jobs, self._role_environment)
        except BaseException:
            environment.discard()
            self._all.discard(environment)
            raise
        return environment

    def _give_back(self, key: Key, environment: Environment) -> None:
        if not environment.alive:
            return
        too_old = self._loop.time() - environment.born > MAX_AGE_S
        if environment in self._stale or self._closed or too_old:
            self._stale.discard(environment)
            environment.discard()
            return
        self._idle[key].append(environment)
        environment.idle_since = self._loop.time()
        self._loop.call_later(self._keep_idle_s, self._expire, key, environment, environment.idle_since)

    def _expire(self, key: Key, environment: Environment, idle_since: float) -> None:
        if environment.idle_since == idle_since and environment in self._idle[key]:
            self._idle[key].remove(environment)
            environment.discard()

    def retire(self, name: str, version: str, keep_revision: str | None = None) -> None:
        """End the environments of a function's version, those of ``keep_revision`` apart; busy ones finish first."""
        if self._thread is not None and not self._closed:
            self._loop.call_soon_threadsafe(self._retire, name, version, keep_revision)

    def _retire(self, name: str, version: str, keep_revision: str | None) -> None:
        for environment in list(self._all):
            spec = environment.spec
            if (spec.name, spec.version) != (name, version) or spec.revision == keep_revision:
                continue
            idle = self._idle[(name, version, spec.revision)]
            if environment in idle:
                idle.remove(environment)
                environment.discard()
            else:
                self._stale.add(environment)

    def close(self) -> None:
        """End every environment and wait for it."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed:
            return
        if self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(CLOSE_S * 2)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        environments = list(self._all)
        for environment in environments:
            environment.discard()
        ended = [environment.ended for environment in environments]
        if ended:
            _, late = await asyncio.wait(ended, timeout=CLOSE_S)
            if late:
                log.warning("%s function environments did not end in %s s", len(late), CLOSE_S)
        self._logs.flush()
