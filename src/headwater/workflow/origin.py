"""Where a declaration stands: the file and line of the call, so that every mistake can name them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = str(Path(__file__).resolve().parent)


@dataclass(frozen=True)
class Origin:
    """A place in a user's file."""

    file: str
    line: int


def caller() -> Origin:
    """Return the place of the innermost call that comes from outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return Origin(frame.f_code.co_filename, frame.f_lineno)
