"""JSON whose fields may be of several types.

Spark makes text of a field that is a number here and a string there; Glue makes a choice. Spark reads first, which is
fast; only when it found text somewhere are the lines read once more, in Python, to see whether that was a choice.
"""

from __future__ import annotations

import json
from typing import Any

from awsglue import gluetypes as glue
from awsglue._records import from_records, infer
from pyspark.sql import types as T


def read_json(spark: Any, reader: Any, paths: list[str], multi_line: bool) -> Any:
    """The DataFrame of JSON files, one object a line (or whole documents with multiLine)."""
    df = reader.format("json").load(paths)
    if not _has_text(df.schema) or multi_line:
        return df
    parsed = reader.format("text").load(paths).select("value").rdd.flatMap(_parsed)
    schema = parsed.mapPartitions(lambda part: [infer(part)]).fold(glue.StructType([]), glue.mergeDataTypes)
    if not has_choice(schema):
        return df
    partition_columns = [name for name in df.columns if not schema.hasField(name)]
    if partition_columns:
        from awsglue._errors import NotComputed

        raise NotComputed(
            f"choices in partitioned JSON ({', '.join(choice_names(schema))})", "Make the fields of one type each"
        )
    return from_records(spark, parsed, schema)


def _parsed(row: Any) -> list[Any]:
    line = row[0].strip()
    try:
        value = json.loads(line) if line else None
    except ValueError:
        return []
    return [value] if isinstance(value, dict) else []


def _has_text(schema: Any) -> bool:
    return any(isinstance(kind, T.StringType) for kind in _kinds(schema))


def _kinds(kind: Any) -> list[Any]:
    if isinstance(kind, T.StructType):
        return [inner for field in kind.fields for inner in _kinds(field.dataType)]
    if isinstance(kind, T.ArrayType):
        return _kinds(kind.elementType)
    return [kind]


def has_choice(kind: Any) -> bool:
    """Whether a Glue type has a choice in it."""
    if isinstance(kind, glue.StructType):
        return any(has_choice(field.dataType) for field in kind)
    if isinstance(kind, glue.ArrayType):
        return has_choice(kind.elementType)
    return isinstance(kind, glue.ChoiceType)


def choice_names(schema: Any) -> list[str]:
    """The fields that are choices."""
    return [field.name for field in schema if has_choice(field.dataType)]
