from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import zlib
from collections.abc import Iterable, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local import bodies
from headwater.local.bodies import checksums
from headwater.local.bodies.aws_chunked import ChunkDecoder
from headwater.local.bodies import FileBody, UploadBody
from headwater.local.service import ServiceError


def spool(pieces: Iterable[bytes], headers: dict[str, str], folder: Path, disconnect: bool = False) -> UploadBody:
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    messages.append(
        {"type": "http.disconnect"} if disconnect else {"type": "http.request", "body": b"", "more_body": False}
    )
    waiting = iter(messages)

    async def receive() -> MutableMapping[str, Any]:
        return next(waiting)

    return asyncio.run(bodies.spool(receive, headers, folder))


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def framed(data: bytes, chunk: int, trailers: dict[str, str]) -> bytes:
    out = b""
    for start in range(0, len(data), chunk):
        piece = data[start : start + chunk]
        out += f"{len(piece):x};chunk-signature=00\r\n".encode() + piece + b"\r\n"
    out += b"0\r\n" + b"".join(f"{name}:{value}\r\n".encode() for name, value in trailers.items())
    return out + b"\r\n"


def test_a_plain_body_is_kept_with_its_md5_and_crc64(tmp_path: Path) -> None:
    body = spool([b"hel", b"lo"], {"content-length": "5"}, tmp_path / "tmp")
    assert body.read() == b"hello"
    assert body.md5_hex == hashlib.md5(b"hello").hexdigest()
    assert body.checksums == {"CRC64NVME": "M3eFcAZSQlc="}
    assert not body.client_checksum


def test_a_body_of_many_megabytes_arrives_whole(tmp_path: Path) -> None:
    data = os.urandom(3_500_000)
    pieces = [data[start : start + 65_536] for start in range(0, len(data), 65_536)]
    body = spool(pieces, {"content-length": str(len(data)), "x-amz-checksum-crc32": crc32(data)}, tmp_path)
    assert body.read() == data
    assert body.checksums == {"CRC32": crc32(data)}


@given(st.binary(max_size=300), st.integers(1, 70), st.integers(1, 50))
def test_aws_chunked_decodes_however_it_is_cut(data: bytes, chunk: int, cut: int) -> None:
    wire = framed(data, chunk, {"x-amz-checksum-crc32": crc32(data)})
    decoder = ChunkDecoder()
    decoded = b"".join(
        bytes(piece) for start in range(0, len(wire), cut) for piece in decoder.feed(wire[start : start + cut])
    )
    assert decoded == data
    assert decoder.finished
    assert decoder.trailers == {"x-amz-checksum-crc32": crc32(data)}


TRAILING = {
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-trailer": "x-amz-checksum-crc32",
    "x-amz-decoded-content-length": "5",
}


def test_a_trailing_checksum_is_verified(tmp_path: Path) -> None:
    good = framed(b"hello", 2, {"x-amz-checksum-crc32": crc32(b"hello")})
    assert spool([good], TRAILING, tmp_path).checksums == {"CRC32": crc32(b"hello")}


@pytest.mark.parametrize(
    ("code", "headers", "wire"),
    [
        ("BadDigest", {"content-length": "5", "content-md5": base64.b64encode(b"0" * 16).decode()}, b"hello"),
        ("BadDigest", {"content-length": "5", "x-amz-checksum-crc32": crc32(b"other")}, b"hello"),
        ("BadDigest", TRAILING, framed(b"hello", 5, {"x-amz-checksum-crc32": crc32(b"other")})),
        ("InvalidDigest", {"content-length": "5", "content-md5": "nonsense"}, b"hello"),
        ("InvalidRequest", {"content-length": "5", "x-amz-checksum-crc32": "AA=="}, b"hello"),
        ("InvalidRequest", TRAILING, b"zz\r\nhello\r\n0\r\n\r\n"),
        ("InvalidRequest", TRAILING, framed(b"hello and more", 5, {"x-amz-checksum-crc32": crc32(b"hello")})),
        (
            "InvalidRequest",
            {"content-length": "5", "x-amz-checksum-crc32": crc32(b"hello"), "x-amz-checksum-sha1": "x"},
            b"hello",
        ),
        ("MalformedTrailerError", TRAILING, framed(b"hello", 5, {})),
        ("IncompleteBody", {"content-length": "6"}, b"hello"),
        ("IncompleteBody", TRAILING, framed(b"hello", 5, {})[:-2]),
        ("EntityTooLarge", {"content-length": str((5 << 30) + 1)}, b""),
        ("MissingContentLength", {}, b"hello"),
        ("XAmzContentSHA256Mismatch", {"content-length": "5", "x-amz-content-sha256": "0" * 64}, b"hello"),
    ],
)
def test_a_broken_promise_is_refused_and_leaves_no_file(
    tmp_path: Path, code: str, headers: dict[str, str], wire: bytes
) -> None:
    with pytest.raises(ServiceError) as refused:
        spool([wire], headers, tmp_path)
    assert refused.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_goes_away_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="IncompleteBody"):
        spool([b"x" * 2_000_000], {"content-length": "3000000"}, tmp_path, disconnect=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("algorithm", sorted(checksums.ALGORITHMS))
def test_each_algorithm_verifies_what_the_client_sent(tmp_path: Path, algorithm: str) -> None:
    digest = checksums.new_digest(algorithm)
    digest.update(b"hello")
    value = checksums.encode(digest.digest())
    body = spool([b"hello"], {"content-length": "5", f"x-amz-checksum-{algorithm.lower()}": value}, tmp_path)
    assert body.checksums == {algorithm: value}


# Known answers: CRC-32C of "123456789" is e3069283 (RFC 3720); CRC-64/NVME of it is ae8b14860a799888 (NVMe 1.4).
@pytest.mark.parametrize(
    ("algorithm", "value"), [("CRC32", "cbf43926"), ("CRC32C", "e3069283"), ("CRC64NVME", "ae8b14860a799888")]
)
def test_crcs_have_their_published_values(algorithm: str, value: str) -> None:
    digest = checksums.new_digest(algorithm)
    digest.update(b"123456789")
    assert digest.digest().hex() == value


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=6), st.sampled_from(sorted(checksums.LINEAR)))
def test_a_full_object_crc_follows_from_its_parts(parts: list[bytes], algorithm: str) -> None:
    def value(data: bytes) -> str:
        digest = checksums.new_digest(algorithm)
        digest.update(data)
        return checksums.encode(digest.digest())

    combined = checksums.full_object(algorithm, [(value(part), len(part)) for part in parts])
    assert combined == value(b"".join(parts))


def test_a_file_body_reads_its_stretch_even_after_the_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")
    with FileBody(path, 2, 5) as body:
        path.unlink()
        assert (body.read(2), body.read(), body.read()) == (b"23", b"456", b"")


def test_a_file_that_was_cut_short_is_an_error_and_not_a_short_answer(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")
    with FileBody(path) as body:
        os.truncate(path, 4)
        with pytest.raises(OSError, match="cut short"):
            body.read()
