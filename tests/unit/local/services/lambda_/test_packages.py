"""Deployment packages on disk."""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.lambda_ import packages


def archive(entries: dict[str, bytes], modes: dict[str, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (modes or {}).get(name, 0o644) << 16
            target.writestr(entry, data)
    return buffer.getvalue()


def test_a_package_is_unpacked_once_and_kept(tmp_path: Path) -> None:
    data = archive({"main.py": b"x = 1", "tool": b"#!/bin/sh", "pkg/__init__.py": b""}, {"tool": 0o755})
    package = packages.unpack(data, tmp_path)
    folder = tmp_path / package.sha256_hex
    assert package.sha256 == b64encode(hashlib.sha256(data).digest()).decode() and package.size_bytes == len(data)
    assert (folder / "main.py").read_bytes() == b"x = 1" and (folder / "pkg/__init__.py").exists()
    assert (folder / "tool").stat().st_mode & 0o111
    assert (tmp_path / f"{package.sha256_hex}.zip").read_bytes() == data
    (folder / "main.py").write_bytes(b"touched")
    assert packages.unpack(data, tmp_path) == package
    assert (folder / "main.py").read_bytes() == b"touched"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([package.sha256_hex, f"{package.sha256_hex}.zip"])


def test_links_inside_are_kept(tmp_path: Path) -> None:
    data = archive({"a.py": b"1", "lib/b.py": b"../a.py"}, {"lib/b.py": stat.S_IFLNK | 0o777})
    folder = tmp_path / packages.unpack(data, tmp_path).sha256_hex
    assert (folder / "lib/b.py").read_bytes() == b"1"


@pytest.mark.parametrize(
    "data",
    [
        b"no zip",
        archive({"../out.py": b""}),
        archive({"/abs.py": b""}),
        archive({"a/../../b.py": b""}),
        archive({"..\\out.py": b""}),
        archive({"link": b"/etc/passwd"}, {"link": stat.S_IFLNK | 0o777}),
        archive({"link": b"../../out"}, {"link": stat.S_IFLNK | 0o777}),
        archive({"main.py": b"x" * 100})[:-30],
    ],
    ids=["text", "up", "absolute", "hidden up", "backslash", "absolute link", "link up", "cut"],
)
def test_bad_packages_leave_nothing_behind(tmp_path: Path, data: bytes) -> None:
    home = tmp_path / "home"
    with pytest.raises(ServiceError) as caught:
        packages.unpack(data, home)
    assert caught.value.message == packages.UNREADABLE
    assert list(home.iterdir()) == [] and list(tmp_path.iterdir()) == [home]


def test_an_empty_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="non-empty"):
        packages.unpack(archive({}), tmp_path)
