"""The checksums that S3 keeps with an object, and MD5 for the ETag.

CRC32C, CRC64NVME and xxHash come from AWS's own ``awscrt``, CRC32 from zlib, the digests from hashlib; all release the
interpreter lock or take under a millisecond a megabyte. Whole-object CRCs of a multipart upload are combined from the
parts' without reading a byte again.

Source: Amazon S3 User Guide, "Checking object integrity in Amazon S3" (2025-02).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Protocol

from awscrt import checksums as crt

#: Bytes of each algorithm's value.
ALGORITHMS = {
    "CRC32": 4,
    "CRC32C": 4,
    "CRC64NVME": 8,
    "MD5": 16,
    "SHA1": 20,
    "SHA256": 32,
    "SHA512": 64,
    "XXHASH128": 16,
    "XXHASH3": 8,
    "XXHASH64": 8,
}

#: Algorithms whose whole-object value follows from the parts' values and lengths.
LINEAR = {"CRC32": crt.combine_crc32, "CRC32C": crt.combine_crc32c, "CRC64NVME": crt.combine_crc64nvme}


class Digest(Protocol):
    """What hashlib's objects and :class:`Crc` share."""

    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class Crc:
    """A CRC with hashlib's shape."""

    def __init__(self, step: Callable[[bytes, int], int], size_bytes: int) -> None:
        self._step = step
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        """Add ``data``."""
        self._value = self._step(data, self._value)  # type: ignore[arg-type]

    def digest(self) -> bytes:
        """The value so far, big-endian, as S3 encodes it."""
        return self._value.to_bytes(self._size_bytes, "big")


class XXHash:
    """An xxHash with hashlib's shape."""

    def __init__(self, state: crt.XXHash) -> None:
        self._state = state

    def update(self, data: bytes | memoryview, /) -> None:
        """Add ``data``."""
        self._state.update(bytes(data))

    def digest(self) -> bytes:
        """The value so far."""
        value: bytes = self._state.finalize()
        return value


XXHASHES = {
    "XXHASH128": crt.XXHash.new_xxhash3_128,
    "XXHASH3": crt.XXHash.new_xxhash3_64,
    "XXHASH64": crt.XXHash.new_xxhash64,
}


def new_digest(algorithm: str) -> Digest:
    """A running checksum of one of :data:`ALGORITHMS`."""
    if algorithm == "CRC32":
        return Crc(zlib.crc32, 4)
    if algorithm == "CRC32C":
        return Crc(crt.crc32c, 4)
    if algorithm == "CRC64NVME":
        return Crc(crt.crc64nvme, 8)
    if algorithm in XXHASHES:
        return XXHash(XXHASHES[algorithm]())
    return hashlib.new(algorithm.lower(), usedforsecurity=False)


def encode(digest: bytes) -> str:
    """Base64, as S3 writes checksums."""
    return base64.b64encode(digest).decode("ascii")


def decode(text: str, size_bytes: int) -> bytes | None:
    """The bytes of a base64 checksum, or None when it is not one of ``size_bytes`` bytes."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if len(value) == size_bytes else None


def composite(algorithm: str, parts: Sequence[str]) -> str:
    """S3's COMPOSITE value: the checksum of the parts' checksums, then ``-`` and their number."""
    digest = new_digest(algorithm)
    for part in parts:
        digest.update(base64.b64decode(part))
    return f"{encode(digest.digest())}-{len(parts)}"


def full_object(algorithm: str, parts: Sequence[tuple[str, int]]) -> str:
    """S3's FULL_OBJECT value of a multipart upload.

    Parameters
    ----------
    algorithm:
        One of :data:`LINEAR`; digests have no such value.
    parts:
        Each part's base64 checksum and its length in bytes, in order; at least one.
    """
    combine = LINEAR[algorithm]
    numbers = [(int.from_bytes(base64.b64decode(value), "big"), size) for value, size in parts]
    total = reduce(lambda left, right: (combine(left[0], right[0], right[1]), 0), numbers)
    return encode(total[0].to_bytes(ALGORITHMS[algorithm], "big"))
