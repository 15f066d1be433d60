"""The store: transactions, scans, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.local.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state.sqlite")
    yield made
    made.close()


def test_a_record_comes_back(store: Store) -> None:
    store.put("job", "a", {"x": 1})
    assert store.get("job", "a") == {"x": 1}
    assert store.get("job", "b") is None
    assert store.delete("job", "a") and not store.delete("job", "a")


def test_a_scan_is_ordered_and_pages(store: Store) -> None:
    for key in ("b/2", "a", "b/1", "b%", "c"):
        store.put("k", key, {})
    assert [key for key, _ in store.scan("k", prefix="b/")] == ["b/1", "b/2"]
    assert [key for key, _ in store.scan("k", after="a", limit=2)] == ["b%", "b/1"]


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError):
        with store.transaction():
            store.put("k", "a", {})
            assert store.get("k", "a") == {}
            raise RuntimeError
    assert store.get("k", "a") is None


def test_a_reader_sees_only_what_is_committed(store: Store) -> None:
    seen: list[object] = []
    with store.transaction():
        store.put("k", "a", {})
        reader = threading.Thread(target=lambda: seen.append(store.get("k", "a")))
        reader.start()
        reader.join()
    assert seen == [None]


def test_a_kill_keeps_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    script = (
        "import sys; from pathlib import Path; from headwater.local.store import Store\n"
        "s = Store(Path(sys.argv[1]))\n"
        "for i in range(10**6):\n s.put('k', f'{i:06d}', {'i': i}); print(i, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = [int(child.stdout.readline()) for _ in range(50)]
    os.kill(child.pid, signal.SIGKILL)
    told += [int(line) for line in child.stdout.read().splitlines() if line.isdigit()]
    child.wait()
    child.stdout.close()
    store = Store(path)
    kept = store.scan("k")
    store.close()
    assert len(kept) >= len(told)
    assert [value["i"] for _, value in kept] == list(range(len(kept)))
