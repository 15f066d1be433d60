"""All of 2013, as ``make run`` does it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.command_line import ProjectFolder

ROWS = 327_346


@pytest.mark.timeout(900)
def test_the_whole_year_and_then_nothing_new(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of(months=range(1, 13), rows=1_000_000)
    project.edit("workflow.py", ("0.4", "0.68"))
    project.headwater("lake", "sync", "data/raw", "raw")
    project.headwater("up")

    made = project.json("run")
    assert made["datasets"]["delays"]["rows"] == ROWS == project.rows()
    assert made["metrics"]["evaluate"]["auc"] >= 0.68
    stages = project.stages()
    assert list(stages) == [
        "validate",
        "catalog",
        "clean",
        "featurise",
        "split",
        "fit",
        "evaluate",
        "good enough",
        "register",
        "notify",
    ]
    assert {name: stage["status"] for name, stage in stages.items()} == dict.fromkeys(stages, "SUCCEEDED")
    assert '"message": "12 months built"' in project.headwater("logs", "clean")

    said = project.headwater("run")
    assert f"delays           {ROWS:,} rows" in said and "auc 0.6" in said
    assert '"message": "0 months built"' in project.headwater("logs", "clean")
    assert project.rows() == ROWS
    project.headwater("down")
