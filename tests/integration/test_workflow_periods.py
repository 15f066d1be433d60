"""The same table by any road: month by month, a month twice, and everything at once."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.command_line import ProjectFolder


def test_months_one_by_one_or_twice_give_one_table(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of(months=(1, 2))
    project.headwater("lake", "sync", "data/raw", "raw")
    project.headwater("up")  # a warmed Spark for the next job while one runs

    said = project.headwater("backfill", "2013-01", "2013-02")
    assert f"{project.known_arrivals():,} rows" in said
    runs = project.json("history")
    assert [run["status"] for run in runs] == ["SUCCEEDED", "SUCCEEDED"]
    stages = project.stages()
    assert {name: stage["status"] for name, stage in stages.items()} == dict.fromkeys(stages, "SUCCEEDED")
    first = project.stages(runs[1]["name"])
    assert (first["featurise"]["status"], first["fit"]["status"]) == ("SUCCEEDED", "PENDING")
    table = project.content()
    assert len(table) == project.known_arrivals()
    assert {row for row in map(len, table)} == {len(table[0])}

    project.headwater("backfill", "2013-01", "2013-01", "--data-only")
    assert project.content() == table
    project.keep_stages("validate", "catalog", "clean")
    project.headwater("run")
    assert project.content() == table
    project.headwater("down")
