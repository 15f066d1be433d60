"""The writing half of a crawl: what was found becomes tables and partitions, under the crawler's policies.

SchemaChangePolicy and Configuration (AWS Glue developer guide, "Setting crawler configuration options", 2023-06):
new tables and partitions are always written; changed ones under UPDATE_IN_DATABASE only (LOG otherwise);
MergeNewColumns keeps the columns of a table and adds new ones; InheritFromTable gives partitions the table's columns.
What this crawler made under its targets and no longer finds is marked with DEPRECATED_BY_CRAWLER, deleted, or logged.
Table parameters are those of real tables. The catalog is written through the endpoint as the crawler's role.

Not faithful to AWS: a table that only changed its statistics gets no new archived version.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from headwater.local.service import ServiceError
from headwater.local.services.glue.grouping import (
    FoundPartition,
    FoundTable,
    merge_schemas,
    table_name,
)
from headwater.local.services.glue.inference import FORMATS, FileSchema

BATCH = 100
# What changes with every load without the schema having changed.
STATISTICS = frozenset(
    {"CRAWL_RUN_ID", "averageRecordSize", "objectCount", "recordCount", "sizeKey", "areColumnsQuoted"}
)


class GlueCaller(Protocol):
    """Calls a Glue operation as the crawler's role."""

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Policy:
    """What a crawler does with changes.

    Attributes
    ----------
    update, delete:
        UpdateBehavior and DeleteBehavior of the SchemaChangePolicy.
    merge_new_columns, inherit_from_table:
        AddOrUpdateBehavior of the configuration's Tables and Partitions.
    new_only:
        CRAWL_NEW_FOLDERS_ONLY: what is in the catalog already is left as it is.
    """

    update: str = "UPDATE_IN_DATABASE"
    delete: str = "DEPRECATE_IN_DATABASE"
    merge_new_columns: bool = False
    inherit_from_table: bool = False
    new_only: bool = False


@dataclass
class Changes:
    """What a crawl did: counts by (TABLE or PARTITION, ADD, UPDATE or DELETE)."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, kind: str, change: str, number: int = 1) -> None:
        self.counts[kind, change] += number


class CatalogWriter:
    """Writes the tables of one crawl.

    Parameters
    ----------
    glue:
        Calls Glue as the crawler's role.
    crawler, run_id, database, table_prefix:
        The crawl.
    policy:
        What to do with changes.
    log:
        Takes (level, message) for the crawler's log.
    """

    def __init__(
        self,
        glue: GlueCaller,
        crawler: str,
        run_id: str,
        database: str,
        table_prefix: str,
        policy: Policy,
        log: Callable[[str, str], None],
    ) -> None:
        self.glue = glue
        self.crawler = crawler
        self.run_id = run_id
        self.database = database
        self.table_prefix = table_prefix
        self.policy = policy
        self.log = log
        self.changes = Changes()
        self.tables = {table["Name"]: table for table in self._pages("get_tables", "TableList")}
        self.seen: set[str] = set()

    def write(self, bucket: str, found: FoundTable) -> None:
        """Write one table and its partitions."""
        location = f"s3://{bucket}/{found.prefix}"
        known = self._known_at(location)
        name = known["Name"] if known else self._new_name(found, location)
        self.seen.add(name)
        wanted = self._table_input(name, location, found)
        clashes = set(found.partition_keys) & {column["Name"] for column in wanted["StorageDescriptor"]["Columns"]}
        if clashes:
            self.log("WARN", f"Table {name} has columns of the same name as its partition keys: {sorted(clashes)}")
        if known is None:
            self.glue("create_table", DatabaseName=self.database, TableInput=wanted)
            self.tables[name] = wanted
            self.changes.add("TABLE", "ADD")
            self.log("INFO", f"Created table {name} in database {self.database}")
        else:
            wanted = self._update_table(known, wanted)
        if found.partitions and known is not None and not _same_keys(known, wanted):
            self.log("WARN", f"Table {name} keeps its partition keys, so its partitions are not written")
        elif found.partitions:
            self._write_partitions(bucket, name, wanted, found)

    def finish(self, targets: Sequence[str]) -> None:
        """Deal with this crawler's tables under ``targets`` (S3 URIs) that were not found this time."""
        for name, table in sorted(self.tables.items()):
            location = table.get("StorageDescriptor", {}).get("Location", "")
            mine = table.get("Parameters", {}).get("UPDATED_BY_CRAWLER") == self.crawler
            if name not in self.seen and mine and any(_within(location, target) for target in targets):
                self._gone_table(name, table)

    def _pages(self, operation: str, member: str, **members: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = self.glue(operation, DatabaseName=self.database, **members, **token)
            found.extend(page.get(member, []))
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}

    def _known_at(self, location: str) -> dict[str, Any] | None:
        for table in self.tables.values():
            if table.get("StorageDescriptor", {}).get("Location", "").rstrip("/") == location.rstrip("/"):
                return table
        return None

    def _new_name(self, found: FoundTable, location: str) -> str:
        return table_name(found.stem, self.table_prefix, location=location, taken=self.tables.__contains__)

    def _table_input(self, name: str, location: str, found: FoundTable) -> dict[str, Any]:
        schema = found.schema
        parameters = self._parameters(schema, len(found.files))
        if found.partition_keys:
            parameters["partition_filtering.enabled"] = "true"
        return {
            "Name": name,
            "Owner": "owner",
            "Retention": 0,
            "StorageDescriptor": _descriptor(location, schema, parameters),
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in found.partition_keys],
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {**parameters, "CRAWL_RUN_ID": self.run_id},
        }

    def _parameters(self, schema: FileSchema, objects: int) -> dict[str, str]:
        average = max(1, schema.text_bytes // schema.rows) if schema.rows else 0
        return {
            **schema.parameters,
            "CrawlerSchemaDeserializerVersion": "1.0",
            "CrawlerSchemaSerializerVersion": "1.0",
            "UPDATED_BY_CRAWLER": self.crawler,
            "averageRecordSize": str(average),
            "classification": schema.classification,
            "compressionType": schema.compression,
            "objectCount": str(objects),
            "recordCount": str(schema.rows),
            "sizeKey": str(schema.size_bytes),
            "typeOfData": "file",
        }

    def _update_table(self, known: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
        """Bring a table up to date as the policy allows; returns what the catalog holds then."""
        name = known["Name"]
        if self.policy.new_only:
            return known
        if self.policy.merge_new_columns:
            _merge_columns(known, wanted)
        if not _same_keys(known, wanted):
            self.log("WARN", f"Partition keys of table {name} changed from {_keys(known)} to {_keys(wanted)}")
            return known
        changed = _schema_of(known) != _schema_of(wanted)
        if changed and self.policy.update == "LOG":
            self.log("INFO", f"Table {name} has a changed schema, not updated (UpdateBehavior is LOG)")
            return known
        if not changed and _without_run(known["Parameters"]) == _without_run(wanted["Parameters"]):
            return known
        kept = {m: known[m] for m in ("Description", "LastAccessTime", "Owner", "Retention") if m in known}
        self.glue("update_table", DatabaseName=self.database, TableInput={**wanted, **kept}, SkipArchive=not changed)
        if changed:
            self.changes.add("TABLE", "UPDATE")
            self.log("INFO", f"Updated table {name} in database {self.database}")
        return wanted

    def _write_partitions(self, bucket: str, name: str, table: dict[str, Any], found: FoundTable) -> None:
        known = {
            tuple(partition["Values"]): partition
            for partition in self._pages("get_partitions", "Partitions", TableName=name)
        }
        new = []
        for partition in found.partitions:
            wanted = self._partition_input(bucket, table, partition)
            old = known.pop(partition.values, None)
            if old is None:
                new.append(wanted)
            elif self.policy.new_only:
                continue
            elif _schema_of(old) != _schema_of(wanted) or old.get("Parameters") != wanted["Parameters"]:
                self._update_partition(name, old, wanted)
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            answer = self.glue(
                "batch_create_partition", DatabaseName=self.database, TableName=name, PartitionInputList=batch
            )
            for error in answer.get("Errors", []):
                raise ServiceError(error["ErrorDetail"]["ErrorCode"], error["ErrorDetail"]["ErrorMessage"])
        if new:
            self.changes.add("PARTITION", "ADD", len(new))
        table_location = f"s3://{bucket}/{found.prefix}"
        for values, gone in known.items():
            location = gone.get("StorageDescriptor", {}).get("Location", "")
            if not self.policy.new_only and _within(location, table_location):
                self._gone_partition(name, values, gone)

    def _partition_input(self, bucket: str, table: dict[str, Any], partition: FoundPartition) -> dict[str, Any]:
        schema = merge_schemas(partition.files)
        parameters = self._parameters(schema, len(partition.files))
        descriptor = _descriptor(f"s3://{bucket}/{partition.prefix}", schema, parameters)
        if self.policy.inherit_from_table:
            shared = ("Columns", "InputFormat", "OutputFormat", "SerdeInfo")
            descriptor |= {member: table["StorageDescriptor"][member] for member in shared}
        return {"Values": list(partition.values), "StorageDescriptor": descriptor, "Parameters": parameters}

    def _update_partition(self, name: str, old: dict[str, Any], wanted: dict[str, Any]) -> None:
        changed = _schema_of(old) != _schema_of(wanted)
        if changed and self.policy.update == "LOG":
            self.log("INFO", f"Partition {old['Values']} of table {name} has a changed schema, not updated")
            return
        values = old["Values"]
        self.glue(
            "update_partition",
            DatabaseName=self.database,
            TableName=name,
            PartitionValueList=values,
            PartitionInput=wanted,
        )
        if changed:
            self.changes.add("PARTITION", "UPDATE")

    def _gone_table(self, name: str, table: dict[str, Any]) -> None:
        if self.policy.delete == "DELETE_FROM_DATABASE":
            self.glue("delete_table", DatabaseName=self.database, Name=name)
            self.changes.add("TABLE", "DELETE")
            self.log("INFO", f"Deleted table {name} because a matching schema was not found at the table's location.")
        elif self.policy.delete == "LOG":
            self.log("INFO", f"Table {name} has no matching schema at the table's location.")
        elif "DEPRECATED_BY_CRAWLER" not in table.get("Parameters", {}):
            members = ("Name", "Description", "Owner", "Retention", "PartitionKeys", "TableType")
            wanted = {member: table[member] for member in members if member in table} | _deprecated(table)
            self.glue("update_table", DatabaseName=self.database, TableInput=wanted)
            self.changes.add("TABLE", "UPDATE")
            self.log(
                "INFO",
                f"Table {name} is marked deprecated because a matching schema was not found at the table's location.",
            )

    def _gone_partition(self, name: str, values: tuple[str, ...], partition: dict[str, Any]) -> None:
        shown = ", ".join(values)
        where = {"DatabaseName": self.database, "TableName": name}
        self.log(
            "INFO",
            f"Found partition of table {name} with partition values [{shown}] with no matching schema "
            "at the partition's S3 location",
        )
        if self.policy.delete == "DELETE_FROM_DATABASE":
            self.glue("delete_partition", **where, PartitionValues=list(values))
            self.changes.add("PARTITION", "DELETE")
        elif self.policy.delete == "DEPRECATE_IN_DATABASE" and "DEPRECATED_BY_CRAWLER" not in partition["Parameters"]:
            wanted = {"Values": list(values), **_deprecated(partition)}
            self.glue("update_partition", **where, PartitionValueList=list(values), PartitionInput=wanted)
            self.changes.add("PARTITION", "UPDATE")


def _descriptor(location: str, schema: FileSchema, parameters: dict[str, str]) -> dict[str, Any]:
    input_format, output_format, serde = FORMATS[schema.classification]
    return {
        "Columns": [{"Name": name, "Type": kind} for name, kind in schema.columns],
        "Location": location,
        "InputFormat": input_format,
        "OutputFormat": output_format,
        "Compressed": schema.compression != "none",
        "NumberOfBuckets": -1,
        "SerdeInfo": {"SerializationLibrary": schema.serde or serde, "Parameters": dict(schema.serde_parameters)},
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": parameters,
        "StoredAsSubDirectories": False,
    }


def _schema_of(record: dict[str, Any]) -> tuple[Any, ...]:
    """What of a table or partition is schema: columns, formats and the parameters that say how to read it."""
    descriptor = record.get("StorageDescriptor", {})
    parameters = {k: v for k, v in record.get("Parameters", {}).items() if k not in STATISTICS}
    columns = [(column["Name"], column.get("Type")) for column in descriptor.get("Columns", [])]
    serde = descriptor.get("SerdeInfo", {})
    return columns, descriptor.get("InputFormat"), serde, parameters


def _without_run(parameters: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if name != "CRAWL_RUN_ID"}


def _merge_columns(known: dict[str, Any], wanted: dict[str, Any]) -> None:
    old = list(known.get("StorageDescriptor", {}).get("Columns", []))
    names = {column["Name"] for column in old}
    descriptor = wanted["StorageDescriptor"]
    descriptor["Columns"] = old + [column for column in descriptor["Columns"] if column["Name"] not in names]


def _keys(table: dict[str, Any]) -> list[str]:
    return [key["Name"] for key in table.get("PartitionKeys", [])]


def _same_keys(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return _keys(one) == _keys(other)


def _deprecated(record: dict[str, Any]) -> dict[str, Any]:
    mark = {"DEPRECATED_BY_CRAWLER": str(int(time.time() * 1000))}
    descriptor = record.get("StorageDescriptor", {})
    return {
        "Parameters": {**record.get("Parameters", {}), **mark},
        "StorageDescriptor": {**descriptor, "Parameters": {**descriptor.get("Parameters", {}), **mark}},
    }


def _within(location: str, target: str) -> bool:
    return location == target or location.startswith(target if target.endswith("/") else f"{target}/")
