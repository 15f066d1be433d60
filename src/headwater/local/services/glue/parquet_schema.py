"""Hive types of a Parquet file, from its footer (no data is read).

Not faithful to AWS: an unsigned integer becomes the next wider signed type (the widest a decimal(20,0)), a time of day
the integer that stores it, and a type that Hive lacks a string.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

# pyarrow's spelling → Hive's
SCALARS = {
    "binary": "binary",
    "bool": "boolean",
    "date32[day]": "date",
    "double": "double",
    "float": "float",
    "halffloat": "float",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "int8": "tinyint",
    "large_binary": "binary",
    "large_string": "string",
    "string": "string",
    "time32[ms]": "int",
    "time64[ns]": "bigint",
    "time64[us]": "bigint",
    "uint16": "int",
    "uint32": "bigint",
    "uint64": "decimal(20,0)",
    "uint8": "smallint",
}


def read_footer(path: Path) -> tuple[tuple[tuple[str, str], ...], int]:
    """(name in lower case, Hive type) columns and the row count of a Parquet file.

    Raises
    ------
    ValueError
        The file is no Parquet file, or its footer is broken.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            rows = file.metadata.num_rows
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ValueError(str(error)) from error
    return tuple((field.name.lower(), hive_type(field.type)) for field in schema), rows


def hive_type(kind: pyarrow.DataType) -> str:
    """An Arrow type in Hive's spelling."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return hive_type(kind.value_type)
    if types.is_timestamp(kind):
        return "timestamp"
    if types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if types.is_fixed_size_binary(kind):
        return "binary"
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return f"array<{hive_type(kind.value_type)}>"
    if types.is_map(kind):
        return f"map<{hive_type(kind.key_type)},{hive_type(kind.item_type)}>"
    if types.is_struct(kind):
        return "struct<" + ",".join(f"{f.name}:{hive_type(f.type)}" for f in kind.fields) + ">"
    return SCALARS.get(str(kind), "string")
