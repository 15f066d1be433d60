"""Assets: content-addressed, deterministic, and nothing but the project's own files."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import PlanError
from headwater.plan import assets
from headwater.plan.plan import Plan


def test_keys_are_the_hash_of_the_content(sample: Plan) -> None:
    for asset in sample.assets:
        if asset.name.split("/")[0] not in ("label", "judge"):  # processing: one hash for the folder
            assert asset.key.split("/")[1] == hashlib.sha256(asset.read()).hexdigest()
        assert asset.key.startswith("assets/") and asset.size_bytes == len(asset.read())


def test_every_code_location_in_the_template_is_an_asset(sample: Plan) -> None:
    keys = {asset.key for asset in sample.assets}
    text = str(sample.template)
    named = {part.split("'")[0].split('"')[0].split("\\")[0] for part in text.split("${AssetsBucket}/")[1:]}
    assert named
    for name in named:
        folder = name.rstrip("*")
        assert name in keys or any(key.startswith(folder) for key in keys if folder.endswith("/")), name


def test_a_bundle_holds_the_script_at_the_top_and_the_shared_code(sample: Plan) -> None:
    (bundle,) = (asset for asset in sample.assets if asset.name == "notify/notify.zip")
    with zipfile.ZipFile(io.BytesIO(bundle.read())) as archive:
        assert archive.namelist() == ["common/", "common/money.py", "notify.py"]
    (source,) = (asset for asset in sample.assets if asset.name == "fit/sourcedir.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(source.read())) as archive:
        assert archive.getnames() == ["common/money.py", "fit.py", "judge.py", "label.py"]
    label = {asset.name: asset.key for asset in sample.assets if asset.name.startswith("label/")}
    assert {name: key.split("/", 2)[2] for name, key in label.items()} == {
        "label/common/money.py": "common/money.py",
        "label/label.py": "label.py",
    }


def test_python_imports_shared_code_from_the_zip(sample: Plan, tmp_path: Path) -> None:
    (library,) = (asset for asset in sample.assets if asset.name == "common/common.zip")
    (tmp_path / "common.zip").write_bytes(library.read())
    code = "import common.money; print(common.money.__doc__)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "common.zip")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "Shared code.\n", done.stderr


@settings(max_examples=25, deadline=None)
@given(content=st.dictionaries(st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5}){0,2}\.py", fullmatch=True), st.binary()))
def test_times_and_order_do_not_matter(content: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    bundles = []
    for turn, names in enumerate((sorted(content), sorted(content, reverse=True))):
        folder = tmp_path_factory.mktemp("bundle")
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content[name])
            os.utime(folder / name, (turn * 10**9, turn * 10**9))
        files = {name: folder / name for name in names}
        bundles.append((assets.zip_asset("s", "s.zip", files).source, assets.tar_asset("s", "s.tar.gz", files).source))
    assert bundles[0] == bundles[1]


def test_hidden_files_bytecode_and_escaping_links_stay_behind(tmp_path: Path) -> None:
    folder = tmp_path / "common"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "a.pyc").write_bytes(b"")
    (folder / ".secret").write_text("key")
    (tmp_path / "outside.py").write_text("")
    (folder / "link.py").symlink_to(tmp_path / "outside.py")
    (folder / "a.py").write_text("")
    assert list(assets.common_files(tmp_path)) == ["common/a.py"]


def test_a_bundle_too_large_for_lambda_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(262_144_001)  # sparse: takes no disk
    with pytest.raises(PlanError, match="262,144,001 bytes.*262,144,000"):
        assets.zip_asset("big", "big.zip", {"big.bin": tmp_path / "big.bin"})
