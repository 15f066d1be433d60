"""The Data Catalog, through boto3, as the job's role."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from awsglue._errors import NotComputed

BATCH = 100


@dataclass(frozen=True)
class Column:
    """A column's name and Hive type."""

    name: str
    type: str


@dataclass(frozen=True)
class Partition:
    """A partition's values, in the order of the keys, and where it is."""

    values: tuple[str, ...]
    location: str


@dataclass(frozen=True)
class Table:
    """What reading and writing need of a table."""

    database: str
    name: str
    location: str
    format: str
    columns: list[Column]
    keys: list[Column]
    serde: dict[str, str]
    parameters: dict[str, str]
    raw: dict[str, Any] = field(repr=False, compare=False)


class Catalog:
    """Calls to Glue's catalog."""

    def __init__(self) -> None:
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The boto3 client, made when it is first needed."""
        if self._client is None:
            import boto3

            self._client = boto3.client("glue")
        return self._client

    def table(self, database: str | None, name: str | None, catalog_id: str | None = None) -> Table:
        """A table; botocore's EntityNotFoundException when it is not there."""
        if not database or not name:
            raise ValueError(f"database and table_name are needed, got {database!r} and {name!r}")
        request = {"DatabaseName": database, "Name": name}
        raw = self.client.get_table(**request, **({"CatalogId": catalog_id} if catalog_id else {}))["Table"]
        storage = raw.get("StorageDescriptor", {})
        parameters = {**raw.get("Parameters", {}), **storage.get("Parameters", {})}
        serde = storage.get("SerdeInfo", {})
        return Table(
            database=database,
            name=name,
            location=storage.get("Location", ""),
            format=_format(parameters, storage),
            columns=_columns(storage.get("Columns", [])),
            keys=_columns(raw.get("PartitionKeys", [])),
            serde={"library": serde.get("SerializationLibrary", ""), **serde.get("Parameters", {})},
            parameters=parameters,
            raw=raw,
        )

    def partitions(self, table: Table, expression: str = "") -> list[Partition]:
        """A table's partitions, of those that Glue's ``expression`` selects."""
        request = {"DatabaseName": table.database, "TableName": table.name, "ExcludeColumnSchema": True}
        if expression:
            request["Expression"] = expression
        pages = self.client.get_paginator("get_partitions").paginate(**request)
        return [
            Partition(tuple(one["Values"]), one["StorageDescriptor"]["Location"])
            for page in pages
            for one in page["Partitions"]
        ]

    def column_types(self, database: str | None, name: str | None) -> dict[str, str]:
        """A table's column types by name, partition keys too."""
        table = self.table(database, name)
        return {column.name: column.type for column in [*table.columns, *table.keys]}

    def add_partitions(self, table: Table, location: str, values: list[tuple[str, ...]]) -> None:
        """Add partitions that the table lacks; ``location`` is the folder of the ``k=v`` folders."""
        known = {partition.values for partition in self.partitions(table)}
        storage = {**table.raw["StorageDescriptor"]}
        missing = [one for one in values if tuple(map(unquote, one)) not in known]
        inputs = [
            {
                "Values": [unquote(value) for value in one],
                "StorageDescriptor": {**storage, "Location": location + _folders(table, one)},
            }
            for one in missing
        ]
        for first in range(0, len(inputs), BATCH):
            answer = self.client.batch_create_partition(
                DatabaseName=table.database, TableName=table.name, PartitionInputList=inputs[first : first + BATCH]
            )
            errors = [e for e in answer.get("Errors", []) if e["ErrorDetail"]["ErrorCode"] != "AlreadyExistsException"]
            if errors:
                raise RuntimeError(f"partitions of {table.name} could not be added: {errors[0]}")


def _folders(table: Table, values: tuple[str, ...]) -> str:
    return "".join(f"{key.name}={value}/" for key, value in zip(table.keys, values, strict=True))


def _columns(found: list[dict[str, str]]) -> list[Column]:
    return [Column(column["Name"], column.get("Type", "string")) for column in found]


def _format(parameters: dict[str, str], storage: dict[str, Any]) -> str:
    named = parameters.get("classification", "").lower()
    if named:
        return named
    library = storage.get("SerdeInfo", {}).get("SerializationLibrary", "").lower()
    for word, format in (
        ("parquet", "parquet"),
        ("orc", "orc"),
        ("json", "json"),
        ("csv", "csv"),
        ("lazysimple", "csv"),
    ):
        if word in library:
            return format
    raise NotComputed(f"a table without a classification (SerDe {library or 'none'})")
