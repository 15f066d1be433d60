"""The references say what the code does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_is_documented(reference: ModuleType) -> None:
    assert (DOCS / "cli.md").read_text() == reference.cli_reference(), "run python docs/reference.py"


def test_every_operation_is_documented(reference: ModuleType) -> None:
    assert (DOCS / "fidelity.md").read_text() == reference.fidelity_table(), "run python docs/reference.py"
