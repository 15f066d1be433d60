"""What AWS says when a JSONata expression fails: the words of jsonata-js, which the package has in another form.

The package (as the Java one that it comes from) has the catalogue of jsonata-js with the word ``function`` replaced,
and puts every value into quotation marks. AWS says ``T0410: Argument 1 of function "abs" does not match function
signature``: values are shown as JSON.

Source: answers of ``TestState`` in us-east-1, published with floci's issues 2668, 2736 and 2737 (2026-08), read
2026-11-25; the catalogue of jsonata-js 2.0.6. The limits of evaluation have no code, and AWS's sentence goes on with a
colon before them. Not faithful: AWS gives a number with what it calls an internal error, this says what happened.
"""

from __future__ import annotations

import re
from typing import Any

from jsonata.jexception import JException

from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.jsonata_values import FunctionValueError, plain

_PLACE = re.compile(r"\{\{\w+\}\}")
_TYPES = {"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings"}
_TEXTS = {
    "Second argument of replace function cannot be an empty string": "D3010",
    "Fourth argument of replace function must evaluate to a positive number": "D3011",
}
_UNQUOTED = frozenset({"T1005", "T1007"})


class ExpressionError(ValueError):
    """The text is no JSONata expression, or its evaluation failed; the message begins with JSONata's code."""

    sentence = "threw an error during evaluation. "


class LimitExceeded(ExpressionError):
    """The evaluation nests too deeply, takes too long or holds too much."""

    sentence = "threw an error during evaluation: "


class InternalError(ExpressionError):
    """The engine failed in a way that has no code."""

    sentence = "threw an internal error during evaluation. "


class UnsupportedResult(ExpressionError):
    """The value is a function, or holds one (recorded 2024-11); there is nothing more to say."""

    sentence = "returned an unsupported result type."


class ShapedError(JException):  # type: ignore[misc]
    """An error of one of our functions, which passes through the package as one of its own.

    Parameters
    ----------
    code:
        JSONata's.
    values:
        What the text's places hold, in their order.
    """

    def __init__(self, code: str, *values: Any) -> None:
        super().__init__(code, -1, *values[:2])
        self.values = values


def no_match(name: str, argument: int) -> ShapedError:
    """The error of an argument of a wrong type, and of one too many."""
    return ShapedError("T0410", argument, name)


def message_of(error: JException) -> str:
    """``CODE: text`` of an error of the package."""
    template: str | None = JException.error_codes.get(error.error)
    if template is None:
        text = str(error.error)  # the package gives some texts where a code belongs
        return f"{_TEXTS[text]}: {text}" if text in _TEXTS else text
    values = list(_values(error))
    if "{{{" in template and error.error not in _UNQUOTED:
        return f"{error.error}: {values[0] if values else ''}"
    text = template.replace("Object", "function").replace('"', "'")
    if error.error in _UNQUOTED:
        return f"{error.error}: " + text.replace("{{{token}}}", str(values[0]))
    places = iter(values)
    return f"{error.error}: " + _PLACE.sub(lambda place: _shown(next(places, None)), text)


def _values(error: JException) -> tuple[Any, ...]:
    """What the places of the error's text hold, in their order."""
    if isinstance(error, ShapedError):
        return error.values
    current, expected, extra = error.current, error.expected, error.extra
    if error.error == "D1002":  # the sign comes before what it cannot negate
        return (expected,)
    if error.error == "D3100":
        return (error.location,)
    if error.error == "T0412":
        return current, expected, _TYPES.get(str(extra), extra)
    if error.error == "T0411":
        return expected, current
    return current, expected, extra


def _shown(value: Any) -> str:
    """A value as JSON; a number that JSON has no text for is null."""
    try:
        return dumps(plain(value, finite=True))
    except (FunctionValueError, ValueError):
        return "undefined"
