"""The files that a template refers to: scripts, shared code, bundles, each at an S3 key named by its content.

An asset lies at `s3://<assets bucket>/assets/<sha256>/<file>`. A bundle's bytes depend on its files only: sorted
entries, no owner, one fixed time. `common/`, when the project has it, goes to every stage as a package of that name.
Left out everywhere: bytecode, hidden files, symbolic links that leave the project.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from headwater.errors import PlanError

COMMON = "common"
PREFIX = "assets"
_EPOCH = (1980, 1, 1, 0, 0, 0)
# Lambda quotas, 2026-11: a deployment package in S3, unzipped.
_LARGEST_BUNDLE_BYTES = 262_144_000

Files = Mapping[str, Path]


class Built(Protocol):
    """A file that is built when it is first needed."""

    @property
    def path(self) -> Path:
        """Where it is once it is built."""

    def build(self) -> Path:
        """Return it, built now unless it is there."""


@dataclass(frozen=True)
class Asset:
    """One object to upload before the template is deployed.

    Parameters
    ----------
    name:
        What it is, as `clean/clean.py`: stage, then file.
    key:
        Its key in the assets bucket.
    sha256:
        The hash of its content (of all the files together, where several make one folder).
    source:
        The file that holds its content, or the content itself, or what makes it when it is first needed: its hash is
        that of what it is made from.
    """

    name: str
    key: str
    sha256: str
    source: Path | bytes | Built

    def read(self) -> bytes:
        """Return the content."""
        if isinstance(self.source, bytes):
            return self.source
        return (self.source if isinstance(self.source, Path) else self.source.build()).read_bytes()

    @property
    def size_bytes(self) -> int | None:
        """The content's size; None for what is not built yet."""
        if isinstance(self.source, bytes):
            return len(self.source)
        path = self.source if isinstance(self.source, Path) else self.source.path
        return path.stat().st_size if path.is_file() else None


def file_asset(stage: str, path: Path) -> Asset:
    """Return the asset of one file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Asset(f"{stage}/{path.name}", f"{PREFIX}/{digest}/{path.name}", digest, path)


def folder_assets(stage: str, files: Files) -> tuple[str, list[Asset]]:
    """Return one prefix that holds the files, and the asset of each file."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0".encode() + hashlib.sha256(files[name].read_bytes()).digest())
    folder = f"{PREFIX}/{digest.hexdigest()}/"
    found = [Asset(f"{stage}/{name}", folder + name, digest.hexdigest(), files[name]) for name in sorted(files)]
    return folder, found


def zip_asset(stage: str, file: str, files: Files) -> Asset:
    """Return a zip of the files; raises as :func:`zip_bytes` does."""
    return _bytes_asset(stage, file, zip_bytes(stage, files))


def built_asset(stage: str, file: str, digest: str, source: Built) -> Asset:
    """Return the asset of what is built when it is first needed."""
    return Asset(f"{stage}/{file}", f"{PREFIX}/{digest}/{file}", digest, source)


def zip_bytes(stage: str, files: Files) -> bytes:
    """Return a zip of the files, whose bytes depend on theirs only.

    Raises
    ------
    PlanError
        If it holds more than Lambda takes.
    """
    size_bytes = sum(path.stat().st_size for path in files.values())
    if size_bytes > _LARGEST_BUNDLE_BYTES:
        raise PlanError(
            f"stage {stage!r}: its bundle holds {size_bytes:,} bytes, and Lambda takes {_LARGEST_BUNDLE_BYTES:,} "
            "(250 MB unzipped). Leave packages out, or make it a processing stage."
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as bundle:
        for name in [*_folders(files), *sorted(files)]:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # as on Linux, whatever the system: the attributes below are Unix's
            entry.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else 0o100644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith("/") else zipfile.ZIP_DEFLATED
            bundle.writestr(entry, b"" if name.endswith("/") else files[name].read_bytes())
    return buffer.getvalue()


def tar_asset(stage: str, file: str, files: Files) -> Asset:
    """Return a tar.gz of the files."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as compressed:
        with tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as bundle:
            for name in sorted(files):
                content = files[name].read_bytes()
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o644
                bundle.addfile(entry, io.BytesIO(content))
    return _bytes_asset(stage, file, buffer.getvalue())


def common_files(root: Path) -> dict[str, Path]:
    """Return the files of the project's `common/`, by their name in a bundle; empty if it has none."""
    return {f"{COMMON}/{name}": path for name, path in folder_files(root / COMMON).items()}


def folder_files(folder: Path) -> dict[str, Path]:
    """Return the files below a folder, by their path in it."""
    if not folder.is_dir():
        return {}
    return {path.relative_to(folder).as_posix(): path for path in _walk(folder) if _is_shipped(folder, path)}


def script_folder(root: Path, script: Path) -> dict[str, Path]:
    """Return the files beside a script, its own included; of the project's own folder, the script alone."""
    return {script.name: script} if script.parent == root.resolve() else folder_files(script.parent)


def _walk(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _is_shipped(folder: Path, path: Path) -> bool:
    parts = path.relative_to(folder).parts
    if any(part.startswith(".") or part == "__pycache__" for part in parts) or path.suffix in (".pyc", ".pyo"):
        return False
    return path.resolve().is_relative_to(folder.resolve())


def _folders(files: Iterable[str]) -> list[str]:
    """Folder entries: without them zipimport finds no package that lacks an `__init__.py`."""
    return sorted({f"{parent.as_posix()}/" for name in files for parent in Path(name).parents if parent.name})


def _bytes_asset(stage: str, file: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()
    return Asset(f"{stage}/{file}", f"{PREFIX}/{digest}/{file}", digest, content)
