"""A run that is cut off: what survives, what goes on, and that nothing stays behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from tests.integration.command_line import BUCKET, OWN_CODE, ProjectFolder, wait_until


def test_a_killed_endpoint_costs_only_the_stage_it_was_in(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of()
    project.edit("ml/train.py", ('"--num_round", type=int, default=60', '"--num_round", type=int, default=3000'))
    project.headwater("lake", "sync", "data/raw", "raw")

    run = project.start("run")
    run.until("clean", "RUNNING")
    project.await_process("spark_driver.py")
    os.kill(project.endpoint_pid(), signal.SIGKILL)
    assert run.end() == 5
    assert "headwater resume" in run.lines[-1] and OWN_CODE not in run.text
    project.await_nothing_left()
    assert "`headwater resume` goes on with it" in project.headwater("status")
    assert "headwater resume" in project.headwater("run", code=7)
    assert project.stages()["clean"]["status"] == "RUNNING", "looking and being refused change nothing"

    again = project.start("resume")
    again.until("fit", "RUNNING")
    following = project.start("logs", "fit", "--follow")
    following.until("round 40")
    checkpoints = project.home / "s3" / BUCKET / "_headwater" / "checkpoints" / "fit"
    wait_until(lambda: list(checkpoints.rglob("*.ubj")), "a checkpoint is in the lake")
    os.kill(project.endpoint_pid(), signal.SIGKILL)
    assert again.end() == 5
    following.end()
    assert OWN_CODE not in following.text
    project.await_nothing_left()

    said = project.headwater("resume")
    assert f"{project.known_arrivals():,} rows" in said
    stages = project.stages()
    assert {stage["status"] for stage in stages.values()} == {"SUCCEEDED"}
    assert {name: stage["attempts"] for name, stage in stages.items() if stage["job"]} == {
        "validate": 1,
        "catalog": 1,
        "clean": 2,
        "featurise": 1,
        "split": 1,
        "fit": 2,
        "evaluate": 1,
        "notify": 1,
    }
    assert "going on after round" in project.headwater("logs", "fit")
    assert project.rows() == project.known_arrivals()


def test_ctrl_c_stops_the_jobs_and_a_killed_command_leaves_nothing(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of(months=(1,), rows=500)
    project.keep_stages("validate", "catalog", "clean")
    project.headwater("lake", "sync", "data/raw", "raw")

    run = project.start("run")
    run.until("clean", "RUNNING")
    project.await_process("spark_driver.py")
    run.signal(signal.SIGINT)
    assert run.end() == 130
    run.until("clean", "ABORTED")
    assert "headwater resume" in run.lines[-1] and OWN_CODE not in run.text
    project.await_nothing_left()
    stages = project.stages()
    assert (stages["catalog"]["status"], stages["clean"]["status"]) == ("SUCCEEDED", "ABORTED")

    again = project.start("resume")
    project.await_process("spark_driver.py")
    os.kill(again.process.pid, signal.SIGKILL)
    project.await_nothing_left()

    assert f"{project.known_arrivals():,} rows" in project.headwater("resume")
    stages = project.stages()
    assert {name: stage["status"] for name, stage in stages.items()} == dict.fromkeys(stages, "SUCCEEDED")
    assert (stages["validate"]["attempts"], stages["clean"]["attempts"]) == (1, 3)
    assert project.rows() == project.known_arrivals()
