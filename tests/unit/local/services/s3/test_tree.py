from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.services.s3 import tree as tree_module
from headwater.local.services.s3.keys import names_of
from headwater.local.services.s3.tree import Tree

KEYS = ["a-", "a/b", "a/c/d", "a0", "b", "dir/", "z/é", "z/\U0001f600", "z/zz", "\uffee"]


def write(root: Path, key: str) -> None:
    path = root.joinpath(*names_of(key))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(key.encode())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for key in KEYS:
        write(tmp_path, key)
    return tmp_path


def keys(root: Path, **options: object) -> list[str]:
    return [key for key, _ in Tree().walk(str(root), **options)]  # type: ignore[arg-type]


def test_keys_come_in_utf8_order(root: Path) -> None:
    assert keys(root) == sorted(KEYS, key=str.encode)


@given(st.text("abcdz/-0é", max_size=4), st.text("abcdz/-0é", max_size=4))
def test_prefix_and_marker_select_what_a_full_listing_would(
    tmp_path_factory: pytest.TempPathFactory, prefix: str, after: str
) -> None:
    root = tmp_path_factory.getbasetemp() / "shared-tree"
    if not root.exists():
        for key in KEYS:
            write(root, key)
    expected = [key for key in sorted(KEYS) if key.startswith(prefix) and key > after]
    assert keys(root, prefix=prefix, after=after) == expected


def test_a_folder_is_folded_once_and_skipped_as_a_marker(root: Path) -> None:
    assert keys(root, fold=True) == ["a-", "a/", "a0", "b", "dir/", "z/", "\uffee"]
    assert keys(root, fold=True, after="a/") == ["a0", "b", "dir/", "z/", "\uffee"]
    assert keys(root, fold=True, after="a/b") == ["a/", "a0", "b", "dir/", "z/", "\uffee"]
    assert keys(root, prefix="a/", fold=True) == ["a/b", "a/c/"]


def test_empty_folders_side_files_and_links_are_not_keys(root: Path, tmp_path: Path) -> None:
    before = keys(root)
    (root / "empty" / "deep").mkdir(parents=True)
    (root / "a" / ".b.crc").write_bytes(b"")
    (root / "link").symlink_to("/etc/hostname")
    (root / "links").symlink_to("/etc")
    assert keys(root) == before
    assert "empty/" not in keys(root, fold=True)


def test_nothing_outside_the_prefix_is_read(root: Path) -> None:
    reader = Tree()
    read: list[str] = []

    class Watched(Tree):
        def names(self, folder: str) -> tree_module.Names:
            read.append(os.path.relpath(folder, root))
            return reader.names(folder)

    assert [key for key, _ in Watched().walk(str(root), prefix="a/c/")] == ["a/c/d"]
    assert read == ["a/c"]


def test_a_large_folder_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "CACHE_FROM_NAMES", 3)
    for number in range(5):
        (tmp_path / f"{number}").write_bytes(b"")
    os.utime(tmp_path, ns=(0, 0))  # long unchanged
    reader = Tree()
    first = reader.names(str(tmp_path))
    assert reader.names(str(tmp_path)) is first
    (tmp_path / "new").write_bytes(b"")
    assert "new" in reader.names(str(tmp_path))[0]


def test_a_folder_that_changed_just_now_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "CACHE_FROM_NAMES", 3)
    reader = Tree()
    for number in range(50):
        (tmp_path / f"{number}").write_bytes(b"")
        assert str(number) in reader.names(str(tmp_path))[0]
