"""The sample project, planned once."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater import Lake, Workflow, load_workflow
from headwater.plan.plan import Plan, make_plan

SAMPLE = Path(__file__).parent / "sample"


@pytest.fixture(scope="session")
def sample() -> Plan:
    return make_plan(load_workflow(SAMPLE))


def longest_names(folder: Path) -> Workflow:
    """A workflow whose stages' names would all be too long for AWS."""
    (folder / "a.py").write_text("def handler(event, context): ...\n")
    (folder / "s.py").write_text("")
    lake = Lake("lake")
    workflow = Workflow("w" * 70, lake)
    workflow.root = folder
    for letter in "ab":
        workflow.function(letter * 60, "a.py")
    workflow.processing("p" * 60, "s.py", writes=lake.processed("x"))
    return workflow
