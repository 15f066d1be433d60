"""Fail: ends its branch with an error of the author's naming."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from headwater.local.services.states.errors import StateFailure, query, runtime
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.scope import Scope
from headwater.local.services.states.state import State

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution


@dataclass(eq=False)
class FailState(State):
    """``"Type": "Fail"``."""

    type: ClassVar[str] = "Fail"
    error: Callable[[Scope], Any] | None = None
    cause: Callable[[Scope], Any] | None = None

    def run(self, execution: Execution, branch: Branch) -> None:
        """Fail the branch."""
        scope = execution.scope(branch, branch.input.value)
        raise StateFailure(self._text(scope, self.error, "Error"), self._text(scope, self.cause, "Cause"))

    def _text(self, scope: Scope, evaluate: Callable[[Scope], Any] | None, field: str) -> str | None:
        if evaluate is None:
            return None
        value = evaluate(scope)
        if isinstance(value, str):
            return value
        problem = f"The {field} field must be a string, but was {dumps(value)}"
        raise query(problem, field) if self.jsonata else runtime(problem)
