from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.local.services.states.harness import SmallEndpoint


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallEndpoint]:
    """The service on a small endpoint, started."""
    endpoint = SmallEndpoint(tmp_path)
    endpoint.start()
    yield endpoint
    endpoint.stop()
