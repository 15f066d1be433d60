"""The references say what the code does."""

from __future__ import annotations

import importlib.util
import re
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


def test_the_readme_shows_the_example_as_it_is() -> None:
    root = DOCS.parent
    source = (root / "examples" / "flights" / "workflow.py").read_text()
    assert source[source.index("from headwater") :].rstrip() in (root / "README.md").read_text()


def test_the_readme_names_commands_that_exist() -> None:
    from headwater.cli.main import COMMANDS

    listed = re.findall(
        r"^headwater ([a-z| ]+?)(?:  |\n| [A-Z])", (DOCS.parent / "README.md").read_text(), re.MULTILINE
    )
    named = {word.strip() for line in listed for word in line.split("|")}
    assert {name.split()[0] for name in named} - {"get", "ls", "sync", "rm"} == set(COMMANDS)


def test_links_lead_somewhere() -> None:
    for page in (DOCS.parent / "README.md", *DOCS.glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
