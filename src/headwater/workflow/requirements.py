"""The packages that a function or a Spark job asks for: a requirements.txt beside its script, or one that it names.

Every package is pinned with ``==``: what is deployed tomorrow is what is deployed today, and a bundle is told by its
requirements without asking an index. The project's own requirements.txt, in its root, is for its tools, not its stages.
"""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from headwater.workflow.stages import FunctionStage, ScriptStage, SparkStage

REQUIREMENTS = "requirements.txt"


def requirements_file(root: Path, stage: ScriptStage) -> Path | None:
    """Return the requirements of a stage, None if it has none.

    Parameters
    ----------
    root:
        The project's folder.
    """
    if isinstance(stage, FunctionStage) and stage.requirements is not None:
        return (root / stage.requirements).resolve()
    if not isinstance(stage, FunctionStage | SparkStage):
        return None  # SageMaker's toolkit installs the requirements.txt of the source folder itself
    path = (root / stage.script).resolve()
    folder = path if path.is_dir() else path.parent
    found = folder / REQUIREMENTS
    return found if folder != root.resolve() and found.is_file() else None


def pinned(path: Path) -> list[str]:
    """Return the requirements of a file, in order, without its comments."""
    return [text for _, text in _lines(path)]


def missing_packages(folder: Path, path: Path) -> list[str]:
    """Return the requirements of a file whose packages are not installed in a folder."""
    present = {canonicalize_name(found.name.split("-")[0]) for found in folder.glob("*.dist-info")}
    return [text for text in pinned(path) if canonicalize_name(Requirement(text).name) not in present]


def requirement_mistakes(root: Path, stage: ScriptStage) -> list[str]:
    """Return what is wrong with the requirements of a stage, each with its line."""
    path = requirements_file(root, stage)
    if path is None:
        return []
    if not path.is_relative_to(root.resolve()):
        return [f"requirements {path.name!r} leave the project's folder: give a path inside it"]
    shown = path.relative_to(root.resolve()).as_posix()
    if not path.is_file():
        return [f"there is no requirements file {shown!r} in the project"]
    return [f"{shown}:{line}: {text}" for line, each in _lines(path) if (text := _mistake(each))]


def _lines(path: Path) -> list[tuple[int, str]]:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    texts = ((number, line.partition(" #")[0].strip()) for number, line in lines)
    return [(number, text) for number, text in texts if text and not text.startswith("#")]


def _mistake(text: str) -> str:
    try:
        found = Requirement(text)
    except InvalidRequirement:
        return f"expected package==version, got {text!r}"
    exact = [each for each in found.specifier if each.operator == "==" and not each.version.endswith(".*")]
    if found.url or len(exact) != 1 or len(found.specifier) != 1:
        return f"{text!r} is not pinned: write {found.name}==version, so that every deploy takes the same"
    return ""
