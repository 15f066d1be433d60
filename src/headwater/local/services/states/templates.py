"""Payload templates: ``Parameters``, ``ResultSelector``, ``ItemSelector``; in JSONata ``Arguments``, ``Output``.

A template is compiled to a function of the scope; a part without expressions is handed out as it is, uncopied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.local.services.states.errors import query, runtime
from headwater.local.services.states.intrinsics import compile_intrinsic
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.jsonata_errors import ExpressionError
from headwater.local.services.states.jsonata_expressions import (
    UNDEFINED,
    compile_expression,
    source_of,
)
from headwater.local.services.states.path_misses import NULL_INPUT, is_past_the_end, root_of
from headwater.local.services.states.path_parser import compile_path
from headwater.local.services.states.paths import MISSING, Path
from headwater.local.services.states.scope import Scope

Evaluate = Callable[[Scope], Any]


class Template:
    """A compiled template.

    Attributes
    ----------
    constant:
        True when it holds no expression.
    evaluate:
        Scope → value.
    """

    __slots__ = ("constant", "evaluate")

    def __init__(self, evaluate: Evaluate, constant: bool = False) -> None:
        self.evaluate = evaluate
        self.constant = constant


def compile_template(value: Any, field: str, jsonata: bool) -> Template:
    """The compiled template of a field's value.

    Parameters
    ----------
    value:
        JSON as written in the definition.
    field:
        The field's name, for errors.
    jsonata:
        The state's query language.

    Raises
    ------
    ValueError
        A path, an intrinsic function or an expression in it is malformed.
    """
    return _jsonata(value, field) if jsonata else _json_path(value)


def compile_value(text: str, field: str) -> Evaluate:
    """A JSONPath or an intrinsic call as the value of ``field``."""
    if not text.startswith("$"):
        return compile_intrinsic(text).evaluate
    path = compile_path(text)

    def read(scope: Scope) -> Any:
        value = path.read(scope)
        return _missed(path, scope, field) if value is MISSING else value

    return read


def _missed(path: Path, scope: Scope, field: str) -> Any:
    """What AWS does where a field's path leads nowhere: null for an index past the end of an array, else an error."""
    root = root_of(path, scope)
    if root is None:
        raise runtime(NULL_INPUT)
    if is_past_the_end(path, root):
        return None
    shown = scope.context if path.root == "context" else scope.input
    raise runtime(
        f"The JSONPath '{path.text}' specified for the field '{field}' could not be found in the input '{dumps(shown)}'"
    )


def _constant(value: Any) -> Template:
    return Template(lambda scope: value, constant=True)


def _json_path(value: Any) -> Template:
    if isinstance(value, dict):
        parts: list[tuple[str, Template]] = []
        for key, item in value.items():
            if key.endswith(".$"):
                if not isinstance(item, str):
                    raise ValueError(f"The value for the field '{key}' must be a STRING that contains a JSONPath")
                parts.append((key[:-2], Template(compile_value(item, key))))
            else:
                parts.append((key, _json_path(item)))
        if all(part.constant for _, part in parts):
            return _constant(value)
        return Template(lambda scope: {key: part.evaluate(scope) for key, part in parts})
    if isinstance(value, list):
        return _list(value, [_json_path(item) for item in value])
    return _constant(value)


def _list(value: list[Any], items: list[Template]) -> Template:
    if all(item.constant for item in items):
        return _constant(value)
    return Template(lambda scope: [item.evaluate(scope) for item in items])


def compile_jsonata(text: str, field: str) -> Evaluate:
    """A JSONata expression (without braces) as the value of ``field``."""
    expression = compile_expression(text)
    needs_states = "states" in expression.variables

    def evaluate(scope: Scope) -> Any:
        try:
            value = expression.evaluate(scope.bindings(needs_states))
        except ExpressionError as error:
            raise query(
                f"The JSONata expression '{text}' specified for the field '{field}' {error.sentence}{error}",
                field,
            ) from error
        if value is UNDEFINED:
            raise query(
                f"The JSONata expression '{text}' specified for the field '{field}' returned nothing (undefined).",
                field,
            )
        return value

    return evaluate


def _jsonata(value: Any, field: str) -> Template:
    if isinstance(value, str):
        source = source_of(value)
        return _constant(value) if source is None else Template(compile_jsonata(source, field))
    if isinstance(value, dict):
        parts = [(key, _jsonata(item, f"{field}/{key}")) for key, item in value.items()]
        if all(part.constant for _, part in parts):
            return _constant(value)
        return Template(lambda scope: {key: part.evaluate(scope) for key, part in parts})
    if isinstance(value, list):
        return _list(value, [_jsonata(item, f"{field}[{index}]") for index, item in enumerate(value)])
    return _constant(value)
