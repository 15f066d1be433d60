"""Where objects go in a job's folder, and copies that do not touch the lake."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from headwater.local.services.sagemaker.transfer import (
    S3Uri,
    TransferFailed,
    copy_file,
    files_below,
    inside,
    local_name,
)

SEGMENT = st.text("abc._=-", min_size=1, max_size=4).filter(lambda s: s not in (".", ".."))


@pytest.mark.parametrize(
    ("prefix", "key", "name"),
    [
        ("raw/", "raw/a.csv", "a.csv"),
        ("raw/", "raw/year=2013/a.csv", "year=2013/a.csv"),
        ("raw", "raw/a.csv", "a.csv"),
        ("raw", "raw2/a.csv", "raw2/a.csv"),
        ("models/m/model.tar.gz", "models/m/model.tar.gz", "model.tar.gz"),
        ("data/part-", "data/part-0", "part-0"),
        ("", "a/b", "a/b"),
        ("raw/", "raw/", ""),
    ],
)
def test_local_names(prefix: str, key: str, name: str) -> None:
    assert local_name(prefix, key) == name


@given(st.lists(SEGMENT, max_size=3), st.lists(SEGMENT, min_size=1, max_size=4))
def test_a_key_below_a_folder_keeps_its_path(folder: list[str], rest: list[str]) -> None:
    prefix = "".join(f"{part}/" for part in folder)
    assert local_name(prefix, prefix + "/".join(rest)) == "/".join(rest)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "..", "/etc/passwd"])
def test_a_key_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(TransferFailed):
        inside(tmp_path / "input", name)


def test_a_copy_is_not_the_source(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"lake")
    target.write_bytes(b"something longer")
    copy_file(source, target)
    assert target.read_bytes() == b"lake"
    with target.open("ab") as file:
        file.write(b" spoilt")
    assert source.read_bytes() == b"lake"


def test_links_out_of_the_folder_are_not_uploaded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "output"
    folder.mkdir()
    (folder / "a").write_text("a")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "same").symlink_to(folder / "a")
    assert list(files_below(folder)) == [folder / "a", folder / "same"]


def test_uris() -> None:
    assert str(S3Uri.parse("s3://lake/a/b").below("c")) == "s3://lake/a/b/c"
    assert str(S3Uri.parse("s3://lake").below("c")) == "s3://lake/c"
    with pytest.raises(ServiceError, match="not valid"):
        S3Uri.parse("https://lake/a")
