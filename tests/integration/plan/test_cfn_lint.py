"""cfn-lint, CloudFormation's own linter, finds nothing in the templates that are planned."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headwater import Lake, Workflow, load_workflow
from headwater.plan.plan import make_plan
from headwater.plan.sweeper.stack import template as sweeper_template
from tests.unit.plan.conftest import SAMPLE, longest_names

FLIGHTS = Path(__file__).parents[3] / "examples" / "flights"


def lint(template: dict[str, Any], folder: Path) -> str:
    """What cfn-lint says of a template; nothing where it finds nothing."""
    file = folder / "template.json"
    file.write_text(json.dumps(template))
    command = [
        sys.executable,
        "-c",
        "from cfnlint.runner import main; main()",
        "--regions",
        "us-east-1",
        "--",
        str(file),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("project", [SAMPLE, FLIGHTS], ids=["sample", "flights"])
def test_cfn_lint_finds_nothing(project: Path, tmp_path: Path) -> None:
    assert lint(make_plan(load_workflow(project)).template, tmp_path) == ""


@pytest.mark.parametrize("engine", ["auto", "emr", "emr-serverless"])
def test_cfn_lint_finds_nothing_in_a_plan_with_emr(engine: Any, tmp_path: Path) -> None:
    (tmp_path / "big.py").write_text("import sys\n\nprint(sys.argv)\n")
    lake = Lake("lake")
    orders, daily = lake.raw("orders", format="csv"), lake.processed("daily")
    workflow = Workflow("orders", lake)
    workflow.root = tmp_path
    workflow.spark("big", "big.py", reads=orders, writes=daily, engine=engine)
    assert lint(make_plan(workflow).template, tmp_path) == ""


def test_cfn_lint_finds_no_name_too_long(tmp_path: Path) -> None:
    assert lint(make_plan(longest_names(tmp_path)).template, tmp_path) == ""


def test_cfn_lint_finds_nothing_in_the_sweeper(tmp_path: Path) -> None:
    assert lint(sweeper_template(), tmp_path) == ""


def test_cfn_lint_would_find_something(tmp_path: Path) -> None:
    broken = copy.deepcopy(make_plan(load_workflow(SAMPLE)).template)
    broken["Resources"]["CleanJob"]["Properties"]["NoSuchProperty"] = 1
    assert "NoSuchProperty" in lint(broken, tmp_path)
