"""What keeps a Spark stage from running on EMR: bookmarks and a job's packages are Glue's, and EMR has no `awsglue`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from headwater.workflow.requirements import requirements_file
from headwater.workflow.scripts import entry_of
from headwater.workflow.stages import SPARK_ENGINES, SparkStage

GLUE_PACKAGES = frozenset({"awsglue", "awsgluedq"})
COMMON = "common"
_GUARDS = frozenset({"Exception", "ImportError", "ModuleNotFoundError"})


def engine_mistakes(root: Path, stage: SparkStage) -> list[str]:
    """Return what keeps a stage from running on the engines that it was declared with."""
    if stage.engine not in SPARK_ENGINES or stage.engine == "glue":
        return []
    declared = f"engine={stage.engine!r}"
    found = []
    if stage.engine == "auto" and not any(dataset.zone != "model" for dataset in stage.reads):
        found.append(f"{declared} measures what the stage reads, and it reads no dataset: name one, or another engine")
    if stage.bookmark:
        found.append(f"{declared} with bookmark=True: only Glue has job bookmarks; leave one of them out")
    if (path := requirements_file(root, stage)) is not None:
        file = path.relative_to(root.resolve())
        found.append(f"{declared} with {file}: only Glue installs a job's packages; leave one of them out")
    certain = [where for where, guarded in _glue_imports(root, stage) if not guarded]
    if certain:
        found.append(
            f"{declared}, but {certain[0]} imports awsglue, which no EMR release has: use PySpark alone, or guard the "
            "import with except ImportError"
        )
    return found


def _glue_imports(root: Path, stage: SparkStage) -> list[tuple[str, bool]]:
    """Where the script, or the shared code that it imports, imports Glue's packages, and whether it might not have to.

    Shared code is followed by its imports from `common`, so that a helper for Glue jobs binds only its users.
    """
    found: list[tuple[str, bool]] = []
    waiting = [entry_of(root, stage)]
    for path in waiting:  # grows as shared modules are found
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue  # shared code that does not parse fails by itself, and says more than could be said here
        for module, line, guarded in _imports(tree):
            if module.split(".")[0] in GLUE_PACKAGES:
                found.append((f"{path.relative_to(root.resolve()).as_posix()}:{line}", guarded))
            waiting += [each for each in _shared(root.resolve(), module) if each not in waiting]
    return found


def _imports(tree: ast.AST, guarded: bool = False) -> Iterator[tuple[str, int, bool]]:
    """Each imported module, its line, and whether the script may go on without it: in a function, a branch, a try."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, guarded) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno, guarded
            yield from ((f"{node.module}.{alias.name}", node.lineno, guarded) for alias in node.names)
        else:
            yield from _imports(node, guarded or _may_be_skipped(node))


def _may_be_skipped(node: ast.AST) -> bool:
    if isinstance(node, ast.Try):
        caught = [ast.unparse(handler.type) if handler.type else "Exception" for handler in node.handlers]
        return any(name in text for text in caught for name in _GUARDS)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.If)


def _shared(root: Path, module: str) -> list[Path]:
    """The files of `common` that importing a module runs."""
    parts = module.split(".")
    if parts[0] != COMMON:
        return []
    folders = [root.joinpath(*parts[: end + 1], "__init__.py") for end in range(len(parts))]
    return [path for path in (*folders, root.joinpath(*parts).with_suffix(".py")) if path.is_file()]
