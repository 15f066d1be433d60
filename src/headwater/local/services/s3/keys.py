"""From an object's key to a path in its bucket's folder, and back.

Almost every key is its own path. What a file system cannot hold is escaped, reversibly and beneath the bucket's folder:

=====================================  ==========================================================
in the key                             on disk
=====================================  ==========================================================
empty segment (``a//b``, ``a/``)       ``.%~`` (a leading dot: Spark skips folder markers)
segments ``.`` and ``..``              ``%~2E`` and ``%~2E%~2E``
control characters, DEL                ``%~HH``
``%~``                                 ``%~25~``
segments ``.….crc``                    ``%~2E….crc`` (Hadoop's side files have the plain name)
segment over 255 bytes                 ``first 240 bytes%~+`` / … / ``last bytes%~-``
``a`` when the folder ``a`` exists     ``a%~=``
=====================================  ==========================================================

``%~`` cannot come from a percent-encoder, so what Spark and Hive write (``ts=10%3A00``) stays as it is. A name on disk
that no key has (a Hadoop side file, a control character, bytes that are not UTF-8) is no object and is never listed.

Not faithful to AWS: a key whose path passes the system's limit (4096 bytes on Linux) is refused with KeyTooLongError;
on a file system that ignores case (macOS's default), keys that differ in case only are one object.
"""

from __future__ import annotations

import re

EMPTY = ".%~"
BESIDE = "%~="
CONTINUED = "%~+"
LAST = "%~-"
MAX_NAME_BYTES = 255
PIECE_BYTES = 240
MAX_KEY_BYTES = 1024

_TROUBLE = re.compile(r"^$|%~|[\x00-\x1f\x7f]|//|^/|/$|(?:^|/)\.{1,2}(?:/|$)|(?:^|/)\.[^/]*\.crc(?:/|$)")
_ESCAPED = re.compile(r"%~([0-9A-F]{2})")
_UNSAFE = re.compile(r"%(?=~)|[\x00-\x1f\x7f]")


def _escape(match: re.Match[str]) -> str:
    return f"%~{ord(match.group()):02X}"


def _encode_segment(segment: str) -> str:
    if not segment:
        return EMPTY
    if segment in (".", ".."):
        return "%~2E" * len(segment)
    name = _UNSAFE.sub(_escape, segment)
    return "%~2E" + name[1:] if is_side_file(name) else name


def is_side_file(name: str) -> bool:
    """Hadoop keeps the checksum of ``part-0`` in ``.part-0.crc``."""
    return name.startswith(".") and name.endswith(".crc") and len(name) > len(".crc")


def _split(name: str) -> list[str]:
    """Pieces of an over-long name; cut anywhere between characters, since they are joined before decoding."""
    rest, pieces = name.encode(), []
    while len(rest) > PIECE_BYTES:
        piece = rest[:PIECE_BYTES].decode(errors="ignore")
        pieces.append(piece + CONTINUED)
        rest = rest[len(piece.encode()) :]
    return [*pieces, rest.decode() + LAST]


def _segment_names(segment: str) -> list[str]:
    name = _encode_segment(segment)
    return [name] if len(name.encode()) <= MAX_NAME_BYTES else _split(name)


def names_of(key: str) -> list[str]:
    """The path of ``key`` below its bucket's folder, as a list of names.

    Raises UnicodeEncodeError when the key is not Unicode text.
    """
    segments = key.split("/")
    if len(key) <= PIECE_BYTES and key.isascii() and not _TROUBLE.search(key):
        return segments
    return [name for segment in segments for name in _segment_names(segment)]


def beside(names: list[str]) -> list[str]:
    """The path of an object whose plain path is a folder."""
    last = names[-1]
    if len((last + BESIDE).encode()) <= MAX_NAME_BYTES:
        return [*names[:-1], last + BESIDE]
    *pieces, end = _split(last)
    return [*names[:-1], *pieces, end + BESIDE]


def segment_of(names: list[str], folder: bool) -> str | None:
    """The segment of a key that ``names`` stand for, or None when no key has them.

    Parameters
    ----------
    names:
        One name on disk, or the pieces of an over-long one.
    folder:
        True when the last one is a folder.
    """
    last = names[-1]
    if len(names) == 1 and "%~" not in last:
        plain = last.isascii() and last.isprintable() or _is_key_text(last)
        return last if plain and not is_side_file(last) else None
    aside = last.endswith(BESIDE) and not folder
    pieces = [*names[:-1], last.removesuffix(BESIDE) if aside else last]
    if len(names) > 1:
        joined = "".join(piece.removesuffix(CONTINUED).removesuffix(LAST) for piece in pieces)
    else:
        joined = pieces[0]
    segment = "" if joined == EMPTY else _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), joined)
    if not _is_unicode(segment):
        return None
    expected = _segment_names(segment)
    return segment if (beside(expected) if aside else expected) == names else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_key_text(name: str) -> bool:
    return _is_unicode(name) and not _UNSAFE.search(name)
