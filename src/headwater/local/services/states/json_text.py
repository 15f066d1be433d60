"""JSON as AWS writes it: compact, UTF-8, no NaN.

Values are never changed in place anywhere in the interpreter, so one value may be shared by many states and the text
of the last few values is remembered by identity: a Pass state that hands its input on costs no serialisation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def _encoder() -> Callable[[Any], str]:
    """The encoder of the standard library, made once: `JSONEncoder.encode` makes its C part anew at each call."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # no C part in this Python
        return _ENCODER.encode
    parts = make(None, _ENCODER.default, encode_basestring, None, ":", ",", False, False, True)

    def encode(value: Any) -> str:
        return encode_basestring(value) if isinstance(value, str) else "".join(parts(value, 0))

    return encode


_plain = _encoder()
_HALVES = re.compile("[\ud800-\udfff]")


def _encode(value: Any) -> str:
    """The text; half a pair of UTF-16, which no UTF-8 can hold, stays escaped."""
    text = _plain(value)
    return text if text.isascii() else _HALVES.sub(lambda half: f"\\u{ord(half.group()):04x}", text)


_INTEGRAL_FLOAT = re.compile(r"\.0(?=[,\]}]|$)")


def dumps(value: Any) -> str:
    """Compact JSON text of ``value``."""
    return _encode(value)


def loads(text: str) -> Any:
    """The value of a JSON text; ValueError also for ``NaN``, ``Infinity`` and what is nested too deep to read."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("Document nesting depth exceeds the maximum allowed") from None


def _refuse(word: str) -> Any:
    raise ValueError(f"Non-standard token '{word}'")


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
