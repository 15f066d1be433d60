"""The function engine below the service: environments kept, made room for, retired."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from headwater.local.engines.function import FunctionEngine, Throttled
from headwater.local.engines.function_spec import FunctionSpec, Invocation
from headwater.local.jobs import JobSupervisor
from headwater.local.store import Store

LIMIT_S = 10
CODE = """
import os, time
def handler(event, context):
    open("started", "w").close()
    time.sleep(event or 0)
    return os.getpid()
"""
Engines = Callable[..., FunctionEngine]


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    store = Store(tmp_path / "state.sqlite")
    jobs = JobSupervisor(store, tmp_path)
    made: list[FunctionEngine] = []

    def make(**options: Any) -> FunctionEngine:
        made.append(FunctionEngine(store, jobs, tmp_path / "lambda", lambda role, session: {}, **options))
        return made[-1]

    yield make
    for engine in made:
        engine.close()
    jobs.close()
    store.close()


def spec(tmp_path: Path, name: str = "f", revision: str = "1") -> FunctionSpec:
    code = tmp_path / "code"
    code.mkdir(exist_ok=True)
    (code / "main.py").write_text(CODE)
    return FunctionSpec(
        name=name,
        version="$LATEST",
        arn=f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        revision=revision,
        runtime="python3.11",
        handler="main.handler",
        role_arn="arn:aws:iam::000000000000:role/r",
        memory_mb=256,
        timeout_s=20,
        code=code,
        log_group=f"/aws/lambda/{name}",
    )


async def run(engine: FunctionEngine, what: FunctionSpec, seconds: float = 0) -> int:
    outcome = await engine.invoke(what, Invocation(str(uuid.uuid4()), json.dumps(seconds).encode(), what.arn))
    assert outcome.error is None, outcome.payload
    return int(outcome.payload)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does; fails after the limit."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_warm_environment_is_reused_and_an_expired_one_is_not(engines: Engines, tmp_path: Path) -> None:
    kept, expired = engines(), engines(keep_idle_s=0.0)
    what = spec(tmp_path)

    first = asyncio.run(run(kept, what))
    assert asyncio.run(run(kept, what)) == first
    first = asyncio.run(run(expired, what))
    asyncio.run(until(lambda: not psutil.pid_exists(first)))
    assert asyncio.run(run(expired, what)) != first


def test_invocations_above_the_limit_wait_and_then_are_throttled(engines: Engines, tmp_path: Path) -> None:
    patient, hasty = engines(concurrency=1), engines(concurrency=1, wait_for_room_s=0.2)
    what = spec(tmp_path)

    async def together(engine: FunctionEngine) -> list[int]:
        return await asyncio.gather(run(engine, what, 1), run(engine, what, 0))

    assert len(set(asyncio.run(together(patient)))) == 1
    with pytest.raises(Throttled, match="1 invocations are running"):
        asyncio.run(together(hasty))


def test_an_idle_environment_makes_room_for_another_function(engines: Engines, tmp_path: Path) -> None:
    engine = engines(concurrency=1)

    async def alternate() -> list[int]:
        return [await run(engine, spec(tmp_path, name)) for name in ("f", "g", "f")]

    assert len(set(asyncio.run(alternate()))) == 3


def test_a_retired_environment_finishes_what_it_does(engines: Engines, tmp_path: Path) -> None:
    engine = engines()
    old, new = spec(tmp_path), spec(tmp_path, revision="2")

    async def change() -> tuple[int, int, int]:
        busy = asyncio.create_task(run(engine, old, 0.5))
        await until((tmp_path / "code" / "started").exists)
        engine.retire("f", "$LATEST", "2")
        return await run(engine, new), await busy, await run(engine, old)

    assert len(set(asyncio.run(change()))) == 3
