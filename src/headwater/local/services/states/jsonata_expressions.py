"""JSONata expressions: compiled once and kept, evaluated many times.

This module and its ``jsonata_`` neighbours are the only ones that touch the ``jsonata`` package.

What it costs: the package walks its tree in Python, some 15 µs for a small expression; everything that a state
evaluates passes through :meth:`Expression.evaluate`, so that a faster engine can take its place here. Only what can
meet AWS's limits pays for counting: expressions that define functions, make long lists or texts, or nest deeply.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jsonata.jexception import JException

from headwater.local.services.states.jsonata_engine import DEPTH_EXCEEDED, MAX_DEPTH, Engine, Limits
from headwater.local.services.states.jsonata_errors import (
    ExpressionError,
    InternalError,
    LimitExceeded,
    UnsupportedResult,
    message_of,
)
from headwater.local.services.states.jsonata_functions import functions_for
from headwater.local.services.states.jsonata_references import top_level_references
from headwater.local.services.states.jsonata_values import NULL, FunctionValueError, plain

UNDEFINED: Any = type("Undefined", (), {"__repr__": lambda self: "UNDEFINED"})()
_LONE_BRACES = re.compile(r"^\{%(.*)%\}$", re.DOTALL)
_MAY_GROW = re.compile(r"function|λ|\.\.|\$range|\$pad")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
# A level of nesting takes a character at least.
_CANNOT_NEST_TOO_DEEPLY = MAX_DEPTH


def source_of(text: str) -> str | None:
    """The expression inside ``{% … %}``, or None when the text is plain."""
    found = _LONE_BRACES.match(text)
    return found.group(1).strip() if found else None


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
                self._engine = Engine(source)
        except Exception as error:  # the package raises several kinds for malformed text
            raise _said(error) from error
        self._engine.output_convert_nulls = False
        limited = len(source) > _CANNOT_NEST_TOO_DEEPLY or _MAY_GROW.search(source) is not None
        self._limits = Limits(self._engine.environment) if limited else None
        for name, function in functions_for(self.variables).items():
            self._engine.environment.bind(name, function)

    def top_level_references(self) -> list[str]:
        """The names that the expression reads where there is nothing to read, ``$`` among them; AWS refuses them."""
        return top_level_references(self._engine.ast)

    def evaluate(self, bindings: Mapping[str, Any]) -> Any:
        """The value, or :data:`UNDEFINED`; ExpressionError when the evaluation fails."""
        used = {name: NULL if value is None else value for name, value in bindings.items() if name in self.variables}
        try:
            with self._lock:
                self._engine.begin()
                if self._limits is not None:
                    self._limits.begin()
                value = self._engine.evaluate(None, used)
            return UNDEFINED if value is None else plain(value)
        except ExpressionError:
            raise
        except FunctionValueError as error:
            raise UnsupportedResult from error
        except RecursionError as error:
            raise LimitExceeded(DEPTH_EXCEEDED) from error
        except Exception as error:  # the package lets Python's own errors through
            raise _said(error) from error


def _said(error: Exception) -> ExpressionError:
    return ExpressionError(message_of(error)) if isinstance(error, JException) else InternalError(str(error))


@lru_cache(maxsize=4096)
def compile_expression(source: str) -> Expression:
    """The compiled expression of ``source`` (without the braces)."""
    return Expression(source)
