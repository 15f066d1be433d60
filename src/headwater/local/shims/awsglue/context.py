"""GlueContext: Spark's context with Glue's reading and writing.

Not faithful to AWS: connections other than S3, streaming, transactions and storage classes are not computed and say so.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

from awsglue import _formats, _purge, _records, _sources
from awsglue._catalog import Catalog, Table
from awsglue._errors import NotComputed
from awsglue._logger import GlueLogger
from awsglue._schema import spark_name
from awsglue.data_sink import DataSink
from awsglue.data_source import DataSource
from awsglue.dataframereader import DataFrameReader
from awsglue.dataframewriter import DataFrameWriter
from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection, DynamicFrameReader, DynamicFrameWriter
from awsglue.gluetypes import DataType
from awsglue.streaming_data_source import StreamingDataSource
from awsglue.utils import callsite, makeOptions
from pyspark import SparkContext
from pyspark.sql import SparkSession, SQLContext
from pyspark.sql import functions as F
from pyspark.sql import types as T

# What only changes how fast AWS reads.
READ_SPEED = frozenset(
    {
        "acceleratorEnabled",
        "boundedFiles",
        "boundedSize",
        "groupFiles",
        "groupSize",
        "inferSchema",
        "maxBand",
        "maxFilesInBand",
        "mergeSchema",
        "useCatalogSchema",
        "useS3ListImplementation",
        "useSparkDataSource",
    }
)
BOUNDED = ("boundedFiles", "boundedSize")
READ_PATHS = READ_SPEED | {"compressionType", "exclusions", "path", "paths", "recurse"}
READ_TABLE = READ_SPEED | {"catalogPartitionPredicate", "exclusions"}
DIRECT = frozenset({"csv", "json", "orc", "parquet"})


def register(sc: SparkContext) -> None:
    """No effect: there are no Scala converters to register."""


class GlueContext(SQLContext):
    """``GlueContext(SparkContext())``; ``spark_session`` is the session."""

    Spark_SQL_Formats = {"parquet", "orc"}
    Unsupported_Compression_Types = {"lzo"}

    def __init__(self, sparkContext: Any = None, **options: Any) -> None:
        context = sparkContext if isinstance(sparkContext, SparkContext) else SparkContext.getOrCreate()
        session = SparkSession.builder.getOrCreate()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SQLContext itself is deprecated; Glue's is one all the same
            super().__init__(context, session)
        self.spark_session = session
        self._catalog = Catalog()
        self.create_dynamic_frame = DynamicFrameReader(self)
        self.create_data_frame = DataFrameReader(self)
        self.write_dynamic_frame = DynamicFrameWriter(self)
        self.write_data_frame = DataFrameWriter(self)

    @property
    def _ssql_ctx(self) -> Any:
        return self._jsqlContext

    def _get_glue_scala_context(self, **options: Any) -> Any:
        raise NotComputed("the Scala GlueContext")

    # -- reading ------------------------------------------------------------------------------------------------------

    def getSource(
        self,
        connection_type: str,
        format: str | None = None,
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **options: Any,
    ) -> DataSource:
        """A source of S3 files: connection_type ``s3``, or a format (``parquet``) of itself."""
        named = connection_type.lower() if connection_type.lower() in DIRECT else None
        if connection_type.lower() not in ("s3", "file") and named is None:
            raise NotComputed(f"reading from {connection_type}")
        if push_down_predicate:
            raise NotComputed("push_down_predicate on paths", "It is for the partitions of catalog tables")
        _check_read(options, READ_PATHS)
        paths = options.get("paths", options.get("path"))
        if not paths:
            raise ValueError("reading from S3 needs the connection option paths, a list of s3:// URIs")
        recurse = _formats.flag(options.get("recurse", False))
        listed = [paths] if isinstance(paths, str) else list(paths)
        excluded = _exclusions(options.get("exclusions"))

        def read(chosen: str | None, format_options: dict[str, Any]) -> Any:
            spark_format = _formats.spark_format(chosen or format or named)
            return _sources.read_paths(
                self.spark_session, listed, spark_format, format_options, recurse, excluded, transformation_ctx
            )

        return DataSource(read, self, transformation_ctx)

    def getStreamingSource(
        self,
        connection_type: str,
        format: str | None = None,
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **options: Any,
    ) -> StreamingDataSource:
        """Not computed: streams."""
        raise NotComputed(f"streaming from {connection_type}")

    def create_dynamic_frame_from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any] = {},
        format: str | None = None,
        format_options: dict[str, Any] = {},
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **kwargs: Any,
    ) -> DynamicFrame:
        """A frame of S3 files.

        ``connection_options``: ``paths``, ``recurse``, ``exclusions`` (JSON list of globs); what only groups files has
        no effect. With a ``transformation_ctx`` and bookmarks enabled, only files not read before.
        """
        source = self.getSource(
            connection_type, format, transformation_ctx, push_down_predicate, **{**connection_options, **kwargs}
        )
        if format or format_options:
            source.setFormat(format or connection_type, **format_options)
        return source.getFrame()

    def create_dynamic_frame_from_catalog(
        self,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        additional_options: dict[str, Any] = {},
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> DynamicFrame:
        """A frame of a catalog table.

        ``push_down_predicate`` is Spark SQL on the partition columns, ``catalogPartitionPredicate`` (an additional
        option) Glue's own filter of partitions. With a ``transformation_ctx`` and bookmarks enabled, only files not
        read before; when there are none, the frame has no columns.
        """
        options = {**additional_options, **kwargs}
        _check_read(options, READ_TABLE)
        if options.get("exclusions"):
            raise NotComputed("exclusions of a catalog table", "Exclude them when the table is crawled")
        table = self._catalog.table(database, table_name, catalog_id)
        make = _sources.read_table(
            self.spark_session,
            self._catalog,
            table,
            push_down_predicate,
            options.get("catalogPartitionPredicate", ""),
            transformation_ctx,
        )
        return DynamicFrame(make, self, table_name or "")

    def create_dynamic_frame_from_rdd(
        self, data: Any, name: str, schema: Any = None, sample_ratio: Any = None, transformation_ctx: str = ""
    ) -> DynamicFrame:
        """A frame of an RDD of dictionaries, Rows or tuples (tuples need a Spark schema)."""
        if schema is not None:
            return DynamicFrame(lambda: self.spark_session.createDataFrame(data, schema), self, name)
        records = data.map(lambda one: one.asDict(recursive=True) if isinstance(one, T.Row) else one)
        return DynamicFrame(lambda: _records.from_records(self.spark_session, records), self, name)

    def create_data_frame_from_catalog(
        self,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        additional_options: dict[str, Any] = {},
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The DataFrame of :meth:`create_dynamic_frame_from_catalog`."""
        return self.create_dynamic_frame_from_catalog(
            database,
            table_name,
            redshift_tmp_dir,
            transformation_ctx,
            push_down_predicate,
            additional_options,
            catalog_id,
            **kwargs,
        ).toDF()

    def create_data_frame_from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any] = {},
        format: str | None = None,
        format_options: dict[str, Any] = {},
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **kwargs: Any,
    ) -> Any:
        """The DataFrame of :meth:`create_dynamic_frame_from_options`."""
        return self.create_dynamic_frame_from_options(
            connection_type,
            connection_options,
            format,
            format_options,
            transformation_ctx,
            push_down_predicate,
            **kwargs,
        ).toDF()

    def create_sample_dynamic_frame_from_catalog(
        self,
        database: str | None = None,
        table_name: str | None = None,
        num: int | None = None,
        sample_options: dict[str, Any] = {},
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        additional_options: dict[str, Any] = {},
        catalog_id: str | None = None,
        erieTxId: str = "",
        asOfTime: str = "",
        **kwargs: Any,
    ) -> list[Any]:
        """The first ``num`` records of a table, as a list of dictionaries."""
        frame = self.create_dynamic_frame_from_catalog(
            database, table_name, "", transformation_ctx, push_down_predicate, additional_options, catalog_id, **kwargs
        )
        return [row.asDict(recursive=True) for row in frame.toDF().limit(int(num or 10)).collect()]

    def create_sample_dynamic_frame_from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any] = {},
        num: int | None = None,
        sample_options: dict[str, Any] = {},
        format: str | None = None,
        format_options: dict[str, Any] = {},
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **kwargs: Any,
    ) -> list[Any]:
        """The first ``num`` records of S3 files, as a list of dictionaries."""
        frame = self.create_dynamic_frame_from_options(
            connection_type, connection_options, format, format_options, transformation_ctx, push_down_predicate
        )
        return [row.asDict(recursive=True) for row in frame.toDF().limit(int(num or 10)).collect()]

    def get_catalog_schema_as_spark_schema(
        self, database: str | None = None, table_name: str | None = None, catalog_id: str | None = None
    ) -> T.StructType:
        """A table's columns as a Spark schema."""
        table = self._catalog.table(database, table_name, catalog_id)
        fields = ", ".join(f"`{column.name}` {spark_name(column.type)}" for column in [*table.columns, *table.keys])
        parsed: Any = T._parse_datatype_string(fields)
        return T.StructType(parsed.fields)

    # -- writing ------------------------------------------------------------------------------------------------------

    def getSink(
        self, connection_type: str, format: str | None = None, transformation_ctx: str = "", **options: Any
    ) -> DataSink:
        """A sink of S3 files; ``enableUpdateCatalog`` with ``setCatalogInfo`` keeps a table up to date."""
        if connection_type.lower() not in ("s3", "file", *DIRECT):
            raise NotComputed(f"writing to {connection_type}")
        sink = DataSink(dict(options), self)
        named = format or (connection_type.lower() if connection_type.lower() in DIRECT else None)
        if named:
            sink.setFormat(named)
        return sink

    def write_from_options(
        self,
        frame_or_dfc: Any,
        connection_type: str,
        connection_options: dict[str, Any] = {},
        format: Any = {},
        format_options: dict[str, Any] = {},
        transformation_ctx: str = "",
        **kwargs: Any,
    ) -> Any:
        """Append a frame, or the frames of a collection, to S3: ``path``, ``partitionKeys``, ``compression``."""
        sink = self.getSink(connection_type, format or None, transformation_ctx, **{**connection_options, **kwargs})
        if format:
            sink.setFormat(format, **format_options)
        return sink.write(frame_or_dfc)

    def write_dynamic_frame_from_options(
        self,
        frame: Any,
        connection_type: str,
        connection_options: dict[str, Any] = {},
        format: str | None = None,
        format_options: dict[str, Any] = {},
        transformation_ctx: str = "",
    ) -> Any:
        """See :meth:`write_from_options`."""
        return self.write_from_options(
            frame, connection_type, connection_options, format or {}, format_options, transformation_ctx
        )

    def write_dynamic_frame_from_catalog(
        self,
        frame: Any,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        additional_options: dict[str, Any] = {},
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Append a frame to a table's folder, in its format and partitioned by its keys.

        ``additional_options``: ``partitionKeys``, ``enableUpdateCatalog``, ``updateBehavior``.
        """
        table = self._catalog.table(database, table_name, catalog_id)
        sink = self._table_sink(table, {**additional_options, **kwargs})
        return sink.write(frame)

    def write_data_frame_from_catalog(
        self,
        frame: Any,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        additional_options: dict[str, Any] = {},
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The same of a DataFrame."""
        table = self._catalog.table(database, table_name, catalog_id)
        return self._table_sink(table, {**additional_options, **kwargs}).writeDataFrame(frame, self)

    def _table_sink(self, table: Table, options: dict[str, Any]) -> DataSink:
        keys = [key.name for key in table.keys]
        sink = DataSink({"partitionKeys": keys, **options, "path": table.location}, self)
        format = _formats.spark_format(table.format)
        separator = table.serde.get("field.delim") or table.serde.get("separatorChar") or ","
        header = table.parameters.get("skip.header.line.count", "0") != "0"
        sink.setFormat(format, **({"separator": separator, "writeHeader": header} if format == "csv" else {}))
        sink.setCatalogInfo(table.database, table.name)
        return sink

    def write_dynamic_frame_from_jdbc_conf(
        self,
        frame: Any,
        catalog_connection: str,
        connection_options: dict[str, Any] = {},
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> Any:
        """Not computed: JDBC."""
        raise NotComputed(f"writing to the connection {catalog_connection}")

    def write_from_jdbc_conf(
        self,
        frame_or_dfc: Any,
        catalog_connection: str,
        connection_options: dict[str, Any] = {},
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> Any:
        """Not computed: JDBC."""
        raise NotComputed(f"writing to the connection {catalog_connection}")

    def extract_jdbc_conf(self, connection_name: str, catalog_id: str | None = None) -> dict[str, Any]:
        """Not computed: JDBC."""
        raise NotComputed(f"the connection {connection_name}")

    # -- the rest -----------------------------------------------------------------------------------------------------

    def purge_s3_path(self, s3_path: str, options: dict[str, Any] = {}, transformation_ctx: str = "") -> None:
        """Delete the objects below a path that are older than ``retentionPeriod`` hours (168)."""
        _purge.purge_path(self._s3(), s3_path, _purge.check(options))

    def purge_table(
        self,
        database: str,
        table_name: str,
        options: dict[str, Any] = {},
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> None:
        """The same of a table's objects; partitions that lost all of theirs leave the catalog."""
        hours = _purge.check(options)
        table = self._catalog.table(database, table_name, catalog_id)
        partitions = self._catalog.partitions(table) if table.keys else []
        chosen = _sources.select_partitions(
            self.spark_session, table, partitions, options.get("partitionPredicate", "")
        )
        _purge.purge_table(self._s3(), self._catalog, table, chosen, hours)

    def transition_s3_path(
        self, s3_path: str, transition_to: str, options: dict[str, Any] = {}, transformation_ctx: str = ""
    ) -> None:
        """Not computed: storage classes."""
        raise NotComputed("storage classes")

    def transition_table(
        self,
        database: str,
        table_name: str,
        transition_to: str,
        options: dict[str, Any] = {},
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> None:
        """Not computed: storage classes."""
        raise NotComputed("storage classes")

    def add_ingestion_time_columns(self, frame: Any, time_granularity: str) -> Any:
        """The DataFrame with ``ingest_year`` … down to the granularity (``day``, ``hour`` or ``minute``)."""
        parts = ["year", "month", "day", "hour", "minute"]
        if time_granularity not in parts[2:]:
            raise ValueError(f"time_granularity is day, hour or minute, got {time_granularity!r}")
        patterns = {"year": "yyyy", "month": "MM", "day": "dd", "hour": "HH", "minute": "mm"}
        for part in parts[: parts.index(time_granularity) + 1]:
            frame = frame.withColumn(f"ingest_{part}", F.date_format(F.current_timestamp(), patterns[part]))
        return frame

    def convert_resolve_option(self, path: str, action: str, target: str | None) -> Any:
        """A resolve option."""
        from awsglue.dynamicframe import ResolveOption

        return ResolveOption(path, action, target)

    def forEachBatch(self, frame: Any, batch_function: Any, options: dict[str, Any] = {}) -> None:
        """Not computed: streams."""
        raise NotComputed("streaming (forEachBatch)")

    def getSampleStreamingDynamicFrame(
        self, frame: Any, options: dict[str, Any] = {}, batch_function: Any = None
    ) -> Any:
        """Not computed: streams."""
        raise NotComputed("streaming (getSampleStreamingDynamicFrame)")

    def start_transaction(self, read_only: bool) -> str:
        """Not computed: governed tables, which AWS ended in 2024."""
        raise NotComputed("Lake Formation transactions")

    def commit_transaction(self, transaction_id: str, wait_for_commit: bool = True) -> bool:
        """Not computed: governed tables."""
        raise NotComputed("Lake Formation transactions")

    def cancel_transaction(self, transaction_id: str) -> None:
        """Not computed: governed tables."""
        raise NotComputed("Lake Formation transactions")

    def get_logger(self) -> GlueLogger:
        """A logger whose lines go to the driver's log."""
        return GlueLogger()

    def currentTimeMillis(self) -> int:
        """Milliseconds since the epoch."""
        return int(time.time() * 1000)

    @staticmethod
    def _s3() -> Any:
        import boto3

        return boto3.client("s3")


def _check_read(options: dict[str, Any], known: frozenset[str]) -> None:
    unknown = set(options) - known
    if unknown:
        raise NotComputed(f"the read option(s) {', '.join(sorted(unknown))}")
    bounded = [name for name in BOUNDED if name in options]
    if bounded:
        raise NotComputed(f"bounded execution ({', '.join(bounded)})")


def _exclusions(given: Any) -> list[str]:
    """The exclusions option: a JSON list in a string, as AWS documents it, or a list."""
    import json

    if not given:
        return []
    return [str(one) for one in (json.loads(given) if isinstance(given, str) else given)]


__all__ = [
    "DataFrameReader",
    "DataFrameWriter",
    "DataSink",
    "DataSource",
    "DataType",
    "DynamicFrame",
    "DynamicFrameCollection",
    "DynamicFrameReader",
    "DynamicFrameWriter",
    "GlueContext",
    "StreamingDataSource",
    "callsite",
    "makeOptions",
    "register",
]
