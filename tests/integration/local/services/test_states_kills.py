"""kill -9 at two hundred random points: executions end as if nothing had happened, and nothing done is done again.

Each life of the endpoint is killed after a random time, or before a random SQL statement. What had succeeded by then is
read from the journal (the answers kept and the histories), and no later life may call it again.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.local.services.states_lives import RUN, STARTED, CallFile, execution

ROOT = Path(__file__).resolve().parents[4]
KILLS = 200
LIVES_A_ROUND = 100
SLACK_MS = 2
JOBS = ["fourth", "in", "left", "right", "second"]


class Lives:
    """The process that forks lives."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def live(self, **order: Any) -> str:
        """One life; how it ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@pytest.fixture
def lives() -> Iterator[Lives]:
    """A process that forks lives."""
    command = [sys.executable, "-m", "tests.integration.local.services.states_lives"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        yield Lives(process)
        assert process.stdin is not None
        process.stdin.close()


class Left:
    """What a killed endpoint left: its journal, read by the test itself."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.calls = CallFile(home).lines()
        self.records: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[Any]] = {}
        self.answers: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        if not (home / "state.sqlite").exists():
            return
        with sqlite3.connect(home / "state.sqlite") as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            whole = "states_branches" in tables  # the last table that is made

            def read(statement: str) -> list[Any]:
                return connection.execute(statement).fetchall() if whole else []

            self.records = {arn: json.loads(text) for arn, text in read("SELECT arn, record FROM states_executions")}
            self.events = {arn: [] for arn in self.records}
            for arn, text in read("SELECT arn, events FROM states_events ORDER BY arn, first_id"):
                self.events[arn] += json.loads(text)
            self.answers = [json.loads(text) for (text,) in read("SELECT answer FROM states_answers")]
            found = read(f"SELECT value FROM records WHERE kind = '{RUN}'")
            self.runs = [json.loads(value) for (value,) in found]
        connection.close()

    def succeeded(self) -> set[str]:
        """The messages whose sending has succeeded."""
        outputs = [
            json.loads(details["output"])
            for events in self.events.values()
            for _, kind, _, details in events
            if kind in ("TaskSubmitted", "TaskSucceeded")
        ]
        return {answer["MessageId"] for answer in [*outputs, *self.answers] if "MessageId" in answer}

    def outputs(self) -> dict[str, Any]:
        """The status and output of each machine's execution."""
        found = {name: self.records.get(execution(name), {}) for name in STARTED}
        return {
            name: (record.get("status"), json.loads(record.get("output") or "null")) for name, record in found.items()
        }

    def waits(self) -> list[int]:
        """How long each Wait lasted, in milliseconds."""
        durations = []
        for events in self.events.values():
            entered = [moment for moment, kind, _, _ in events if kind == "WaitStateEntered"]
            left = [moment for moment, kind, _, _ in events if kind == "WaitStateExited"]
            durations += [end - begin for begin, end in zip(entered, left, strict=True)]
        return durations


def check_round(home: Path, succeeded: dict[str, int], expected: dict[str, Any], told: str) -> None:
    """The outputs are the expected ones, and nothing was done twice."""
    left = Left(home)
    assert left.outputs() == expected, told
    again = [c for c in left.calls if succeeded.get(c["task"], c["life"]) < c["life"]]
    assert not again, f"called again after they had succeeded, {told}: {again}"
    assert Counter(r["JobName"] for r in left.runs if r["JobRunState"] == "SUCCEEDED") == Counter(JOBS), told
    inner = [arn for arn in left.records if ":execution:inner:" in arn]
    assert len(inner) == 1, f"nested executions, {told}: {inner}"
    children = [arn for arn in left.records if "/" in arn]
    assert len(children) == 12, f"children of the distributed Map, {told}: {children}"
    assert all(duration >= 1000 - SLACK_MS for duration in left.waits()), f"{told}: {left.waits()}"
    assert len(left.waits()) == 3, told
    for arn, events in left.events.items():
        ends = [kind for _, kind, _, _ in events if kind.startswith("Execution") and kind != "ExecutionStarted"]
        assert ends == ["ExecutionSucceeded"], f"{arn}, {told}: {ends}"


def test_executions_survive_kills_at_random_points(lives: Lives, tmp_path: Path) -> None:
    seed = int(os.environ.get("KILLS_SEED") or random.SystemRandom().randrange(1 << 32))
    dice = random.Random(seed)
    reference = tmp_path / "reference"
    assert lives.live(home=str(reference), life=0, kill_s=None, statement=0) == "ended"
    expected = Left(reference).outputs()
    assert not {name: end for name, end in expected.items() if end[0] != "SUCCEEDED"}
    check_round(reference, {}, expected, "not killed")
    kills = rounds = 0
    while kills < KILLS:
        rounds += 1
        home = tmp_path / f"round{rounds}"
        succeeded: dict[str, int] = {}
        for life in range(LIVES_A_ROUND):
            told = f"seed {seed}, round {rounds}, life {life}, {kills} kills so far"
            spared = kills >= KILLS or life == LIVES_A_ROUND - 1
            by_statement = dice.random() < 0.5
            statement = 0 if spared or not by_statement else int(10 ** dice.uniform(0.5, 2.6))
            kill_s = None if spared else 0.5 if by_statement else dice.uniform(0.02, 0.3)
            end = lives.live(home=str(home), life=life, kill_s=kill_s, statement=statement)
            assert end in ("ended", "killed"), f"{end}: {told}, kill_s={kill_s}, statement={statement}"
            kills += end == "killed"
            for task in Left(home).succeeded():
                succeeded.setdefault(task, life)
            if end == "ended":
                break
        check_round(home, succeeded, expected, f"seed {seed}, round {rounds}")
