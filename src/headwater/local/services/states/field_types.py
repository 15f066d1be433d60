"""The JSON types of a definition's fields, checked before anything looks inside them.

AWS's text for a wrong type is ``Expected value of type <Type>`` at the field's location.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_NAMES: dict[str, tuple[type, ...]] = {
    "Array": (list,),
    "Boolean": (bool,),
    "Integer": (int,),
    "Number": (int, float),
    "Object": (dict,),
    "String": (str,),
}
_RULE = {"ErrorEquals": "Array", "Next": "String"}
# Fields of a machine, a state, a retrier and a catcher; what is not listed may be anything.
MACHINE = {
    "Comment": "String",
    "QueryLanguage": "String",
    "StartAt": "String",
    "States": "Object",
    "TimeoutSeconds": "Integer",
    "Version": "String",
}
STATE = {
    "Assign": "Object",
    "Branches": "Array",
    "Catch": "Array",
    "Choices": "Array",
    "Comment": "String",
    "Default": "String",
    "End": "Boolean",
    "ItemBatcher": "Object",
    "ItemProcessor": "Object",
    "ItemReader": "Object",
    "Iterator": "Object",
    "Label": "String",
    "Next": "String",
    "QueryLanguage": "String",
    "Resource": "String",
    "ResultWriter": "Object",
    "Retry": "Array",
    "Type": "String",
}
# JSONata may give expressions instead, which are texts.
JSONPATH_NUMBERS = {
    "HeartbeatSeconds": "Integer",
    "MaxConcurrency": "Integer",
    "TimeoutSeconds": "Integer",
    "ToleratedFailureCount": "Integer",
    "ToleratedFailurePercentage": "Number",
}
JSONPATH_TEXTS = {"Cause": "String", "Error": "String"}
RETRIER = {
    **_RULE,
    "BackoffRate": "Number",
    "IntervalSeconds": "Integer",
    "JitterStrategy": "String",
    "MaxAttempts": "Integer",
    "MaxDelaySeconds": "Integer",
}
CATCHER = _RULE
NOT_EMPTY = frozenset({"And", "ErrorEquals", "Or"})
MOST = 99_999_999
LEAST = {**dict.fromkeys(JSONPATH_NUMBERS, 0), "IntervalSeconds": 0, "MaxAttempts": 0, "MaxDelaySeconds": 1}
LEAST |= {"BackoffRate": 1, "HeartbeatSeconds": 1}
STATE_LEAST = {**LEAST, "TimeoutSeconds": 1}
GREATEST = {"HeartbeatSeconds": MOST, "MaxAttempts": MOST, "MaxDelaySeconds": 31_622_400, "TimeoutSeconds": MOST}
GREATEST |= {"ToleratedFailurePercentage": 100}
PROCESSOR = {"ExecutionType": "String", "Mode": "String"}
OPERATORS = {"Boolean": "Boolean", "Is": "Boolean", "Numeric": "Number", "String": "String", "Timestamp": "String"}


def is_type(value: Any, name: str) -> bool:
    """Whether a value is of one of the types; true and false are no numbers."""
    return isinstance(value, _NAMES[name]) and (name == "Boolean" or not isinstance(value, bool))


def wrong_types(
    body: dict[str, Any], fields: dict[str, str], at: str, least: dict[str, int] = LEAST
) -> Iterator[tuple[str, str]]:
    """(text, location) of every field that is there with another type, or below ``least`` or its greatest value."""
    for field, name in fields.items():
        if field not in body:
            continue
        if not is_type(body[field], name):
            yield f"Expected value of type {name}", f"{at}/{field}"
        elif name in ("Integer", "Number"):
            yield from _range(body[field], least.get(field), GREATEST.get(field), f"{at}/{field}")
        elif field in NOT_EMPTY and not body[field]:
            yield "Value cannot be empty", f"{at}/{field}"


def _range(value: float, least: int | None, greatest: int | None, at: str) -> Iterator[tuple[str, str]]:
    if least is not None and value < least:
        yield f"Minimum value is {least}", at
    elif greatest is not None and value > greatest:
        yield f"Maximum value is {greatest}", at


def operand_type(operator: str) -> str:
    """The type that a choice operator's operand must have."""
    if operator.endswith("Path"):
        return "String"
    return next(name for prefix, name in OPERATORS.items() if operator.startswith(prefix))


def machine_types(machine: Any, at: str = "", jsonata: bool | None = None) -> Iterator[tuple[str, str]]:
    """(text, location) of every part of a machine that has another type than it must have, states inside included."""
    if not isinstance(machine, dict):
        yield "Expected value of type Object", at or "/"
        return
    yield from wrong_types(machine, MACHINE, at)
    expressions = machine.get("QueryLanguage") == "JSONata" if jsonata is None else jsonata
    states = machine.get("States")
    for name, body in states.items() if isinstance(states, dict) else ():
        yield from state_types(body, f"{at}/States/{name}", expressions)


def state_types(body: Any, at: str, jsonata: bool = False) -> Iterator[tuple[str, str]]:
    """The same of one state."""
    if not isinstance(body, dict):
        yield "Expected value of type Object", at or "/"
        return
    yield from wrong_types(body, STATE, at)
    numbers = body
    if body["QueryLanguage"] != "JSONata" if "QueryLanguage" in body else not jsonata:
        yield from wrong_types(body, JSONPATH_TEXTS, at)
    else:
        numbers = {field: value for field, value in body.items() if not str(value).startswith("{%")}
    yield from wrong_types(numbers, JSONPATH_NUMBERS, at, STATE_LEAST)
    for field in (
        name for name in body if name.endswith("Path") and name not in ("InputPath", "OutputPath", "ResultPath")
    ):
        yield from wrong_types(body, {field: "String"}, at)
    for field, fields in (("Retry", RETRIER), ("Catch", CATCHER)):
        for index, rule in enumerate(_list(body.get(field))):
            yield from _error_rule(rule, fields, f"{at}/{field}[{index}]")
    for index, rule in enumerate(_list(body.get("Choices"))):
        yield from _choice_rule(rule, f"{at}/Choices[{index}]")
    for index, branch in enumerate(_list(body.get("Branches"))):
        yield from machine_types(branch, f"{at}/Branches[{index}]", jsonata)
    for field in ("ItemProcessor", "Iterator"):
        if isinstance(body.get(field), dict):
            yield from machine_types(body[field], f"{at}/{field}", jsonata)
            yield from wrong_types(body[field], {"ProcessorConfig": "Object"}, f"{at}/{field}")
            yield from wrong_types(_object(body[field], "ProcessorConfig"), PROCESSOR, f"{at}/{field}/ProcessorConfig")
    for field, inner in (("ItemReader", "ReaderConfig"), ("ResultWriter", "WriterConfig")):
        yield from wrong_types(_object(body, field), {inner: "Object", "Resource": "String"}, f"{at}/{field}")


def _error_rule(rule: Any, fields: dict[str, str], at: str) -> Iterator[tuple[str, str]]:
    if not isinstance(rule, dict):
        yield "Expected value of type Object", at
        return
    yield from wrong_types(rule, fields, at)
    for index, name in enumerate(_list(rule.get("ErrorEquals"))):
        if not isinstance(name, str):
            yield "Expected value of type String", f"{at}/ErrorEquals[{index}]"


def _choice_rule(rule: Any, at: str) -> Iterator[tuple[str, str]]:
    if not isinstance(rule, dict):
        yield "Expected value of type Object", at
        return
    yield from wrong_types(
        rule, {"And": "Array", "Next": "String", "Not": "Object", "Or": "Array", "Variable": "String"}, at
    )
    for field in rule:
        if field.startswith(tuple(OPERATORS)):
            yield from wrong_types(rule, {field: operand_type(field)}, at)
    for field in ("And", "Or"):
        for index, part in enumerate(_list(rule.get(field))):
            yield from _choice_rule(part, f"{at}/{field}[{index}]")
    if isinstance(rule.get("Not"), dict):
        yield from _choice_rule(rule["Not"], f"{at}/Not")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(body: dict[str, Any], field: str) -> dict[str, Any]:
    found = body.get(field)
    return found if isinstance(found, dict) else {}
