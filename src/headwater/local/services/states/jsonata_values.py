"""The values that go into and come out of the ``jsonata`` package, and its null.

AWS keeps an integer exact while it fits into 64 bits and has a double beyond, and writes what JSON has no number for as
the text ``"Infinity"``, ``"-Infinity"`` or ``"NaN"``
(answers of ``TestState``, published with floci's issue 2737, 2026-08, read 2026-11-25).
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from jsonata.utils import Utils

NULL = Utils.NULL_VALUE
_LONG = 1 << 63
_WRITTEN_IN_FULL = 1e21


class FunctionValueError(TypeError):
    """A value is a function, or holds one."""


def plain(value: Any, finite: bool = False) -> Any:
    """The package's lists, nulls and whole floats as plain JSON values.

    Parameters
    ----------
    finite:
        A number that is none is None, not its name.

    Raises
    ------
    FunctionValueError
        The value is a function, or holds one.
    """
    if value is NULL or value is None:
        return None
    if isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float)):
        return _plain_number(value, finite)
    if isinstance(value, list):
        return [plain(item, finite) for item in value]
    if isinstance(value, dict):
        return {key: plain(item, finite) for key, item in value.items()}
    raise FunctionValueError("the expression's value is a function")


def _plain_number(value: int | float, finite: bool) -> Any:
    if isinstance(value, int):
        return value if -_LONG <= value < _LONG else float(value)
    if math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < _LONG else value
    return None if finite else name_of(value)


def name_of(value: float) -> str:
    """What JavaScript calls a number that is not finite."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def number_text(value: int | float) -> str:
    """A number as ``$string`` writes it: whole ones in full below 1e21, others with 15 digits."""
    if isinstance(value, int):
        if -_LONG <= value < _LONG:
            return str(value)
        value = float(value)
    whole = value.is_integer()
    decimal = Decimal(repr(value)) if whole else Decimal(f"{value:.15g}")
    if (whole and abs(value) < _WRITTEN_IN_FULL) or (not whole and abs(value) >= 1e-6):
        return f"{decimal.normalize():f}"
    digits, exponent = f"{decimal.normalize():e}".split("e")
    return f"{digits}e{'+' if int(exponent) > 0 else ''}{int(exponent)}"
