"""Invoke: run a function now (RequestResponse), later (Event), or only say whether one could (DryRun).

An Event invocation is in the store before 202 is answered, so it survives a kill of the endpoint and runs after the
next start, at least once, as on AWS.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from headwater.local.engines.function import Interrupted, Throttled
from headwater.local.engines.function_spec import FunctionSpec, Invocation, Outcome
from headwater.local.json_problems import located_json_problem
from headwater.local.service import Call, Endpoint, Members, ServiceError, operation
from headwater.local.services.lambda_.base import EngineHolder
from headwater.local.services.lambda_.events import EventQueue
from headwater.local.services.lambda_.names import invalid
from headwater.local.services.lambda_.records import Target

SYNC_BYTES = 6_291_456
EVENT_BYTES = 1_048_576  # 1 MB since 2025-10, 256 KB before
ACCOUNT_CONCURRENCY = 1000
DRAIN_S = 10.0


class InvocationOperations(EngineHolder):
    """Running functions."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._running: Counter[str] = Counter()
        self._running_lock = Lock()
        self.events = EventQueue(endpoint, self.run_event)

    def start(self) -> None:
        """Take up the Event invocations that an earlier process left."""
        super().start()
        self.events.resume()

    def drain(self) -> None:
        """Let the Event invocations under way end: a run's notification is one."""
        self.events.drain(DRAIN_S)

    def stop(self) -> None:
        """Stop taking events, and end every environment."""
        self.events.close()
        super().stop()

    @operation
    async def invoke(
        self,
        call: Call,
        FunctionName: str,
        InvocationType: str = "RequestResponse",
        LogType: str = "None",
        ClientContext: str | None = None,
        Payload: bytes | str | None = None,
        Qualifier: str | None = None,
    ) -> Members:
        """Run a function with a JSON payload."""
        _check_choice("invocationType", InvocationType, ("Event", "RequestResponse", "DryRun"))
        _check_choice("logType", LogType, ("None", "Tail"))
        target = self.target(FunctionName, Qualifier)
        payload = _payload(Payload, EVENT_BYTES if InvocationType == "Event" else SYNC_BYTES)
        if InvocationType == "DryRun":
            return {"StatusCode": 204, "ExecutedVersion": target.version}
        if InvocationType == "Event":
            await asyncio.to_thread(self.events.put, target.name, target.qualifier, payload, call.request_id)
            return {"StatusCode": 202}
        invocation = _invocation(target, payload, call.request_id, _client_context(ClientContext))
        outcome = await self._run(target, invocation)
        answer: Members = {"StatusCode": 200, "ExecutedVersion": target.version, "Payload": outcome.payload}
        if outcome.error is not None:
            answer["FunctionError"] = outcome.error
        if LogType == "Tail":
            answer["LogResult"] = b64encode(outcome.log_tail).decode()
        return answer

    async def _run(self, target: Target, invocation: Invocation) -> Outcome:
        with self._admitted(target.name):
            try:
                return await self.engine.invoke(self._spec(target), invocation)
            except Interrupted as error:
                raise ServiceError("ServiceException", f"Headwater.Interrupted: {error}", 500) from error
            except Throttled as error:
                raise _throttled("ConcurrentInvocationLimitExceeded") from error

    async def run_event(
        self, name: str, qualifier: str | None, payload: bytes, request_id: str
    ) -> tuple[str, Outcome, str]:
        """One attempt at an Event invocation: (version that ran, outcome, the role that it ran as)."""
        target = self.target(name, qualifier)
        outcome = await self._run(target, _invocation(target, payload, request_id, None))
        return target.version, outcome, target.configuration["Role"]

    @contextmanager
    def _admitted(self, name: str) -> Iterator[None]:
        """Count a running invocation; TooManyRequestsException over the function's or the account's limit."""
        reserved = self.function(name)["concurrency"]
        with self._running_lock:
            if reserved is not None and self._running[name] >= reserved:
                raise _throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            if self._running.total() >= ACCOUNT_CONCURRENCY:
                raise _throttled("ConcurrentInvocationLimitExceeded")
            self._running[name] += 1
        try:
            yield
        finally:
            with self._running_lock:
                self._running[name] -= 1

    def _spec(self, target: Target) -> FunctionSpec:
        configuration = target.configuration
        logging = configuration["LoggingConfig"]
        return FunctionSpec(
            name=target.name,
            version=target.version,
            arn=self.arn(target.name),
            revision=configuration["RevisionId"],
            runtime=configuration["Runtime"],
            handler=configuration["Handler"],
            role_arn=configuration["Role"],
            memory_mb=configuration["MemorySize"],
            timeout_s=configuration["Timeout"],
            code=self.folder / target.name / configuration["CodeFolder"],
            log_group=logging["LogGroup"],
            layers=tuple(_layer_folder(self.layer_folder, layer) for layer in configuration.get("Layers", ())),
            environment=(configuration.get("Environment") or {}).get("Variables", {}),
            log_format=logging["LogFormat"],
            log_level=logging.get("ApplicationLogLevel"),
        )


def _layer_folder(folder: Path, layer: Members) -> Path:
    return folder / str(layer["Arn"]).split(":")[6] / str(layer["CodeFolder"])


def _invocation(target: Target, payload: bytes, request_id: str, client_context: str | None) -> Invocation:
    trace = f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"
    return Invocation(request_id, payload, target.arn, trace, client_context)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is none of a member's. Not faithful: AWS documents no order of them."""
    if value not in choices:
        problem = f"Value '{value}' at '{name}' failed to satisfy constraint: Member must satisfy enum value set: "
        raise ServiceError("ValidationException", f"1 validation error detected: {problem}[{', '.join(choices)}]")


def _payload(payload: bytes | str | None, limit_bytes: int) -> bytes:
    data = payload.encode() if isinstance(payload, str) else bytes(payload or b"")
    if len(data) > limit_bytes:
        text = f"Request must be smaller than {limit_bytes} bytes for the InvokeFunction operation"
        raise ServiceError("RequestEntityTooLargeException", text, 413, Type="User")
    if not data:
        return b"{}"
    try:
        json.loads(data)
    except ValueError as error:
        problem = located_json_problem(data.decode(errors="replace"), error)
        text = f"Could not parse request body into json: Could not parse payload into json: {problem}"
        raise ServiceError("InvalidRequestContentException", text, 400, Type="User") from error
    return data


def _client_context(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        context: Any = json.loads(b64decode(text, validate=True))
    except ValueError as error:
        raise invalid("Client context must be a valid Base64-encoded JSON object.") from error
    return json.dumps(context)


def _throttled(reason: str) -> ServiceError:
    return ServiceError("TooManyRequestsException", "Rate Exceeded.", 429, Type="User", Reason=reason)
