"""JSONata: the only module that touches the ``jsonata`` package.

Expressions are compiled once and kept. Step Functions adds ``$partition``, ``$range``, ``$hash``, ``$random``,
``$uuid`` and ``$parse`` and takes ``$eval`` away
(Developer Guide, "Transforming data with JSONata in Step Functions", 2025).

An expression that defines functions may call itself for ever: it is stopped after :data:`LIMIT_S` seconds.
Not faithful: AWS does not publish its own limits of time and depth.

What it costs: the package walks its tree in Python, some 15 µs for a small expression; everything that a state
evaluates passes through :meth:`Expression.evaluate`, so that a faster engine can take its place here.
"""

from __future__ import annotations

import math
import random
import re
import threading
import time
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.parser import Parser
from jsonata.utils import Utils

from headwater.local.services.states import intrinsic_functions
from headwater.local.services.states.errors import StateFailure
from headwater.local.services.states.json_problems import json_problem
from headwater.local.services.states.json_text import loads
from headwater.local.services.states.jsonata_references import top_level_references

LIMIT_S = 5.0
UNDEFINED: Any = type("Undefined", (), {"__repr__": lambda self: "UNDEFINED"})()
_NULL = Utils.NULL_VALUE
_LONE_BRACES = re.compile(r"^\{%(.*)%\}$", re.DOTALL)
_PLACE = re.compile(r"\{\{\w+\}\}")
_NO_NUMBER = re.compile(r"could not convert string to float: '(.*)'$", re.DOTALL)
_DEFINES_FUNCTIONS = re.compile("function|λ")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


class ExpressionError(ValueError):
    """The text is no JSONata expression, or its evaluation failed; the message begins with JSONata's code."""


def source_of(text: str) -> str | None:
    """The expression inside ``{% … %}``, or None when the text is plain."""
    found = _LONE_BRACES.match(text)
    return found.group(1).strip() if found else None


def _partition(items: Any, size: Any) -> Any:
    return intrinsic_functions.FUNCTIONS["States.ArrayPartition"].compute(items, size)


def _range(first: Any, last: Any, step: Any) -> Any:
    items = intrinsic_functions.FUNCTIONS["States.ArrayRange"].compute(first, last, step)
    return Utils.create_sequence_from_iter(items)  # on AWS one item stands for itself, and none for nothing


def _hash(data: Any, algorithm: Any) -> Any:
    return intrinsic_functions.FUNCTIONS["States.Hash"].compute(data, algorithm)


def _random(seed: Any = None) -> float:
    if seed is None:
        return random.SystemRandom().random()
    if not isinstance(seed, (int, float)) or isinstance(seed, bool):
        raise _no_match("random", 1)
    return _java_random(int(seed))


def _java_random(seed: int) -> float:
    """The first ``nextDouble`` of Java's ``Random(seed)``, as on AWS (``$random(42)`` is 0.7275636800328681)."""
    state = (seed ^ 0x5DEECE66D) & (1 << 48) - 1
    bits = []
    for wanted in (26, 27):
        state = (state * 0x5DEECE66D + 0xB) & (1 << 48) - 1
        bits.append(state >> 48 - wanted)
    return ((bits[0] << 27) + bits[1]) / (1 << 53)


def _parse(text: Any) -> Any:
    if not isinstance(text, str):
        raise _no_match("parse", 1)
    try:
        value = loads(text)
    except ValueError as error:
        raise ExpressionError(json_problem(text, error)) from error
    return _NULL if value is None else value


def _no_match(name: str, argument: int) -> ExpressionError:
    return ExpressionError(f'T0410: Argument "{argument}" of Object "{name}" does not match Object signature')


def _no_eval(*_: Any) -> Any:
    raise ExpressionError("$eval is not supported; use $parse")


# name → function, how many arguments it takes, how many it needs
_FUNCTIONS: dict[str, tuple[Any, int, int]] = {
    "eval": (_no_eval, 2, 0),
    "hash": (_hash, 2, 2),
    "parse": (_parse, 1, 1),
    "partition": (_partition, 2, 2),
    "random": (_random, 1, 0),
    "range": (_range, 3, 3),
    "uuid": (lambda: str(uuid.uuid4()), 0, 0),
}


class _Function(Jsonata.JFunction):  # type: ignore[misc]
    """A function of ours in the package's shape."""

    def __init__(self, name: str) -> None:
        super().__init__(None, None)
        self.name = name
        self.compute, self.arity, self.needed = _FUNCTIONS[name]

    def get_number_of_args(self) -> int:
        return self.arity

    def call(self, input: Any, args: Any) -> Any:
        values = [_plain(argument) for argument in args or []][: self.arity]
        while values and values[-1] is None:
            values.pop()
        if len(values) < self.needed:
            raise _no_match(self.name, len(values) + 1)
        try:
            return self.compute(*values)
        except StateFailure as problem:
            raise ExpressionError(problem.cause or "") from problem


def _plain(value: Any) -> Any:
    """The package's lists, nulls and whole floats as plain JSON values."""
    if value is _NULL:
        return None
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionError(f"D1001: Number out of range: {_shown(value)}")
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    if isinstance(value, (Jsonata.JFunctionCallable, Parser.Symbol)) or callable(value):
        raise ExpressionError("T1006: the expression's value is a function")
    return value


class Expression:
    """A compiled expression.

    Parameters
    ----------
    source:
        The text without the ``{% %}``.

    Raises
    ------
    ExpressionError
        When the text is no JSONata.
    """

    _lock = threading.RLock()

    def __init__(self, source: str) -> None:
        self.source = source
        self.variables = frozenset(_VARIABLE.findall(source))
        try:
            with self._lock:
                self._engine = Jsonata(source)
        except Exception as error:  # the package raises several kinds for malformed text
            raise ExpressionError(_message(error)) from error
        self._engine.output_convert_nulls = False
        self._may_not_end = _DEFINES_FUNCTIONS.search(source) is not None
        for name in self.variables & _FUNCTIONS.keys():
            self._engine.environment.bind(name, _Function(name))

    def top_level_references(self) -> list[str]:
        """The names that the expression reads where there is nothing to read, ``$`` among them; AWS refuses them."""
        return top_level_references(self._engine.ast)

    def evaluate(self, bindings: Mapping[str, Any]) -> Any:
        """The value, or :data:`UNDEFINED`; ExpressionError when the evaluation fails."""
        used = {name: _NULL if value is None else value for name, value in bindings.items() if name in self.variables}
        try:
            with self._lock:
                if self._may_not_end:
                    self._engine.environment.set_evaluate_entry_callback(_watch(time.monotonic() + LIMIT_S))
                value = self._engine.evaluate(None, used)
        except ExpressionError:
            raise
        except RecursionError as error:
            raise ExpressionError(
                "U1001: Stack overflow error: Check for non-terminating recursive function."
            ) from error
        except Exception as error:  # the package lets Python's own errors through
            raise ExpressionError(_message(error)) from error
        return UNDEFINED if value is None else _plain(value)


def _watch(deadline: float) -> Any:
    """A callback that ends an evaluation at a moment of the monotonic clock."""

    def entered(*_: Any) -> None:
        if time.monotonic() > deadline:
            limit_ms = int(LIMIT_S * 1000)
            raise ExpressionError(f"D1012: Evaluation timeout after {limit_ms} milliseconds. Check for infinite loop")

    return entered


def _message(error: Exception) -> str:
    if isinstance(error, JException):
        return _worded(error)
    if isinstance(error, (OverflowError, ZeroDivisionError)):
        return f"D1001: Number out of range: {_shown(math.inf)}"
    text = str(error)
    if found := _NO_NUMBER.match(text):
        return f"D3030: Unable to cast value to a number: {_shown(found.group(1))}"
    return text


def _shown(value: Any) -> str:
    """A value in a message, as Java writes it."""
    if isinstance(value, float) and not math.isfinite(value):
        value = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    elif isinstance(value, bool) or value is None:
        value = {True: "true", False: "false", None: "null"}[value]
    return f'"{value}"'


def _worded(error: JException) -> str:
    """The text with its values in quotation marks, as the Java implementation that AWS runs writes it."""
    template = JException.error_codes.get(error.error)
    if template is None or "{{{" in template:
        return f"{error.error}: {error}".removesuffix(f" {error.error}").strip()
    values = iter((error.current, error.expected, error.extra))
    return f"{error.error}: " + _PLACE.sub(lambda place: _shown(next(values, None)), template)


@lru_cache(maxsize=4096)
def compile_expression(source: str) -> Expression:
    """The compiled expression of ``source`` (without the braces)."""
    return Expression(source)
