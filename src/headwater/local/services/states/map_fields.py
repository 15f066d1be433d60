"""The fields that are numbers, in their three spellings: literal, path (JSONPath) and expression (JSONata).

Source of the texts for expressions: executions recorded on AWS with ``TimeoutSeconds``, published with the tests of
tiny-asl-machine, 2026, read 2026-11-25; the other fields are taken to speak alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headwater.local.services.states.errors import query, runtime
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.paths import MISSING, Path
from headwater.local.services.states.scope import Scope

MAX_SECONDS = 99_999_999
OF_SECONDS = frozenset({"HeartbeatSeconds", "Seconds", "TimeoutSeconds"})


def json_type(value: Any) -> str:
    """The JSON name of a value's type."""
    if value is None:
        return "null"
    kinds: list[tuple[Any, str]] = [(bool, "boolean"), ((int, float), "number"), (str, "string"), (list, "array")]
    return next((name for kind, name in kinds if isinstance(value, kind)), "object")


@dataclass(frozen=True, slots=True)
class NumberField:
    """A number that a definition gives by value, by path or by expression.

    Attributes
    ----------
    name:
        The field's name without ``Path``.
    whole:
        Only integers are taken.
    source:
        The expression as written.
    """

    name: str
    literal: float | int | None = None
    path: Path | None = None
    expression: Callable[[Scope], Any] | None = None
    whole: bool = True
    source: str = ""

    def read(self, scope: Scope) -> float | int | None:
        """The number, or None when the definition gives none."""
        if self.path is not None:
            return self._from_path(self.path, scope)
        if self.expression is None:
            return self.literal
        return self._checked(self.expression(scope))

    def _checked(self, value: Any) -> float | int:
        """What an expression gave, as the field takes it."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise query(
                f"The JSONata expression '{self.source}' specified for the field '{self.name}' returned an unexpected "
                f"result type. Expected 'number', but was '{json_type(value)}' for value: {dumps(value)}",
                self.name,
            )
        if self.whole and value != int(value):
            raise query(f"The {self.name} field cannot be parsed as an integer: {dumps(value)}", self.name)
        if self.name in OF_SECONDS and not 0 <= value <= MAX_SECONDS:
            raise query(f"{self.name} must be between 0 and {MAX_SECONDS} but was: {dumps(value)}", self.name)
        return int(value) if self.whole else value

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
        kind = "integer" if self.whole else "float"
        shown = value if isinstance(value, str) else dumps(value)
        raise runtime(f'The {self.name}Path field refers to value "{shown}" which is not a valid {kind}: {path.text}')
