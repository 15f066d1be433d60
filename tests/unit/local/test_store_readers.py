"""The store's reading connections end with their threads."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from headwater.local.store import Store


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files through /proc")
def test_threads_that_ended_keep_no_connection(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    store.put("kind", "key", {"a": 1})

    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    def read() -> None:
        assert store.get("kind", "key") == {"a": 1}

    def in_a_thread() -> None:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join(10)

    in_a_thread()
    before = open_files()
    for _ in range(20):
        in_a_thread()
    assert open_files() <= before + 3
    store.close()
