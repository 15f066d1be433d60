"""awsglue against the recorded surface of Glue 5.1's package, and the recorded answers of its getResolvedOptions."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark")

# Not for jobs: a shell's start, marketplace connectors, and scripts that the console generates for crawlers.
LEFT_OUT = ("awsglue.devutils", "awsglue.glue_shell", "awsglue.scripts")


@pytest.fixture(autouse=True)
def shims(monkeypatch: pytest.MonkeyPatch) -> None:
    """awsglue as a job imports it."""
    import headwater.local

    monkeypatch.syspath_prepend(str(Path(headwater.local.__file__).parent / "shims"))


def signature(function: Any) -> str:
    """A signature without annotations, quotes as the recording has them."""
    found = inspect.signature(function)
    bare = [one.replace(annotation=one.empty) for one in found.parameters.values()]
    return str(found.replace(parameters=bare, return_annotation=found.empty))


def differences(module: str, names: dict[str, Any]) -> list[str]:
    """What a module of ours lacks or has otherwise."""
    found = importlib.import_module(module)
    wrong = []
    for name, recorded in names.items():
        if not hasattr(found, name):
            if recorded["kind"] in ("class", "function") or recorded.get("from", "").startswith(("awsglue", ".")):
                wrong.append(f"{module}.{name} is missing")
        elif recorded["kind"] == "function" and signature(getattr(found, name)) != recorded["signature"]:
            wrong.append(f"{module}.{name}{signature(getattr(found, name))}, recorded {recorded['signature']}")
        elif recorded["kind"] == "class":
            wrong += member_differences(f"{module}.{name}", getattr(found, name), recorded["members"])
    return wrong


def member_differences(where: str, cls: Any, members: dict[str, Any]) -> list[str]:
    """What a class of ours lacks or has otherwise."""
    wrong = []
    for name, recorded in members.items():
        static = inspect.getattr_static(cls, name, None)
        if static is None and not hasattr(cls, name):
            wrong.append(f"{where}.{name} is missing")
        elif recorded["kind"] == "property":
            if not isinstance(static, property):
                wrong.append(f"{where}.{name} is no property")
        elif recorded["kind"] in ("classmethod", "method", "staticmethod"):
            function = static.__func__ if isinstance(static, (classmethod, staticmethod)) else static
            if signature(function) != recorded["signature"]:
                wrong.append(f"{where}.{name}{signature(function)}, recorded {recorded['signature']}")
    return wrong


def recorded_modules() -> list[str]:
    surface = Path(__file__).resolve().parents[3] / "shared" / "oracle" / "awsglue_surface.json"
    if not surface.exists():
        return []
    return [name for name in json.loads(surface.read_text()) if not name.startswith(LEFT_OUT)]


@pytest.mark.parametrize("module", recorded_modules())
def test_surface(shared: Path, module: str) -> None:
    surface = json.loads((shared / "oracle" / "awsglue_surface.json").read_text())
    assert differences(module, surface[module]) == []


def test_a_missing_method_is_found(shared: Path) -> None:
    members = {"nothing": {"kind": "method", "signature": "(self)"}}
    assert differences("awsglue.job", {"Job": {"kind": "class", "members": members}}) == [
        "awsglue.job.Job.nothing is missing"
    ]


def test_get_resolved_options(shared: Path) -> None:
    from awsglue.utils import GlueArgumentError, getResolvedOptions

    for case in json.loads((shared / "oracle" / "getresolvedoptions_golden.json").read_text()):
        try:
            answer: Any = getResolvedOptions(case["argv"], case["options"])
        except (argparse.ArgumentError, GlueArgumentError, RuntimeError) as error:
            answer = f"{type(error).__name__}: {error}"
        expected = case["result"]
        if isinstance(answer, str) and isinstance(expected, str):
            # Pythons since 3.12 quote the choices of an argument otherwise.
            answer, expected = (re.sub(r"\(choose from .*\)", "", text) for text in (answer, expected))
        assert answer == expected, case["argv"]
