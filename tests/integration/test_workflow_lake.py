"""``headwater lake``: what goes up comes down the same, large or small, and never by halves."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import client_factory
from tests.integration.command_line import BUCKET, ProjectFolder, wait_until

MB = 1 << 20


@pytest.fixture
def lake(project_of: Callable[..., ProjectFolder]) -> Iterator[ProjectFolder]:
    """A project whose endpoint is up and whose lake is there and empty."""
    project = project_of(months=())
    project.headwater("up")
    yield project
    project.headwater("down")


def random_file(path: Path, size_bytes: int) -> str:
    """Write random bytes; returns their digest."""
    digest = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for start in range(0, size_bytes, 8 * MB):
            part = os.urandom(min(8 * MB, size_bytes - start))
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keys(lake: ProjectFolder, where: str = "") -> list[str]:
    return [entry["key"] for entry in lake.json("lake", "ls", "--recursive", *([where] if where else []))]


def test_a_file_goes_up_is_listed_comes_down_and_is_removed(lake: ProjectFolder) -> None:
    folder = lake.path / "box"
    sent = random_file(folder / "ä file", 3 * MB + 7)
    said = lake.headwater("lake", "put", "box/ä file", "raw/things/")
    assert f"s3://{BUCKET}/raw/things/ä file" in said
    assert keys(lake, "raw/things/") == ["raw/things/ä file"]
    assert "raw/" in lake.headwater("lake", "ls") and "3.1 MB" in lake.headwater("lake", "ls", "raw/things/")
    assert lake.json("lake", "ls") == [{"prefix": "raw/"}]

    lake.headwater("lake", "get", f"s3://{BUCKET}/raw/things/ä file", "back")
    assert digest_of(lake.path / "back") == sent

    assert "no object" in lake.headwater("lake", "get", "raw/things/absent", "absent", code=5)
    assert not (lake.path / "absent").exists()
    assert "no object" in lake.headwater("lake", "rm", "raw/things/", code=2)
    assert "removed 1 object" in lake.headwater("lake", "rm", "raw/things/ä file")
    assert keys(lake) == []


def test_a_folder_is_synced_by_what_differs(lake: ProjectFolder) -> None:
    folder = lake.path / "box"
    for name in ("a/1", "a/2", "b"):
        random_file(folder / name, 1000)
    assert "3 files uploaded" in lake.headwater("lake", "sync", "box", "raw/box")
    assert "0 files uploaded" in lake.headwater("lake", "sync", "box", "raw/box")
    random_file(folder / "a" / "2", 1001)
    assert "1 file uploaded" in lake.headwater("lake", "sync", "box", "raw/box")

    (lake.path / "copy").mkdir()
    assert "3 files downloaded" in lake.headwater("lake", "sync", "raw/box", "copy")
    assert "0 files downloaded" in lake.headwater("lake", "sync", "raw/box", "copy")
    for name in ("a/1", "a/2", "b"):
        assert digest_of(lake.path / "copy" / name) == digest_of(folder / name)
    assert "removed 3 objects" in lake.headwater("lake", "rm", "--recursive", "raw/box/")


def test_a_large_file_goes_in_parts_and_a_cut_download_leaves_none(lake: ProjectFolder) -> None:
    sent = random_file(lake.path / "large", 120 * MB)
    lake.headwater("lake", "put", "large", "raw/large")
    (entry,) = lake.json("lake", "ls", "--recursive", "raw/large")
    assert entry["size_bytes"] == 120 * MB
    said = lake.json("up")
    client = client_factory(said["endpoint_url"], said["access_key_id"], said["secret_access_key"])("s3")
    assert client.head_object(Bucket=BUCKET, Key="raw/large")["ETag"].endswith('-4"'), "four parts of 32 MiB"

    cut = lake.start("lake", "get", "raw/large", "back")
    wait_until(lambda: list(lake.path.glob("back*")) or cut.process.poll() is not None, "the download has begun")
    cut.signal(signal.SIGINT)
    if cut.end() != 0:  # a fast disk may be done before the signal
        assert not list(lake.path.glob("back*"))

    lake.headwater("lake", "get", "raw/large", "back")
    assert digest_of(lake.path / "back") == sent
    assert "no file" in lake.headwater("lake", "put", "nothing", "raw/", code=2)
