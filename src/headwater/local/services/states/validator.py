"""Checks a definition as AWS does before it keeps it: every problem found, each with its code and location.

Codes and texts follow AWS's diagnostics (``ValidateStateMachineDefinition``); where no recording of a text is known,
the text says what was expected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from headwater.local.json_problems import json_location, json_problem
from headwater.local.services.states.field_types import machine_types, state_types
from headwater.local.services.states.validator_diagnostics import (
    INVALID_JSON,
    MISSING_TARGET,
    NO_END,
    SCHEMA,
    Diagnostic,
    filled_list,
    required,
)
from headwater.local.services.states.validator_fields import state_fields, top_fields
from headwater.local.services.states.validator_flow import ends, error_rules, transitions, unreachable
from headwater.local.services.states.validator_language import computed, foreign_fields
from headwater.local.services.states.validator_names import Names
from headwater.local.services.states.validator_states import choice, map_fields, wait
from headwater.local.services.states.validator_tasks import task

STATE_TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")


def validate(text: str, type: str = "STANDARD") -> list[Diagnostic]:
    """The problems of the JSON text of a definition for a type of state machine; empty when it is sound."""
    definition, problem = _read(text)
    if problem:
        return [problem]
    # Where a part has the wrong type nothing can be said of what is inside.
    wrong = [Diagnostic(SCHEMA, message, location) for message, location in machine_types(definition)]
    language = definition.get("QueryLanguage", "JSONPath")
    validator = _Validator(language, express=type == "EXPRESS")
    return wrong or [*validator.machine(definition, "", top=True), *Names(language).problems(definition, "")]


def validate_state(text: str, location: str) -> list[Diagnostic]:
    """The problems of one state's definition (``TestState``), which is shown as being at ``location``."""
    body, problem = _read(text)
    if problem:
        return [problem]
    wrong = [Diagnostic(SCHEMA, message, where) for message, where in state_types(body, location)]
    return wrong or list(_Validator("JSONPath").state(body, location, None))


def _read(text: str) -> tuple[dict[str, Any], Diagnostic | None]:
    """The object of a text, or the problem that it is none."""
    try:
        found = json.loads(text) if text.strip() else None
    except ValueError as error:
        where = json_location(text, error)
        return {}, Diagnostic(INVALID_JSON, f"{json_problem(text, error)}\n at {where}", where)
    if not isinstance(found, dict):
        return {}, Diagnostic(SCHEMA, "Definition must be a valid JSON object", None)
    return found, None


class _Validator:
    def __init__(self, language: str, express: bool = False) -> None:
        self.language = language
        self.express = express

    def machine(self, machine: Any, at: str, top: bool = False) -> Iterator[Diagnostic]:
        """A machine, a Parallel's branch or a Map's processor."""
        if not isinstance(machine, dict):
            yield Diagnostic(SCHEMA, "Expected value of type Object", at or "/")
            return
        yield from required(machine, ("States", "StartAt"), at)
        if not top and "QueryLanguage" in machine:
            yield Diagnostic(SCHEMA, "Field 'QueryLanguage' is not supported", at)
        if top and self.language not in ("JSONPath", "JSONata"):
            yield Diagnostic(SCHEMA, "Value should be one of the following: [JSONPath, JSONata]", "/QueryLanguage")
            return
        if top:
            yield from top_fields(machine)
        if "States" not in machine or "StartAt" not in machine:
            return
        states, start = machine.get("States"), machine.get("StartAt")
        if states is None or start is None:
            return
        if not states:
            yield Diagnostic(SCHEMA, "Value cannot be empty", f"{at}/States")
        if start not in states:
            yield Diagnostic(MISSING_TARGET, f"Missing 'Next' target: {start}", f"{at}/StartAt")
        for name, body in states.items():
            where = f"{at}/States/{name}"
            if not isinstance(body, dict):
                yield Diagnostic(SCHEMA, "Expected value of type Object", where)
                continue
            yield from self.state(body, where, states)
        if top and not any(ends(body) for body in states.values() if isinstance(body, dict)):
            yield Diagnostic(NO_END, "Workflow has no terminal state", None)  # and nothing of reachability
            return
        yield from unreachable(states, start, at)

    def state(self, body: dict[str, Any], at: str, states: dict[str, Any] | None) -> Iterator[Diagnostic]:
        """One state; ``states`` is None when it stands alone."""
        here = at or "/"
        kind = body.get("Type")
        if kind is None:
            yield Diagnostic(SCHEMA, "The field 'Type' is required", here)
            return
        if kind not in STATE_TYPES:
            choices = ", ".join(STATE_TYPES)
            yield Diagnostic(SCHEMA, f"The field 'Type' should have one of these values: [{choices}]", f"{at}/Type")
            return
        language = body.get("QueryLanguage", self.language)
        if language not in ("JSONPath", "JSONata"):
            message = "Value should be one of the following: [JSONPath, JSONata]"
            yield Diagnostic(SCHEMA, message, f"{at}/QueryLanguage")
            return
        if language == "JSONPath" and self.language == "JSONata":
            message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
            yield Diagnostic(SCHEMA, message, here)
            return
        yield from state_fields(body, at)
        yield from transitions(body, at, states)
        yield from foreign_fields(body, at, language)
        yield from computed(body, at, language)
        yield from error_rules(body, at, language)
        yield from self._typed(body, at, language)

    def _typed(self, body: dict[str, Any], at: str, language: str) -> Iterator[Diagnostic]:
        match body["Type"]:
            case "Wait":
                yield from wait(body, at, language)
            case "Choice":
                yield from choice(body, at, language)
            case "Task":
                yield from task(body, at, self.express)
            case "Parallel":
                yield from self._parallel(body, at)
            case "Map":
                yield from self._map(body, at)

    def _parallel(self, body: dict[str, Any], at: str) -> Iterator[Diagnostic]:
        branches = yield from filled_list(body, "Branches", at)
        for index, branch in enumerate(branches):
            yield from self.machine(branch, f"{at}/Branches[{index}]")

    def _map(self, body: dict[str, Any], at: str) -> Iterator[Diagnostic]:
        field = "ItemProcessor" if "ItemProcessor" in body else "Iterator"
        if field not in body:
            message = "This object should have only one of the following fields: [ItemProcessor, Iterator]"
            yield Diagnostic(SCHEMA, message, at or "/")
            return
        yield from self.machine(body[field], f"{at}/{field}")
        yield from map_fields(body, at, field, self.express)
