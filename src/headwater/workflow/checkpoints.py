"""Whether a training on spot capacity keeps checkpoints.

SageMaker takes a spot machine back with two minutes' notice and starts the training anew; what was not written to
`/opt/ml/checkpoints` is lost (SageMaker developer guide, "Managed spot training" and "Checkpoints", read 2026-11-25).
Nobody can prove by reading a script that it goes on from what it saved. So only a script is refused that says nothing
of checkpoints at all: neither it, nor a module of the project that it imports, has the word in a name or a string that
is no docstring, and no hyperparameter has it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from headwater.workflow.stages import TrainingStage

WORD = "checkpoint"


def checkpoint_mistakes(root: Path, stage: TrainingStage) -> list[str]:
    """Return what is wrong with a training on spot capacity that keeps no checkpoints.

    Parameters
    ----------
    root:
        The project's folder. A script that is not there or does not parse is no matter here: others say so.
    """
    script = (root / str(stage.script)).resolve()
    given = [text for pair in dict(stage.hyperparameters).items() for text in pair if isinstance(text, str)]
    if stage.spot is not True or any(WORD in text.lower() for text in given):
        return []
    if not script.is_relative_to(root.resolve()) or _parse(script) is None or _speaks_of_checkpoints(root, script):
        return []
    return [
        f"spot=True, but {stage.script} keeps no checkpoints: SageMaker may take the machine back at any time and then "
        "starts over. Save to /opt/ml/checkpoints and go on from what is there, or declare spot=False"
    ]


def _speaks_of_checkpoints(root: Path, script: Path) -> bool:
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        tree = None if path in seen else _parse(path)
        seen.add(path)
        if tree is None:
            continue
        if any(WORD in word.lower() for word in _words(tree)):
            return True
        waiting += _imported(tree, (script.parent, root))
    return False


def _parse(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (OSError, SyntaxError, ValueError):
        return None


def _words(tree: ast.Module) -> Iterator[str]:
    """Yield every name and every string of a module but its docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        yield from (text for field in ("id", "attr", "arg", "name") if isinstance(text := getattr(node, field, 0), str))


def _imported(tree: ast.Module, folders: tuple[Path, ...]) -> list[Path]:
    """Return the project's own modules that a module imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names.update({module, *(f"{module}.{alias.name}".strip(".") for alias in node.names)})
    stems = [folder.joinpath(*name.split(".")) for folder in folders for name in sorted(names) if name]
    found = [path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py")]
    return [path for path in found if path.is_file()]
