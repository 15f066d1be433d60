"""The command line's front: light to start, lazy, with documented exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("boto3", "botocore", "moto", "pandas", "pyarrow", "pyspark", "rich", "uvicorn")


def headwater(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "headwater.cli.main", *words], capture_output=True, text=True, cwd=cwd, timeout=60
    )


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    script = (
        "import sys\nfrom headwater.cli.main import main\n"
        f"try: main({words!r})\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.splitlines()[-1] == "[]"


def test_importing_headwater_is_light() -> None:
    script = f"import sys, headwater; print([name for name in {HEAVY!r} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"


def test_no_project_is_said_in_one_line(tmp_path: Path) -> None:
    shown = headwater("plan", cwd=tmp_path)
    assert shown.returncode == 3
    assert "no workflow.py" in shown.stderr and "headwater init" in shown.stderr
    assert len(shown.stderr.strip().splitlines()) == 1


def test_mistakes_are_all_shown_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "workflow.py").write_text(
        "from headwater import Lake, Workflow\n"
        "lake = Lake('x')\n"
        "raw = lake.raw('r')\n"
        "wf = Workflow('w', lake)\n"
        "wf.spark('a', 'jobs/no.py', reads=raw, writes=lake.processed('p'))\n"
        "wf.function('b', 'functions/no.py', reads=raw)\n"
    )
    shown = headwater("plan", cwd=tmp_path)
    assert shown.returncode == 3
    assert "workflow.py:5" in shown.stderr and "workflow.py:6" in shown.stderr


def test_init_writes_a_project_that_plans(tmp_path: Path) -> None:
    assert headwater("init", "mine", cwd=tmp_path).returncode == 0
    shown = headwater("plan", "--json", cwd=tmp_path / "mine")
    assert shown.returncode == 0, shown.stderr
    shown = headwater("plan", "--policies", cwd=tmp_path / "mine")
    assert "AssumedByGlue" in shown.stdout and "on AWS alone: SageMaker pulls the image from ECR" in shown.stdout
    policies = json.loads(headwater("plan", "--policies", "--json", cwd=tmp_path / "mine").stdout)
    assert [role["what"] for role in policies["roles"]][-2:] == ["State machine", "Schedule"]
    again = headwater("init", "mine", cwd=tmp_path)
    assert again.returncode == 2 and "not empty" in again.stderr


def test_on_takes_two_words(tmp_path: Path) -> None:
    headwater("init", "mine", cwd=tmp_path)
    shown = headwater("run", "--on", "gcp", cwd=tmp_path / "mine")
    assert shown.returncode == 2 and "local or aws" in shown.stderr
