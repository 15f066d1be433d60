"""The whole flights workflow against the same scripts by hand: from a cold start, and with the endpoint up and warm.

``headwater run`` is timed as a user would: from the command to its end, deploy and summary included. The data is in
the lake before. Goals: at most 1.15 times the scripts from a cold start, at most 0.7 times with the endpoint warm.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.by_hand import ByHand

HEADWATER = [sys.executable, "-m", "headwater.cli.main"]
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "flights"
WARM_S = 25.0  # how long a person's endpoint has been up before the first run; warming takes a third of it
COLD_GOAL, WARM_GOAL = 1.15, 0.7


def headwater(project: Path, *words: str) -> str:
    """Run a command in a project; returns its output."""
    done = subprocess.run([*HEADWATER, *words, "--project", str(project)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"headwater {' '.join(words)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def fresh(folder: Path, data: Path) -> Path:
    """A new project with the raw data in its lake and nothing else."""
    subprocess.run([*HEADWATER, "init", str(folder)], check=True, capture_output=True)
    headwater(folder, "lake", "sync", str(data), "raw")
    return folder


def timed_run(project: Path) -> tuple[float, dict[str, Any]]:
    """Seconds of ``headwater run --json``, and what it printed."""
    started = time.perf_counter()
    said = headwater(project, "run", "--json")
    return time.perf_counter() - started, json.loads(said)


def by_hand(folder: Path, data: Path) -> dict[str, float]:
    """Seconds by stage of the scripts started by hand."""
    project = fresh(folder / "floor", data)
    os.environ["HEADWATER_SPARK_READY"] = "0"  # the pool of JVMs is not to warm itself beside the floor
    address = json.loads(headwater(project, "up", "--json"))
    del os.environ["HEADWATER_SPARK_READY"]
    exports = {
        "AWS_ENDPOINT_URL": address["endpoint_url"],
        "AWS_ACCESS_KEY_ID": address["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": address["secret_access_key"],
        "AWS_DEFAULT_REGION": address["region"],
    }
    work = folder / "work"
    work.mkdir()
    bucket = f"flights-{address['account']}-{address['region']}"
    try:
        return ByHand(project, exports, Path(address["home"]), bucket, "flights", work).measure()
    finally:
        headwater(project, "down")


def cold(folder: Path, data: Path) -> tuple[float, dict[str, Any]]:
    """No endpoint is up."""
    return timed_run(fresh(folder / "cold", data))


def warm(folder: Path, data: Path) -> tuple[float, dict[str, Any]]:
    """The endpoint has been up for a while, the stack deployed."""
    project = fresh(folder / "warm", data)
    headwater(project, "up")
    try:
        time.sleep(WARM_S)
        return timed_run(project)
    finally:
        headwater(project, "down")


def report(floor: dict[str, float], runs: dict[str, tuple[float, dict[str, Any]]]) -> None:
    """Print the stages side by side, and the ratios."""
    names = [stage["name"] for stage in next(iter(runs.values()))[1]["stages"]]
    print(f"{'stage':<14}{'by hand':>9}" + "".join(f"{name:>9}" for name in runs))
    for name in names:
        cells = [floor.get(name)]
        for _, said in runs.values():
            cells.append(next(stage["duration_s"] for stage in said["stages"] if stage["name"] == name))
        print(f"{name:<14}" + "".join(f"{'-' if cell is None else f'{cell:.1f}':>9}" for cell in cells))
    whole = sum(floor.values())
    staged = {run: sum(stage["duration_s"] or 0 for stage in said["stages"]) for run, (_, said) in runs.items()}
    print(f"{'around them':<14}{'-':>9}" + "".join(f"{took - staged[run]:>9.1f}" for run, (took, _) in runs.items()))
    print(f"{'whole, s':<14}{whole:>9.1f}" + "".join(f"{took:>9.1f}" for took, _ in runs.values()))
    print(f"{'ratio':<14}{1:>9.2f}" + "".join(f"{took / whole:>9.2f}" for took, _ in runs.values()))
    goals = {"cold": COLD_GOAL, "warm": WARM_GOAL}
    print(f"{'goal':<14}{'':>9}" + "".join(f"{goals[run]:>9.2f}" for run in runs))


def main() -> None:
    """Measure the floor, the cold run and the warm run, and print them."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-bench-"))
    try:
        subprocess.run(
            [sys.executable, str(EXAMPLE / "data.py"), str(folder / "data")], check=True, capture_output=True
        )
        data = folder / "data" / "raw"
        floor = by_hand(folder, data)
        report(floor, {"cold": cold(folder, data), "warm": warm(folder, data)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
