"""Loading a project's workflow.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from headwater import WorkflowLoadError, load_workflow
from tests.unit.workflow.conftest import HEAD

SOUND = HEAD + 'wf.spark("clean", "s.py", reads=raw)\n'


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "workflow.py").write_text(text)
    (folder / "s.py").write_text("")
    return folder


def test_a_folder_or_a_file_loads(tmp_path: Path) -> None:
    write(tmp_path, SOUND)
    assert load_workflow(tmp_path).name == load_workflow(tmp_path / "workflow.py").name == "wf"
    assert load_workflow(tmp_path).root == tmp_path.resolve()


def test_no_workflow_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WorkflowLoadError, match="no workflow.py here.*headwater init"):
        load_workflow(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ny = x / 0\n", r"workflow.py:2: ZeroDivisionError: division by zero"),
        ("x = 1\nif:\n", r"workflow.py:2: does not parse"),
        ("import no_such_package\n", r"workflow.py:1: ModuleNotFoundError"),
        ("raise SystemExit(3)\n", r"workflow.py:1: SystemExit: 3"),
        ("x = 1\n", "it holds no workflow"),
        (SOUND + 'other = Workflow("two", lake)\n', r"it holds 2 workflows, wf \('wf', line 6\), other"),
    ],
)
def test_a_file_that_fails_names_its_line(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(WorkflowLoadError, match=expected):
        load_workflow(write(tmp_path, text))


def test_two_projects_may_each_have_a_common_package(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = write(tmp_path / name, "from common.names import NAME\n" + SOUND.replace('"wf"', "NAME"))
        (folder / "common").mkdir()
        (folder / "common" / "names.py").write_text(f'NAME = "{name}"\n')
    assert [load_workflow(tmp_path / name).name for name in ("one", "two", "one")] == ["one", "two", "one"]
    assert not any(name.split(".")[0] == "common" for name in sys.modules)
    assert not list(tmp_path.rglob("__pycache__"))
    assert str(tmp_path / "one") not in sys.path
