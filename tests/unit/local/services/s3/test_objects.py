from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.s3.objects import ObjectStore, file_etag
from headwater.local.services.s3.tree import Tree
from headwater.local.store import Store


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[ObjectStore]:
    (tmp_path / "s3" / "lake").mkdir(parents=True)
    store = Store(tmp_path / "state.sqlite")
    yield ObjectStore(store, tmp_path / "s3")
    store.close()


def put(objects: ObjectStore, key: str, data: bytes, etag: str = "e") -> None:
    source = Path(objects.folder("lake")).parent.parent / f"upload-{threading.get_ident()}"
    source.write_bytes(data)
    with objects.locked("lake", key):
        objects.install("lake", key, source, etag, {"ContentType": "text/csv"})


def keys(objects: ObjectStore) -> list[str]:
    return [key for key, _ in Tree().walk(objects.folder("lake"))]


def read(objects: ObjectStore, key: str) -> bytes:
    opened = objects.open("lake", key)
    assert opened is not None
    with opened[1] as stream:
        return stream.read()


@pytest.mark.parametrize("order", [("a", "a/b"), ("a/b", "a")])
def test_an_object_and_a_folder_may_share_a_name(objects: ObjectStore, order: tuple[str, str]) -> None:
    for key in order:
        put(objects, key, key.encode())
    assert keys(objects) == ["a", "a/b"]
    assert (read(objects, "a"), read(objects, "a/b")) == (b"a", b"a/b")
    objects.remove("lake", "a/b")
    put(objects, "a", b"new")
    assert keys(objects) == ["a"]
    assert read(objects, "a") == b"new"


def test_a_file_that_somebody_else_replaced_loses_the_old_metadata(objects: ObjectStore) -> None:
    put(objects, "f.csv", b"one", "md5")
    path = Path(objects.folder("lake"), "f.csv")
    path.write_bytes(b"two")
    found = objects.find("lake", "f.csv")
    assert found is not None
    assert found.etag == file_etag(3, path.stat().st_mtime_ns)
    assert found.attributes == {}


def test_a_kill_before_the_rename_leaves_the_old_object_whole(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(objects, "f", b"old", "old-md5")

    def killed(source: object, target: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            put(objects, "f", b"new", "new-md5")
    found = objects.find("lake", "f")
    assert found is not None
    assert (read(objects, "f"), found.etag, found.attributes) == (b"old", "old-md5", {"ContentType": "text/csv"})


def test_a_kill_after_the_rename_leaves_the_new_object_whole(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(objects, "f", b"old", "old-md5")
    replace = os.replace

    def killed(source: str, target: str) -> None:
        replace(source, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            put(objects, "f", b"new", "new-md5")
    found = objects.find("lake", "f")
    assert found is not None
    assert (read(objects, "f"), found.etag, found.attributes) == (b"new", "new-md5", {"ContentType": "text/csv"})


def test_links_are_neither_read_nor_written_through(objects: ObjectStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    Path(objects.folder("lake"), "link").symlink_to(outside)
    Path(objects.folder("lake"), "file").symlink_to(outside / "secret")
    assert objects.find("lake", "link/secret") is None
    assert objects.open("lake", "file") is None
    with pytest.raises(ServiceError, match="symbolic link"):
        put(objects, "link/new", b"x")
    put(objects, "file", b"mine")
    assert (outside / "secret").read_bytes() == b"secret"
    assert os.listdir(outside) == ["secret"]
    assert not objects.remove("lake", "link/secret")


def test_dots_in_keys_stay_in_the_bucket(objects: ObjectStore, tmp_path: Path) -> None:
    put(objects, "../../escaped", b"x")
    put(objects, "a/../../b", b"y")
    assert not list(tmp_path.glob("escaped")) + list(tmp_path.glob("s3/escaped"))
    assert keys(objects) == ["../../escaped", "a/../../b"]


def test_a_removal_takes_empty_folders_and_side_files_along(objects: ObjectStore) -> None:
    put(objects, "a/b/c/f", b"x")
    put(objects, "a/g", b"x")
    Path(objects.folder("lake"), "a/b/c/.f.crc").write_bytes(b"")
    assert objects.remove("lake", "a/b/c/f")
    assert os.listdir(Path(objects.folder("lake"), "a")) == ["g"]
    objects.remove("lake", "a/g")
    assert os.listdir(objects.folder("lake")) == []
    assert not objects.remove("lake", "a/g")


def test_puts_and_removals_of_neighbours_do_not_lose_each_other(objects: ObjectStore) -> None:
    def churn(worker: int) -> None:
        for _ in range(40):
            put(objects, f"deep/er/{worker}", b"x" * worker)
            with objects.locked("lake", f"deep/er/{worker}"):
                objects.remove("lake", f"deep/er/{worker}")
        put(objects, f"deep/er/{worker}", b"x" * worker)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(churn, worker) for worker in range(4)]:
            done.result()
    assert keys(objects) == [f"deep/er/{worker}" for worker in range(4)]


def test_parallel_puts_of_one_key_leave_one_of_them_with_its_metadata(objects: ObjectStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda size: put(objects, "k", b"x" * size, f"etag-{size}"), range(1, 60)))
    found = objects.find("lake", "k")
    assert found is not None
    assert found.etag == f"etag-{found.size_bytes}"


def test_a_key_over_1024_bytes_is_refused(objects: ObjectStore) -> None:
    put(objects, "k" * 1024, b"")
    with pytest.raises(ServiceError, match="KeyTooLongError"):
        put(objects, "é" * 513, b"")
