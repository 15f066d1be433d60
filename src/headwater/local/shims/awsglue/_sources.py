"""Reading: from the catalog and from S3 paths, with bookmarks, to DataFrames whose choices are marked.

CSV is read as text and cast by the catalog's types. A column in which some cell does not fit its type becomes a choice
of that type and string, as in Glue: pyarrow looks through the files first, which is fast, and only when it finds a
misfit does Spark look for the columns. Parquet and ORC have their files' own types. JSON's are found by reading.

When there is nothing to read the frame has no columns, as on AWS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from awsglue import _bookmark, _formats
from awsglue._catalog import Column, Partition, Table
from awsglue._choices import mark
from awsglue._errors import NotComputed
from awsglue._files import list_files, literal, local_path
from awsglue._json import read_json
from awsglue._schema import cast, spark_name
from pyspark.sql import functions as F
from pyspark.sql import types as T

INFERENCE = "spark.sql.sources.partitionColumnTypeInference.enabled"
PLAIN_TEXT = ("string", "varchar", "char")

Make = Callable[[], Any]


def read_table(spark: Any, catalog: Any, table: Table, predicate: str, expression: str, context: str) -> Make:
    """How to make the DataFrame of a table; the bookmark is asked now, the files are read when it is made."""
    format = _formats.spark_format(table.format)
    if table.keys:
        chosen = select_partitions(spark, table, catalog.partitions(table, expression), predicate)
        parts = [(part, list_files(part.location)) for part in chosen]
    else:
        parts = [(Partition((), table.location), list_files(table.location))]
    if _bookmark.active(context):
        unread = set(_bookmark.unread(context, {name: at for _, files in parts for name, at in files.items()}))
        parts = [(part, {name: at for name, at in files.items() if name in unread}) for part, files in parts]
    parts = [(part, files) for part, files in parts if files]
    if not parts:
        return lambda: empty(spark)
    if format == "csv":
        return lambda: _csv_table(spark, table, parts)
    return lambda: with_partitions(spark, table, parts, lambda reader, files: _load(spark, format, reader, files))


def read_paths(
    spark: Any, paths: list[str], format: str, options: dict[str, Any], recurse: bool, exclusions: Any, context: str
) -> Make:
    """How to make the DataFrame of S3 paths. Folders named ``k=v`` make no columns."""
    files: dict[str, list[int]] = {}
    for path in paths:
        files |= list_files(path, recurse, tuple(exclusions))
    names = _bookmark.unread(context, files) if _bookmark.active(context) else list(files)
    reader_options = _formats.reader_options(format, options)
    attach = {name.lower(): value for name, value in options.items()}.get("attachfilename")
    if not names:
        return lambda: empty(spark)

    def make() -> Any:
        reader = spark.read.options(recursiveFileLookup=True, **reader_options)
        df = _load(spark, format, reader, names, bool(reader_options.get("multiLine")))
        if format == "csv":
            df = _as_text(df, reader_options["header"])
        return df.withColumn(attach, F.input_file_name()) if attach else df

    return make


def _as_text(df: Any, header: bool) -> Any:
    """CSV as Glue has it: columns col0, col1 … without a header, and empty cells empty, where Spark has nulls."""
    names = df.columns if header else [f"col{number}" for number in range(len(df.columns))]
    return df.select(
        *(F.coalesce(F.col(f"`{old}`"), F.lit("")).alias(new) for old, new in zip(df.columns, names, strict=True))
    )


def empty(spark: Any) -> Any:
    """A frame without columns and rows."""
    return spark.createDataFrame([], T.StructType([]))


def _load(spark: Any, format: str, reader: Any, files: list[str], multi_line: bool = False) -> Any:
    paths = [literal(name) for name in files]
    if format == "json":
        return read_json(spark, reader, paths, multi_line)
    return reader.format(format).load(paths)


def select_partitions(spark: Any, table: Table, partitions: list[Partition], predicate: str) -> list[Partition]:
    """The partitions for which a Spark SQL predicate on the partition columns holds."""
    if not predicate.strip() or not partitions:
        return partitions
    rows = ", ".join(
        f"({number}, {', '.join(_text(value) for value in part.values)})" for number, part in enumerate(partitions)
    )
    names = ", ".join(f"`{key.name}`" for key in table.keys)
    typed = ", ".join(f"TRY_CAST(`{key.name}` AS {spark_name(key.type)}) AS `{key.name}`" for key in table.keys)
    # An inline table: Spark evaluates it while it optimises, without a job.
    chosen = spark.sql(
        f"SELECT `_number` FROM (SELECT `_number`, {typed} FROM VALUES {rows} AS t(`_number`, {names})) "  # nosec B608
        f"WHERE {predicate}"
    )
    return [partitions[row[0]] for row in chosen.collect()]


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def with_partitions(spark: Any, table: Table, parts: list[Any], load: Callable[[Any, list[str]], Any]) -> Any:
    """The files of partitions, with the partition columns under the catalog's types, after the others."""
    if not table.keys:
        return load(spark.read.option("recursiveFileLookup", True), [name for _, files in parts for name in files])
    if all(_is_hive(table, part) for part, _ in parts):
        before = spark.conf.get(INFERENCE)
        spark.conf.set(INFERENCE, "false")
        try:
            reader = spark.read.option("basePath", table.location)
            df = load(reader, [name for _, files in parts for name in files])
        finally:
            spark.conf.set(INFERENCE, before)
    else:
        frames = []
        for part, files in parts:
            frame = load(spark.read.option("recursiveFileLookup", True), list(files))
            for key, value in zip(table.keys, part.values, strict=True):
                frame = frame.withColumn(key.name, F.lit(value))
            frames.append(frame)
        df = frames[0]
        for frame in frames[1:]:
            df = df.unionByName(frame, allowMissingColumns=True)
    for key in table.keys:
        if spark_name(key.type) != "string":
            df = df.withColumn(key.name, cast(F.col(f"`{key.name}`"), key.type))
    return df


def _is_hive(table: Table, part: Partition) -> bool:
    """Whether a partition is at ``<table>/k=v/…``, where Spark finds its values by itself."""
    base = table.location.rstrip("/")
    folders = part.location.rstrip("/")[len(base) :].strip("/").split("/") if part.location.startswith(base) else []
    found = [tuple(folder.split("=", 1)) for folder in folders]
    return [(name, unquote(value)) for name, value in (pair for pair in found if len(pair) == 2)] == [
        (key.name, value) for key, value in zip(table.keys, part.values, strict=True)
    ] and len(found) == len(table.keys)


def _csv_table(spark: Any, table: Table, parts: list[Any]) -> Any:
    options = _formats.catalog_csv_options(table.serde, table.parameters)
    keys = {key.name for key in table.keys}
    columns = [column for column in table.columns if column.name not in keys]
    schema = T.StructType([T.StructField(column.name, T.StringType()) for column in columns])

    def load(reader: Any, files: list[str]) -> Any:
        return reader.options(**options).schema(schema).csv([literal(name) for name in files])

    text = with_partitions(spark, table, parts, load)
    typed = [column for column in columns if not spark_name(column.type).startswith(PLAIN_TEXT)]
    names = [name for _, files in parts for name in files]
    misfits = set() if _all_fit(names, columns, typed, options) else _misfits(text, typed)
    return text.select(
        *(_typed(column, column.name in misfits) for column in columns), *(F.col(f"`{key.name}`") for key in table.keys)
    )


def _typed(column: Column, misfit: bool) -> Any:
    kind = spark_name(column.type)
    text = F.col(f"`{column.name}`")
    if kind.startswith(PLAIN_TEXT):
        return F.coalesce(text, F.lit("")).alias(column.name)
    if kind.startswith(("array", "map", "struct")):
        raise NotComputed(f"a CSV column of type {column.type} ({column.name})")
    value = cast(F.trim(text), kind)
    if not misfit:
        return value.alias(column.name)
    name = {"bigint": "long", "smallint": "short", "tinyint": "byte"}.get(kind, kind)
    rest = F.when(value.isNull() & (F.trim(text) != ""), text)
    return mark(F.struct(value.alias(name), rest.alias("string")), column.name)


def _misfits(text: Any, typed: list[Column]) -> set[str]:
    """The columns with a cell that is neither empty nor of the type."""
    if not typed:
        return set()
    counts = []
    for column in typed:
        cell = F.col(f"`{column.name}`")
        value = cast(F.trim(cell), column.type)
        counts.append(F.max(value.isNull() & (F.trim(cell) != "")).alias(column.name))
    found = text.select(*counts).first()
    return {column.name for column in typed if found[column.name]}


# Types that pyarrow reads no more generously than Spark casts.
ARROW = {"bigint": "int64", "double": "float64", "float": "float32", "int": "int32"}


def _all_fit(names: list[str], columns: list[Column], typed: list[Column], options: dict[str, Any]) -> bool:
    """Whether pyarrow reads every typed cell; False when it does not, or cannot tell."""
    kinds = {column.name: ARROW.get(spark_name(column.type)) for column in typed}
    if None in kinds.values():
        return False
    if not typed:
        return True
    try:
        import pyarrow as pa
        from pyarrow import csv
    except ImportError:
        return False
    if len({column.name for column in columns}) != len(columns) or len(options["sep"]) != 1:
        return False
    read = csv.ReadOptions(column_names=[column.name for column in columns], skip_rows=1 if options["header"] else 0)
    parse = csv.ParseOptions(delimiter=options["sep"], quote_char=options["quote"] or False, newlines_in_values=True)
    convert = csv.ConvertOptions(
        column_types={name: getattr(pa, str(kind))() for name, kind in kinds.items()},
        include_columns=list(kinds),
        null_values=[""],
    )
    try:
        for name in names:
            for _ in csv.open_csv(local_path(name), read, parse, convert):
                pass
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True
