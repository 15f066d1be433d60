"""The functions of JSONata that AWS adds, takes away, or answers in another way than the ``jsonata`` package.

Step Functions adds ``$partition``, ``$range``, ``$hash``, ``$random``, ``$uuid`` and ``$parse`` and takes ``$eval``
away (Developer Guide, "Transforming data with JSONata in Step Functions", 2025). What they do with arguments that are
missing, too many, or of another type: answers of ``TestState`` in us-east-1, published with floci's pull requests 2676
and 2783 (2026-08), read 2026-11-25. The errors of the other functions are those of jsonata-js 2.0.6.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import random
import re
import uuid
from collections.abc import Callable
from typing import Any

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.utils import Utils

from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.jsonata_errors import InternalError, ShapedError, no_match
from headwater.local.services.states.jsonata_pictures import broken_rule
from headwater.local.services.states.jsonata_values import NULL, number_text, plain

Native = Callable[[list[Any]], Any]
Answer = Callable[[Native, list[Any]], Any]
_ALGORITHMS = {"SHA-1": "sha1", "SHA-384": "sha384", "SHA-256": "sha256", "SHA-512": "sha512", "MD5": "md5"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_OTHER_BASES = re.compile(r"0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value: Any, name: str, argument: int) -> int:
    """A number, cut towards zero."""
    if not _is_number(value) or not math.isfinite(value):
        raise no_match(name, argument)
    return int(value)


# -- what AWS adds -----------------------------------------------------------------------------------------------------


def _partition(items: Any, size: Any) -> Any:
    if items is None:
        return None
    if not isinstance(items, list):
        raise JException('T0412: Argument 1 of function "partition" must be an array of undefined', -1)
    if not items or size is None:
        return [items] if items else None
    length = _whole(size, "partition", 2)
    if length < 0:
        raise ShapedError("D3137", "Second argument must be zero or greater")
    return [list(items[start : start + length]) for start in range(0, len(items), length)] if length else None


def _range(first: Any, last: Any, step: Any) -> Any:
    start, stop = _whole(first, "range", 1), _whole(last, "range", 2)
    stride = 0 if step is None else _whole(step, "range", 3)
    if not stride:
        return None
    numbers = range(start, stop + (1 if stride > 0 else -1), stride)
    return Utils.create_sequence_from_iter(numbers)  # one number stands for itself, and none for nothing


def _hash(data: Any, algorithm: Any) -> Any:
    if not isinstance(data, str):
        raise no_match("hash", 1)
    if algorithm is None:
        return None
    if not isinstance(algorithm, str):
        raise no_match("hash", 2)
    if algorithm not in _ALGORITHMS:
        known = ", ".join(_ALGORITHMS)
        raise ShapedError("D3137", f"Hash algorithm '{algorithm}' must be one of {known}")
    return hashlib.new(_ALGORITHMS[algorithm], data.encode(), usedforsecurity=False).hexdigest()


def _random(seed: Any) -> float:
    if seed is None:
        return random.SystemRandom().random()
    return _java_random(_whole(seed, "random", 1))


def _java_random(seed: int) -> float:
    """The first ``nextDouble`` of Java's ``Random(seed)``, as on AWS (``$random(42)`` is 0.7275636800328681)."""
    state = (seed ^ 0x5DEECE66D) & (1 << 48) - 1
    bits = []
    for wanted in (26, 27):
        state = (state * 0x5DEECE66D + 0xB) & (1 << 48) - 1
        bits.append(state >> 48 - wanted)
    return ((bits[0] << 27) + bits[1]) / (1 << 53)


def _uuid() -> str:
    return str(uuid.uuid4())


def _parse(text: Any) -> Any:
    if text is None:
        return None
    if not isinstance(text, str):
        raise no_match("parse", 1)
    try:
        value = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ShapedError("D3137", "Invalid JSON") from error
    return _with_nulls(value)


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key comes twice")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _with_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: _with_nulls(item) for key, item in value.items()}
    return NULL if value is None else value


def _eval(*_: Any) -> Any:
    raise JException("T1006", -1)


# name → function and how many arguments it takes
_ADDED: dict[str, tuple[Callable[..., Any], int]] = {
    "eval": (_eval, 2),
    "hash": (_hash, 2),
    "parse": (_parse, 1),
    "partition": (_partition, 2),
    "random": (_random, 1),
    "range": (_range, 3),
    "uuid": (_uuid, 0),
}


class _Arity:
    """What the package asks a signature when a function is handed to ``$map`` and the like."""

    def __init__(self, count: int) -> None:
        self.count = count

    def get_min_number_of_args(self) -> int:
        return self.count

    def set_function_name(self, name: str) -> None:
        """The function has its name."""


class _Added(Jsonata.JFunction):  # type: ignore[misc]
    """A function of AWS's in the package's shape."""

    def __init__(self, name: str) -> None:
        super().__init__(None, None)
        self.name = name
        self.compute, self.arity = _ADDED[name]
        self.signature = _Arity(self.arity)

    def validate(self, args: Any, context: Any) -> Any:
        return args

    def get_number_of_args(self) -> int:
        return self.arity

    def call(self, input: Any, args: Any) -> Any:
        given = list(args or [])
        if len(given) > self.arity and given[self.arity] is not None and self.name != "eval":
            raise no_match(self.name, self.arity + 1)
        return self.compute(*given[: self.arity], *[None] * (self.arity - len(given)))


# -- what the package answers in another way ---------------------------------------------------------------------------


def _string(native: Native, args: list[Any]) -> Any:
    value = args[0]
    if value is None or isinstance(value, str):
        return value
    if _is_number(value) and not math.isfinite(value):
        raise JException("D3001", -1)
    return _json_text(value, "\n" if len(args) > 1 and args[1] is True else None)


def _json_text(value: Any, line: str | None) -> str:
    """JSON as ``$string`` writes it; ``line`` begins a line of the indented form."""
    if isinstance(value, bool) or value is None or value is NULL or isinstance(value, str):
        return dumps(plain(value))
    if _is_number(value):
        return number_text(value) if math.isfinite(value) else "null"
    inner = None if line is None else line + "  "
    if isinstance(value, list):
        return _block("[", [_json_text(item, inner) for item in value], "]", line)
    if isinstance(value, dict):
        colon = ":" if line is None else ": "
        pairs = [f"{dumps(key)}{colon}{_json_text(item, inner)}" for key, item in value.items()]
        return _block("{", pairs, "}", line)
    return '""'  # a function


def _block(begin: str, parts: list[str], end: str, line: str | None) -> str:
    if line is None or not parts:
        return begin + ",".join(parts) + end
    return begin + f"{line}  " + f",{line}  ".join(parts) + line + end


def _number(native: Native, args: list[Any]) -> Any:
    text = args[0]
    if isinstance(text, str):
        if _OTHER_BASES.fullmatch(text):
            return int(text, 0)
        if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
            raise ShapedError("D3030", text)
    return native(args)


def _power(native: Native, args: list[Any]) -> Any:
    try:
        return native(args)
    except (ArithmeticError, TypeError) as error:
        raise ShapedError("D3061", *args) from error


def _sort(native: Native, args: list[Any]) -> Any:
    items = args[0]
    if len(args) < 2 or args[1] is None:
        alike = isinstance(items, list) and (all(map(_is_number, items)) or all(isinstance(i, str) for i in items))
        if items is not None and not alike and len(items) > 1:
            raise JException("D3070", -1)
    return native(args)


def _to_millis(native: Native, args: list[Any]) -> Any:
    try:
        return native(args)
    except ValueError as error:
        raise ShapedError("D3110", args[0]) from error


def _parse_integer(native: Native, args: list[Any]) -> Any:
    if args[0] is None:
        return None
    try:
        found = native(args)
    except ValueError:
        found = None
    return math.nan if found is None else found


def _format_number(native: Native, args: list[Any]) -> Any:
    if args[0] is not None and len(args) > 1 and isinstance(args[1], str):
        broken = broken_rule(args[1], args[2] if len(args) > 2 else None)
        if broken:
            raise JException(broken, -1)
    return native(args)


def _base64_decode(native: Native, args: list[Any]) -> Any:
    text = args[0]
    if not isinstance(text, str):
        return native(args)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except ValueError as error:
        raise InternalError(f"$base64decode cannot read {dumps(text)}: {error}") from error


def _url(name: str) -> Answer:
    def answer(native: Native, args: list[Any]) -> Any:
        text = args[0]
        try:
            if name.startswith("decode") and re.search("%(?![0-9a-fA-F]{2})", text or ""):
                raise ValueError("a percent sign that no two digits follow")
            return native(args)
        except ValueError as error:
            shown = json.dumps(text)  # a half of a surrogate pair has no UTF-8
            raise JException(f"D3140: Malformed URL passed to ${name}(): {shown}", -1) from error

    return answer


_AMENDED: dict[str, Answer] = {
    "base64decode": _base64_decode,
    "decodeUrl": _url("decodeUrl"),
    "decodeUrlComponent": _url("decodeUrlComponent"),
    "encodeUrl": _url("encodeUrl"),
    "encodeUrlComponent": _url("encodeUrlComponent"),
    "formatNumber": _format_number,
    "number": _number,
    "parseInteger": _parse_integer,
    "power": _power,
    "sort": _sort,
    "string": _string,
    "toMillis": _to_millis,
}


class _Amended(Jsonata.JFunction):  # type: ignore[misc]
    """A function of the package with an answer of ours; its arguments are checked by its own signature."""

    def __init__(self, name: str) -> None:
        super().__init__(None, None)
        self.native = Jsonata.static_frame.lookup(name)
        self.signature = self.native.signature
        self.answer = _AMENDED[name]

    def get_number_of_args(self) -> int:
        count: int = self.native.get_number_of_args()
        return count

    def call(self, input: Any, args: Any) -> Any:
        given = list(args or [])
        return self.answer(lambda values: self.native.call(input, values), given or [None])


def functions_for(names: frozenset[str]) -> dict[str, Any]:
    """Our functions among the variables that an expression names, by name."""
    added: dict[str, Any] = {name: _Added(name) for name in names & _ADDED.keys()}
    return added | {name: _Amended(name) for name in names & _AMENDED.keys()}
