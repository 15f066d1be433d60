"""What a target is sent: the event, a constant (Input), a part of it (InputPath), or a template (InputTransformer).

Source: EventBridge User Guide, "Amazon EventBridge input transformation" (2026): values are not escaped where they
stand inside a string, an object there loses its quotes, a path that finds nothing leaves nothing, JSON is minified.

Not faithful to AWS: a placeholder outside a string whose path finds nothing becomes ``""``, so that JSON stays JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]

PATH = re.compile(r"\$(?:\.(?:\*|[\w/:-]+)|\[(?:\d+|\*)\])*")
STEP = re.compile(r"\.([\w/:*-]+)|\[(\d+|\*)\]")
PLACEHOLDER = re.compile(r"<([A-Za-z0-9._-]+)>")
RESERVED = frozenset(
    {
        "aws.events.event",
        "aws.events.event.ingestion-time",
        "aws.events.event.json",
        "aws.events.rule-arn",
        "aws.events.rule-name",
    }
)
MISSING = object()


@dataclass(frozen=True)
class Origin:
    """Where an event came through: the rule, and when it was received (ISO 8601)."""

    rule_arn: str
    rule_name: str
    received: str


def target_input(target: dict[str, Any], event: Event, origin: Origin) -> str:
    """The text that a target is sent for an event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        found = extract(event, target["InputPath"])
        return compact(None if found is MISSING else found)
    if "InputTransformer" in target:
        return _transformed(target["InputTransformer"], event, origin)
    return compact(event)


def check_input(target: dict[str, Any]) -> str | None:
    """Why a target's input is refused, or None."""
    given = [name for name in ("Input", "InputPath", "InputTransformer") if name in target]
    name = target["Id"]
    if len(given) > 1:
        return f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
    if "Input" in target and not _is_json(target["Input"]):
        return f"JSON syntax error in input for target {name}."
    if "InputPath" in target and not PATH.fullmatch(target["InputPath"]):
        return f"Invalid InputPath for target {name}: {target['InputPath']}."
    if "InputTransformer" in target:
        return _check_transformer(name, target["InputTransformer"])
    return None


def _check_transformer(name: str, transformer: dict[str, Any]) -> str | None:
    paths, template = transformer.get("InputPathsMap", {}), transformer["InputTemplate"]
    for variable, path in paths.items():
        if variable.lower().startswith("aws."):
            return f"InputPathsMap for target {name}: the variable {variable} must not begin with AWS."
        if not PATH.fullmatch(path):
            return f"Invalid InputPathsMap for target {name}: {variable} is not a JSON path: {path}."
    unknown = sorted(set(PLACEHOLDER.findall(template)) - set(paths) - RESERVED)
    if unknown:
        return f"InputTemplate for target {name} names {', '.join(unknown)}, which InputPathsMap does not define."
    if template.lstrip().startswith("{") and not _is_json(_filled(template, lambda _, quoted: "x" if quoted else "0")):
        return f"Invalid InputTemplate for target {name}: it is no JSON once its placeholders have values."
    return None


def extract(event: Any, path: str) -> Any:
    """What a JSON path finds in an event; :data:`MISSING` when nothing. A wildcard finds a list."""
    found, many = [event], False
    for name, index in STEP.findall(path[1:]):
        many = many or "*" in (name, index)
        found = [inner for value in found for inner in _step(value, name, index)]
    if many:
        return found
    return found[0] if found else MISSING


def _step(value: Any, name: str, index: str) -> list[Any]:
    if "*" in (name, index):
        return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
    if name:
        return [value[name]] if isinstance(value, dict) and name in value else []
    return [value[int(index)]] if isinstance(value, list) and int(index) < len(value) else []


def _transformed(transformer: dict[str, Any], event: Event, origin: Origin) -> str:
    values: dict[str, Any] = {
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.ingestion-time": origin.received,
        "aws.events.event.json": event,
        "aws.events.rule-arn": origin.rule_arn,
        "aws.events.rule-name": origin.rule_name,
    }
    for variable, path in transformer.get("InputPathsMap", {}).items():
        found = extract(event, path)
        values[variable] = "" if found is MISSING else found

    def value(name: str, quoted: bool) -> str:
        found = values[name]
        if not quoted:
            return compact(found)
        return found if isinstance(found, str) else compact(found).replace('"', "")

    text = _filled(transformer["InputTemplate"], value)
    return compact(json.loads(text)) if _is_json(text) else text


def _filled(template: str, value: Any) -> str:
    """The template with ``value(name, quoted)`` for each placeholder; ``quoted`` where it stands inside a string."""
    filled: list[str] = []
    position, quoted = 0, False
    while position < len(template):
        character = template[position]
        placeholder = PLACEHOLDER.match(template, position) if character == "<" else None
        if placeholder:
            filled.append(value(placeholder[1], quoted))
            position = placeholder.end()
            continue
        if character == "\\" and quoted:
            filled.append(template[position : position + 2])
            position += 2
            continue
        quoted ^= character == '"'
        filled.append(character)
        position += 1
    return "".join(filled)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def compact(value: Any) -> str:
    """Minified JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
