"""JSON as AWS writes it: compact, UTF-8, no NaN.

Values are never changed in place anywhere in the interpreter, so one value may be shared by many states and the text
of the last few values is remembered by identity: a Pass state that hands its input on costs no serialisation.
"""

from __future__ import annotations

import json
import re
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_INTEGRAL_FLOAT = re.compile(r"\.0(?=[,\]}]|$)")


def dumps(value: Any) -> str:
    """Compact JSON text of ``value``."""
    return _encode(value)


class Document:
    """A value with its text, made when first asked for.

    Parameters
    ----------
    value:
        The JSON value.
    text:
        Its text, where it came as text (AWS keeps the spacing of an execution's input).
    """

    __slots__ = ("_text", "value")

    def __init__(self, value: Any, text: str | None = None) -> None:
        self.value = value
        self._text = text

    @property
    def text(self) -> str:
        """The JSON text."""
        if self._text is None:
            self._text = _encode(self.value)
        return self._text
