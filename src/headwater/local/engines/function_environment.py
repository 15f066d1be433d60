"""One Lambda execution environment: a process of AWS's own runtime client, and what happens to it.

Its life is a sequence of phases: the initialisation, then one invocation after another. Each phase ends with exactly
one event (the runtime asks for work, answers, reports an error, exits, or the time is up), so the whole of it is one
future a phase.

Not faithful to AWS: an environment is not frozen between invocations; a failed or slow initialisation is not run a
second time; /tmp is the machine's (TMPDIR and HOME are private); the packages of Headwater's own environment can be
imported; processor time is not scaled with the memory size; logs are written whether or not the role may write them.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from headwater.local.jobs import processes
from headwater.local.engines.function_logs import TAIL_BYTES, FrameReader, Report, Status, platform_log
from headwater.local.engines.function_runtime_api import RuntimeConnection
from headwater.local.engines.function_spec import RESPONSE_BYTES, FunctionSpec, Invocation, Outcome, failure
from headwater.local.jobs.logs import LineSplitter, LogBatches
from headwater.local.jobs import Job, JobExit, JobSpec, JobSupervisor

INIT_LIMIT_S = 10  # "The Init phase is limited to 10 seconds" (Lambda execution environment)
READ_BYTES = 1 << 16
TASK_ROOT = b"/var/task"
EXITS = ("Runtime.ExitError", "Runtime.OutOfMemory")

RoleEnvironment = Callable[[str, str], dict[str, str]]


@dataclass(frozen=True)
class Event:
    """What ended a phase."""

    kind: Literal["next", "response", "error", "init_error", "exit", "timeout"]
    body: bytes = b""
    exit: JobExit | None = None


class Environment:
    """Lives on the function engine's loop. ``on_end`` is called on it when the process is gone."""

    def __init__(self, spec: FunctionSpec, tmp_root: Path, logs: LogBatches, on_end: Callable[[], None]) -> None:
        self.spec = spec
        self.id = uuid.uuid4().hex
        self.log_stream = f"{datetime.now(UTC):%Y/%m/%d}/[{spec.version}]{self.id}"
        self.alive = True
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self.born = self._loop.time()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._tmp = tmp_root / self.id
        self._logs = logs
        self._on_end = on_end
        self._platform = platform_log(spec.log_format)
        self._tail = bytearray()
        self._pipes: dict[int, Callable[[bytes], None]] = {}
        self._lines = LineSplitter()
        self._frames = FrameReader()
        self._phase: asyncio.Future[Event] = self._loop.create_future()
        self._waiting: RuntimeConnection | None = None
        self._pending: tuple[dict[str, str], bytes] | None = None
        self._current: str | None = None
        self._job: Job | None = None
        self._server: asyncio.Server | None = None
        self._init_ms: float | None = None
        self._init_error: Event | None = None

    # -- the initialisation

    async def open(self, jobs: JobSupervisor, role_environment: RoleEnvironment) -> None:
        """Start the runtime and wait until it asks for work, fails, or has used its time."""
        self._log(self._platform.init_start(self._runtime_version()))
        self._server = await self._loop.create_server(lambda: RuntimeConnection(self), "127.0.0.1", 0)
        await asyncio.to_thread(self._tmp.mkdir, parents=True)
        credentials = await asyncio.to_thread(role_environment, self.spec.role_arn, self.spec.name)
        started = time.perf_counter()
        self._job = await asyncio.to_thread(self._start, jobs, credentials)
        event = await self._until(INIT_LIMIT_S)
        self._init_ms = (time.perf_counter() - started) * 1000
        if event.kind == "timeout":
            self._log(self._platform.init_failed(self._init_ms, "timeout", None))
        elif event.kind != "next":
            self._init_error = event
        if event.kind == "init_error":
            self._drain()
            self._log(self._platform.init_failed(self._init_ms, "error", _error_type(event)))

    def _runtime_version(self) -> str:
        running = f"python:{platform.python_version()}"
        asked = self.spec.runtime.removeprefix("python")
        if platform.python_version().rpartition(".")[0] == asked:
            return running
        return f"{running} (asked for {self.spec.runtime}; functions run on Headwater's own interpreter)"

    def _start(self, jobs: JobSupervisor, credentials: dict[str, str]) -> Job:
        output, output_end = os.pipe()
        frames, frames_end = os.pipe()
        try:
            job = jobs.start(self._job_spec(credentials, output_end, frames_end))
        except BaseException:
            os.close(output)
            os.close(frames)
            raise
        finally:
            os.close(output_end)
            os.close(frames_end)
        self._loop.call_soon_threadsafe(self._listen, output, frames)
        return job

    def _job_spec(self, credentials: dict[str, str], output_fd: int, frames_fd: int) -> JobSpec:
        return JobSpec(
            id=f"lambda-{self.id}",
            argv=[sys.executable, "-m", "awslambdaric", self.spec.handler],
            cwd=self.spec.code,
            env={**self._variables(frames_fd), **self.spec.environment, **credentials, **self._paths()},
            memory_bytes=self.spec.memory_mb << 20,
            grace_s=0,
            output_fd=output_fd,
            pass_fds=(frames_fd,),
            on_exit=lambda exit: self._from_thread(self._exited, exit),
        )

    def _from_thread(self, function: Callable[[JobExit], None], exit: JobExit) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, exit)

    def _variables(self, frames_fd: int) -> dict[str, str]:
        assert self._server is not None  # nosec B101: open() made it
        port = self._server.sockets[0].getsockname()[1]
        spec = self.spec
        variables = {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": spec.log_format,
            "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self.log_stream,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "HOME": str(self._tmp),
            "LAMBDA_RUNTIME_DIR": str(Path(sys.prefix)),
            "LAMBDA_TASK_ROOT": str(spec.code),
            "LANG": "en_US.UTF-8",
            "PYTHONUTF8": "1",
            "TMPDIR": str(self._tmp),
            "TZ": ":UTC",
            "_HANDLER": spec.handler,
            "_LAMBDA_TELEMETRY_LOG_FD": str(frames_fd),
        }
        return variables if spec.log_level is None else {**variables, "AWS_LAMBDA_LOG_LEVEL": spec.log_level}

    def _paths(self) -> dict[str, str]:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        places = [self.spec.code]
        for layer in reversed(self.spec.layers):
            places += [layer / "python" / "lib" / version / "site-packages", layer / "python"]
        own = self.spec.environment.get("PYTHONPATH")
        binaries = [str(layer / "bin") for layer in reversed(self.spec.layers)]
        system = [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
        return {
            "PATH": self.spec.environment.get("PATH") or os.pathsep.join([*binaries, *system]),
            "PYTHONPATH": os.pathsep.join([str(place) for place in places] + ([own] if own else [])),
        }

    # -- an invocation

    async def invoke(self, invocation: Invocation, cold: bool) -> Outcome:
        """Run one invocation; afterwards ``alive`` says whether the environment can take another."""
        spec = self.spec
        self._tail.clear()
        self._log(self._platform.start(invocation.request_id, spec.version))
        started = time.perf_counter()
        event = self._init_error or await self._run(invocation)
        duration_ms = (time.perf_counter() - started) * 1000
        self._drain()
        error_type, message = self._judge(event, invocation.request_id)
        reported = _error_type(event) if event.kind == "init_error" else error_type
        status: Status = "timeout" if event.kind == "timeout" else "error" if reported else "success"
        if status == "timeout":
            duration_ms = min(duration_ms, spec.timeout_s * 1000.0)
            self._log(*self._platform.timed_out(invocation.request_id, spec.timeout_s))
        report = Report(
            request_id=invocation.request_id,
            duration_ms=duration_ms,
            memory_size_mb=spec.memory_mb,
            max_memory_used_mb=min(self._peak_bytes(event) + (1 << 20) - 1 >> 20, spec.memory_mb),
            init_duration_ms=self._init_ms if cold else None,
            status=status,
            error_type=reported if status == "error" else None,
        )
        self._log(*self._platform.end(report))
        if error_type in EXITS:
            self._log(*self._platform.exited(invocation.request_id, message, error_type))
        if error_type in EXITS or event.kind in ("init_error", "timeout"):
            self.discard()
        payload = failure(error_type, message) if error_type else event.body
        failed = error_type is not None or event.kind in ("error", "init_error")
        if failed:  # stack traces name files where AWS has them
            payload = payload.replace(str(spec.code).encode(), TASK_ROOT)
        return Outcome(payload, "Unhandled" if failed else None, bytes(self._tail[-TAIL_BYTES:]))

    async def _run(self, invocation: Invocation) -> Event:
        self._phase = self._loop.create_future()
        self._current = invocation.request_id
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self.spec.timeout_s) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        if invocation.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        self._pending = (headers, invocation.payload)
        self._deliver()
        try:
            return await self._until(self.spec.timeout_s)
        finally:
            self._current = None

    async def _until(self, limit_s: float) -> Event:
        timer = self._loop.call_later(limit_s, self._happened, Event("timeout"))
        try:
            return await self._phase
        finally:
            timer.cancel()

    def _judge(self, event: Event, request_id: str) -> tuple[str | None, str]:
        """The platform's own error, as (type, message); (None, "") when the function's answer stands."""
        said = f"RequestId: {request_id} Error: "
        if event.kind == "timeout":
            return "Sandbox.Timedout", f"{said}Task timed out after {self.spec.timeout_s:.2f} seconds"
        if event.exit is not None:
            kind = "Runtime.OutOfMemory" if event.exit.reason == "memory" else "Runtime.ExitError"
            return kind, said + _exit_text(event.exit)
        if self._peak_bytes(event) > self.spec.memory_mb << 20:  # between two samples of the supervisor
            return "Runtime.OutOfMemory", f"{said}Runtime exited with error: signal: killed"
        if len(event.body) > RESPONSE_BYTES:
            text = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes)."
            return "Function.ResponseSizeTooLarge", text
        return None, ""

    def _peak_bytes(self, event: Event) -> int:
        if event.exit is not None:
            return event.exit.max_rss_bytes
        if self._job is None:
            return 0
        return max(processes.peak_resident_bytes(self._job.pid), self._job.max_rss_bytes)

    # -- what the runtime does

    def next(self, connection: RuntimeConnection) -> None:
        """See :class:`~headwater.local.engines.function_runtime_api.Runtime`."""
        self._waiting = connection
        if self._pending is None and self._current is None:
            self._happened(Event("next"))
        else:
            self._deliver()

    def _deliver(self) -> None:
        if self._waiting is not None and self._pending is not None:
            connection, self._waiting = self._waiting, None
            (headers, body), self._pending = self._pending, None
            connection.send(headers, body)

    def answer(self, request_id: str, kind: str, body: bytes) -> bool:
        """See :class:`~headwater.local.engines.function_runtime_api.Runtime`."""
        if request_id != self._current or self._phase.done():
            return False
        self._happened(Event("response" if kind == "response" else "error", body))
        return True

    def init_error(self, body: bytes) -> None:
        """See :class:`~headwater.local.engines.function_runtime_api.Runtime`."""
        self._happened(Event("init_error", body))

    def _exited(self, exit: JobExit) -> None:
        self._drain()
        self.alive = False
        self._happened(Event("exit", exit=exit))
        self._close()
        self._on_end()

    def _happened(self, event: Event) -> None:
        if not self._phase.done():
            self._phase.set_result(event)

    # -- its output

    def _listen(self, output: int, frames: int) -> None:
        self._pipes = {output: self._take_lines, frames: self._take_frames}
        for pipe in self._pipes:
            os.set_blocking(pipe, False)
            self._loop.add_reader(pipe, self._read, pipe)

    def _read(self, pipe: int) -> bool:
        """Take one buffer; False when there is nothing now."""
        try:
            data = os.read(pipe, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(pipe)
            os.close(pipe)
            del self._pipes[pipe]
            return False
        self._pipes[pipe](data)
        return True

    def _drain(self) -> None:
        """Take what the function wrote before it answered: a pipe holds it already when the answer arrives."""
        for pipe in list(self._pipes):
            for _ in range(64):  # at most 4 MiB, so that a thread that prints for ever does not hold us
                if not self._read(pipe):
                    break

    def _take_lines(self, data: bytes) -> None:
        self._log(*[f"{line}\n" for line in self._lines.feed(data)])

    def _take_frames(self, data: bytes) -> None:
        for stamp_ms, message in self._frames.feed(data):
            self._log(message, stamp_ms=stamp_ms)

    def _log(self, *messages: str, stamp_ms: int | None = None) -> None:
        if messages:
            stamp = int(time.time() * 1000) if stamp_ms is None else stamp_ms
            self._logs.add(self.spec.log_group, self.log_stream, stamp, list(messages))
            self._tail += "".join(m if m.endswith("\n") else f"{m}\n" for m in messages).encode()
            del self._tail[: -2 * TAIL_BYTES]

    # -- its end

    def discard(self) -> None:
        """Kill the process; what remains is cleared when it is gone."""
        self.alive = False
        if self._job is not None:
            self._job.stop(grace_s=0)
        else:
            self._close()

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._waiting is not None:
            self._waiting.close()
        for pipe in list(self._pipes):
            self._loop.remove_reader(pipe)
            os.close(pipe)
        self._pipes.clear()
        shutil.rmtree(self._tmp, ignore_errors=True)
        if not self.ended.done():
            self.ended.set_result(None)


def _error_type(event: Event) -> str:
    try:
        return str(json.loads(event.body)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Runtime.Unknown"


def _exit_text(exit: JobExit) -> str:
    if exit.reason == "memory":
        return "Runtime exited with error: signal: killed"
    if exit.signal is not None:
        names = {6: "aborted", 9: "killed", 11: "segmentation fault", 15: "terminated"}
        return f"Runtime exited with error: signal: {names.get(exit.signal, exit.signal)}"
    if exit.code:
        return f"Runtime exited with error: exit status {exit.code}"
    return "Runtime exited without providing a reason"
