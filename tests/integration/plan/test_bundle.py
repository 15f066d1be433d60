"""Bundles with packages: planned without pip, told by what they are made from, built from wheels for Lambda."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from headwater import load_workflow
from headwater.errors import PlanError
from headwater.plan.bundle import Bundle, platforms
from headwater.plan.plan import Plan, make_plan
from tests.unit.plan.conftest import SAMPLE


def wheel(folder: Path, name: str, tag: str, content: str = "answer = 42\n") -> Path:
    """A wheel of one module."""
    path = folder / f"{name}-1.0-{tag}.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels in the place of the package index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def bundle(root: Path, requirement: str, architecture: str = "x86_64") -> Bundle:
    script = root / "handler.py"
    script.write_text("import small\n")
    return Bundle(root, "notify", {"handler.py": script}, (requirement,), "3.11", architecture)


def test_wheels_for_lambda_are_taken_whatever_this_machine_is(tmp_path: Path, index: Path) -> None:
    wheel(index, "small", "cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64", "machine = 'arm'\n")
    wheel(index, "small", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", "machine = 'x86'\n")
    for architecture, machine in (("arm64", b"arm"), ("x86_64", b"x86")):
        with zipfile.ZipFile(bundle(tmp_path, "small==1.0", architecture).build()) as built:
            names = set(built.namelist())
            assert machine in built.read("small.py")
        assert {"handler.py", "small.py", "small-1.0.dist-info/METADATA"} <= names
        assert not [name for name in names if "__pycache__" in name or name.endswith("RECORD")]


def test_a_bundle_is_built_once_and_the_same_each_time(tmp_path: Path, index: Path) -> None:
    found = wheel(index, "small", "py3-none-any")
    made = bundle(tmp_path, "small==1.0")
    first = made.build().read_bytes()
    found.unlink()
    assert made.build().read_bytes() == first, "it is there: pip is not asked"
    made.path.unlink()
    wheel(index, "small", "py3-none-any")
    assert made.build().read_bytes() == first
    assert bundle(tmp_path, "small==2.0").digest != made.digest != bundle(tmp_path, "small==1.0", "arm64").digest


def test_a_package_without_a_wheel_for_lambda_is_named(tmp_path: Path, index: Path) -> None:
    wheel(index, "small", "cp311-cp311-manylinux_2_99_x86_64")
    made = bundle(tmp_path, "small==1.0")
    with pytest.raises(PlanError, match=r"stage 'notify': pip finds no wheels of small==1.0 .*3.11, x86_64"):
        made.build()
    assert not made.path.exists() and list(made.path.parent.iterdir()) == []


def test_platforms_are_those_of_lambdas_system() -> None:
    assert platforms("3.11", "arm64")[0] == "manylinux_2_26_aarch64"
    assert platforms("3.12", "x86_64")[0] == "manylinux_2_34_x86_64"


def test_planning_asks_no_index(tmp_path: Path, sample: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    project = tmp_path / "project"
    shutil.copytree(SAMPLE, project)
    (project / "functions" / "requirements.txt").write_text("small==1.0  # for the handler\n")
    workflow = project / "workflow.py"
    workflow.write_text(workflow.read_text().replace(', engine="auto"', ""))  # the packages of a job are Glue's
    (project / "jobs" / "requirements.txt").write_text("other==2.0\nthird==3.1\n")
    plan = make_plan(load_workflow(project))
    built = [asset for asset in plan.assets if asset.size_bytes is None]
    assert built and all(isinstance(asset.source, Bundle) for asset in built)
    assert {asset.key for asset in built}.isdisjoint(asset.key for asset in sample.assets)
    jobs = [r for r in plan.template["Resources"].values() if r["Type"] == "AWS::Glue::Job"]
    modules = {job["Properties"]["DefaultArguments"]["--additional-python-modules"] for job in jobs}
    assert modules == {"other==2.0,third==3.1"}
