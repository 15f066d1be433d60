"""The scripts of a project: where they are, whether they parse, and which handler a function has.

A script never leaves the project's folder: not by an absolute path, not by `..`, not by a symbolic link.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from headwater.workflow.stages import FunctionStage, ScriptStage

FOLDER_ENTRY = "handler.py"
_HANDLERS = ("handler", "lambda_handler")


def script_mistakes(root: Path, stage: ScriptStage) -> list[str]:
    """Return what is wrong with the script of a stage.

    Parameters
    ----------
    root:
        The project's folder.
    """
    script = str(stage.script)
    path = (root / script).resolve()
    if Path(script).is_absolute() or not path.is_relative_to(root.resolve()):
        return [f"script {script!r} leaves the project's folder: give a path inside it"]
    if path.is_dir() and isinstance(stage, FunctionStage):
        return _folder_mistakes(path, stage)
    if not path.is_file():
        return [f"there is no script {script!r} in the project{_nearby(root, script)}"]
    if path.suffix != ".py":
        return [f"script {script!r}: expected a .py file"]
    if path.stem in sys.stdlib_module_names:
        return [f"script {script!r} would hide Python's own module {path.stem!r} from whatever imports it: rename it"]
    return _source_mistakes(path, script, stage)


def entry_of(root: Path, stage: ScriptStage) -> Path:
    """Return the Python file that a stage runs: the script, or the `handler.py` of its folder."""
    path = (root / stage.script).resolve()
    return path / FOLDER_ENTRY if path.is_dir() else path


def handler_of(root: Path, stage: FunctionStage) -> str | None:
    """Return the name of the handler in the script of a function, None if it has none."""
    defined = _top_level_names(ast.parse(entry_of(root, stage).read_bytes()))
    wanted = (stage.handler,) if stage.handler is not None else _HANDLERS
    return next((name for name in wanted if name in defined), None)


def _folder_mistakes(folder: Path, stage: FunctionStage) -> list[str]:
    if not (folder / FOLDER_ENTRY).is_file():
        return [f"the folder {stage.script!r} holds no {FOLDER_ENTRY}"]
    return _source_mistakes(folder / FOLDER_ENTRY, f"{stage.script}/{FOLDER_ENTRY}", stage)


def _source_mistakes(path: Path, script: str, stage: ScriptStage) -> list[str]:
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        return [f"script {script}:{line} does not parse: {getattr(error, 'msg', None) or error}"]
    if isinstance(stage, FunctionStage):
        defined = _top_level_names(tree)
        if stage.handler is not None and stage.handler not in defined:
            return [f"script {script!r} defines no {stage.handler!r}, which handler= names"]
        if stage.handler is None and not defined & {*_HANDLERS}:
            return [f"script {script!r} defines neither 'handler' nor 'lambda_handler': name it with handler="]
    return []


def _top_level_names(tree: ast.Module) -> set[str]:
    defined: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign):
            defined.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom | ast.Import):
            defined.update(alias.asname or alias.name for alias in node.names)
    return defined


def _nearby(root: Path, script: str) -> str:
    folder = (root / script).parent
    if not folder.is_dir():
        return f" (there is no folder {Path(script).parent.as_posix()!r} either)"
    present = sorted(path.name for path in folder.glob("*.py"))
    return f"; {Path(script).parent.as_posix()} holds {', '.join(present[:10]) or 'no .py file'}"
