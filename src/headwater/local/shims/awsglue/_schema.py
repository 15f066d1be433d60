"""Between Spark's types, Glue's types, and the type names of mappings and of the catalog (Hive's).

A choice is a Spark struct with one nullable field a type, named as the type, in a column whose metadata says
:data:`CHOICE`; ``toDF`` on AWS makes the same struct.
"""

from __future__ import annotations

import re
from typing import Any

from awsglue import gluetypes as glue
from pyspark.sql import types as spark

CHOICE = "awsglue.choice"

# The names that mappings, specs and the catalog use → Spark's.
ALIASES = {
    "bigint": "long",
    "integer": "int",
    "smallint": "short",
    "tinyint": "byte",
}
TO_GLUE: dict[type, Any] = {
    spark.BinaryType: glue.BinaryType,
    spark.BooleanType: glue.BooleanType,
    spark.ByteType: glue.ByteType,
    spark.DateType: glue.DateType,
    spark.DoubleType: glue.DoubleType,
    spark.FloatType: glue.FloatType,
    spark.IntegerType: glue.IntegerType,
    spark.LongType: glue.LongType,
    spark.NullType: glue.NullType,
    spark.ShortType: glue.ShortType,
    spark.StringType: glue.StringType,
    spark.TimestampNTZType: glue.TimestampNTZType,
    spark.TimestampType: glue.TimestampType,
}
# What Glue Studio writes for a nested column; it says nothing of what is inside.
UNSAID = frozenset({"array", "choice", "list", "map", "object", "set", "struct"})
TO_SPARK = {kind: name for name, kind in TO_GLUE.items()}


def is_choice(field: spark.StructField) -> bool:
    """Whether a column holds a choice."""
    return bool(field.metadata.get(CHOICE)) and isinstance(field.dataType, spark.StructType)


def to_glue(kind: spark.DataType, choice: bool = False) -> Any:
    """The Glue type of a Spark type."""
    if isinstance(kind, spark.StructType):
        if choice:
            return glue.ChoiceType([to_glue(field.dataType) for field in kind.fields])
        return glue.StructType([glue.Field(f.name, to_glue(f.dataType, is_choice(f))) for f in kind.fields])
    if isinstance(kind, spark.ArrayType):
        return glue.ArrayType(to_glue(kind.elementType))
    if isinstance(kind, spark.MapType):
        return glue.MapType(to_glue(kind.valueType))
    if isinstance(kind, spark.DecimalType):
        return glue.DecimalType(kind.precision, kind.scale)
    return TO_GLUE.get(type(kind), glue.StringType)()


def to_spark(kind: Any) -> spark.DataType:
    """The Spark type of a Glue type; a choice becomes its struct, what was never seen becomes NullType."""
    if isinstance(kind, glue.StructType):
        return spark.StructType([spark_field(field) for field in kind])
    if isinstance(kind, glue.ChoiceType):
        alternatives = sorted(kind.choices.items())
        return spark.StructType([spark.StructField(name, to_spark(one)) for name, one in alternatives])
    if isinstance(kind, glue.ArrayType):
        return spark.ArrayType(to_spark(kind.elementType))
    if isinstance(kind, glue.MapType):
        return spark.MapType(spark.StringType(), to_spark(kind.valueType))
    if isinstance(kind, glue.DecimalType):
        return spark.DecimalType(kind.precision, kind.scale)
    if isinstance(kind, glue.UnknownType):
        return spark.NullType()
    made: spark.DataType = TO_SPARK[type(kind)]()
    return made


def spark_field(field: Any) -> spark.StructField:
    """The Spark column of a Glue field, marked when it is a choice."""
    metadata = {CHOICE: True} if isinstance(field.dataType, glue.ChoiceType) else {}
    return spark.StructField(field.name, to_spark(field.dataType), metadata=metadata)


def spark_name(name: str) -> str:
    """A type's name as Spark's SQL has it, from the name that a mapping, a spec or the catalog uses.

    >>> spark_name("struct<a:long,b:array<int>>")
    'struct<a:bigint,b:array<int>>'
    """
    lowered = re.sub(r"\s+", "", name) if "<" not in name else name.strip()
    return re.sub(
        r"(?i)(?<![\w`])(long|short|byte|integer|(?:var)?char(?:\(\d+\))?|null)(?!\w*:)(?![\w`])",
        lambda match: _sql_name(match.group(1).lower()),
        lowered,
    )


def _sql_name(name: str) -> str:
    if name.startswith(("char", "varchar", "null")):
        return "string"
    return {"long": "bigint", "short": "smallint", "byte": "tinyint", "integer": "int"}[name]


def cast(column: Any, kind: str) -> Any:
    """A column as another type; what does not fit is null. A nested type without its inside leaves the column.

    A DynamicFrame never fails for a value, and Spark 4 (Glue 6.0) does: its ``cast`` is ANSI's, raising
    CAST_INVALID_INPUT. There a number that is too big is null too; Spark 3's ``cast`` wraps it round.
    """
    if kind.strip().lower() in UNSAID:
        return column
    name = spark_name(kind)
    of_spark_4 = hasattr(type(column), "try_cast")  # an instance has every attribute: a field's name
    return column.try_cast(name) if of_spark_4 else column.cast(name)


def alternative_of(name: str) -> str:
    """The field of a choice's struct that a type name stands for."""
    return ALIASES.get(name.lower(), name.lower())


def quoted(path: str) -> str:
    """A field's path as a column expression, each part in backticks."""
    return ".".join(f"`{part.strip('`')}`" for part in split_path(path))


def split_path(path: str) -> list[str]:
    """The parts of a dotted path; parts in backticks may have dots."""
    return [quoted_part or part for quoted_part, part in re.findall(r"`([^`]+)`|([^.`]+)", path)]
