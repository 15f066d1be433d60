"""Spare capacity by default: what Glue runs flexibly, and which trainings may run on spot."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.errors import Mistake
from headwater.workflow.stages import SparkStage
from tests.unit.workflow.conftest import Declare

TRAINING = 'wf.training("fit", "t.py", reads=raw, writes=model{more})'


@pytest.mark.parametrize(
    "script",
    [
        'torch.save(state, "/opt/ml/checkpoints/last.pt")\n',
        "callbacks = [ModelCheckpoint(path)]\n",
        "trainer.fit(save_checkpoint=True)\n",
        "from helper import fit\n",
        "import common.saving\n",
    ],
)
def test_a_script_that_speaks_of_checkpoints_may_run_on_spot(tmp_path: Path, declare: Declare, script: str) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "saving.py").write_text('PLACE = "/opt/ml/checkpoints"\n')
    (tmp_path / "helper.py").write_text("import common.saving\nimport t\n")
    (tmp_path / "t.py").write_text(script)
    declare(TRAINING.format(more="") + "\n")


@pytest.mark.parametrize("script", ["model.fit(x)\n", '"""Keeps no checkpoints."""\n# checkpoint\n', "import os\n"])
def test_a_script_without_checkpoints_is_refused_on_spot(tmp_path: Path, declare: Declare, script: str) -> None:
    (tmp_path / "t.py").write_text(script)
    found: list[Mistake] = declare(TRAINING.format(more="") + "  # !\n")
    assert "t.py keeps no checkpoints" in found[0].message
    assert "Save to /opt/ml/checkpoints" in found[0].message and "declare spot=False" in found[0].message


@pytest.mark.parametrize("more", [", spot=False", ', hyperparameters={"checkpoint_dir": "x"}'])
def test_what_needs_no_checkpoints_or_is_told_where_they_are(tmp_path: Path, declare: Declare, more: str) -> None:
    (tmp_path / "t.py").write_text("model.fit(x)\n")
    declare(TRAINING.format(more=more) + "\n")


def test_glue_is_flexible_wherever_glue_allows_it() -> None:
    def flexible(**knobs: object) -> bool:
        return SparkStage(name="a", script="s.py", **knobs).flexible  # type: ignore[arg-type]

    assert [flexible(worker_type=worker) for worker in ("G.1X", "G.2X", "G.4X", "R.1X")] == [True, True, False, False]
    assert not flexible(flex=False)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('wf.spark("a", "s.py", flex=True, worker_type="G.4X")  # !\n', "takes workers G.1X and G.2X, got G.4X"),
        ('wf.spark("a", "s.py", flex=1)  # !\n', "flex=1: expected True, False"),
    ],
)
def test_flex_that_glue_refuses(declare: Declare, text: str, part: str) -> None:
    assert part in declare(text)[0].message


@pytest.mark.parametrize("budget", ["-1", "0", "float('nan')", "float('inf')", "'5'", "True"])
def test_a_budget_is_an_amount(declare: Declare, budget: str) -> None:
    head = "from headwater import Lake, Workflow\nlake = Lake('lake')\nraw = lake.raw('raw')\n"
    found = declare(f"wf = Workflow('wf', lake, budget_usd={budget})  # !\nwf.spark('a', 's.py', reads=raw)\n", head)
    assert "expected a number of US dollars above 0" in found[0].message
