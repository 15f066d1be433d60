"""A run that must not succeed: broken input, a failing stage, a lake that another run holds."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

from tests.integration.command_line import BUCKET, ProjectFolder

JANUARY = Path("data", "raw", "flights", "year=2013", "month=1", "flights.csv")
URI = f"s3://{BUCKET}/raw/flights/year=2013/month=1/flights.csv"

WAIT_FOR_GO = '''
import json, os, time

import boto3

s3 = boto3.client("s3")


def handler(event, context):
    """Hold the run until the object raw/flights/go is in the lake."""
    while True:
        found = s3.list_objects_v2(Bucket=event["bucket"], Prefix="raw/flights/go")
        if found["KeyCount"]:
            return {}
        time.sleep(0.1)
'''


def test_a_broken_raw_file_is_named_by_file_line_and_column(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of(months=(1,), rows=500)
    project.keep_stages("validate", "catalog", "clean")
    sound = (project.path / JANUARY).read_text()
    project.headwater("up")
    lines = sound.splitlines(keepends=True)
    column = lines[0].rstrip("\n").split(",").index("distance")

    cells = lines[6].split(",")
    cells[column] = "far"
    (project.path / JANUARY).write_text("".join([*lines[:6], ",".join(cells), *lines[7:]]))
    project.headwater("lake", "sync", "data/raw", "raw")
    before = project.json("lake", "ls", "--recursive")
    said = project.headwater("run", code=6)
    assert f"{URI} line 7, column distance: expected a number, got 'far'" in said
    assert "headwater logs validate" in said
    assert "alarm flight-delays-failed went to ALARM and publishes to flight-delays-alarms\n" in said

    (project.path / JANUARY).write_text(
        "".join(",".join(x for n, x in enumerate(line.split(",")) if n != column) for line in lines)
    )
    project.headwater("lake", "sync", "data/raw", "raw")
    said = project.headwater("run", code=6)
    assert f"{URI} line 1: column distance is missing" in said
    assert re.search("alarm flight-delays-failed (is in|went to) ALARM", said)
    after = project.json("lake", "ls", "--recursive")
    assert [x["key"] for x in after] == [x["key"] for x in before], "a refused run must leave the lake as it was"
    assert not project.table.exists()

    (project.path / JANUARY).write_text(sound)
    project.headwater("lake", "sync", "data/raw", "raw")
    assert f"{project.known_arrivals():,} rows" in project.headwater("run")
    project.headwater("down")


def test_a_failing_stage_shows_the_end_of_its_log(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of(months=(1,), rows=300)
    project.keep_stages("validate", "catalog", "clean")
    project.edit(
        "jobs/clean.py",
        ("    if months:\n", '    log.info("about to go wrong")\n    {}["no such key"]\n    if months:\n'),
    )
    project.headwater("up")
    project.headwater("lake", "sync", "data/raw", "raw")
    said = project.headwater("run", code=6)
    assert "stage clean failed: KeyError: 'no such key'" in said
    assert "about to go wrong" in said
    assert "`headwater logs clean`" in said
    stages = project.stages()
    assert stages["clean"]["status"] == "FAILED"
    assert "no such key" in stages["clean"]["cause"]
    assert "about to go wrong" in project.headwater("logs", "clean")

    project.edit("jobs/clean.py", ('    {}["no such key"]\n', ""))
    assert f"{project.known_arrivals():,} rows" in project.headwater("resume")
    stages = project.stages()
    assert {name: stage["status"] for name, stage in stages.items()} == dict.fromkeys(stages, "SUCCEEDED")
    assert {name: stage["attempts"] for name, stage in stages.items()} == {"validate": 1, "catalog": 1, "clean": 2}
    assert "Crawler has finished running" in project.headwater("logs", "catalog")
    project.headwater("down")


def test_one_run_at_a_time_holds_the_lake(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of(months=(1,), rows=100)
    project.keep_stages("validate")
    (project.path / "functions" / "validate.py").write_text(WAIT_FOR_GO)
    project.headwater("lake", "sync", "data/raw", "raw")
    project.headwater("up")
    first = project.start("run")
    first.until("validate", "RUNNING")

    said = project.headwater("run", code=7)
    assert "`headwater run`" in said and f"pid {first.process.pid}" in said and "--wait" in said
    waiting = project.start("run", "--wait")
    waiting.until("waiting:", "holds the lake")
    go = project.path / "go"
    go.write_text("go")
    project.headwater("lake", "put", "go", "raw/flights/go")
    assert first.end() == 0
    assert waiting.end() == 0

    project.headwater("lake", "rm", "raw/flights/go")
    third = project.start("run")
    third.until("validate", "RUNNING")
    third.signal(signal.SIGINT)
    assert third.end() == 130
    project.headwater("lake", "put", "go", "raw/flights/go")
    project.headwater("resume")
    assert [one["status"] for one in project.json("history")] == ["SUCCEEDED"] * 3
    project.headwater("down")
