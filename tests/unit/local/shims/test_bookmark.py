"""The bookmark's file: what is new, what is kept, pause and its range."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

A, B = "s3://lake/a", "s3://lake/b"


@pytest.fixture
def bookmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A fresh module, with the files that the endpoint names."""
    import headwater.local

    monkeypatch.syspath_prepend(str(Path(headwater.local.__file__).parent / "shims" / "awsglue"))
    monkeypatch.setenv("HEADWATER_BOOKMARK_IN", str(tmp_path / "in.json"))
    monkeypatch.setenv("HEADWATER_BOOKMARK_OUT", str(tmp_path / "out.json"))
    return importlib.reload(importlib.import_module("_bookmark"))


def give(path: Path, files: dict[str, Any], option: str = "enable", **more: Any) -> None:
    state = {"version": 1, "contexts": {"source": {"files": files, "before_ns": 0}}}
    (path / "in.json").write_text(json.dumps({"version": 1, "option": option, "state": state, **more}))


def test_only_new_and_changed_files_are_read(bookmark: Any, tmp_path: Path) -> None:
    give(tmp_path, {A: [5, 1], B: [5, 1]})
    bookmark.begin("job-bookmark-enable")
    assert bookmark.unread("source", {A: [5, 1], B: [6, 1], "c": [1, 1]}) == [B, "c"]
    assert bookmark.unread("other", {A: [5, 1]}) == [A]
    bookmark.commit()
    kept = json.loads((tmp_path / "out.json").read_text())["contexts"]
    assert kept["source"]["files"] == {A: [5, 1], B: [6, 1], "c": [1, 1]}
    assert kept["other"]["files"] == {A: [5, 1]}


def test_without_a_context_or_disabled_nothing_is_tracked(bookmark: Any, tmp_path: Path) -> None:
    give(tmp_path, {})
    bookmark.begin("job-bookmark-disable")
    assert not bookmark.active("source")
    bookmark.begin("job-bookmark-enable")
    assert bookmark.active("source") and not bookmark.active("")


def test_pause_reads_a_range_and_keeps_nothing(bookmark: Any, tmp_path: Path) -> None:
    until = {"version": 1, "contexts": {"source": {"files": {A: [5, 1], B: [6, 1]}, "before_ns": 0}}}
    give(tmp_path, {A: [5, 1]}, "pause", until=until)
    bookmark.begin("job-bookmark-pause")
    assert bookmark.unread("source", {A: [5, 1], B: [6, 1], "c": [9, 1]}) == [B]
    bookmark.commit()
    assert not (tmp_path / "out.json").exists()


def test_very_many_files_are_summed_up_by_time(bookmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookmark, "MAX_FILES", 2)
    kept = bookmark._bounded({"a": [1, 0], "b": [2, 0], "c": [3, 0]}, 0)
    assert kept == {"files": {"b": [2, 0], "c": [3, 0]}, "before_ns": 1}
    assert not bookmark._is_new(kept, "a", [1, 0])
    assert bookmark._is_new(kept, "d", [2, 0])
