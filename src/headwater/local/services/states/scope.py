"""What a state's fields are evaluated against: input, result, context object and variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.local.services.states.paths import MISSING


class Scope:
    """The values that expressions of one state can read.

    Parameters
    ----------
    input:
        What ``$`` is (JSONPath) or ``$states.input`` (JSONata).
    make_context:
        Makes the context object when it is first read.
    variables:
        The workflow's variables that are visible here.
    result, error_output:
        JSONata's ``$states.result`` and ``$states.errorOutput``, where the field may read them.
    """

    __slots__ = ("_context", "_make_context", "error_output", "input", "result", "variables")

    def __init__(
        self,
        input: Any,
        make_context: Callable[[], dict[str, Any]],
        variables: dict[str, Any],
        result: Any = MISSING,
        error_output: Any = MISSING,
    ) -> None:
        self.input = input
        self.variables = variables
        self.result = result
        self.error_output = error_output
        self._make_context = make_context
        self._context: dict[str, Any] | None = None

    @property
    def context(self) -> dict[str, Any]:
        """The context object."""
        if self._context is None:
            self._context = self._make_context()
        return self._context

    def at(self, input: Any) -> Scope:
        """The same with another ``$``."""
        return Scope(input, self._make_context, self.variables, self.result, self.error_output)

    def bindings(self, needs_states: bool) -> dict[str, Any]:
        """JSONata's variables: the workflow's, and ``$states``."""
        if not needs_states:
            return self.variables
        states = {"input": self.input, "context": self.context}
        if self.result is not MISSING:
            states["result"] = self.result
        if self.error_output is not MISSING:
            states["errorOutput"] = self.error_output
        return {**self.variables, "states": states}
