"""What each intrinsic function computes. Arguments come evaluated; a wrong one is ``States.IntrinsicFailure``.

Source: Step Functions Developer Guide, "Intrinsics for JSONPath states in Step Functions workflows", 2025. Behaviour
that the guide leaves open (rounding of ``MathAdd`` as Java's ``Math.round``, objects formatted as Java maps, empty
parts dropped by ``StringSplit``) follows executions recorded on AWS.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import random
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from headwater.local.services.states.errors import INTRINSIC_FAILURE, StateFailure
from headwater.local.services.states.json_text import dumps, loads

MAX_ARRAY_ITEMS = 1000
MAX_TEXT_CHARACTERS = 10_000
_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def failure(cause: str) -> StateFailure:
    """``States.IntrinsicFailure`` with its cause."""
    return StateFailure(INTRINSIC_FAILURE, cause, located=True)


def _array(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise failure(f"Invalid arguments in {name}: expected an array but got {dumps(value)}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise failure(f"Invalid arguments in {name}: expected a string but got {dumps(value)}")
    return value


def _integer(name: str, value: Any) -> int:
    """A number, rounded as Java's Math.round does (half towards positive infinity)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise failure(f"Invalid arguments in {name}: expected a number but got {dumps(value)}")
    return value if isinstance(value, int) else math.floor(value + 0.5)


def java_text(value: Any, nested: bool = False) -> str:
    """A value as Java's ``toString`` shows it: what ``States.Format`` puts into the text."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={java_text(item, True)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(java_text(item, True) for item in value) + "]" if nested else dumps(value)
    return dumps(value)


def same(left: Any, right: Any) -> bool:
    """JSON equality: a boolean never equals a number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def _array_partition(items: Any, size: Any) -> list[Any]:
    name = "States.ArrayPartition"
    length = _integer(name, size)
    if length <= 0:
        raise failure(f"Invalid arguments in {name}: the chunk size must be a positive number but got {dumps(size)}")
    array = _array(name, items)
    return [array[start : start + length] for start in range(0, len(array), length)]


def _array_contains(items: Any, wanted: Any) -> bool:
    return any(same(item, wanted) for item in _array("States.ArrayContains", items))


def _array_range(first: Any, last: Any, step: Any) -> list[int]:
    name = "States.ArrayRange"
    start, stop, stride = _integer(name, first), _integer(name, last), _integer(name, step)
    if stride == 0:
        raise failure(f"Invalid arguments in {name}: the increment must not be zero")
    numbers = range(start, stop + (1 if stride > 0 else -1), stride)
    if len(numbers) > MAX_ARRAY_ITEMS:
        raise failure(f"Invalid arguments in {name}: the array has more than {MAX_ARRAY_ITEMS} items")
    return list(numbers)


def _array_get_item(items: Any, index: Any) -> Any:
    name = "States.ArrayGetItem"
    array, position = _array(name, items), _integer(name, index)
    if not 0 <= position < len(array):
        raise failure(f"Invalid arguments in {name}: index {position} is out of bounds for an array of {len(array)}")
    return array[position]


def _array_unique(items: Any) -> list[Any]:
    unique: list[Any] = []
    for item in _array("States.ArrayUnique", items):
        if not any(same(item, known) for known in unique):
            unique.append(item)
    return unique


def _base64_encode(text: Any) -> str:
    name = "States.Base64Encode"
    if len(_text(name, text)) > MAX_TEXT_CHARACTERS:
        raise failure(f"Invalid arguments in {name}: the text has more than {MAX_TEXT_CHARACTERS} characters")
    return base64.b64encode(text.encode()).decode()


def _base64_decode(text: Any) -> str:
    name = "States.Base64Decode"
    if len(_text(name, text)) > MAX_TEXT_CHARACTERS:
        raise failure(f"Invalid arguments in {name}: the text has more than {MAX_TEXT_CHARACTERS} characters")
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise failure(f"Invalid arguments in {name}: {error}") from error


def _hash(data: Any, algorithm: Any) -> str:
    name = "States.Hash"
    if _text(name, algorithm) not in _ALGORITHMS:
        raise failure(f"Invalid arguments in {name}: {algorithm} is none of {', '.join(_ALGORITHMS)}")
    text = data if isinstance(data, str) else dumps(data)
    if len(text) > MAX_TEXT_CHARACTERS:
        raise failure(f"Invalid arguments in {name}: the text has more than {MAX_TEXT_CHARACTERS} characters")
    return hashlib.new(_ALGORITHMS[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _json_merge(first: Any, second: Any, deep: Any) -> dict[str, Any]:
    name = "States.JsonMerge"
    if deep is not False:
        raise failure(f"Invalid arguments in {name}: only the shallow merge is supported, so the third must be false")
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise failure(f"Invalid arguments in {name}: expected two objects but got {dumps(first)} and {dumps(second)}")
    return {**first, **second}


def _string_to_json(text: Any) -> Any:
    if not _text("States.StringToJson", text).strip():
        return None
    try:
        return loads(text)
    except ValueError as error:
        raise failure(f"Invalid arguments in States.StringToJson: {error}") from error


def _math_random(start: Any, end: Any, *seed: Any) -> int:
    name = "States.MathRandom"
    low, high = _integer(name, start), _integer(name, end)
    if low >= high:
        raise failure(f"Invalid arguments in {name}: the start {low} must be below the end {high}")
    source = random.Random(_integer(name, seed[0])) if seed else random.SystemRandom()  # nosec B311: seeded on request
    return source.randrange(low, high)


def _math_add(first: Any, second: Any) -> int:
    return _integer("States.MathAdd", first) + _integer("States.MathAdd", second)


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


def _format(template: Any, *values: Any) -> str:
    """Only reached for a template that is no literal; literals are cut when compiled."""
    pieces = _text("States.Format", template).split("{}")
    if len(pieces) - 1 != len(values):
        raise failure(
            f"Invalid arguments in States.Format: number of arguments does not match the occurrences of {{}}: "
            f"{len(pieces) - 1} expected, {len(values)} given"
        )
    return pieces[0] + "".join(java_text(value) + piece for value, piece in zip(values, pieces[1:], strict=True))


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
    "States.ArrayUnique": Function(_array_unique, 1, 1),
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
    "States.UUID": Function(lambda: str(uuid.uuid4()), 0, 0),
}
