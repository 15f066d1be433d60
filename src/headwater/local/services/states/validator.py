"""Checks a definition as AWS does before it keeps it: every problem found, each with its code and location.

Codes and texts follow AWS's diagnostics (``ValidateStateMachineDefinition``); where no recording of a text is known,
the text says what was expected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from headwater.local import member_names
from headwater.local.services.states import choice_rules, integrations
from headwater.local.services.states.field_types import machine_types, state_types
from headwater.local.services.states.integration_api import TOKEN
from headwater.local.services.states.intrinsics import compile_intrinsic
from headwater.local.json_problems import json_location, json_problem
from headwater.local.services.states.jsonata_errors import ExpressionError
from headwater.local.services.states.jsonata_expressions import compile_expression, source_of
from headwater.local.services.states.path_parser import compile_path
from headwater.local.services.states.paths import PathSyntaxError
from headwater.local.services.states.reference_paths import compile_reference_path
from headwater.local.services.states.timestamps import parse_timestamp

SCHEMA = "SCHEMA_VALIDATION_FAILED"
MISSING_TARGET = "MISSING_TRANSITION_TARGET"
INVALID_JSON = "INVALID_JSON_DESCRIPTION"
NO_END = "MISSING_END_STATE"
INVALID_JSONATA = "INVALID_JSONATA_EXPRESSION"
UNSUPPORTED_JSONATA = "UNSUPPORTED_JSONATA_EXPRESSION"
STATE_TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")
READERS = ["arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2"]
INPUT_TYPES = ["CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"]
LABEL_CHARACTERS = 40
VARIABLE_CHARACTERS = 80
TERMINAL = frozenset({"Fail", "Succeed"})
_TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector", "Assign")
_PATHS = (
    "CausePath", "ErrorPath", "HeartbeatSecondsPath", "InputPath", "ItemsPath", "MaxConcurrencyPath", "OutputPath",
    "SecondsPath", "TimeoutSecondsPath", "TimestampPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
)  # fmt: skip
_JSON_PATH_ONLY = frozenset({*_PATHS, "Parameters", "ResultPath", "ResultSelector"})
_JSONATA_ONLY = frozenset({"Arguments", "Items", "Output"})
_ONLY_ON = {
    "TimeoutSeconds": frozenset({"Task"}),
    "Catch": frozenset({"Map", "Parallel", "Task"}),
    "Retry": frozenset({"Map", "Parallel", "Task"}),
}
_NO_EXPRESSIONS = frozenset(
    {"Branches", "Catch", "Choices", "Comment", "ItemProcessor", "Iterator", "Result", "Retry"}
)  # read apart, or kept as text
_CATCHER_EXPRESSIONS = frozenset({"Assign", "Output"})
_EITHER_INTRINSIC = frozenset({"CausePath", "ErrorPath"})


_NOT_IN_LABELS = re.compile(r"""[\s?*<>{}\[\]:;,\\|^~$#%&`"\x00-\x1f\x7f-\x9f]""")
# ``$$`` outside of texts and quoted names.
_WHOLE_INPUT = re.compile(r"\$\$(?![A-Za-z0-9_$])")
_TEXTS = re.compile(r"""\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|/\*.*?\*/""", re.DOTALL)


class Diagnostic(NamedTuple):
    """One problem of a definition."""

    code: str
    message: str
    location: str | None
    severity: str = "ERROR"

    @property
    def text(self) -> str:
        """As ``CreateStateMachine`` puts it into its error."""
        return f"{self.code}: {self.message} at {self.location or 'null'}"


def validate(text: str, type: str = "STANDARD") -> list[Diagnostic]:
    """The problems of the JSON text of a definition for a type of state machine; empty when it is sound."""
    definition, problem = _read(text)
    if problem:
        return [problem]
    # Where a part has the wrong type nothing can be said of what is inside.
    wrong = [Diagnostic(SCHEMA, message, location) for message, location in machine_types(definition)]
    validator = _Validator(definition.get("QueryLanguage", "JSONPath"), express=type == "EXPRESS")
    return wrong or list(validator.machine(definition, "", top=True))


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


def _required(body: dict[str, Any], fields: tuple[str, ...], location: str) -> Iterator[Diagnostic]:
    missing = [field for field in fields if field not in body]
    if missing:
        yield Diagnostic(SCHEMA, f"These fields are required: [{', '.join(missing)}]", location or "/")


class _Validator:
    def __init__(self, language: str, express: bool = False) -> None:
        self.language = language
        self.express = express

    def machine(self, machine: Any, at: str, top: bool = False) -> Iterator[Diagnostic]:
        """A machine, a Parallel's branch or a Map's processor."""
        if not isinstance(machine, dict):
            yield Diagnostic(SCHEMA, "Expected value of type Object", at or "/")
            return
        yield from _required(machine, ("States", "StartAt"), at)
        if not top and "QueryLanguage" in machine:
            yield Diagnostic(SCHEMA, "Field 'QueryLanguage' is not supported", at)
        if top and self.language not in ("JSONPath", "JSONata"):
            yield Diagnostic(
                SCHEMA, "The value for the field 'QueryLanguage' must be JSONPath or JSONata", "/QueryLanguage"
            )
            return
        if "States" not in machine or "StartAt" not in machine:
            return
        states, start = machine.get("States"), machine.get("StartAt")
        if states is None or start is None:
            return
        if not isinstance(states, dict) or not states:
            yield Diagnostic(SCHEMA, "The field 'States' must be an object with at least one state", f"{at}/States")
            return
        if start not in states:
            yield Diagnostic(MISSING_TARGET, f"Missing 'Next' target: {start}", f"{at}/StartAt")
        for name, body in states.items():
            where = f"{at}/States/{name}"
            if not isinstance(body, dict):
                yield Diagnostic(SCHEMA, "Expected value of type Object", where)
                continue
            yield from self.state(body, where, states)
        if top and not any(_ends(body) for body in states.values() if isinstance(body, dict)):
            yield Diagnostic(NO_END, "Workflow has no terminal state", None)  # and nothing of reachability
            return
        yield from _unreachable(states, start, at)

    def state(self, body: dict[str, Any], at: str, states: dict[str, Any] | None) -> Iterator[Diagnostic]:
        """One state; ``states`` is None when it stands alone."""
        here = at or "/"
        kind = body.get("Type")
        if kind is None:
            yield from _required(body, ("Type",), at)
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
        for field, kinds in _ONLY_ON.items():
            if field in body and kind not in kinds:
                yield Diagnostic(SCHEMA, f"Field '{field}' is not supported", here)
        yield from self._transitions(body, at, states)
        yield from self._language(body, at, language)
        yield from self._common(body, at, language)
        yield from getattr(self, f"_{kind.lower()}", lambda *_: ())(body, at, language, states)

    def _transitions(self, body: dict[str, Any], at: str, states: dict[str, Any] | None) -> Iterator[Diagnostic]:
        kind = body["Type"]
        if kind not in TERMINAL and kind != "Choice" and states is not None and not body.get("End"):
            if "Next" not in body:
                yield Diagnostic(SCHEMA, "These fields are required: [Next] or [End]", at or "/")
        if states is None:
            return
        targets = [("Next", body.get("Next")), ("Default", body.get("Default"))]
        for field in ("Choices", "Catch"):
            rules = body.get(field)
            for index, rule in enumerate(rules if isinstance(rules, list) else ()):
                if isinstance(rule, dict):
                    targets.append((f"{field}[{index}]/Next", rule.get("Next")))
        for field, target in targets:
            if target is not None and target not in states:
                yield Diagnostic(MISSING_TARGET, f"Missing 'Next' target: {target}", f"{at}/{field}")

    def _language(self, body: dict[str, Any], at: str, language: str) -> Iterator[Diagnostic]:
        foreign = _JSON_PATH_ONLY if language == "JSONata" else _JSONATA_ONLY
        other = "JSONPath" if language == "JSONata" else "JSONata"
        for field in body:
            if field in foreign:
                message = (
                    f"The QueryLanguage is set to '{language}', but field '{field}' is only supported for the "
                    f"'{other}' QueryLanguage"
                )
                yield Diagnostic(SCHEMA, message, at or "/")

    def _common(self, body: dict[str, Any], at: str, language: str) -> Iterator[Diagnostic]:
        if language == "JSONata":
            for field, value in body.items():
                if field not in _NO_EXPRESSIONS:
                    yield from _expressions(value, f"{at}/{field}")
            for index, rule in enumerate(_rules(body, "Catch")):
                for field in _CATCHER_EXPRESSIONS & rule.keys() if isinstance(rule, dict) else ():
                    yield from _expressions(rule[field], f"{at}/Catch[{index}]/{field}", caught=True)
        else:
            for field in _PATHS:
                if body.get(field) is not None:
                    yield from _path(body[field], field, at)
            if body.get("ResultPath") is not None:
                yield from _reference(body["ResultPath"], f"{at}/ResultPath")
            for field in _TEMPLATES:
                if field in body:
                    yield from _template(body[field], f"{at}/{field}")
        for where, assigned in _assignments(body, at):
            yield from _variable_names(assigned, where, language)
        yield from _error_rules(body, at)

    # -- one check a type --------------------------------------------------------------------------------------------

    def _wait(self, body: dict[str, Any], at: str, language: str, states: Any) -> Iterator[Diagnostic]:
        given = [field for field in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath") if field in body]
        if len(given) != 1:
            message = "Exactly one of the fields [Seconds, SecondsPath, Timestamp, TimestampPath] is required"
            yield Diagnostic(SCHEMA, message, at or "/")
        timestamp = body.get("Timestamp")
        expression = isinstance(timestamp, str) and language == "JSONata" and source_of(timestamp) is not None
        if timestamp is not None and not expression and parse_timestamp(timestamp) is None:
            yield Diagnostic(SCHEMA, "String does not match RFC3339 timestamp", f"{at}/Timestamp")
        seconds = body.get("Seconds")
        if "Seconds" in body and not (language == "JSONata" and isinstance(seconds, str)):
            if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
                yield Diagnostic(SCHEMA, "Expected value of type Integer", f"{at}/Seconds")

    def _choice(self, body: dict[str, Any], at: str, language: str, states: Any) -> Iterator[Diagnostic]:
        yield from _required(body, ("Choices",), at)
        rules = body.get("Choices")
        if rules is None:
            return
        if not isinstance(rules, list) or not rules:
            yield Diagnostic(SCHEMA, "Value cannot be empty", f"{at}/Choices")
            return
        for index, rule in enumerate(rules):
            where = f"{at}/Choices[{index}]"
            if not isinstance(rule, dict) or "Next" not in rule:
                yield Diagnostic(SCHEMA, "These fields are required: [Next]", where)
            elif language == "JSONata":
                yield from _required(rule, ("Condition",), where)
                yield from _expressions(rule, where)
            else:
                yield from _rule(rule, where)

    def _task(self, body: dict[str, Any], at: str, language: str, states: Any) -> Iterator[Diagnostic]:
        yield from _required(body, ("Resource",), at)
        resource = body.get("Resource")
        if resource is None:
            return
        if not isinstance(resource, str) or not resource.startswith("arn:"):
            yield Diagnostic(SCHEMA, "Value is not a valid resource ARN", f"{at}/Resource")
        elif not _is_recognized(resource):
            message = (
                f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the "
                "resource is not available in this region."
            )
            yield Diagnostic(SCHEMA, message, f"{at}/Resource")
        elif self.express and (unsupported := _not_in_express(resource)):
            message = f"Express state machine does not support {unsupported}"
            yield Diagnostic(SCHEMA, message, f"{at}/Resource")

    def _fail(self, body: dict[str, Any], at: str, language: str, states: Any) -> Iterator[Diagnostic]:
        for field in ("Error", "Cause"):
            if field in body and f"{field}Path" in body:
                yield Diagnostic(SCHEMA, f"Only one of the fields [{field}, {field}Path] is allowed", at or "/")

    def _parallel(self, body: dict[str, Any], at: str, language: str, states: Any) -> Iterator[Diagnostic]:
        yield from _required(body, ("Branches",), at)
        branches = body.get("Branches")
        if branches is None:
            return
        if not isinstance(branches, list) or not branches:
            yield Diagnostic(SCHEMA, "Value cannot be empty", f"{at}/Branches")
            return
        for index, branch in enumerate(branches):
            yield from self.machine(branch, f"{at}/Branches[{index}]")

    def _map(self, body: dict[str, Any], at: str, language: str, states: Any) -> Iterator[Diagnostic]:
        field = "ItemProcessor" if "ItemProcessor" in body else "Iterator"
        if field not in body:
            yield Diagnostic(SCHEMA, "These fields are required: [ItemProcessor]", at or "/")
            return
        yield from self.machine(body[field], f"{at}/{field}")
        configuration = body[field].get("ProcessorConfig", {}) if isinstance(body[field], dict) else {}
        if configuration.get("Mode", "INLINE") != "DISTRIBUTED":
            for only in ("ItemBatcher", "ItemReader", "ResultWriter", "Label"):
                if only in body:
                    yield Diagnostic(
                        SCHEMA, f"The field '{only}' is only supported in distributed mode", f"{at}/{only}"
                    )
            return
        yield from _label(body, at)
        reader = body.get("ItemReader", {})
        if "ItemReader" in body and (not isinstance(reader, dict) or reader.get("Resource") not in READERS):
            yield Diagnostic(
                SCHEMA, f"The field 'Resource' should have one of these values: {READERS}", f"{at}/ItemReader/Resource"
            )
        elif isinstance(reader, dict) and reader.get("ReaderConfig", {}).get("InputType", "JSON") not in INPUT_TYPES:
            yield Diagnostic(
                SCHEMA,
                f"The field 'InputType' should have one of these values: {INPUT_TYPES}",
                f"{at}/ItemReader/ReaderConfig/InputType",
            )


def _assignments(body: dict[str, Any], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(location, Assign) of a state, of its choice rules and of its catchers."""
    bodies = [(at, body)]
    for field in ("Choices", "Catch"):
        bodies += [(f"{at}/{field}[{i}]", rule) for i, rule in enumerate(_rules(body, field)) if isinstance(rule, dict)]
    for where, part in bodies:
        if isinstance(part.get("Assign"), dict):
            yield f"{where}/Assign", part["Assign"]


def _variable_names(assigned: dict[str, Any], at: str, language: str) -> Iterator[Diagnostic]:
    """Names are Unicode identifiers of at most 80 characters, and ``states`` is taken.

    Source: Developer Guide, "Passing data between states with variables", 2025; AWS's words are not known.
    """
    for key in assigned:
        name = key if language == "JSONata" else key.removesuffix(".$")
        if name == "states":
            yield Diagnostic(SCHEMA, "The variable name 'states' is reserved", f"{at}/{key}")
        elif not name.isidentifier() or len(name) > VARIABLE_CHARACTERS:
            expected = f"a Unicode identifier of at most {VARIABLE_CHARACTERS} characters"
            yield Diagnostic(SCHEMA, f"The variable name '{name}' must be {expected}", f"{at}/{key}")


def _label(body: dict[str, Any], at: str) -> Iterator[Diagnostic]:
    """A label is part of ARNs (Developer Guide, "Map state fields", 2025); AWS's words are not known."""
    label = body.get("Label")
    if not isinstance(label, str):
        return
    if not label:
        yield Diagnostic(SCHEMA, "Label cannot be empty", f"{at}/Label")
    elif len(label) > LABEL_CHARACTERS:
        yield Diagnostic(SCHEMA, f"Label cannot exceed {LABEL_CHARACTERS} characters", f"{at}/Label")
    elif found := _NOT_IN_LABELS.search(label):
        yield Diagnostic(SCHEMA, f"Label contains invalid character: {found.group()!r}", f"{at}/Label")


def _ends(body: dict[str, Any]) -> bool:
    return bool(body.get("End")) or body.get("Type") in TERMINAL


def _rules(body: dict[str, Any], field: str) -> list[Any]:
    rules = body.get(field)
    return rules if isinstance(rules, list) else []


def _unreachable(states: dict[str, Any], start: Any, at: str) -> Iterator[Diagnostic]:
    reached = {start} & states.keys()
    waiting = list(reached)
    while waiting:
        body = states[waiting.pop()]
        if not isinstance(body, dict):
            continue
        rules = [r for f in ("Choices", "Catch") for r in _rules(body, f)]
        targets = [body.get("Next"), body.get("Default"), *(r.get("Next") for r in rules if isinstance(r, dict))]
        for target in targets:
            if isinstance(target, str) and target in states and target not in reached:
                reached.add(target)
                waiting.append(target)
    for name in states:
        if name not in reached:
            yield Diagnostic(MISSING_TARGET, f'State "{name}" is not reachable.', f"{at}/States/{name}")


def _path(value: Any, field: str, at: str) -> Iterator[Diagnostic]:
    try:
        if field in _EITHER_INTRINSIC and isinstance(value, str) and value.startswith("States."):
            compile_intrinsic(value)
        else:
            compile_path(value)
    except (PathSyntaxError, TypeError, AttributeError):
        expected = "Value is not a valid JSONPath"
        yield Diagnostic(SCHEMA, expected, f"{at}/{field}")


def _reference(value: Any, at: str) -> Iterator[Diagnostic]:
    try:
        compile_reference_path(value)
    except (PathSyntaxError, TypeError, AttributeError):
        yield Diagnostic(SCHEMA, "Value is not a Reference Path", at)


def _template(value: Any, at: str) -> Iterator[Diagnostic]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _template(item, f"{at}[{index}]")
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if not key.endswith(".$"):
            yield from _template(item, f"{at}/{key}")
            continue
        try:
            if isinstance(item, str) and item.startswith("$"):
                compile_path(item)
            else:
                compile_intrinsic(item)
        except (PathSyntaxError, TypeError, AttributeError):
            message = f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
            yield Diagnostic(SCHEMA, message, at)


def _expressions(value: Any, at: str, caught: bool = False) -> Iterator[Diagnostic]:
    """The problems of the expressions in a field; ``caught``: it is a catcher's, which may read the error."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _expressions(item, f"{at}/{key}", caught)
    elif isinstance(value, list):
        if at.endswith("/ItemReader/ReaderConfig/CSVHeaders"):
            return  # names of columns, whatever they look like
        for index, item in enumerate(value):
            yield from _expressions(item, f"{at}[{index}]", caught)
    elif isinstance(value, str) and (source := source_of(value)) is not None:
        try:
            expression = compile_expression(source)
        except ExpressionError as error:
            yield Diagnostic(INVALID_JSONATA, str(error).partition(": ")[2] or str(error), at)
            return
        if _WHOLE_INPUT.search(_TEXTS.sub("", source)):
            yield Diagnostic(UNSUPPORTED_JSONATA, "Reference to '$$' is not supported.", at)
        for name in expression.top_level_references():
            yield Diagnostic(UNSUPPORTED_JSONATA, f"Reference to '{name}' at the top level is not supported.", at)
        if not caught and "$states.errorOutput" in _TEXTS.sub("", source):
            yield Diagnostic(UNSUPPORTED_JSONATA, "Field '$states.errorOutput' does not exist.", at)


def _rule(rule: Any, at: str) -> Iterator[Diagnostic]:
    if not isinstance(rule, dict):
        yield Diagnostic(SCHEMA, "Expected value of type Object", at)
        return
    combined = [key for key in rule if key in choice_rules.COMBINATIONS]
    if combined:
        inner = rule[combined[0]]
        parts = [("", inner)] if combined[0] == "Not" else [(f"[{i}]", part) for i, part in enumerate(inner)]
        for suffix, part in parts:
            yield from _rule(part, f"{at}/{combined[0]}{suffix}")
        return
    try:
        choice_rules.compile_rule(rule)
    except (ValueError, TypeError, AttributeError) as error:
        yield Diagnostic(SCHEMA, f"The choice rule is not valid: {error}", at)


def _error_rules(body: dict[str, Any], at: str) -> Iterator[Diagnostic]:
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
            yield from _required(rule, needed, where)
            if body.get("QueryLanguage") != "JSONata" and rule.get("ResultPath") is not None:
                yield from _reference(rule["ResultPath"], f"{where}/ResultPath")
            names = rule.get("ErrorEquals", [])
            if "States.ALL" in names and (len(names) > 1 or index < len(rules) - 1):
                message = "States.ALL must appear alone and in the last retrier or catcher"
                yield Diagnostic(SCHEMA, message, f"{where}/ErrorEquals")


def _is_recognized(arn: str) -> bool:
    """Whether a Task can call the resource: of an AWS SDK integration, whether the service has the operation.

    A service that botocore does not know under this name is left to the run, where it fails by name.
    """
    resource = integrations.parse_resource(arn)
    if resource is None or resource.kind != "sdk" or resource.api is None:
        return resource is not None
    client = resource.api.client
    return not member_names.knows(client) or member_names.operation_name(client, resource.api.operation) is not None


def _not_in_express(arn: str) -> str | None:
    """What of a resource an express state machine cannot do, in AWS's words (recorded 2024-07 and 2025-10)."""
    resource = integrations.parse_resource(arn)
    if resource is None:
        return None
    if resource.kind == "activity":
        return "Activity ARN"
    if resource.pattern == TOKEN:
        return f"'{resource.pattern}' service integration "
    return f"'{resource.pattern}' service integration" if resource.pattern else None
