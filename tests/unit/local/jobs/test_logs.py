"""From bytes to lines to batches."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from headwater.local.jobs.logs import BATCH_LINES, EVENT_BYTES, LineSplitter, LogBatches, Tail


@given(st.lists(st.text().filter(lambda text: "\n" not in text and not text.endswith("\r"))), st.data())
def test_lines_come_out_whole_however_the_bytes_are_cut(lines: list[str], data: st.DataObject) -> None:
    raw = "".join(f"{line}\n" for line in lines).encode()
    splitter, found = LineSplitter(), []
    while raw:
        size = data.draw(st.integers(1, len(raw)))
        found += splitter.feed(raw[:size])
        raw = raw[size:]
    assert found + splitter.end() == lines


@given(st.text(alphabet="aé漢😀", min_size=1, max_size=60), st.integers(4, 12))
def test_long_lines_are_cut_between_characters(text: str, limit: int) -> None:
    splitter = LineSplitter(limit)
    pieces = splitter.feed(text.encode() + b"\n")
    assert "".join(pieces) == text
    assert all(len(piece.encode()) <= limit for piece in pieces)


def test_a_line_without_an_end_does_not_grow_without_limit() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"x" * (EVENT_BYTES + 1)) == ["x" * EVENT_BYTES]
    assert splitter.end() == ["x"]


class Notebook:
    """A store that remembers, or refuses."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, list[tuple[int, str]]]] = []
        self.full = False

    def append_logs(self, log_group: str, log_stream: str, events: list[tuple[int, str]], /) -> None:
        if self.full:
            raise OSError("no space left")
        self.events.append((log_group, log_stream, events))


def test_batches_wait_for_the_timer_or_the_number_of_lines() -> None:
    timers: list[Callable[[], None]] = []
    store = Notebook()
    batches = LogBatches(store, lambda _, call: timers.append(call))
    batches.add("g", "s", 1, ["a"])
    batches.add("g", "s", 2, ["b"])
    assert store.events == [] and len(timers) == 1
    timers.pop()()
    assert store.events == [("g", "s", [(1, "a"), (2, "b")])]
    batches.add("g", "s", 3, ["x"] * BATCH_LINES)
    assert len(store.events) == 2


def test_a_store_that_refuses_does_not_stop_the_jobs() -> None:
    store = Notebook()
    batches = LogBatches(store, lambda _, call: None)
    store.full = True
    batches.add("g", "s", 1, ["lost"])
    batches.flush()
    store.full = False
    batches.add("g", "s", 2, ["kept"])
    batches.flush()
    assert store.events == [("g", "s", [(2, "kept")])]


def test_the_tail_keeps_the_last_fifty() -> None:
    tail = Tail()
    tail.add([str(number) for number in range(120)])
    assert tail.lines() == tuple(str(number) for number in range(70, 120))
