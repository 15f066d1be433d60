"""Checks what is computed in a state: JSONPath paths and templates, JSONata expressions, the names of variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from headwater.local.services.states.intrinsics import compile_intrinsic
from headwater.local.services.states.jsonata_errors import ExpressionError
from headwater.local.services.states.jsonata_expressions import compile_expression, source_of
from headwater.local.services.states.path_parser import compile_path
from headwater.local.services.states.paths import PathSyntaxError
from headwater.local.services.states.reference_paths import compile_reference_path
from headwater.local.services.states.validator_diagnostics import (
    INVALID_JSONATA,
    INVALID_VARIABLE,
    RESERVED_VARIABLE,
    SCHEMA,
    UNSUPPORTED_JSONATA,
    Diagnostic,
    listed,
)

VARIABLE_CHARACTERS = 80
_EITHER_INTRINSIC = frozenset({"CausePath", "ErrorPath"})
_INVALID = (PathSyntaxError, TypeError, AttributeError)
# ``$$`` outside of texts and quoted names.
_WHOLE_INPUT = re.compile(r"\$\$(?![A-Za-z0-9_$])")
_OF_SOME_FIELDS = re.compile(r"\$states\.(result|errorOutput)\b")
_TEXTS = re.compile(r"""\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|/\*.*?\*/""", re.DOTALL)


def path(value: Any, field: str, at: str) -> Iterator[Diagnostic]:
    """A field's JSONPath, or where the field takes one, its intrinsic function."""
    try:
        if field in _EITHER_INTRINSIC and isinstance(value, str) and value.startswith("States."):
            compile_intrinsic(value)
        else:
            compile_path(value)
    except _INVALID:
        yield Diagnostic(SCHEMA, "Value must be a valid JSONPath.", f"{at}/{field}")


def reference_path(value: Any, at: str) -> Iterator[Diagnostic]:
    """A path to one place, as where a result is put."""
    try:
        compile_reference_path(value)
    except _INVALID:
        why = ": Reference path didn't start with '$'" if isinstance(value, str) and not value.startswith("$") else ""
        yield Diagnostic(SCHEMA, f"Value is not a Reference Path{why}", at)


def template(value: Any, at: str) -> Iterator[Diagnostic]:
    """The fields of a payload template that end in ``.$``, at every depth."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from template(item, f"{at}[{index}]")
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if not key.endswith(".$"):
            yield from template(item, f"{at}/{key}")
            continue
        try:
            if isinstance(item, str) and item.startswith("$"):
                compile_path(item)
            else:
                compile_intrinsic(item)
        except _INVALID:
            message = f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
            yield Diagnostic(SCHEMA, message, at)


def expressions(value: Any, at: str, readable: str = "") -> Iterator[Diagnostic]:
    """The problems of the expressions in a field.

    ``readable`` is which of ``$states.result`` and ``$states.errorOutput``, that only some fields have, this one has.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            yield from expressions(item, f"{at}/{key}", readable)
    elif isinstance(value, list):
        if at.endswith("/ItemReader/ReaderConfig/CSVHeaders"):
            return  # names of columns, whatever they look like
        for index, item in enumerate(value):
            yield from expressions(item, f"{at}[{index}]", readable)
    elif isinstance(value, str) and value.startswith("{%") and not value.endswith("%}"):
        yield Diagnostic(SCHEMA, "JSONata string must start with {% and end with %}", at)
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
        for name in sorted(set(_OF_SOME_FIELDS.findall(_TEXTS.sub("", source))) - {readable}):
            yield Diagnostic(UNSUPPORTED_JSONATA, f"Field '$states.{name}' does not exist.", at)


def assignments(body: dict[str, Any], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(location, Assign) of a state, of its choice rules and of its catchers."""
    bodies = [(at, body)]
    for field in ("Choices", "Catch"):
        bodies += [(f"{at}/{field}[{i}]", rule) for i, rule in enumerate(listed(body, field)) if isinstance(rule, dict)]
    for where, part in bodies:
        if isinstance(part.get("Assign"), dict):
            yield f"{where}/Assign", part["Assign"]


def variable_names(assigned: dict[str, Any], at: str, language: str) -> Iterator[Diagnostic]:
    """Names are Unicode identifiers of at most 80 characters, and ``states`` is taken.

    Source: Developer Guide, "Passing data between states with variables", 2025; the words for a name that is too long
    are not known.
    """
    for key in assigned:
        name = key if language == "JSONata" else key.removesuffix(".$")
        if name == "states":
            yield Diagnostic(RESERVED_VARIABLE, "Cannot assign to reserved variable '$states'.", f"{at}/{key}")
        elif not name.isidentifier() or len(name) > VARIABLE_CHARACTERS:
            too_long = f"it has more than {VARIABLE_CHARACTERS} characters."
            why = "the variable name contains invalid characters." if not name.isidentifier() else too_long
            yield Diagnostic(INVALID_VARIABLE, f"Invalid variable name '{name}': {why}", f"{at}/{key}")
