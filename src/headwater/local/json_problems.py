"""What AWS says of a text that is no JSON: the words of Jackson, the parser that it uses.

Source: answers of ``StartExecution``, recorded 2023-06, and of ``ValidateStateMachineDefinition``, recorded 2025-10,
read 2026-11-25. What is not known is said in Python's words.
"""

from __future__ import annotations

import json
import re

_VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_SOURCE = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")

_SHOWN_CHARACTERS = 500


def json_problem(text: str, error: ValueError) -> str:
    """The problem that reading ``text`` as JSON met."""
    if not isinstance(error, json.JSONDecodeError) or error.pos >= len(text):
        return str(error)
    character = text[error.pos]
    shown = f"Unexpected character ('{character}' (code {ord(character)}))"
    if error.msg.startswith("Expecting property name"):
        return f"{shown}: was expecting double-quote to start field name"
    if error.msg == "Expecting value":
        word = _WORD.match(text, error.pos)
        if word:
            return f"Unrecognized token '{word.group()}': was expecting {_VALUES}"
        return f"{shown}: expected a valid value {_VALUES}"
    return str(error)


def json_location(text: str, error: ValueError) -> str:
    """Where in ``text`` the problem is, as that parser says it: behind what it could not read."""
    source = text[:_SHOWN_CHARACTERS]
    if len(text) > _SHOWN_CHARACTERS:
        source += f"[truncated {len(text) - _SHOWN_CHARACTERS} chars]"
    if not isinstance(error, json.JSONDecodeError):
        return f'[Source: (String)"{source}"]'
    word = _WORD.match(text, error.pos)
    column = error.colno + (len(word.group()) if word else 1)
    return f'[Source: (String)"{source}"; line: {error.lineno}, column: {column}]'


_BRACKETS = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\]]', re.DOTALL)


def located_json_problem(text: str, error: ValueError) -> str:
    """The same, with where the parser was; of a source that it does not show (recorded 2026, read 2026-11-25)."""
    if not isinstance(error, json.JSONDecodeError):
        return f"{error}\n at {_place(text, 0)}"
    if error.pos < len(text):
        word = _WORD.match(text, error.pos) if error.msg == "Expecting value" else None
        return f"{json_problem(text, error)}\n at {_place(text, word.end() if word else error.pos)}"
    opened: list[tuple[str, int]] = []
    for found in _BRACKETS.finditer(text):
        if found.group() in ("{", "["):
            opened.append((found.group(), found.start()))
        elif found.group() in ("}", "]") and opened:
            opened.pop()
    problem = "Unexpected end-of-input"
    if opened:
        bracket, start = opened[-1]
        kind = "Object" if bracket == "{" else "Array"
        problem += f": expected close marker for {kind} (start marker at {_place(text, start)})"
    return f"{problem}\n at {_place(text, error.pos)}"


def _place(text: str, position: int) -> str:
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    return f"[Source: {_SOURCE}; line: {line}, column: {column}]"
