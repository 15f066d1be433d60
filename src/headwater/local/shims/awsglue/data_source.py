"""``DataSource``: what ``glueContext.getSource`` returns."""

from __future__ import annotations

from typing import Any

from awsglue.dynamicframe import DynamicFrame
from awsglue.utils import callsite, makeOptions


class DataSource:
    """A place to read frames from.

    Parameters
    ----------
    j_source:
        A function of (format, format_options) that tells how the DataFrame is made.
    sql_ctx:
        The GlueContext.
    name:
        The frame's name.
    """

    def __init__(self, j_source: Any, sql_ctx: Any, name: str) -> None:
        self._read = j_source
        self._glue_context = sql_ctx
        self.name = name
        self._format: str | None = None
        self._format_options: dict[str, Any] = {}

    def setFormat(self, format: str, **options: Any) -> None:
        """The format, and its format_options."""
        self._format, self._format_options = format, dict(options)

    def getFrame(self, **options: Any) -> DynamicFrame:
        """The frame."""
        return DynamicFrame(self._read(self._format, self._format_options), self._glue_context, self.name)

    def getDataFrame(self) -> Any:
        """The DataFrame."""
        return self.getFrame().toDF()

    def getSampleFrame(self, num: int, **options: Any) -> DynamicFrame:
        """At most ``num`` records of it."""
        frame = self.getFrame()
        return DynamicFrame(lambda: frame._df.limit(int(num)), self._glue_context, self.name)


__all__ = ["DataSource", "DynamicFrame", "callsite", "makeOptions"]
