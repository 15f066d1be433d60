"""Checks names that must be one of a kind in a whole machine: its states, its Maps' labels, and scopes' variables.

Source: definitions that AWS refused in 2026-09, published with the rules of cdk-preflight (badmintoncryer) and, for
variables, with the tests of tiny-asl-machine; read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headwater.local.services.states.validator_diagnostics import (
    DUPLICATE_LABEL,
    DUPLICATE_STATE,
    DUPLICATE_VARIABLE,
    INVALID_STATE,
    Diagnostic,
    listed,
)
from headwater.local.services.states.validator_expressions import assignments

STATE_CHARACTERS = 80


class Names:
    """What has been named so far.

    Parameters
    ----------
    language:
        The machine's query language.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.states: set[str] = set()
        self.labels: set[str] = set()

    def problems(self, machine: Any, at: str, outside: frozenset[str] = frozenset()) -> Iterator[Diagnostic]:
        """The problems of a machine at ``at``, inside of which the variables of ``outside`` are known."""
        states = machine.get("States") if isinstance(machine, dict) else None
        bodies = {n: b for n, b in states.items() if isinstance(b, dict)} if isinstance(states, dict) else {}
        for name, body in bodies.items():
            yield from self._state(name, body, f"{at}/States/{name}", outside)
        inside = outside.union(*(self._assigned(body) for body in bodies.values()))
        for name, body in bodies.items():
            for index, branch in enumerate(listed(body, "Branches")):
                yield from self.problems(branch, f"{at}/States/{name}/Branches[{index}]", inside)
            for field in ("ItemProcessor", "Iterator"):
                if isinstance(body.get(field), dict):  # the children of a distributed Map know no variable of outside
                    mode = (body[field].get("ProcessorConfig") or {}).get("Mode")
                    known = frozenset[str]() if mode == "DISTRIBUTED" else inside
                    yield from self.problems(body[field], f"{at}/States/{name}/{field}", known)

    def _state(self, name: str, body: dict[str, Any], at: str, outside: frozenset[str]) -> Iterator[Diagnostic]:
        if len(name) > STATE_CHARACTERS:
            message = (
                f"Invalid State name: {name} exceeds the {STATE_CHARACTERS}-character limit allowed by the service"
            )
            yield Diagnostic(INVALID_STATE, message, at)
        if name in self.states:
            yield Diagnostic(DUPLICATE_STATE, f"Duplicate State name: {name}", at)
        self.states.add(name)
        label = body.get("Label")
        if isinstance(label, str):
            if label in self.labels:
                yield Diagnostic(DUPLICATE_LABEL, f"Duplicate Label name: {label}", f"{at}/Label")
            self.labels.add(label)
        for where, assigned in assignments(body, at):
            for key in assigned:
                variable = self._variable(key, body)
                if variable in outside:
                    message = f"The variable name '{variable}' was already defined in a parent scope."
                    yield Diagnostic(DUPLICATE_VARIABLE, message, f"{where}/{key}")

    def _assigned(self, body: dict[str, Any]) -> set[str]:
        return {self._variable(key, body) for _, assigned in assignments(body, "") for key in assigned}

    def _variable(self, key: str, body: dict[str, Any]) -> str:
        return key if body.get("QueryLanguage", self.language) == "JSONata" else key.removesuffix(".$")
