"""What `import headwater` gives, and what it must not cost."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import headwater
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEAVY = ("awscrt", "boto3", "botocore", "duckdb", "jsonata", "moto", "numpy", "pandas", "pyarrow", "pyspark", "typer")


def test_the_public_names() -> None:
    assert headwater.__all__ == [
        "Dataset",
        "DeclarationError",
        "HeadwaterError",
        "Lake",
        "PlanError",
        "Workflow",
        "WorkflowLoadError",
        "load_workflow",
    ]
    assert all(hasattr(headwater, name) for name in headwater.__all__)


def test_declaring_and_planning_import_nothing_heavy() -> None:
    code = "import sys, headwater, headwater.plan.plan, headwater.plan.render; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {*HEAVY}
    assert not any(name.startswith(("headwater.local", "headwater.cloud")) for name in done.stdout.split())


def plain_install() -> set[str]:
    """The distributions that `pip install headwater` brings, without extras."""
    found, asked = set(), ["headwater"]
    while asked:
        name = asked.pop()
        if name not in found:
            found.add(name)
            needed = [Requirement(text) for text in metadata.requires(name) or []]
            asked += [
                canonicalize_name(each.name)
                for each in needed
                if not each.marker or each.marker.evaluate({"extra": ""})
            ]
    return found


ONLY = """
import importlib.abc, sys

ABSENT = frozenset(sys.argv[1].split())

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
sys.argv = ["headwater", *sys.argv[2:]]
from headwater.cli.main import main
main()
"""


def test_a_plain_install_plans_and_says_what_more_is_needed() -> None:
    plain = plain_install()
    absent = [
        module
        for module, owners in metadata.packages_distributions().items()
        if plain.isdisjoint(map(canonicalize_name, owners))
    ]
    assert "pyspark" in absent and "moto" in absent and "boto3" not in absent
    sample = str(Path(__file__).parent / "plan" / "sample")

    def headwater_only(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", ONLY, " ".join(absent), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    planned = headwater_only("plan", "--project", sample, "--json")
    assert planned.returncode == 0, planned.stderr
    checked = headwater_only("doctor", "--project", sample)
    assert "pip install 'headwater[all]'" in checked.stdout, checked.stderr


def test_importing_headwater_does_not_import_the_planner() -> None:
    code = "import sys, headwater; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not any(name.startswith("headwater.plan") for name in done.stdout.split())


def test_every_error_is_in_one_tree_with_its_exit_code() -> None:
    from headwater import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert all(issubclass(kind, errors.HeadwaterError) for kind in kinds)
    assert errors.__doc__ and all(
        kind.__name__ in errors.__doc__ for kind in kinds if kind is not errors.HeadwaterError
    )
    assert all(0 < kind.exit_code < 126 for kind in kinds)
