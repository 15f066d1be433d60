"""The ``aws-chunked`` content encoding, decoded as it arrives.

A body is ``<hex size>[;chunk-signature=…]CRLF <data> CRLF`` repeated, a chunk of size 0, then trailers, then an empty
line. Memory holds at most one line beside what the caller feeds.

Not faithful to AWS: the signature of each chunk is not checked. The request's own signature is, and every byte is
covered by a checksum (boto3 always sends one).

Source: Amazon S3 API Reference, "Signature Calculations: Transferring Payload in Multiple Chunks" (2025).
"""

from __future__ import annotations

from headwater.local.service import ServiceError

MAX_LINE_BYTES = 8192


def malformed() -> ServiceError:
    """The framing is broken."""
    return ServiceError("InvalidRequest", "The chunked encoding of the body is not well-formed")


def malformed_trailer() -> ServiceError:
    """A trailing header is missing or broken."""
    return ServiceError(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    )


class ChunkDecoder:
    """A push decoder.

    Attributes
    ----------
    trailers:
        The trailing headers by lower-case name, complete once ``finished``.
    finished:
        True when the last empty line has arrived.
    """

    def __init__(self) -> None:
        self.trailers: dict[str, str] = {}
        self.finished = False
        self._line = bytearray()
        self._left_bytes = 0
        self._step = self._size_line

    def feed(self, data: bytes) -> list[memoryview]:
        """Decode the next bytes of the body.

        Returns the pieces of payload in ``data``, without copies. Raises InvalidRequest on broken framing and
        MalformedTrailerError on a broken trailer.
        """
        view, position, pieces = memoryview(data), 0, []
        while position < len(data):
            if self._left_bytes:
                piece = view[position : position + self._left_bytes]
                pieces.append(piece)
                position += len(piece)
                self._left_bytes -= len(piece)
            elif self.finished:
                raise malformed()
            else:
                position = self._take_line(data, position)
        return pieces

    def _take_line(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position)
        self._line += data[position : end + 1] if end >= 0 else data[position:]
        if len(self._line) > MAX_LINE_BYTES:
            raise malformed()
        if end < 0:
            return len(data)
        line = bytes(self._line)
        self._line.clear()
        if not line.endswith(b"\r\n"):
            raise malformed()
        self._step(line[:-2])
        return end + 1

    def _size_line(self, line: bytes) -> None:
        digits = line.partition(b";")[0].strip()
        if not digits or len(digits) > 16 or digits.strip(b"0123456789abcdefABCDEF"):
            raise malformed()
        self._left_bytes = int(digits, 16)
        self._step = self._after_chunk if self._left_bytes else self._trailer

    def _after_chunk(self, line: bytes) -> None:
        if line:
            raise malformed()
        self._step = self._size_line

    def _trailer(self, line: bytes) -> None:
        if not line:
            self.finished = True
            return
        name, colon, value = line.partition(b":")
        if not colon:
            raise malformed_trailer()
        self.trailers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
