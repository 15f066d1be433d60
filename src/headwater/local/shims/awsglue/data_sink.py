"""``DataSink``: what ``glueContext.getSink`` returns."""

from __future__ import annotations

from typing import Any

from awsglue import _formats, _sinks
from awsglue._choices import without_marks
from awsglue._errors import NotComputed
from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection
from awsglue.utils import callsite, makeOptions

OPTIONS = frozenset({"compression", "enableupdatecatalog", "partitionkeys", "path", "updatebehavior"})


class DataSink:
    """A place to write frames to.

    Parameters
    ----------
    j_sink:
        The sink's options (on AWS the Scala sink that has them).
    sql_ctx:
        The GlueContext.
    """

    def __init__(self, j_sink: dict[str, Any], sql_ctx: Any) -> None:
        self._options = {name.lower(): value for name, value in j_sink.items()}
        self._glue_context = sql_ctx
        self._format: str | None = None
        self._format_options: dict[str, Any] = {}
        self._table: tuple[str, str] | None = None
        unknown = set(self._options) - OPTIONS
        if unknown:
            raise NotComputed(f"the S3 sink option(s) {', '.join(sorted(unknown))}")
        if not self._options.get("path"):
            raise ValueError("an S3 sink needs a path")

    def setFormat(self, format: str, **options: Any) -> None:
        """The format, and its format_options."""
        self._format, self._format_options = format, dict(options)

    def setAccumulableSize(self, size: int) -> None:
        """No effect: it bounds how many errors AWS keeps."""

    def setCatalogInfo(self, catalogDatabase: str, catalogTableName: str, catalogId: str = "") -> None:
        """The table to update after writing."""
        self._table = (catalogDatabase, catalogTableName)

    def write(self, dynamic_frame_or_dfc: Any, info: str = "") -> Any:
        """Write a frame, or each frame of a collection into a folder of its name."""
        if isinstance(dynamic_frame_or_dfc, DynamicFrameCollection):
            for name in dynamic_frame_or_dfc.keys():
                path = self._options["path"].rstrip("/") + f"/{name}"
                self._write(dynamic_frame_or_dfc[name].toDF(), path)
            return dynamic_frame_or_dfc
        return self.writeFrame(dynamic_frame_or_dfc, info)

    def writeFrame(self, dynamic_frame: Any, info: str = "") -> Any:
        """Write a frame."""
        self._write(dynamic_frame._df, self._options["path"])
        return dynamic_frame

    def writeDataFrame(self, data_frame: Any, glue_context: Any, info: str = "") -> Any:
        """Write a DataFrame."""
        self._write(data_frame, self._options["path"])
        return data_frame

    def _write(self, df: Any, path: str) -> None:
        format = _formats.spark_format(self._format)
        keys = list(self._options.get("partitionkeys") or [])
        compression = self._options.get("compression")
        _sinks.write_path(without_marks(df), path, format, self._format_options, keys, compression)
        if _formats.flag(self._options.get("enableupdatecatalog", False)):
            if self._table is None:
                raise ValueError("enableUpdateCatalog needs setCatalogInfo(catalogDatabase=…, catalogTableName=…)")
            behaviour = self._options.get("updatebehavior", "UPDATE_IN_DATABASE")
            _sinks.update_catalog(
                self._glue_context._catalog, df, *self._table, path, format, self._format_options, keys, behaviour
            )


__all__ = ["DataSink", "DynamicFrame", "DynamicFrameCollection", "callsite", "makeOptions"]
