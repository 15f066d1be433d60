"""Import a project's workflow.py and hand back its workflow, checked.

The project's folder is on the import path while workflow.py runs, so it may import from `common/`; what it imported
from the project is forgotten afterwards, so that two projects, or two loads of one, do not meet. No bytecode is
written into the project.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from headwater.errors import WorkflowLoadError
from headwater.workflow.workflow import Workflow

WORKFLOW_FILE = "workflow.py"


def load_workflow(path: str | Path) -> Workflow:
    """Load the workflow of a project and check it.

    Parameters
    ----------
    path:
        The project's folder, or its workflow.py.

    Returns
    -------
    Workflow
        The one workflow that the module holds.

    Raises
    ------
    WorkflowLoadError
        If the file is missing, fails to import (with the file and line where it did), or does not hold exactly one
        workflow.
    DeclarationError
        With every mistake of the declaration.
    """
    given = Path(path)
    file = (given if given.suffix == ".py" else given / WORKFLOW_FILE).resolve()
    if not file.is_file():
        raise WorkflowLoadError(
            f"{given}: no {file.name} here. Name a project's folder, or start one with `headwater init`."
        )
    workflow = _only_workflow(file, _import(file))
    workflow.root = file.parent
    workflow.check()
    return workflow


def _import(file: Path) -> ModuleType:
    name = f"_headwater_workflow_{file.parent.name}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise WorkflowLoadError(f"{file}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    with _project_on_path(file.parent):
        sys.modules[name] = module  # where dataclasses look for the module of a class
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise WorkflowLoadError(f"{_place(file, error)}: {_what(error)}") from error
    return module


@contextmanager
def _project_on_path(root: Path) -> Iterator[None]:
    before, bytecode = {*sys.modules}, sys.dont_write_bytecode
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = bytecode
        sys.path.remove(str(root))
        for name in {*sys.modules} - before:
            if _is_of(root, sys.modules[name]):
                del sys.modules[name]


def _is_of(root: Path, module: ModuleType) -> bool:
    """Whether a module lies in the project (a package without an `__init__.py` has folders, and no file)."""
    places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
    return any(Path(p).is_relative_to(root) and "site-packages" not in p for p in places if p)


def _only_workflow(file: Path, module: ModuleType) -> Workflow:
    held = {id(value): (name, value) for name, value in vars(module).items() if isinstance(value, Workflow)}
    if len(held) == 1:
        return next(iter(held.values()))[1]
    if not held:
        raise WorkflowLoadError(f'{file}: it holds no workflow. Expected, at its top level, wf = Workflow("…", lake).')
    listed = ", ".join(f"{name} ({value.name!r}, line {value.origin.line})" for name, value in held.values())
    raise WorkflowLoadError(f"{file}: it holds {len(held)} workflows, {listed}. Keep one a project.")


def _place(file: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno or 0}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(file.parent)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else str(file)


def _what(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"does not parse: {error.msg}"
    return f"{type(error).__name__}: {error}"
