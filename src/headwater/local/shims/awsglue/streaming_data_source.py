"""``StreamingDataSource``: Kafka and Kinesis, which are not computed."""

from __future__ import annotations

from typing import Any

from awsglue._errors import NotComputed
from awsglue.utils import callsite, makeOptions


class StreamingDataSource:
    """A stream; making one raises :class:`NotComputed`."""

    def __init__(self, j_source: Any, sql_ctx: Any, name: str) -> None:
        raise NotComputed("streaming sources")

    def setFormat(self, format: str, **options: Any) -> None:
        """The format."""

    def getFrame(self) -> Any:
        """The frame."""


__all__ = ["StreamingDataSource", "callsite", "makeOptions"]
