"""kill -9 at many points: the execution ends as if nothing had happened, and no job that succeeded runs twice."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from headwater.local.services.states.journal import Journal
from headwater.local.store import Store
from tests.unit.local.services.states.crashing import RUN

ROOT = Path(__file__).resolve().parents[4]
KILLS = 6
EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:outer:run"
JOBS = [
    "first",
    "left",
    "left2",
    "right",
    "inner",
    "last",
    *(f"{kind}{i}" for kind in ("item", "spread") for i in range(12)),
]


def one_life(home: Path, kill_after_jobs: int, delay_s: float) -> bool:
    """Run the process; kill it ``delay_s`` after it started so many jobs. True when it ended by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.local.services.states.crashing", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}/src:{ROOT}", "PATH": ""},
    )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    started, ended = -1, False
    try:
        for line in process.stdout or ():
            if line.strip() == "ended":
                ended = True
                break
            started += 1
            if started == kill_after_jobs:
                threading.Timer(delay_s, process.kill).start()
        _, errors = process.communicate(timeout=60)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
    assert ended or process.returncode == -9, errors
    return ended


def test_an_execution_survives_kills_at_random_points(tmp_path: Path) -> None:
    dice = random.Random(20261122)
    for _ in range(KILLS):
        if one_life(tmp_path, dice.randrange(0, 6), dice.uniform(0, 0.03)):
            break
    assert one_life(tmp_path, 10_000, 0)
    store = Store(tmp_path / "state.sqlite")
    try:
        record = Journal(store).record(EXECUTION)
        assert record is not None and record.status == "SUCCEEDED", record
        assert json.loads(record.output or "") == {"n": 12, "last": {"job": "last"}}
        succeeded = Counter(run["JobName"] for _, run in store.scan(RUN) if run["JobRunState"] == "SUCCEEDED")
        assert succeeded == Counter(JOBS)
    finally:
        store.close()
