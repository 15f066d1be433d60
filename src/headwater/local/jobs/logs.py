"""From a job's pipes to CloudWatch Logs: bytes to lines, lines to batches.

Lines are cut at CloudWatch Logs' size of an event and bytes that are not UTF-8 are replaced. Batches go to the store
after 100 ms or 500 lines, the batches of all jobs in one transaction, so a chatty job costs few commits and
``headwater logs --follow`` still feels live.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

BATCH_LINES = 500
FLUSH_S = 0.1
# "Each log event can be no larger than 1 MB" since 2025; before, 256 KB with 26 bytes of overhead, which the
# agents of Glue, Lambda and SageMaker still cut at (CloudWatch Logs quotas, 2025-04).
EVENT_BYTES = 256 * 1024 - 26
TAIL_LINES = 50

log = logging.getLogger(__name__)


class LogStore(Protocol):
    """What the logs need of the store."""

    def append_logs(self, log_group: str, log_stream: str, events: list[tuple[int, str]], /) -> None:
        """Add events to a stream."""
        ...


class LineSplitter:
    """Cuts a byte stream into lines of at most :data:`EVENT_BYTES` bytes, without their line ends."""

    def __init__(self, limit_bytes: int = EVENT_BYTES) -> None:
        self._limit = limit_bytes
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        lines = [piece for line in whole for piece in self._pieces(line)]
        while len(self._rest) > self._limit:
            head, self._rest = self._cut(self._rest)
            lines.append(self._text(head))
        return lines

    def end(self) -> list[str]:
        """What stands after the last line end, when the stream is over."""
        rest, self._rest = self._rest, b""
        return self._pieces(rest) if rest else []

    def _pieces(self, line: bytes) -> list[str]:
        pieces = []
        while len(line) > self._limit:
            head, line = self._cut(line)
            pieces.append(self._text(head))
        return [*pieces, self._text(line.removesuffix(b"\r"))]

    def _cut(self, line: bytes) -> tuple[bytes, bytes]:
        end = self._limit
        while end > self._limit - 4 and line[end] & 0xC0 == 0x80:  # never within a UTF-8 character
            end -= 1
        return line[:end], line[end:]

    @staticmethod
    def _text(line: bytes) -> str:
        return line.decode("utf-8", "replace")


class LogBatches:
    """Log lines on their way to the store, of all jobs. Used by one thread only."""

    def __init__(self, store: LogStore, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._store = store
        self._later = later
        self._pending: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self._lines = 0
        self._scheduled = False

    def add(self, group: str, stream: str, timestamp_ms: int, lines: list[str]) -> None:
        """Take lines; they are in the store within :data:`FLUSH_S` seconds."""
        self._pending.setdefault((group, stream), []).extend((timestamp_ms, line) for line in lines)
        self._lines += len(lines)
        if self._lines >= BATCH_LINES:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            self._later(FLUSH_S, self._due)

    def _due(self) -> None:
        self._scheduled = False
        self.flush()

    def flush(self) -> None:
        """Write what is pending. Lines that the store refuses are dropped, and the endpoint's log says so."""
        pending, self._pending, self._lines = self._pending, {}, 0
        for (group, stream), events in pending.items():
            try:
                self._store.append_logs(group, stream, events)
            except Exception:
                log.exception("%s lines of %s %s could not be written", len(events), group, stream)


class Tail:
    """The last lines of a job, for its error report."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)

    def add(self, lines: list[str]) -> None:
        """Take lines."""
        self._lines.extend(lines)

    def lines(self) -> tuple[str, ...]:
        """The last :data:`TAIL_LINES` lines, oldest first."""
        return tuple(self._lines)
