"""The budget of a deploy, and ``headwater cost`` before and after a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headwater.cli.cost_view import number_text, say_cost
from headwater.cli.costing import KEPT, check_budget, kept_work, usd_text
from headwater.cli.main import main
from headwater.cli.project import Project
from headwater.errors import BudgetError, UsageError

WORKFLOW = """\
from headwater import Lake, Workflow
lake = Lake("lake")
raw, out = lake.raw("raw", format="csv"), lake.processed("out")
wf = Workflow("wf", lake{more})
wf.spark("clean", "s.py", reads=raw, writes=out)
"""
WORK = {"workflow": "wf", "run": "r1", "seconds": {"clean": [3600.0]}, "transitions": 4, "stored": {"raw": [10, 100]}}


def project(folder: Path, more: str = "", work: dict[str, object] | None = None) -> Project:
    (folder / "workflow.py").write_text(WORKFLOW.format(more=more))
    (folder / "s.py").write_text("print()\n")
    found = Project(folder, folder / "home")
    found.home.mkdir()
    if work is not None:
        (found.home / KEPT).write_text(json.dumps(work))
    return found


def test_a_budget_refuses_what_the_last_run_would_cost(tmp_path: Path) -> None:
    with pytest.raises(BudgetError) as refused:
        check_budget(project(tmp_path, ", budget_usd=0.5", WORK), "us-east-1")
    said = str(refused.value)
    assert "about $0.58 a run in us-east-1 (from run r1), and budget_usd is $0.50" in said and "clean $0.58" in said


def test_a_schedule_makes_it_a_budget_of_a_month(tmp_path: Path) -> None:
    scheduled = project(tmp_path, ', budget_usd=2, schedule="cron(0 6 1,8,15,22 * ? *)"', WORK)
    # four runs at $0.58, three alarms at $0.10, a dashboard at $3
    with pytest.raises(BudgetError, match=r"\$5\.62 a month"):
        check_budget(scheduled, "us-east-1")


@pytest.mark.parametrize("more", ["", ", budget_usd=0.6"])
def test_within_its_budget_or_without_one_it_is_deployed(tmp_path: Path, more: str) -> None:
    check_budget(project(tmp_path, more, WORK), "us-east-1")


def test_without_a_run_the_least_that_aws_bills_is_compared(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match="AWS's minimum billing, no run being measured yet"):
        check_budget(project(tmp_path, ", budget_usd=0.001"), "us-east-1")


def test_what_has_no_known_price_is_told_of_a_budget(tmp_path: Path) -> None:
    told = check_budget(project(tmp_path, ", budget_usd=9", WORK), "ap-southeast-2")
    assert "the price of DPU-hours (Glue, flexible) in ap-southeast-2, for clean" in told


def test_a_run_says_that_its_amount_is_not_whole(capsys: pytest.CaptureFixture[str]) -> None:
    cost = {"region": "x", "planned_usd": 1.0, "on_demand_usd": 1.0, "planned_usd_a_month": None, "budget_usd": None}
    say_cost({**cost, "unpriced": ["the price of a"]})
    assert "without what has no known price (1 in all)" in capsys.readouterr().out
    say_cost({**cost, "unpriced": []})
    assert "without" not in capsys.readouterr().out


def test_large_numbers_are_written_out() -> None:
    assert [number_text(each) for each in (0.066667, 1, 999.5, 43_829.1)] == ["0.06667", "1", "999.5", "43,829"]


def test_a_budget_cannot_be_checked_without_prices(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no prices for region 'mars'"):
        check_budget(project(tmp_path, ", budget_usd=1"), "mars")


@pytest.mark.parametrize("kept", [{**WORK, "workflow": "other"}, {"workflow": "wf"}])
def test_work_of_another_workflow_is_not_this_one_s(tmp_path: Path, kept: dict[str, object]) -> None:
    assert kept_work(project(tmp_path, "", kept)) is None


def shown(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["cost", "--project", str(folder), "--home", str(folder / "home"), *more])
    captured = capsys.readouterr()
    return f"{ended.value.code} {captured.out}{captured.err}"


def test_cost_before_a_run_says_that_nothing_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(tmp_path)
    said = shown(tmp_path, capsys, "--json")
    found = json.loads(said.partition(" ")[2])
    assert said.startswith("0 ") and not found["measured"]
    assert found["least"]["planned_usd"] == pytest.approx(2 / 60 * 0.29 + 0.000025)
    assert found["planned_usd"] == pytest.approx(2 * 2 * 0.29 + 0.000025)


def test_cost_after_a_run_by_region(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(tmp_path, "", WORK)
    said = shown(tmp_path, capsys, "--region", "eu-west-1")
    assert said.startswith("0 ") and "run r1: about $0.58 a run in eu-west-1 (as planned, $0.88 on demand)" in said
    assert "not known: the price of GET requests (S3) in eu-west-1" in said
    assert "about $0.88 a run" in shown(tmp_path, capsys, "--on-demand")
    assert shown(tmp_path, capsys, "--region", "mars").startswith("2 error: there are no prices")
    assert "--spot-saving takes 0 to 90 percent" in shown(tmp_path, capsys, "--spot-saving", "95")


@pytest.mark.parametrize(("usd", "text"), [(0.0, "$0.00"), (0.42, "$0.42"), (1234.5, "$1,234.50"), (0.0004, "$0.0004")])
def test_amounts(usd: float, text: str) -> None:
    assert usd_text(usd) == text and usd_text(None) == "?" and usd_text(1e-9) == "<$0.0001"
