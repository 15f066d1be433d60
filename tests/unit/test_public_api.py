"""What `import headwater` gives, and what it must not cost."""

from __future__ import annotations

import subprocess
import sys

import headwater

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
