"""A project made of a workflow's text; a line that holds a mistake ends in `# !`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headwater import DeclarationError, load_workflow
from headwater.errors import Mistake

HEAD = """\
from headwater import Lake, Workflow
lake = Lake("lake")
raw = lake.raw("raw", format="csv")
out = lake.processed("out")
model = lake.model("model")
wf = Workflow("wf", lake)
"""
Declare = Callable[[str], list[Mistake]]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Load a workflow of HEAD and the lines given; return its mistakes, which name the marked lines."""

    def load(text: str, head: str = HEAD) -> list[Mistake]:
        for script in ("s.py", "f.py"):
            if not (tmp_path / script).exists():
                (tmp_path / script).write_text(
                    "def handler(event, context): ...\nCHECKPOINTS = '/opt/ml/checkpoints'\n"
                )
        source = head + text
        (tmp_path / "workflow.py").write_text(source)
        try:
            load_workflow(tmp_path)
        except DeclarationError as error:
            marked = [number for number, line in enumerate(source.splitlines(), 1) if line.endswith("# !")]
            assert sorted({mistake.line for mistake in error.mistakes}) == marked, str(error)
            assert {mistake.file for mistake in error.mistakes} == {str(tmp_path / "workflow.py")}
            return list(error.mistakes)
        assert "# !" not in source, "expected mistakes, found none"
        return []

    return load
