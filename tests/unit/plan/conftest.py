"""The sample project, planned once."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater import load_workflow
from headwater.plan.plan import Plan, make_plan

SAMPLE = Path(__file__).parent / "sample"


@pytest.fixture(scope="session")
def sample() -> Plan:
    return make_plan(load_workflow(SAMPLE))
