"""Reference paths: paths that name exactly one place, and can therefore be written (``ResultPath``).

A place that cannot be reached is ``States.ReferencePathConflict``, without the introduction that other causes have.
Source: executions that failed on AWS, shown in "Step Functions で States.ReferencePathConflict が起きたときの対処"
(qiita.com, 2021), construct-hub's pull request 459 (2021) and others; read 2026-11-25.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from headwater.local.services.states.errors import REFERENCE_PATH_CONFLICT, StateFailure
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.path_parser import compile_path
from headwater.local.services.states.paths import MISSING, Path, PathSyntaxError


class ReferencePath:
    """A place in a document.

    Parameters
    ----------
    text:
        As written; ``$`` is the whole document.
    keys:
        Names and indexes from the root.
    """

    __slots__ = ("keys", "text")

    def __init__(self, text: str, keys: tuple[str | int, ...]) -> None:
        self.text = text
        self.keys = keys

    def write(self, document: Any, value: Any) -> Any:
        """A copy of ``document`` with ``value`` at this place; missing objects on the way are made.

        Raises
        ------
        StateFailure
            ``States.ReferencePathConflict`` when what is on the way is no object, or the index is out of range.
        """
        if not self.keys:
            return value
        return self._write(document, document, value, 0)

    def _write(self, document: Any, node: Any, value: Any, depth: int) -> Any:
        if depth == len(self.keys):
            return value
        key = self.keys[depth]
        if isinstance(key, int):
            if not isinstance(node, list) or not 0 <= key < len(node):
                raise self._conflict(document, depth)
            changed: Any = list(node)
        else:
            if node is not None and not isinstance(node, dict):
                raise self._conflict(document, depth)
            changed = dict(node or {})
        inner = changed[key] if isinstance(key, int) else changed.get(key)
        changed[key] = self._write(document, inner, value, depth + 1)
        return changed

    def _conflict(self, document: Any, depth: int) -> StateFailure:
        if depth == 0:
            cause = f"Unable to apply ReferencePath {self.text} to input {dumps(document)}"
            return StateFailure(REFERENCE_PATH_CONFLICT, cause)
        return step_conflict(self.keys[depth - 1], document)


def step_conflict(key: str | int, document: Any) -> StateFailure:
    """The failure of a step that cannot be taken."""
    return StateFailure(REFERENCE_PATH_CONFLICT, f'Unable to apply step "{key}" to input {dumps(document)}')


def unreached(path: Path, document: Any) -> StateFailure:
    """The failure of a path that is read and leads nowhere (``ItemsPath``)."""
    value = shown = {} if document is MISSING else document
    for segment in path.segments:
        value = next(segment.select(value, document), MISSING)
        if value is MISSING:
            return step_conflict("" if segment.key is None else segment.key, shown)
    return step_conflict("", shown)


@lru_cache(maxsize=4096)
def compile_reference_path(text: str) -> ReferencePath:
    """The compiled reference path of ``text``; PathSyntaxError when it is none."""
    path = compile_path(text)
    keys = tuple(segment.key for segment in path.segments)
    if path.root != "input" or not path.definite:
        raise PathSyntaxError(f"{text!r} is no reference path: it must name one place in the state's input")
    return ReferencePath(text, tuple(key for key in keys if key is not None))
