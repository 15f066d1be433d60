"""The ``jsonata`` package's evaluator with AWS's numbers and AWS's limits.

Limits: an evaluation nests at most 100 deep, and no value that it makes on its way holds more than 6,990,256 bytes
(a number counts eight, a character one). Source: AWS accepts ``[1..873782]`` and refuses one number more, accepts a
text of 2**22 characters and refuses 2**23, and accepts 100 terms of a sum and refuses 101 (answers of ``TestState``,
published with floci's issue 2737, 2026-08, read 2026-11-25). Not faithful: AWS does not publish how long an evaluation
may take; and what a list's items hold beyond eight bytes each is not counted: it would be walked at every step.
"""

from __future__ import annotations

import math
import time
from typing import Any

from jsonata.jsonata import Jsonata
from jsonata.utils import Utils

from headwater.local.services.states.jsonata_errors import LimitExceeded

LIMIT_S = 5.0
MAX_DEPTH = 100
MAX_BYTES = 873_782 * 8
DEPTH_EXCEEDED = (
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive."
)
TIME_EXCEEDED = "Expression evaluation timeout: Check for infinite loop"
MEMORY_EXCEEDED = "Expression evaluation memory limit exceeded: Check for excessive memory usage"


class Engine(Jsonata):  # type: ignore[misc]
    """An expression that can be evaluated."""

    def evaluate_numeric_expression(self, lhs: Any, rhs: Any, op: Any) -> Any:
        """Arithmetic of doubles; the package's own fails where the result is not finite, and cuts remainders."""
        if not (_is_finite(lhs) and _is_finite(rhs)):
            return super().evaluate_numeric_expression(lhs, rhs, op)  # nothing, or the error that says why not
        result = _computed(float(lhs), float(rhs), op)
        return int(result) if result.is_integer() else result

    def begin(self) -> None:
        """Make this the evaluator of the thread; the package evaluates by the one that was made last."""
        Jsonata.CURRENT.jsonata = self


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _computed(lhs: float, rhs: float, op: str) -> float:
    if op == "+":
        return lhs + rhs
    if op == "-":
        return lhs - rhs
    if op == "*":
        return lhs * rhs
    if op == "%":
        return math.fmod(lhs, rhs) if rhs else math.nan
    if rhs:
        return lhs / rhs
    return math.copysign(math.inf, lhs) * math.copysign(1.0, rhs) if lhs else math.nan


class Limits:
    """Counts how deep one evaluation is and what its steps make.

    Parameters
    ----------
    environment:
        The expression's, to which the counters are bound once.
    """

    def __init__(self, environment: Any) -> None:
        self.depth = 0
        self.deadline = 0.0
        environment.set_evaluate_entry_callback(self._entered)
        environment.set_evaluate_exit_callback(self._left)

    def begin(self) -> None:
        """A new evaluation begins."""
        self.depth = 0
        self.deadline = time.monotonic() + LIMIT_S

    def _entered(self, *_: Any) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise LimitExceeded(DEPTH_EXCEEDED)
        if time.monotonic() > self.deadline:
            raise LimitExceeded(TIME_EXCEEDED)

    def _left(self, expression: Any, input: Any, environment: Any, result: Any) -> None:
        self.depth -= 1
        if isinstance(result, str):
            size = len(result)
        elif isinstance(result, Utils.RangeList):
            size = 8 * (result.b - result.a)
        elif isinstance(result, list):
            size = 8 * len(result)
        else:
            return
        if size > MAX_BYTES:
            raise LimitExceeded(MEMORY_EXCEEDED)
