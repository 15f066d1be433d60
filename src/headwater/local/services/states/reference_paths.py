"""Reference paths: paths that name exactly one place, and can therefore be written (``ResultPath``)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from headwater.local.services.states.errors import RESULT_PATH_MATCH_FAILURE, StateFailure
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.path_parser import compile_path
from headwater.local.services.states.paths import PathSyntaxError


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
            ``States.ResultPathMatchFailure`` when what is on the way is no object, or the index is out of range.
        """
        if not self.keys:
            return value
        return self._write(document, value, 0)

    def _write(self, node: Any, value: Any, depth: int) -> Any:
        if depth == len(self.keys):
            return value
        key = self.keys[depth]
        if isinstance(key, int):
            if not isinstance(node, list) or not 0 <= key < len(node):
                raise self._mismatch(node)
            changed: Any = list(node)
        else:
            if node is not None and not isinstance(node, dict):
                raise self._mismatch(node)
            changed = dict(node or {})
        inner = changed[key] if isinstance(key, int) else changed.get(key)
        changed[key] = self._write(inner, value, depth + 1)
        return changed

    def _mismatch(self, document: Any) -> StateFailure:
        cause = f'Unable to apply step "{str(self.keys[0])}" to input {dumps(document)}'
        return StateFailure(RESULT_PATH_MATCH_FAILURE, cause, located=True)


@lru_cache(maxsize=4096)
def compile_reference_path(text: str) -> ReferencePath:
    """The compiled reference path of ``text``; PathSyntaxError when it is none."""
    path = compile_path(text)
    keys = tuple(segment.key for segment in path.segments)
    if path.root != "input" or not path.definite:
        raise PathSyntaxError(f"{text!r} is no reference path: it must name one place in the state's input")
    return ReferencePath(text, tuple(key for key in keys if key is not None))
