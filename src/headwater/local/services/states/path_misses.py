"""Why a path led nowhere, in the words of Jayway JsonPath, which AWS runs. Only read when it did.

Source: errors measured on AWS and published with floci's issues, 2026, and JsonPath 2.9; read 2026-11-25.
"""

from __future__ import annotations

from typing import Any

from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.paths import MISSING, Path, Scope

NULL_INPUT = "Unable to apply Path transformation to null or empty input."
_PROVIDER = "com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider"


def root_of(path: Path, scope: Scope) -> Any:
    """What the path begins at."""
    if path.root == "input":
        return scope.input
    return scope.context if path.root == "context" else scope.variables.get(path.variable, MISSING)


def miss(path: Path, root: Any) -> str:
    """Jayway's text for a definite path that leads nowhere from ``root``."""
    at, value = "$", root
    for number, segment in enumerate(path.segments, 1):
        key = segment.key
        if isinstance(key, int):
            if not isinstance(value, list):
                return f"Filter: [{key}] can only be applied to arrays. Current context is: {dumps(value)}"
            at += segment.text
            if not -len(value) <= key < len(value):
                return f"No results for path: {at}"
            value = value[key]
            continue
        if not isinstance(value, dict):
            return (
                f"Expected to find an object with property {segment.text} in path {at} but found "
                f"'com.fasterxml.jackson.databind.node.{_node(value)}'. This is not a json object according to the "
                f"JsonProvider: '{_PROVIDER}'."
            )
        at += segment.text
        if key not in value:
            return f"No results for path: {at}" if number == len(path.segments) else f"Missing property in path {at}"
        value = value[key]
    return f"No results for path: {path.canonical()}"


def is_past_the_end(path: Path, root: Any) -> bool:
    """Whether all that is wrong is an index that is out of range in the path's last step."""
    if not path.segments or not isinstance(path.segments[-1].key, int) or not path.definite:
        return False
    parent = Path(path.text, path.root, path.variable, path.segments[:-1]).read_value(root)
    return isinstance(parent, list)


def _node(value: Any) -> str:
    """Jackson's class for a value that is no object."""
    if value is None:
        return "NullNode"
    if isinstance(value, bool):
        return "BooleanNode"
    if isinstance(value, int):
        return "IntNode" if -(1 << 31) <= value < 1 << 31 else "LongNode"
    return "TextNode" if isinstance(value, str) else "ArrayNode" if isinstance(value, list) else "DoubleNode"
