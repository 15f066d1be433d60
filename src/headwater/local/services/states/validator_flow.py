"""Checks where a state leads: the targets of its transitions, its retriers and catchers, and what is never reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headwater.local.services.states.validator_diagnostics import (
    MISSING_TARGET,
    SCHEMA,
    Diagnostic,
    listed,
    one_of,
    required,
)
from headwater.local.services.states.validator_expressions import reference_path

MOVES_ON = frozenset({"Map", "Parallel", "Pass", "Task", "Wait"})
TERMINAL = frozenset({"Fail", "Succeed"})


def transitions(body: dict[str, Any], at: str, states: dict[str, Any] | None) -> Iterator[Diagnostic]:
    """That a state leads somewhere, and to states that there are; ``states`` is None when it stands alone."""
    kind = body["Type"]
    if states is None:
        return
    if kind in MOVES_ON:
        yield from one_of({field for field in ("Next", "End") if body.get(field)}, ["Next", "End"], at or "/")
    targets = [("Next", body.get("Next")), ("Default", body.get("Default"))]
    for field in ("Choices", "Catch"):
        for index, rule in enumerate(listed(body, field)):
            if isinstance(rule, dict):
                targets.append((f"{field}[{index}]/Next", rule.get("Next")))
    for field, target in targets:
        if target is not None and target not in states:
            yield Diagnostic(MISSING_TARGET, f"Missing 'Next' target: {target}", f"{at}/{field}")


def error_rules(body: dict[str, Any], at: str, language: str) -> Iterator[Diagnostic]:
    """The retriers and catchers of a state."""
    for field in ("Retry", "Catch"):
        rules = body.get(field, [])
        if field in body and body["Type"] not in ("Map", "Parallel", "Task"):
            continue  # refused as a whole
        if not isinstance(rules, list):
            yield Diagnostic(SCHEMA, "Expected value of type Array", f"{at}/{field}")
            continue
        for index, rule in enumerate(rules):
            where = f"{at}/{field}[{index}]"
            needed = ("ErrorEquals", "Next") if field == "Catch" else ("ErrorEquals",)
            yield from required(rule, needed, where)
            if language == "JSONPath" and rule.get("ResultPath") is not None:
                yield from reference_path(rule["ResultPath"], f"{where}/ResultPath")
            names = rule.get("ErrorEquals", [])
            if "States.ALL" in names and (len(names) > 1 or index < len(rules) - 1):
                message = "States.ALL must appear alone and at end of list"
                yield Diagnostic(SCHEMA, message, f"{where}/ErrorEquals[{names.index('States.ALL')}]")


def ends(body: dict[str, Any]) -> bool:
    """Whether the machine may end after this state."""
    return bool(body.get("End") and "Type" in body) or body.get("Type") in TERMINAL


def unreachable(states: dict[str, Any], start: Any, at: str) -> Iterator[Diagnostic]:
    """The states that no transition leads to."""
    reached = {start} & states.keys()
    waiting = list(reached)
    while waiting:
        body = states[waiting.pop()]
        if not isinstance(body, dict):
            continue
        rules = [r for f in ("Choices", "Catch") for r in listed(body, f)]
        targets = [body.get("Next"), body.get("Default"), *(r.get("Next") for r in rules if isinstance(r, dict))]
        for target in targets:
            if isinstance(target, str) and target in states and target not in reached:
                reached.add(target)
                waiting.append(target)
    for name in states:
        if name not in reached:
            yield Diagnostic(MISSING_TARGET, f'State "{name}" is not reachable.', f"{at}/States/{name}")
