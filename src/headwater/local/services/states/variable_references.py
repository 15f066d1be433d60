"""Which variables each state of a definition reads: ``variableReferences`` of ``DescribeStateMachine``.

Source: Step Functions API Reference, "DescribeStateMachine", and answers recorded 2024-11, read 2026-11-25.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from headwater.local.services.states.jsonata_expressions import source_of

_INSIDE = frozenset({"Branches", "Comment", "ItemProcessor", "Iterator", "Result"})
_NAME = r"(?<![A-Za-z0-9_$])\$([A-Za-z_][A-Za-z0-9_]*)"
_PATH_VARIABLE = re.compile(_NAME)
_EXPRESSION_VARIABLE = re.compile(_NAME + r"(?![A-Za-z0-9_]|\s*\()")
_BOUND = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)\s*:=|function\s*\(([^)]*)\)")
_TEXTS = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`""")


@lru_cache(maxsize=256)
def variable_references(definition: str) -> dict[str, list[str]]:
    """State name → names of variables, sorted; states that read none are left out."""
    machine = json.loads(definition)
    found: dict[str, set[str]] = {}
    _machine(machine, machine.get("QueryLanguage", "JSONPath"), found)
    return {name: sorted(names) for name, names in found.items() if names}


def _machine(machine: dict[str, Any], language: str, found: dict[str, set[str]]) -> None:
    for name, state in machine["States"].items():
        jsonata = state.get("QueryLanguage", language) == "JSONata"
        own = {key: value for key, value in state.items() if key not in _INSIDE}
        found.setdefault(name, set()).update(_expressions(own) if jsonata else _paths(own, False))
        for part in (*state.get("Branches", ()), state.get("ItemProcessor"), state.get("Iterator")):
            if part is not None:
                _machine(part, language, found)


def _paths(value: Any, is_path: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, key == "Variable" or key.endswith(("Path", ".$")))
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, False)
    elif is_path and isinstance(value, str):
        yield from _PATH_VARIABLE.findall(_TEXTS.sub("", value))


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _expressions(item)
    elif isinstance(value, str) and (source := source_of(value)) is not None:
        plain = _TEXTS.sub("", source)
        bound = {"states"}
        for name, parameters in _BOUND.findall(plain):
            bound |= {name, *(each.strip().lstrip("$") for each in parameters.split(","))}
        yield from (name for name in _EXPRESSION_VARIABLE.findall(plain) if name not in bound)
