"""Records in Python: for ``Map``, ``Filter``, ``from_rdd``, and JSON whose fields are of several types.

Rows become dictionaries (a choice becomes the value that is there), functions run in Spark's Python workers, and the
schema of what they return is found by reading all of it, choices included.

``Filter`` (AWS's published source): KeyError, ValueError and TypeError drop the record, any other exception makes it an
error record. ``Map``: an exception or an empty result makes an error record.
"""

from __future__ import annotations

import datetime
import decimal
import json
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from awsglue import gluetypes as glue
from awsglue._schema import is_choice, to_spark
from pyspark import StorageLevel
from pyspark.sql import functions as F
from pyspark.sql import types as T

KEEP, DROP, FAIL = 0, 1, 2
ERROR_SCHEMA = "error struct<msg: string, stackTrace: string, dynamicRecord: string>"
INT_MAX = 2**31


def choice_paths(schema: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where choices are, outside arrays."""
    found: list[tuple[str, ...]] = []
    for field in schema.fields:
        path = (*above, field.name)
        if is_choice(field):
            found.append(path)
        elif isinstance(field.dataType, T.StructType):
            found += choice_paths(field.dataType, path)
    return found


def to_record(row: Any, choices: list[tuple[str, ...]]) -> Any:
    """A row as a record."""
    record = row.asDict(recursive=True)
    for path in choices:
        holder = record
        for part in path[:-1]:
            holder = holder.get(part) or {}
        value = holder.get(path[-1])
        if isinstance(value, dict):
            holder[path[-1]] = next((one for one in value.values() if one is not None), None)
    return glue._create_dynamic_record(record)


def record_rdd(df: Any) -> Any:
    """The frame's records."""
    choices = choice_paths(df.schema)
    return df.rdd.map(lambda row: to_record(row, choices))


class Filtered:
    """A filter and its two outcomes."""

    def __init__(self, source: Callable[[], Any], f: Callable[[Any], Any]) -> None:
        self._source, self._f = source, f

    def _judged(self) -> Any:
        df = self._source()
        choices, f = choice_paths(df.schema), self._f

        def judge(row: Any) -> tuple[int, str | None, str | None]:
            try:
                return (KEEP if f(to_record(row, choices)) else DROP), None, None
            except (KeyError, ValueError, TypeError):
                return DROP, None, None
            except Exception as error:
                return FAIL, f"{type(error).__name__}: {error}", traceback.format_exc()

        verdict = F.udf(judge, "verdict int, msg string, stackTrace string", useArrow=False).asNondeterministic()
        columns = [F.col(f"`{name}`") for name in df.columns]
        return df.select(F.struct(*columns).alias("record"), verdict(F.struct(*columns)).alias("judged"))

    def frame(self) -> Any:
        """The records that pass."""
        source = self._source()
        kept = self._judged().where(f"judged.verdict = {KEEP}")
        fields = source.schema.fields
        return kept.select(
            *(F.col("record").getField(field.name).alias(field.name, metadata=field.metadata) for field in fields)
        )

    def errors(self) -> Any:
        """The records on which the function failed."""
        failed = self._judged().where(f"judged.verdict = {FAIL}")
        error = F.struct("judged.msg", "judged.stackTrace", F.to_json("record").alias("dynamicRecord"))
        return failed.select(error.alias("error"))


class Mapped:
    """A map and its two outcomes, computed once and kept for the job's life."""

    def __init__(self, source: Callable[[], Any], f: Callable[[Any], Any]) -> None:
        self._source, self._f = source, f
        self._outcomes: Any = None

    def _mapped(self) -> Any:
        if self._outcomes is None:
            f = self._f

            def one(record: Any) -> tuple[Any, Any]:
                before = json.dumps(record, default=str)
                try:
                    result = f(record)
                    if not result:
                        raise ValueError("the function returned no record")
                    return glue._revert_to_dict(result), None
                except Exception as error:
                    return None, (f"{type(error).__name__}: {error}", traceback.format_exc(), before)

            self._outcomes = record_rdd(self._source()).map(one).persist(StorageLevel.MEMORY_AND_DISK)
        return self._outcomes

    def frame(self) -> Any:
        """The records that the function returned."""
        records = self._mapped().filter(lambda outcome: outcome[1] is None).map(lambda outcome: outcome[0])
        return from_records(self._source().sparkSession, records)

    def errors(self) -> Any:
        """The records on which the function failed."""
        failed = self._mapped().filter(lambda outcome: outcome[1] is not None).map(lambda outcome: (outcome[1],))
        return self._source().sparkSession.createDataFrame(failed, ERROR_SCHEMA)


def map_partitions(df: Any, f: Callable[[int, Iterator[Any]], Any]) -> Any:
    """The records that a function of (number, records) makes of each partition."""
    made = record_rdd(df).mapPartitionsWithIndex(lambda number, records: map(glue._revert_to_dict, f(number, records)))
    return from_records(df.sparkSession, made.persist(StorageLevel.MEMORY_AND_DISK))


def no_errors(df: Any) -> Any:
    """An empty frame of errors."""
    return df.sparkSession.createDataFrame([], ERROR_SCHEMA)


def with_schema(df: Any, schema: Any) -> Any:
    """The records under a given Glue schema."""
    spark_schema = to_spark(schema)
    records = record_rdd(df).map(lambda record: convert(glue._revert_to_dict(record), schema))
    return df.sparkSession.createDataFrame(records, spark_schema, verifySchema=False)


def from_records(spark: Any, records: Any, schema: Any = None) -> Any:
    """A frame of an RDD of dictionaries, its schema found by reading all of them (fields in the order seen)."""
    if schema is None:
        schema = records.mapPartitions(lambda part: [infer(part)]).fold(glue.StructType([]), glue.mergeDataTypes)
    if not schema.fields:
        return spark.createDataFrame([], T.StructType([]))
    rows = records.map(lambda record: convert(record, schema))
    return spark.createDataFrame(rows, to_spark(schema), verifySchema=False)


def infer(records: Iterable[Any]) -> Any:
    """The type that holds all of some records."""
    merged: Any = glue.StructType([])
    for record in records:
        merged = glue.mergeDataTypes(merged, type_of(record))
    return merged


def type_of(value: Any) -> Any:
    """The Glue type of a Python value."""
    if value is None:
        return glue.NullType()
    if isinstance(value, dict):
        return glue.StructType([glue.Field(str(name), type_of(one)) for name, one in value.items()])
    if isinstance(value, (list, tuple)):
        merged: Any = glue.UnknownType()
        for one in value:
            merged = glue.mergeDataTypes(merged, type_of(one))
        return glue.ArrayType(merged)
    return _type_of_atom(value)


def _type_of_atom(value: Any) -> Any:
    if isinstance(value, bool):
        return glue.BooleanType()
    if isinstance(value, int):
        return glue.IntegerType() if -INT_MAX <= value < INT_MAX else glue.LongType()
    if isinstance(value, decimal.Decimal):
        return glue.DecimalType(38, max(0, -int(value.as_tuple().exponent)))
    atoms = (
        (float, glue.DoubleType),
        (str, glue.StringType),
        ((bytes, bytearray), glue.BinaryType),
        (datetime.datetime, glue.TimestampType),
        (datetime.date, glue.DateType),
    )
    for kind, made in atoms:
        if isinstance(value, kind):  # type: ignore[arg-type]
            return made()
    raise TypeError(f"a record holds a value of type {type(value).__name__}, which is no type of Glue: {value!r}")


def convert(value: Any, kind: Any) -> Any:
    """A Python value as Spark takes it under a Glue type."""
    if value is None:
        return None
    if isinstance(kind, glue.StructType):
        return tuple(convert(value.get(field.name), field.dataType) for field in kind)
    if isinstance(kind, glue.ChoiceType):
        chosen = _chosen(value, kind)
        names = sorted(kind.choices)
        return tuple(convert(value, kind.choices[name]) if name == chosen else None for name in names)
    if isinstance(kind, glue.ArrayType):
        return [convert(one, kind.elementType) for one in value]
    if isinstance(kind, glue.DoubleType):
        return float(value)
    return value


def _chosen(value: Any, choice: Any) -> str:
    name: str = type_of(value).typeName()
    return "long" if name == "int" and "int" not in choice.choices else name
