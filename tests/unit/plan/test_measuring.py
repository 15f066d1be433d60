"""The states that measure what a stage reads, walked over a lake of given objects."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Any

import pytest

from headwater import Lake, Workflow
from headwater.plan.measuring import PAGE_OBJECTS, most_pages
from headwater.plan.plan import Plan, make_plan
from tests.unit.plan.simulator import Simulator

GB = 10**9


class Listing:
    """A lake that answers ListObjectsV2 as S3 does, and counts the pages."""

    def __init__(self, objects: dict[str, int]) -> None:
        self.objects = objects
        self.keys = sorted(objects)
        self.pages: list[str] = []

    def __call__(self, name: str, state: dict[str, Any], arguments: dict[str, Any]) -> Any:
        if "listObjectsV2" not in state["Resource"]:
            return {}
        prefix, after = arguments["Prefix"], arguments["StartAfter"]
        self.pages.append(prefix)
        first = max(bisect_left(self.keys, prefix), bisect_right(self.keys, after))
        page = self.keys[first : first + arguments["MaxKeys"] + 1]
        found = [key for key in page if key.startswith(prefix)]
        shown = found[: arguments["MaxKeys"]]
        answer: dict[str, Any] = {"IsTruncated": len(found) > len(shown), "KeyCount": len(shown)}
        if shown:
            answer["Contents"] = [{"Key": key, "Size": self.objects[key]} for key in shown]
        return answer


@pytest.fixture
def project(tmp_path: Path) -> Workflow:
    (tmp_path / "s.py").write_text("import pyspark\n")
    workflow = Workflow("w", Lake("lake"))
    workflow.root = tmp_path
    return workflow


def plan_of(workflow: Workflow, **options: Any) -> Plan:
    raw, other = workflow.lake.raw("raw", partitions=("year", "month")), workflow.lake.raw("other")
    workflow.spark("a", "s.py", reads=[raw, other], **{"engine": "auto", **options})
    return make_plan(workflow)


def run(plan: Plan, objects: dict[str, int], **run_input: object) -> tuple[list[str], Listing]:
    lake = Listing(objects)
    simulator = Simulator(plan.definition, lake, run_input)
    simulator.run()
    return simulator.visited, lake


@pytest.mark.parametrize(
    ("sizes", "engine"), [((60, 40), "a"), ((60, 41), "a: on EMR"), ((0, 0), "a"), ((200, 0), "a: on EMR")]
)
def test_the_sum_of_all_that_is_read_chooses(project: Workflow, sizes: tuple[int, int], engine: str) -> None:
    visited, _ = run(plan_of(project), {"raw/raw/x": sizes[0] * GB, "raw/other/x": sizes[1] * GB, "raw/else": 900 * GB})
    assert visited[-1] == engine


def test_an_empty_lake_runs_on_glue(project: Workflow) -> None:
    visited, lake = run(plan_of(project), {})
    assert visited[-1] == "a" and lake.pages == ["raw/raw/", "raw/other/"]


def test_pages_are_followed_and_stop_as_soon_as_the_answer_is_known(project: Workflow) -> None:
    plan = plan_of(project, emr_above_gb=0.5)
    objects = {f"raw/raw/{number:04}": 1_000_000 for number in range(2 * PAGE_OBJECTS + 1)}
    visited, lake = run(plan, objects)
    assert visited[-1] == "a" and lake.pages == ["raw/raw/"] * 3 + ["raw/other/"]
    visited, lake = run(plan, {key: 3_000_000 for key in objects})
    assert visited[-1] == "a: on EMR" and lake.pages == ["raw/raw/"]


def test_a_lake_of_too_many_objects_to_list_goes_to_emr(project: Workflow) -> None:
    plan = plan_of(project)
    pages = most_pages(1)
    full = {f"raw/raw/{number:06}": 1 for number in range(pages * PAGE_OBJECTS)}
    visited, lake = run(plan, full)
    assert visited[-1] == "a: on EMR" and len(lake.pages) == pages


def test_all_the_pages_of_a_run_fit_into_its_history() -> None:
    for stages in (1, 2, 5, 40, 200):
        assert stages * most_pages(stages) * 7 < 25_000


@pytest.mark.parametrize(
    ("date", "prefixes"),
    [
        ("2013-01", ["raw/raw/year=2013/month=01/", "raw/raw/year=2013/month=1/", "raw/other/"]),
        ("2013-11-30", ["raw/raw/year=2013/month=11/", "raw/other/"]),
        ("last month", ["raw/raw/", "raw/other/"]),
    ],
)
def test_only_the_runs_period_is_measured(project: Workflow, date: str, prefixes: list[str]) -> None:
    objects = {"raw/raw/year=2012/month=1/x": 500 * GB, "raw/raw/year=2013/month=1/x": GB}
    visited, lake = run(plan_of(project), objects, RUN_DATE=date)
    assert lake.pages == prefixes[: len(lake.pages)]
    assert visited[-1] == ("a" if date.startswith("2013") else "a: on EMR")


def test_both_engines_get_the_same_arguments(project: Workflow) -> None:
    plan = plan_of(project)
    lake = Listing({"raw/other/x": 101 * GB})
    simulator = Simulator(plan.definition, lake, {"RUN_DATE": "2013-01"})
    simulator.run()
    words = simulator.arguments["a: on EMR"]["JobDriver"]["SparkSubmit"]["EntryPointArguments"]
    given = dict(zip(words[::2], words[1::2], strict=True))
    defaults = plan.template["Resources"]["AJob"]["Properties"]["DefaultArguments"]
    for name in ("--DATABASE", "--RAW_PATH", "--OTHER_PATH", "--S3_BUCKET"):
        assert {"Fn::Sub": given[name]} == defaults[name]
    assert given["--RUN_DATE"] == "2013-01" and given["--JOB_NAME"] == "w-a"


def test_the_machine_may_list_what_it_measures_and_no_more(project: Workflow) -> None:
    (listing,) = (p for p in plan_of(project).machine_permissions if "s3:ListBucket" in p.actions)
    assert listing.condition == {"StringLike": {"s3:prefix": ["raw/raw/*", "raw/other/*"]}}
    assert "measure" in listing.reason


def test_a_stage_on_emr_serverless_alone_measures_nothing(project: Workflow) -> None:
    plan = plan_of(project, engine="emr-serverless", emr_workers=3, worker_type="G.2X")
    assert [name for name in plan.definition["States"]] == ["headwater: start", "a"]
    resources = plan.template["Resources"]
    assert "AJob" not in resources
    application = resources["SparkApplication"]["Properties"]
    assert application["MaximumCapacity"] == {"Cpu": "32 vCPU", "Memory": "128 GB", "Disk": "400 GB"}
    assert application["AutoStopConfiguration"]["Enabled"] is True
    assert not any(action.startswith("glue:StartJobRun") for p in plan.machine_permissions for action in p.actions)


def test_glue_alone_needs_nothing_of_emr(project: Workflow) -> None:
    plan = plan_of(project, engine="glue")
    assert "SparkApplication" not in plan.template["Resources"]
    assert not any("emr" in action for p in plan.machine_permissions for action in p.actions)
