"""Deployment packages: from a zip to a folder that a runtime can import from.

A package is kept beside its folder, ``<home>/lambda/<function>/<sha256>.zip`` and ``…/<sha256>/``; both are written
under a temporary name and renamed. Limits as AWS's: 50 MB zipped when sent directly, 250 MB unzipped.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import uuid
import zipfile
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from headwater.local.service import Call, Endpoint, ServiceError
from headwater.local.services.lambda_.names import invalid

ZIPPED_BYTES = 52_428_800
UNZIPPED_BYTES = 262_144_000
UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."


@dataclass(frozen=True)
class Package:
    """A package on disk."""

    sha256_hex: str
    size_bytes: int

    @property
    def sha256(self) -> str:
        """CodeSha256 as AWS writes it."""
        return b64encode(bytes.fromhex(self.sha256_hex)).decode()


def fetch(endpoint: Endpoint, call: Call, code: dict[str, Any]) -> bytes:
    """The zip that a request's Code (or layer Content) means.

    Raises
    ------
    ServiceError
        InvalidParameterValueException for images, no source at all, or an object that cannot be read;
        RequestEntityTooLargeException for a zip over 50 MB.
    """
    if code.get("ImageUri"):
        raise invalid("Headwater runs Zip packages only: ImageUri is refused (container images need Docker).")
    unsupported = sorted(set(code) - {"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion"})
    if unsupported:
        raise invalid(f"Headwater does not compute {', '.join(unsupported)} of a function's code.")
    if code.get("ZipFile") is not None:
        data: bytes = code["ZipFile"]
        if len(data) > ZIPPED_BYTES:
            text = f"Request must be smaller than {ZIPPED_BYTES} bytes for the CreateFunction operation"
            raise ServiceError("RequestEntityTooLargeException", text, 413, Type="User")
        return data
    if not code.get("S3Bucket") or not code.get("S3Key"):
        raise invalid("Please provide a source for function code.")
    return _from_s3(endpoint, call, code)


def _from_s3(endpoint: Endpoint, call: Call, code: dict[str, Any]) -> bytes:
    members = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
    if code.get("S3ObjectVersion"):
        members["VersionId"] = code["S3ObjectVersion"]
    try:
        body = endpoint.call("s3", "get_object", principal=call.principal, **members)["Body"]
    except ServiceError as error:
        message = f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}"
        raise invalid(message) from error
    if isinstance(body, bytes):
        return body
    with body:
        return bytes(body.read())


def unpack(data: bytes, folder: Path) -> Package:
    """Write the zip and its contents below ``folder``, unless they are there. Raises ServiceError for a bad zip."""
    package = Package(hashlib.sha256(data).hexdigest(), len(data))
    target = folder / package.sha256_hex
    if target.is_dir():
        return package
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".{uuid.uuid4().hex}"
    try:
        scratch.mkdir()
        _extract(data, scratch)
        archive = scratch.with_suffix(".zip")
        archive.write_bytes(data)
        os.replace(archive, folder / f"{package.sha256_hex}.zip")
        try:
            os.rename(scratch, target)
        except OSError:
            if not target.is_dir():  # else another request unpacked the same zip first
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return package


def _extract(data: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > UNZIPPED_BYTES:
                raise invalid(f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")
            for entry in entries:
                _extract_entry(archive, entry, folder)
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, OSError, ValueError) as error:
        raise invalid(UNREADABLE) from error
    if not entries:
        raise invalid("Uploaded file must be a non-empty zip")


def _extract_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise invalid(UNREADABLE)  # would leave the function's folder
    target = folder.joinpath(*path.parts)
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = entry.external_attr >> 16
    if stat.S_ISLNK(mode):
        _link(archive.read(entry).decode(), target, folder)
        return
    with archive.open(entry) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    if mode & 0o111:
        target.chmod(0o755)


def _link(destination: str, target: Path, folder: Path) -> None:
    resolved = Path(os.path.normpath(target.parent / destination))
    if os.path.isabs(destination) or not resolved.is_relative_to(folder):
        raise invalid(UNREADABLE)
    target.symlink_to(destination)
