"""Object bodies on their way between a socket and a file, never whole in memory.

A request's body is spooled to a temporary file on the lake's file system, so that storing it is a rename; its MD5 (the
ETag) and checksums are computed and verified on the way. A response's body is a stretch of a file that the gateway
reads in pieces. Hashing and writing happen on a worker thread, a megabyte at a time, while the next megabyte arrives;
bodies under a megabyte are handled at once, without a thread.

Not faithful to AWS: see :mod:`headwater.local.bodies.aws_chunked` on chunk signatures.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from headwater.local.bodies import checksums, copying
from headwater.local.bodies.aws_chunked import ChunkDecoder, malformed, malformed_trailer
from headwater.local.bodies.checksums import ALGORITHMS, Digest, new_digest
from headwater.local.service import ServiceError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BATCH_BYTES = 1 << 20
MAX_BODY_BYTES = 5 << 30  # S3: at most 5 GiB in one PutObject or UploadPart
UPLOAD_PREFIX = "upload-"
DEFAULT_ALGORITHM = "CRC64NVME"  # what S3 computes when the client sends no checksum (2024-12)


@dataclass(frozen=True)
class UploadBody:
    """A request's body in a temporary file, verified.

    Attributes
    ----------
    path:
        The file; the receiver moves it away with :meth:`move_to` or discards it.
    size_bytes:
        Its length, with any aws-chunked framing removed.
    md5_hex:
        Its MD5 in hexadecimal: the ETag of a plain upload.
    checksums:
        Base64 value by algorithm: those that the client sent (verified), or CRC64NVME when it sent none.
    client_checksum:
        True when the client sent or asked for the checksum.
    """

    path: Path
    size_bytes: int
    md5_hex: str
    checksums: dict[str, str] = field(default_factory=dict)
    client_checksum: bool = False

    def read(self) -> bytes:
        """All of it; only for bodies known to be small."""
        return self.path.read_bytes()

    def move_to(self, target: Path) -> None:
        """Give the file its final name, atomically."""
        os.replace(self.path, target)

    def discard(self) -> None:
        """Remove the temporary file, if it is still there."""
        self.path.unlink(missing_ok=True)


class FileBody:
    """A stretch of a file, as a response's body. The file is opened at once: a delete or replacement in the meantime
    does not change what is read.

    Parameters
    ----------
    path:
        The file.
    offset, length:
        The stretch in bytes; ``length`` None means to the end.
    stream:
        The file already opened, when the caller did so.
    """

    def __init__(self, path: Path, offset: int = 0, length: int | None = None, stream: BinaryIO | None = None) -> None:
        self.path = path
        self.offset = offset
        self._file = stream if stream is not None else path.open("rb", buffering=0)
        self.length = os.fstat(self._file.fileno()).st_size - offset if length is None else length
        self._position = offset

    def __len__(self) -> int:
        return self.length

    def read(self, amount: int | None = None) -> bytes:
        """The next ``amount`` bytes (all that is left when None or negative)."""
        left = self.offset + self.length - self._position
        wanted = left if amount is None or amount < 0 else min(amount, left)
        pieces: list[bytes] = []
        while wanted > 0:
            piece = os.pread(self._file.fileno(), wanted, self._position)
            if not piece:
                raise OSError(f"{self.path} ends at byte {self._position}: it was cut short while being read")
            pieces.append(piece)
            self._position += len(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def iter_chunks(self, chunk_size: int = 1 << 18) -> Iterator[bytes]:
        """The stretch in pieces of at most ``chunk_size`` bytes; closes the file at the end."""
        with self:
            while piece := self.read(chunk_size):
                yield piece

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def __enter__(self) -> FileBody:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Spool:
    """One temporary file being written, with its digests.

    Parameters
    ----------
    folder:
        Where; made when absent.
    algorithms:
        The checksums to compute beside MD5.
    sha256:
        True to compute SHA-256 as well, for the payload's signature.
    """

    def __init__(self, folder: Path, algorithms: frozenset[str] = frozenset(), sha256: bool = False) -> None:
        wanted = set(algorithms) or {DEFAULT_ALGORITHM}
        self.algorithms = frozenset(wanted)
        self.digests: dict[str, Digest] = {name: new_digest(name) for name in wanted | {"MD5"}}
        if sha256:
            self.digests.setdefault("SHA256", new_digest("SHA256"))
        self.size_bytes = 0
        self.path = folder / f"{UPLOAD_PREFIX}{uuid.uuid4().hex}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        try:
            self._descriptor = os.open(self.path, flags, 0o666)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, flags, 0o666)
        self._open = True

    def write(self, data: bytes | memoryview) -> None:
        """Append and digest ``data``."""
        for digest in self.digests.values():
            digest.update(data)
        self.size_bytes += len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def copy_from(self, source: int, length: int, offset: int = 0) -> None:
        """Append a stretch of an open file without digesting it; shares its blocks where the file system can."""
        if offset == 0 and self.size_bytes == 0 and os.fstat(source).st_size == length:
            if copying.clone(source, self._descriptor):
                self.size_bytes = length
                return
        copying.append(source, offset, length, self._descriptor)
        self.size_bytes += length

    def close(self) -> None:
        """Close the file, keeping it."""
        if self._open:
            self._open = False
            os.close(self._descriptor)

    def abandon(self) -> None:
        """Close and remove the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def finish(self, client_checksum: bool = False) -> UploadBody:
        """Close the file and return it as a body."""
        self.close()
        values = {name: checksums.encode(self.digests[name].digest()) for name in self.algorithms}
        return UploadBody(self.path, self.size_bytes, self.digests["MD5"].digest().hex(), values, client_checksum)


@dataclass
class Expectation:
    """What a request's headers promise of its body."""

    size_bytes: int | None
    framed: bool
    md5: bytes | None = None
    sha256_hex: str | None = None
    checksums: dict[str, str] = field(default_factory=dict)
    trailer: str | None = None
    algorithms: frozenset[str] = frozenset()

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Expectation:
        """Read the headers (lower-case names). Raises AWS's error for a promise that cannot be kept."""
        payload = headers.get("x-amz-content-sha256", "")
        encodings = [part.strip() for part in headers.get("content-encoding", "").split(",")]
        framed = payload.startswith("STREAMING-") or "aws-chunked" in encodings
        sent = {name: headers[key] for name in ALGORITHMS if (key := f"x-amz-checksum-{name.lower()}") in headers}
        trailer = _trailing_algorithm(headers.get("x-amz-trailer", ""))
        asked = headers.get("x-amz-sdk-checksum-algorithm", "").upper()
        names = {*sent, *({trailer} if trailer else ())}
        _check_checksum_headers(sent, names)
        return cls(
            size_bytes=_promised_size(headers, framed),
            framed=framed,
            md5=_content_md5(headers.get("content-md5")),
            sha256_hex=payload.lower() if len(payload) == 64 else None,
            checksums=sent,
            trailer=trailer,
            algorithms=frozenset(names or ({asked} & ALGORITHMS.keys())),
        )

    def verify(self, spool: Spool, trailers: Mapping[str, str]) -> None:
        """Compare the promise with what came. Raises IncompleteBody, BadDigest or XAmzContentSHA256Mismatch."""
        if self.size_bytes is not None and spool.size_bytes != self.size_bytes:
            raise _incomplete()
        if self.md5 is not None and spool.digests["MD5"].digest() != self.md5:
            raise ServiceError("BadDigest", "The Content-MD5 you specified did not match what we received.")
        if self.sha256_hex is not None and spool.digests["SHA256"].digest().hex() != self.sha256_hex:
            raise ServiceError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ClientComputedContentSHA256=self.sha256_hex,
                S3ComputedContentSHA256=spool.digests["SHA256"].digest().hex(),
            )
        promised = dict(self.checksums)
        if self.trailer:
            promised[self.trailer] = _trailing_value(self.trailer, trailers)
        for name, value in promised.items():
            if checksums.encode(spool.digests[name].digest()) != value:
                raise ServiceError("BadDigest", f"The {name} you specified did not match the calculated checksum.")


def _incomplete() -> ServiceError:
    return ServiceError(
        "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header"
    )


def _trailing_algorithm(names: str) -> str | None:
    for name in names.lower().split(","):
        algorithm = name.strip().removeprefix("x-amz-checksum-").upper()
        if algorithm in ALGORITHMS:
            return algorithm
    return None


def _trailing_value(algorithm: str, trailers: Mapping[str, str]) -> str:
    name = f"x-amz-checksum-{algorithm.lower()}"
    value = trailers.get(name)
    if value is None:
        raise malformed_trailer()
    if checksums.decode(value, ALGORITHMS[algorithm]) is None:
        raise ServiceError("InvalidRequest", f"Value for {name} trailing header is invalid.")
    return value


def _check_checksum_headers(sent: Mapping[str, str], names: set[str]) -> None:
    if len(names) > 1:
        raise ServiceError(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    for name, value in sent.items():
        if checksums.decode(value, ALGORITHMS[name]) is None:
            raise ServiceError("InvalidRequest", f"Value for x-amz-checksum-{name.lower()} header is invalid.")


def _content_md5(value: str | None) -> bytes | None:
    if value is None:
        return None
    digest = checksums.decode(value.strip(), 16)
    if digest is None:
        raise ServiceError("InvalidDigest", "The Content-MD5 you specified was invalid.", ContentMD5=value)
    return digest


def _promised_size(headers: Mapping[str, str], framed: bool) -> int | None:
    text = headers.get("x-amz-decoded-content-length" if framed else "content-length")
    if text is None:
        raise ServiceError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    if not text.isascii() or not text.isdigit():
        raise ServiceError("InvalidArgument", f"The length of the body is not a number: {text!r}")
    if int(text) > MAX_BODY_BYTES:
        raise ServiceError(
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            ProposedSize=text,
            MaxSizeAllowed=str(MAX_BODY_BYTES),
        )
    return int(text)


async def spool(receive: Receive, headers: Mapping[str, str], folder: Path) -> UploadBody:
    """Write a request's body to a temporary file and verify what its headers promise.

    Parameters
    ----------
    receive:
        The ASGI receive callable.
    headers:
        The request's headers, names in lower case.
    folder:
        Where the temporary file goes; on the same file system as the lake, so that storing is a rename.

    Raises
    ------
    ServiceError
        BadDigest, InvalidDigest, InvalidRequest, XAmzContentSHA256Mismatch, IncompleteBody (also when the client
        goes away), EntityTooLarge, MissingContentLength, MalformedTrailerError. No file is left then.
    """
    expected = Expectation.of(headers)
    target = Spool(folder, expected.algorithms, expected.sha256_hex is not None)
    decoder = ChunkDecoder() if expected.framed else None
    try:
        await _fill(receive, target, decoder, expected.size_bytes)
        if decoder is not None and not decoder.finished:
            raise _incomplete()
        expected.verify(target, decoder.trailers if decoder else {})
        return target.finish(bool(expected.algorithms))
    except BaseException:
        target.abandon()
        raise


async def _fill(receive: Receive, target: Spool, decoder: ChunkDecoder | None, limit: int | None) -> None:
    batch: list[bytes | memoryview] = []
    held_bytes = received_bytes = 0
    writing: asyncio.Future[None] | None = None
    try:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _incomplete()
            data: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            pieces = decoder.feed(data) if decoder else [data]
            batch += pieces
            size = sum(map(len, pieces))
            held_bytes, received_bytes = held_bytes + size, received_bytes + size
            if limit is not None and received_bytes > limit:
                raise malformed() if decoder else _incomplete()
            if held_bytes >= BATCH_BYTES:
                if writing is not None:
                    await asyncio.shield(writing)
                writing = asyncio.ensure_future(asyncio.to_thread(_write_all, target, batch))
                batch, held_bytes = [], 0
        if writing is not None:
            await asyncio.shield(writing)
        _write_all(target, batch)
    finally:
        if writing is not None:
            await _settle(writing)


async def _settle(writing: asyncio.Future[None]) -> None:
    """Wait for a writer that still uses the file, whatever became of the request."""
    while not writing.done():
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            continue
        except Exception:  # noqa: BLE001 - the writer's own error is already on its way up
            return


def _write_all(target: Spool, pieces: list[bytes | memoryview]) -> None:
    for piece in pieces:
        target.write(piece)


def spool_source(
    source: bytes | bytearray | str | Path | BinaryIO | FileBody, folder: Path, algorithms: frozenset[str] = frozenset()
) -> UploadBody:
    """The body of an in-process call (bytes, text, a path or a binary stream) as an :class:`UploadBody` with the
    checksums of ``algorithms``; a path's file is copied, not taken."""
    target = Spool(folder, algorithms)
    try:
        if isinstance(source, str):
            target.write(source.encode())
        elif isinstance(source, (bytes, bytearray)):
            target.write(bytes(source))
        elif isinstance(source, Path):
            with source.open("rb", buffering=0) as stream:
                _copy_stream(stream, target)
        else:
            _copy_stream(source, target)
        return target.finish()
    except BaseException:
        target.abandon()
        raise


def _copy_stream(stream: Any, target: Spool) -> None:
    while piece := stream.read(BATCH_BYTES):
        target.write(piece)
