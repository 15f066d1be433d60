"""What each intrinsic function computes. Arguments come evaluated; a wrong one is an :class:`IntrinsicProblem`.

Source: Step Functions Developer Guide, "Intrinsics for JSONPath states in Step Functions workflows", 2025. Behaviour
that the guide leaves open, and the texts of the errors, follow executions recorded on AWS (published with the tests of
LocalStack, 2024, and of tiny-asl-machine, 2026; read 2026-11-25): ``MathAdd`` rounds as Java's ``Math.round`` and every
other function cuts fractions off; ``StringSplit`` drops empty parts; ``ArrayContains`` compares texts; base64 is read
as Apache Commons Codec reads it; an index into an empty array gives null.
"""

from __future__ import annotations

import base64
import hashlib
import math
import random
import re
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from headwater.local.json_problems import located_json_problem
from headwater.local.services.states.java_values import distinct, java_text, seeded_below
from headwater.local.services.states.json_text import dumps, loads

MAX_ARRAY_ITEMS = 1000
MAX_TEXT_CHARACTERS = 10_000
_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_MOST, _LEAST = (1 << 31) - 1, -(1 << 31)


class IntrinsicProblem(ValueError):
    """What AWS says of a call that cannot be computed."""


def invalid(name: str) -> IntrinsicProblem:
    """AWS's text for any wrong argument."""
    return IntrinsicProblem(f"Invalid arguments in {name}")


def _array(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(name)
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(name)
    return value


def _short(name: str, value: Any) -> str:
    if len(_text(name, value)) > MAX_TEXT_CHARACTERS:
        raise invalid(name)
    return str(value)


def _whole(name: str, value: Any, rounded: bool = False) -> int:
    """A number, its fraction cut off or rounded (half towards positive infinity)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise invalid(name)
    return math.floor(value + 0.5) if rounded and isinstance(value, float) else int(value)


def _integer(name: str, value: Any, rounded: bool = False) -> int:
    """The same, of 32 bits."""
    whole = _whole(name, value, rounded)
    if not _LEAST <= whole <= _MOST:
        raise invalid(name)
    return whole


def _array_partition(items: Any, size: Any) -> list[Any]:
    name = "States.ArrayPartition"
    length = _integer(name, size)
    if length <= 0:
        raise invalid(name)
    array = _array(name, items)
    return [array[start : start + length] for start in range(0, len(array), length)]


def _array_contains(items: Any, wanted: Any) -> bool:
    text = java_text(wanted, nested=True)
    return any(java_text(item, nested=True) == text for item in _array("States.ArrayContains", items))


def _array_range(first: Any, last: Any, step: Any) -> list[int]:
    name = "States.ArrayRange"
    start, stop, stride = _integer(name, first), _integer(name, last), _integer(name, step)
    if stride == 0:
        raise invalid(name)
    numbers = range(start, stop + (1 if stride > 0 else -1), stride)
    if len(numbers) > MAX_ARRAY_ITEMS:
        raise invalid(name)
    return list(numbers)


def _array_get_item(items: Any, index: Any) -> Any:
    name = "States.ArrayGetItem"
    array, position = _array(name, items), _integer(name, index)
    if not array:
        return None
    if not 0 <= position < len(array):
        raise invalid(name)
    return array[position]


def _base64_encode(text: Any) -> str:
    return base64.b64encode(_short("States.Base64Encode", text).encode("utf-8", "replace")).decode()


def _base64_decode(text: Any) -> str:
    encoded = _short("States.Base64Decode", text).partition("=")[0].replace("-", "+").replace("_", "/")
    digits = _NOT_BASE64.sub("", encoded)
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + "=" * (-len(digits) % 4)).decode("utf-8", "replace")


def _hash(data: Any, algorithm: Any) -> str:
    name = "States.Hash"
    if _text(name, algorithm) not in _ALGORITHMS:
        raise invalid(name)
    text = _short(name, data if isinstance(data, str) else dumps(data))
    return hashlib.new(_ALGORITHMS[algorithm], text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _json_merge(first: Any, second: Any, deep: Any) -> dict[str, Any]:
    if deep is True or not isinstance(first, dict) or not isinstance(second, dict):
        raise invalid("States.JsonMerge")
    return {**first, **second}


def _string_to_json(text: Any) -> Any:
    name = "States.StringToJson"
    if not _text(name, text).strip():
        return None
    try:
        return loads(text)
    except ValueError as error:
        problem = located_json_problem(text, error)
        raise IntrinsicProblem(f"Cannot convert String to Json in {name}, caused by: {problem}") from error


def _math_random(start: Any, end: Any, *seed: Any) -> int:
    name = "States.MathRandom"
    low, high = _integer(name, start), _integer(name, end)
    if low >= high:
        raise invalid(name)
    if seed:
        return low + seeded_below(_whole(name, seed[0]), high - low)
    return random.SystemRandom().randrange(low, high)


def _math_add(first: Any, second: Any) -> int:
    name = "States.MathAdd"
    return _integer(name, _integer(name, first, rounded=True) + _integer(name, second, rounded=True))


def _string_split(text: Any, delimiters: Any) -> list[str]:
    name = "States.StringSplit"
    parts, part = [], ""
    separators = set(_text(name, delimiters))
    for character in _text(name, text):
        if character in separators:
            parts.append(part)
            part = ""
        else:
            part += character
    return [found for found in [*parts, part] if found]


def template_pieces(body: str) -> list[str]:
    """A template of ``States.Format``, cut at its ``{}``; a backslash keeps what follows as it is."""
    pieces, piece, at = [], "", 0
    while at < len(body):
        character = body[at]
        if character == "\\" and at + 1 < len(body):
            piece += body[at + 1]
            at += 2
        elif body.startswith("{}", at):
            pieces.append(piece)
            piece = ""
            at += 2
        elif character in "{}":
            found, other = ("{", "}") if character == "{" else ("}", "{")
            raise IntrinsicProblem(f"Invalid template in States.Format: matching '{other}' not found for '{found}'.")
        else:
            piece += character
            at += 1
    return [*pieces, piece]


def filled(pieces: list[str], texts: list[str]) -> str:
    """The text of a template whose ``{}`` are filled."""
    if len(pieces) - 1 != len(texts):
        raise IntrinsicProblem(
            "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}."
        )
    return pieces[0] + "".join(map("".join, zip(texts, pieces[1:], strict=True)))


def _format(template: Any, *values: Any) -> str:
    """Only reached for a template that is no literal; literals are cut when compiled."""
    return filled(template_pieces(_text("States.Format", template)), [java_text(value) for value in values])


class Function(NamedTuple):
    """An intrinsic function and how many arguments it takes (``most`` None: any number)."""

    compute: Callable[..., Any]
    least: int
    most: int | None


FUNCTIONS: dict[str, Function] = {
    "States.Array": Function(lambda *items: list(items), 0, None),
    "States.ArrayContains": Function(_array_contains, 2, 2),
    "States.ArrayGetItem": Function(_array_get_item, 2, 2),
    "States.ArrayLength": Function(lambda items: len(_array("States.ArrayLength", items)), 1, 1),
    "States.ArrayPartition": Function(_array_partition, 2, 2),
    "States.ArrayRange": Function(_array_range, 3, 3),
    "States.ArrayUnique": Function(lambda items: distinct(_array("States.ArrayUnique", items)), 1, 1),
    "States.Base64Decode": Function(_base64_decode, 1, 1),
    "States.Base64Encode": Function(_base64_encode, 1, 1),
    "States.Format": Function(_format, 1, None),
    "States.Hash": Function(_hash, 2, 2),
    "States.JsonMerge": Function(_json_merge, 3, 3),
    "States.JsonToString": Function(dumps, 1, 1),
    "States.MathAdd": Function(_math_add, 2, 2),
    "States.MathRandom": Function(_math_random, 2, 3),
    "States.StringSplit": Function(_string_split, 2, 2),
    "States.StringToJson": Function(_string_to_json, 1, 1),
    "States.UUID": Function(lambda *ignored: str(uuid.uuid4()), 0, None),
}
