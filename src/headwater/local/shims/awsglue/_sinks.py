"""Writing: to S3 paths, and to the tables of the catalog, with the catalog's update.

Files are appended, as Glue does; partition columns become ``k=v`` folders. A frame without columns writes nothing.
enableUpdateCatalog (AWS Glue, "Updating the schema, and adding new partitions", 2023-06): UPDATE_IN_DATABASE, the
default, makes or changes the table and adds partitions; LOG adds partitions only.

Not faithful to AWS: files are named as Spark names them; the partitions added are all that stand below the path.
"""

from __future__ import annotations

import os
from typing import Any

from awsglue import _formats
from awsglue._catalog import Catalog, Table
from awsglue._errors import NotComputed
from awsglue._files import local_path
from awsglue._schema import is_choice

STORAGE: dict[str, tuple[str, str, str]] = {
    "csv": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    ),
    "json": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.openx.data.jsonserde.JsonSerDe",
    ),
    "orc": (
        "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
        "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
        "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    ),
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
}
BEHAVIOURS = ("UPDATE_IN_DATABASE", "LOG")
UPDATABLE = ("csv", "json", "parquet")


def write_path(
    df: Any, path: str, format: str, format_options: dict[str, Any], keys: list[str], compression: str | None
) -> None:
    """Append a DataFrame to an S3 folder."""
    if not df.columns:
        return
    missing = [key for key in keys if key not in df.columns]
    if missing:
        raise ValueError(f"partitionKeys {', '.join(missing)} are not columns; there are {', '.join(df.columns)}")
    options = _formats.writer_options(format, format_options, compression)
    df.write.mode("append").options(**options).partitionBy(*keys).format(format).save(path)


def update_catalog(
    catalog: Catalog,
    df: Any,
    database: str,
    name: str,
    path: str,
    format: str,
    format_options: dict[str, Any],
    keys: list[str],
    behaviour: str = "UPDATE_IN_DATABASE",
) -> None:
    """Make or change the table of what was written, and add its partitions."""
    if behaviour not in BEHAVIOURS:
        raise ValueError(f"updateBehavior is {behaviour!r}, and is one of {', '.join(BEHAVIOURS)}")
    if format not in UPDATABLE:
        raise NotComputed(f"enableUpdateCatalog with {format}", f"AWS does it for {', '.join(UPDATABLE)}")
    if not df.columns:
        return
    old = _existing(catalog, database, name)
    if old is None:
        catalog.client.create_table(
            DatabaseName=database, TableInput=table_input(df, name, path, format, format_options, keys)
        )
    elif [key.name for key in old.keys] != keys:
        raise ValueError(
            f"partitionKeys are {keys}, and the table {database}.{name} has {[key.name for key in old.keys]}: "
            "they must be the same in the same order"
        )
    elif behaviour == "UPDATE_IN_DATABASE":
        wanted = table_input(df, name, path, format, format_options, keys)
        if _changed(old, wanted):
            catalog.client.update_table(DatabaseName=database, TableInput=wanted)
    if keys:
        catalog.add_partitions(catalog.table(database, name), _folder(path), partition_values(path, keys))


def _existing(catalog: Catalog, database: str, name: str) -> Table | None:
    try:
        return catalog.table(database, name)
    except catalog.client.exceptions.EntityNotFoundException:
        return None


def _changed(old: Table, wanted: dict[str, Any]) -> bool:
    columns = [(column.name, column.type) for column in old.columns]
    storage = wanted["StorageDescriptor"]
    return columns != [(one["Name"], one["Type"]) for one in storage["Columns"]] or old.location != storage["Location"]


def _folder(path: str) -> str:
    return path.rstrip("/") + "/"


def table_input(
    df: Any, name: str, path: str, format: str, format_options: dict[str, Any], keys: list[str]
) -> dict[str, Any]:
    """The table of a frame, as the catalog takes it; a choice is refused, since no Hive type holds it."""
    choices = [field.name for field in df.schema.fields if is_choice(field)]
    if choices:
        raise ValueError(f"the columns {', '.join(choices)} are choices: resolve them before the catalog is updated")
    types = {field.name: field.dataType.simpleString() for field in df.schema.fields}
    reads, writes, library = STORAGE[format]
    parameters = {"classification": format}
    serde: dict[str, str] = {"serialization.format": "1"}
    if format == "csv":
        given = {key.lower(): value for key, value in format_options.items()}
        serde["field.delim"] = given.get("separator", ",")
        if _formats.flag(given.get("writeheader", True)):
            parameters["skip.header.line.count"] = "1"
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": [{"Name": key, "Type": types[key]} for key in keys],
        "StorageDescriptor": {
            "Columns": [{"Name": one.lower(), "Type": kind} for one, kind in types.items() if one not in keys],
            "Location": _folder(path),
            "InputFormat": reads,
            "OutputFormat": writes,
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": serde},
        },
    }


def partition_values(path: str, keys: list[str]) -> list[tuple[str, ...]]:
    """The values of the ``k=v`` folders below a path that hold files, as the folders spell them."""
    found: list[tuple[str, ...]] = []

    def walk(folder: str, rest: list[str], values: tuple[str, ...]) -> None:
        if not rest:
            if any(entry.is_file() for entry in os.scandir(folder)):
                found.append(values)
            return
        lead = f"{rest[0]}="
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.is_dir() and entry.name.startswith(lead):
                walk(entry.path, rest[1:], (*values, entry.name[len(lead) :]))

    walk(str(local_path(path)), keys, ())
    return found
