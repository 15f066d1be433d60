"""Fixtures for the tests that drive the command line: the year's raw data, and projects that leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.aws_account import Account
from tests.integration.command_line import ProjectFolder, new_project

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "flights"


@pytest.fixture(scope="session")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw data of 2013, written once."""
    folder = tmp_path_factory.mktemp("year")
    subprocess.run([sys.executable, str(EXAMPLE / "data.py"), str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture
def project_of(tmp_path: Path, year: Path) -> Iterator[Callable[..., ProjectFolder]]:
    """``project_of(months=(1,), rows=500)``: a new project; at the end no process of it may be alive."""
    made: list[ProjectFolder] = []

    def make(**options: object) -> ProjectFolder:
        project = new_project(tmp_path / f"project{len(made)}", year, **options)  # type: ignore[arg-type]
        made.append(project)
        return project

    yield make
    for project in made:
        project.close()
        project.await_nothing_left()


@pytest.fixture
def account(project_of: Callable[..., ProjectFolder], tmp_path: Path) -> Iterator[Account]:
    """An account whose endpoint is up, and a small project."""
    project = project_of(months=(1,), rows=50)
    project.keep_stages("validate", "catalog", "notify")
    found = Account(project, tmp_path / "account")
    found.up()
    yield found
    found.down()
