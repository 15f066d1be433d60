"""Frames put together and taken apart: join, union, merge, flatten, relationalize, unbox."""

from __future__ import annotations

from functools import reduce
from typing import Any

from awsglue._columns import column_of, field_column, find_field
from awsglue._errors import NotComputed
from pyspark.sql import functions as F
from pyspark.sql import types as T


def join(left: Any, right: Any, keys1: list[str], keys2: list[str]) -> Any:
    """The inner equality join; columns of ``right`` whose names clash get a leading dot."""
    if len(keys1) != len(keys2):
        raise ValueError(f"Join needs as many keys on both sides, got {len(keys1)} and {len(keys2)}")
    taken = {name.lower() for name in left.columns}
    renamed = right
    names = {}
    for name in right.columns:
        new = name
        while new.lower() in taken:
            new = "." + new
        names[name] = new
        taken.add(new.lower())
    renamed = right.select(*(column_of(right, old).alias(new) for old, new in names.items()))
    conditions = []
    for key1, key2 in zip(keys1, keys2, strict=True):
        conditions.append(_key(left, key1, {}) == _key(renamed, key2, names))
    return left.join(renamed, reduce(lambda one, other: one & other, conditions), "inner")


def _key(df: Any, path: str, names: dict[str, str]) -> Any:
    renamed = {new: new for new in names.values()} | {old: new for old, new in names.items()}
    parts = find_field(df.schema, path, case_sensitive=False) if not names else None
    if parts is None:
        top = path.strip("`") if path.strip("`") in renamed else path.split(".")[0].strip("`")
        rest = path.strip("`")[len(top) :]
        parts = find_field(df.schema, f"`{renamed.get(top, top)}`" + rest, case_sensitive=False)
    if parts is None:
        raise ValueError(f"Join: there is no field {path}; there are {', '.join(df.columns)}")
    column = column_of(df, parts[0])
    for part in parts[1:]:
        column = column.getField(part)
    return column


def union(one: Any, other: Any) -> Any:
    """The rows of both; an empty frame without columns adds nothing."""
    if not one.columns or not other.columns:
        return one if one.columns else other
    return one.unionByName(other, allowMissingColumns=True)


def merge(source: Any, staged: Any, keys: list[str]) -> Any:
    """The staged rows, and the source's rows whose keys are not staged."""
    if not source.columns:
        return staged
    return union(source.join(staged.select(*keys).distinct(), keys, "left_anti").select(*source.columns), staged)


def flatten(df: Any) -> Any:
    """Structs, at any depth, as columns with dotted names."""
    columns: list[Any] = []

    def walk(schema: Any, parts: list[str]) -> None:
        for field in schema.fields:
            path = [*parts, field.name]
            if isinstance(field.dataType, T.StructType):
                walk(field.dataType, path)
            else:
                columns.append(field_column(df, path).alias(".".join(path)))

    walk(df.schema, [])
    return df.select(*columns)


def relationalize(df: Any, root: str) -> dict[str, Any]:
    """Flat tables by name: the root, and for each array ``<table>_<column>`` with id, index and its values.

    In the table that had it an array's column holds the id of its rows. Row numbers are Spark's
    monotonically_increasing_id, fixed by keeping the frame for the job's life.
    """
    tables: dict[str, Any] = {}
    _tables(df, root, tables)
    return tables


def _tables(df: Any, name: str, tables: dict[str, Any]) -> None:
    flat = flatten(_maps_as_arrays(df))
    arrays = [field.name for field in flat.schema.fields if isinstance(field.dataType, T.ArrayType)]
    if not arrays:
        tables[name] = flat
        return
    numbered = flat.withColumn("__row", F.monotonically_increasing_id() + 1).persist()
    tables[name] = numbered.select(
        *(
            F.col("__row").alias(column) if column in arrays else column_of(numbered, column).alias(column)
            for column in flat.columns
        )
    )
    for column in arrays:
        values = F.posexplode(column_of(numbered, column)).alias("index", f"{column}.val")
        child = numbered.select(F.col("__row").alias("id"), values)
        _tables(child, f"{name}_{column}", tables)


def _maps_as_arrays(df: Any) -> Any:
    for field in df.schema.fields:
        if isinstance(field.dataType, T.MapType):
            df = df.withColumn(field.name, F.map_entries(column_of(df, field.name)))
    return df


def check_unbox(format: str, options: dict[str, Any]) -> None:
    """NotComputed for formats that are not unboxed here."""
    if format.lower() not in ("json", "csv"):
        raise NotComputed(f"Unbox of format {format}", "json and csv are")
    if options.get("withHeader") or options.get("skipFirst"):
        raise NotComputed("Unbox with withHeader or skipFirst", "A field is one line of CSV here")


def unbox(df: Any, path: str, format: str, options: dict[str, Any]) -> Any:
    """A text field, parsed; JSON's structure is found by reading all of it."""
    parts = find_field(df.schema, path)
    if parts is None:
        raise ValueError(f"Unbox: there is no field {path}; there are {', '.join(df.columns)}")
    text = field_column(df, parts)
    if format.lower() == "json":
        rows = df.select(text.alias("text")).where("text is not null").rdd.map(lambda row: row[0])
        schema: Any = df.sparkSession.read.json(rows).schema
        parsed = F.from_json(text, schema)
    else:
        separator = options.get("separator", ",")
        width = df.select(F.max(F.size(F.split(text, f"\\Q{separator}\\E")))).first()[0] or 1
        schema = ", ".join(f"col{number} string" for number in range(width))
        parsed = F.from_csv(text, schema, {"sep": separator})
    if len(parts) == 1:
        return df.withColumn(parts[0], parsed)
    inner = ".".join(f"`{part}`" for part in parts[1:])
    return df.withColumn(parts[0], column_of(df, parts[0]).withField(inner, parsed))
