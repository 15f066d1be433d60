"""A line of a log, wherever it is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LogLine:
    """One line: of a log stream's event, or of a file.

    Parameters
    ----------
    id:
        The same whenever it is read again.
    """

    timestamp_ms: int
    message: str
    id: str
