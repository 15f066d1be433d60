"""The fields of a Map that are numbers, in their three spellings: literal, path (JSONPath) and expression (JSONata)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headwater.local.services.states.errors import query, runtime
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.paths import MISSING, Path
from headwater.local.services.states.scope import Scope


@dataclass(frozen=True, slots=True)
class NumberField:
    """A number that a definition gives by value, by path or by expression.

    Attributes
    ----------
    name:
        The field's name without ``Path``.
    whole:
        Only integers are taken.
    """

    name: str
    literal: float | int | None = None
    path: Path | None = None
    expression: Callable[[Scope], Any] | None = None
    whole: bool = True

    def read(self, scope: Scope) -> float | int | None:
        """The number, or None when the definition gives none."""
        if self.path is not None:
            return self._from_path(self.path, scope)
        if self.expression is None:
            return self.literal
        value = self.expression(scope)
        if self._is_number(value):
            return value  # type: ignore[no-any-return]
        expected = "an integer" if self.whole else "a number"
        raise query(f"The {self.name} field must be {expected}, but was {dumps(value)}", self.name)

    def _is_number(self, value: Any) -> bool:
        kinds = int if self.whole else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)

    def _from_path(self, path: Path, scope: Scope) -> float | int:
        value = path.read(scope)
        if value is MISSING:
            raise runtime(f"The {self.name}Path field does not reference an input value: {path.text}")
        if isinstance(value, str):
            try:
                value = int(value) if self.whole else float(value)
            except ValueError:
                pass
        if self._is_number(value):
            return value  # type: ignore[no-any-return]
        kind = "integer" if self.whole else "number"
        raise runtime(
            f'The {self.name}Path field refers to value "{dumps(value)}" which is not a valid {kind}: {path.text}'
        )
