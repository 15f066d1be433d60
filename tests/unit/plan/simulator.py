"""A small walker of compiled definitions: real JSONata, no services, no time. Tasks answer from a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.local.services.states.jsonata_expressions import UNDEFINED, compile_expression, source_of

Task = Callable[[str, dict[str, Any], Any], Any]


class Failure(Exception):
    """A state's error, as Step Functions names it."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class Simulator:
    """Walks a definition once.

    ``task(name, state, arguments)`` answers a task or raises :class:`Failure`. ``visited`` are the states in the order
    entered; branches run one after another.
    """

    def __init__(self, definition: dict[str, Any], task: Task, run_input: dict[str, Any]) -> None:
        self.definition = definition
        self.task = task
        self.visited: list[str] = []
        self.arguments: dict[str, Any] = {}
        self.context = {
            "Execution": {
                "Id": "arn:aws:states:us-east-1:000000000000:execution:m:run-1",
                "Name": "run-1",
                "Input": run_input,
                "StartTime": "2026-11-22T00:00:00.000Z",
                "RedriveCount": 0,
            }
        }

    def run(self) -> Any:
        return self._machine(self.definition, self.context["Execution"]["Input"], {})

    def _machine(self, machine: dict[str, Any], given: Any, variables: dict[str, Any]) -> Any:
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            self.visited.append(name)
            try:
                given, following = self._state(name, state, given, variables)
            except Failure as failure:
                catcher = next(iter(state.get("Catch", ())), None)
                if catcher is None:
                    raise
                error = {"Error": failure.error, "Cause": failure.cause}
                scope = {"input": given, "errorOutput": error, "context": self.context}
                variables.update(self._evaluate(catcher.get("Assign", {}), scope, variables))
                given, following = self._evaluate(catcher["Output"], scope, variables), catcher["Next"]
            if following is None:
                return given
            name = following

    def _state(self, name: str, state: dict[str, Any], given: Any, variables: dict[str, Any]) -> tuple[Any, str | None]:
        scope = {"input": given, "context": {**self.context, "State": {"Name": name, "RetryCount": 0}}}
        kind = state["Type"]
        if kind == "Fail":
            told = [self._evaluate(state[part], scope, variables) for part in ("Error", "Cause")]
            raise Failure(*told)
        if kind == "Choice":
            return self._choice(state, given, scope, variables)
        if kind == "Wait":
            assert self._evaluate(state["Seconds"], scope, variables) > 0
        if kind == "Task":
            arguments = self._evaluate(state["Arguments"], scope, variables)
            self.arguments[name] = arguments
            scope["result"] = self.task(name, state, arguments)
        if kind == "Parallel":
            branches = state["Branches"]
            scope["result"] = [self._machine(branch, given, dict(variables)) for branch in branches]
        assigned = self._evaluate(state.get("Assign", {}), scope, variables)
        output = self._evaluate(state["Output"], scope, variables) if "Output" in state else given
        variables.update(assigned)
        return output, None if state.get("End") or kind == "Succeed" else state["Next"]

    def _choice(
        self, state: dict[str, Any], given: Any, scope: dict[str, Any], variables: dict[str, Any]
    ) -> tuple[Any, str]:
        for rule in state["Choices"]:
            held = self._evaluate(rule["Condition"], scope, variables)
            assert isinstance(held, bool), f"{rule['Condition']} is {held!r}, and Step Functions wants a boolean"
            if held:
                variables.update(self._evaluate(rule.get("Assign", {}), scope, variables))
                return given, rule["Next"]
        return given, state["Default"]

    def _evaluate(self, value: Any, scope: dict[str, Any], variables: dict[str, Any]) -> Any:
        if isinstance(value, dict):
            return {key: self._evaluate(item, scope, variables) for key, item in value.items()}
        if isinstance(value, list):
            return [self._evaluate(item, scope, variables) for item in value]
        source = source_of(value) if isinstance(value, str) else None
        if source is None:
            return value
        found = compile_expression(source).evaluate({**variables, "states": scope})
        if found is UNDEFINED:
            raise Failure("States.QueryEvaluationError", f"{source} returned nothing (undefined)")
        return found
