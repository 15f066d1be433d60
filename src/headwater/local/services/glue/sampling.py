"""A bounded sample of an object, for the crawler.

A plain text file gives its first 256 KiB and four stretches of 32 KiB spread evenly over the rest, so that a column
that turns from numbers to text half-way is seen as text. A compressed file gives its first 256 KiB of text, since it
can only be read from its beginning. Whole lines only. So at most 384 KiB of a file are read, however big it is, and a
value that contradicts its column outside of the sample is not seen. AWS's crawler samples too, in ways that it does not
publish.
"""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

HEAD_BYTES = 256 << 10
STRETCH_BYTES = 32 << 10
STRETCHES = 4

# The first bytes of a file → AWS's name of the compression and how to read it; None where the crawler cannot.
COMPRESSIONS: tuple[tuple[bytes, str, Callable[[BinaryIO], Any] | None], ...] = (
    (b"\x1f\x8b", "gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"BZh", "bzip2", lambda stream: bz2.BZ2File(stream)),
    (b"PK\x03\x04", "zip", None),
    (b"\x28\xb5\x2f\xfd", "zstd", None),
)


@dataclass(frozen=True)
class Sample:
    """What was read of an object.

    Attributes
    ----------
    head:
        The beginning of the content, decompressed.
    stretches:
        Later parts of it.
    complete:
        Whether ``head`` is all of the content.
    compression:
        AWS's ``compressionType``: none, gzip, bzip2 …
    size_bytes:
        The object's size as stored.
    text_bytes:
        The (estimated, when compressed and incomplete) size of the content.
    """

    head: bytes
    stretches: tuple[bytes, ...]
    complete: bool
    compression: str
    size_bytes: int
    text_bytes: int

    def head_text(self) -> str | None:
        """The head as text, or None when it is binary."""
        if b"\x00" in self.head:
            return None
        try:
            return self.head.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if not self.complete and error.start >= len(self.head) - 4:
                return self.head[: error.start].decode("utf-8-sig")
        return self.head.decode("latin-1")

    def head_lines(self) -> str | None:
        """The head's whole lines as text."""
        text = self.head_text()
        if text is None or self.complete:
            return text
        end = text.rfind("\n")
        return text[: end + 1] if end >= 0 else text

    def stretch_texts(self) -> tuple[str, ...]:
        """The later stretches as text."""
        return tuple(stretch.decode("utf-8", errors="replace") for stretch in self.stretches)


def read_sample(path: Path, size_bytes: int) -> Sample:
    """Sample the object in ``path``; raises ValueError when a compressed file is broken or of an unknown kind."""
    with path.open("rb") as stream:
        magic = stream.read(4)
        stream.seek(0)
        for prefix, name, opener in COMPRESSIONS:
            if magic.startswith(prefix):
                return _compressed(stream, size_bytes, name, opener)
        head = stream.read(HEAD_BYTES)
        complete = len(head) >= size_bytes
        stretches = () if complete else tuple(_stretches(stream, size_bytes))
    return Sample(head, stretches, complete, "none", size_bytes, size_bytes)


def _stretches(stream: BinaryIO, size_bytes: int) -> list[bytes]:
    rest = size_bytes - HEAD_BYTES
    if rest <= STRETCHES * STRETCH_BYTES:
        return [data] if (data := _whole_lines(stream.read(rest))) else []
    found = []
    for number in range(1, STRETCHES + 1):
        stream.seek(HEAD_BYTES + rest * number // STRETCHES - STRETCH_BYTES)
        if data := _whole_lines(stream.read(STRETCH_BYTES)):
            found.append(data)
    return found


def _whole_lines(data: bytes) -> bytes:
    """Without the first line, which may have begun before, and the last, which may go on."""
    start, end = data.find(b"\n"), data.rfind(b"\n")
    return data[start + 1 : end + 1]


def _compressed(stream: BinaryIO, size_bytes: int, name: str, opener: Callable[[BinaryIO], Any] | None) -> Sample:
    if opener is None:
        raise ValueError(f"a {name} file, which the crawler cannot read (it reads gzip and bzip2)")
    try:
        with opener(stream) as content:
            head = content.read(HEAD_BYTES)
            complete = len(head) < HEAD_BYTES or not content.read(1)
    except (EOFError, OSError) as error:
        raise ValueError(f"a broken {name} file: {error}") from error
    consumed = max(1, min(stream.tell(), size_bytes)) if not stream.closed else size_bytes
    text_bytes = len(head) if complete else len(head) * size_bytes // consumed
    return Sample(head, (), complete, name, size_bytes, text_bytes)
