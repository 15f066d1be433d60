"""The partitions of catalog tables, with filter expressions."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.glue.catalog_records import (
    Record,
    already_exists,
    decode_token,
    encode_token,
    invalid,
    not_found,
    now_s,
    shown,
    stored,
    values_key,
)
from headwater.local.services.glue.predicates import compile_expression
from headwater.local.services.glue.tables import TableOperations, detail, with_descriptor_defaults

MAX_PAGE = 1000
READ_BATCH = 2000


class PartitionOperations(TableOperations):
    """Partitions, in the order of their values. Not faithful to AWS: no partition indexes or column statistics."""

    @operation
    def create_partition(
        self, call: Call, DatabaseName: str, TableName: str, PartitionInput: Record, CatalogId: str | None = None
    ) -> Members:
        """Add a partition; AlreadyExistsException when the table has one of these values."""
        self.check_catalog(call, CatalogId)
        with self.store.transaction():
            self._add_partition(call, self.table(DatabaseName, TableName), PartitionInput)
        return {}

    @operation
    def batch_create_partition(
        self,
        call: Call,
        DatabaseName: str,
        TableName: str,
        PartitionInputList: list[Record],
        CatalogId: str | None = None,
    ) -> Members:
        """Add several partitions; what is there already is in ``Errors``."""
        self.check_catalog(call, CatalogId)
        errors = []
        with self.store.transaction():
            table = self.table(DatabaseName, TableName)
            for partition in PartitionInputList:
                try:
                    self._add_partition(call, table, partition)
                except ServiceError as error:
                    errors.append({"PartitionValues": partition.get("Values", []), "ErrorDetail": detail(error)})
        return {"Errors": errors}

    @operation
    def get_partition(
        self,
        call: Call,
        DatabaseName: str,
        TableName: str,
        PartitionValues: list[str],
        CatalogId: str | None = None,
    ) -> Members:
        """One partition by its values."""
        self.check_catalog(call, CatalogId)
        return {"Partition": shown(self._partition(self.table(DatabaseName, TableName), PartitionValues))}

    @operation
    def batch_get_partition(
        self,
        call: Call,
        DatabaseName: str,
        TableName: str,
        PartitionsToGet: list[dict[str, list[str]]],
        CatalogId: str | None = None,
    ) -> Members:
        """Several partitions by their values; those that are not there are left out."""
        self.check_catalog(call, CatalogId)
        table = self.table(DatabaseName, TableName)
        found = [self._find_partition(table, wanted["Values"]) for wanted in PartitionsToGet]
        return {"Partitions": [shown(record) for record in found if record is not None], "UnprocessedKeys": []}

    @operation
    def get_partitions(
        self,
        call: Call,
        DatabaseName: str,
        TableName: str,
        CatalogId: str | None = None,
        Expression: str | None = None,
        NextToken: str | None = None,
        Segment: dict[str, int] | None = None,
        MaxResults: int = MAX_PAGE,
        ExcludeColumnSchema: bool = False,
    ) -> Members:
        """A table's partitions that match ``Expression``, a page at a time.

        ``Segment`` splits them into ``TotalSegments`` disjoint parts, for readers in parallel.
        """
        self.check_catalog(call, CatalogId)
        table = self.table(DatabaseName, TableName)
        test = self._partition_test(table, Expression)
        if Segment is not None and Segment["SegmentNumber"] >= Segment["TotalSegments"]:
            raise invalid(f"SegmentNumber {Segment['SegmentNumber']} is not below {Segment['TotalSegments']}")
        last = decode_token(NextToken) if NextToken else ""
        found: list[tuple[str, Record]] = []
        while len(found) <= MaxResults:
            rows = self._partition_rows(table, last, READ_BATCH)
            for key, record in rows:
                if _in_segment(key, Segment) and test(record["Values"]):
                    found.append((key, record))
            if len(rows) < READ_BATCH:
                break
            last = rows[-1][0]
        answered = found[:MaxResults]
        members: Members = {"Partitions": [_shown(record, ExcludeColumnSchema) for _, record in answered]}
        return members | ({"NextToken": encode_token(answered[-1][0])} if len(found) > MaxResults else {})

    @operation
    def update_partition(
        self,
        call: Call,
        DatabaseName: str,
        TableName: str,
        PartitionValueList: list[str],
        PartitionInput: Record,
        CatalogId: str | None = None,
    ) -> Members:
        """Replace a partition, its values included."""
        self.check_catalog(call, CatalogId)
        with self.store.transaction():
            self._replace_partition(call, self.table(DatabaseName, TableName), PartitionValueList, PartitionInput)
        return {}

    @operation
    def batch_update_partition(
        self, call: Call, DatabaseName: str, TableName: str, Entries: list[Record], CatalogId: str | None = None
    ) -> Members:
        """Replace several partitions; what is not there is in ``Errors``."""
        self.check_catalog(call, CatalogId)
        errors = []
        with self.store.transaction():
            table = self.table(DatabaseName, TableName)
            for entry in Entries:
                try:
                    self._replace_partition(call, table, entry["PartitionValueList"], entry["PartitionInput"])
                except ServiceError as error:
                    values = entry["PartitionValueList"]
                    errors.append({"PartitionValueList": values, "ErrorDetail": detail(error)})
        return {"Errors": errors}

    @operation
    def delete_partition(
        self,
        call: Call,
        DatabaseName: str,
        TableName: str,
        PartitionValues: list[str],
        CatalogId: str | None = None,
    ) -> Members:
        """Delete a partition; the data stays."""
        self.check_catalog(call, CatalogId)
        with self.store.transaction():
            self._drop_partition(self.table(DatabaseName, TableName), PartitionValues)
        return {}

    @operation
    def batch_delete_partition(
        self,
        call: Call,
        DatabaseName: str,
        TableName: str,
        PartitionsToDelete: list[dict[str, list[str]]],
        CatalogId: str | None = None,
    ) -> Members:
        """Delete several partitions; what is not there is in ``Errors``."""
        self.check_catalog(call, CatalogId)
        errors = []
        with self.store.transaction():
            table = self.table(DatabaseName, TableName)
            for wanted in PartitionsToDelete:
                try:
                    self._drop_partition(table, wanted["Values"])
                except ServiceError as error:
                    errors.append({"PartitionValues": wanted["Values"], "ErrorDetail": detail(error)})
        return {"Errors": errors}

    def _partition_test(self, table: Record, expression: str | None) -> Callable[[Sequence[str]], bool]:
        if expression is None or not expression.strip():
            return lambda values: True
        keys = [(key["Name"], key.get("Type", "string")) for key in table.get("PartitionKeys", [])]
        return compile_expression(expression, keys)

    def _partition_rows(self, table: Record, after: str, limit: int) -> list[tuple[str, Record]]:
        rows = self.store.query(
            "SELECT partition_values, record FROM glue_partitions WHERE database_name = ? AND table_name = ?"
            " AND partition_values > ? ORDER BY partition_values LIMIT ?",
            (table["DatabaseName"], table["Name"], after, limit),
        )
        return [(row["partition_values"], json.loads(row["record"])) for row in rows]

    def _find_partition(self, table: Record, values: Sequence[str]) -> Record | None:
        rows = self.store.query(
            "SELECT record FROM glue_partitions WHERE database_name = ? AND table_name = ? AND partition_values = ?",
            (table["DatabaseName"], table["Name"], values_key(values)),
        )
        return json.loads(rows[0]["record"]) if rows else None

    def _partition(self, table: Record, values: Sequence[str]) -> Record:
        record = self._find_partition(table, values)
        if record is None:
            raise not_found("Cannot find partition.")
        return record

    def _add_partition(self, call: Call, table: Record, partition: Record) -> None:
        values = partition.get("Values", [])
        if len(values) != len(table.get("PartitionKeys", [])):
            raise invalid("The number of partition keys do not match the number of partition values")
        if self._find_partition(table, values) is not None:
            raise already_exists("Partition")
        self._keep_partition(call, table, partition, now_s())

    def _keep_partition(self, call: Call, table: Record, partition: Record, created_s: float) -> None:
        names = {"DatabaseName": table["DatabaseName"], "TableName": table["Name"]}
        record = with_descriptor_defaults(
            {**stored(partition), **names, "CreationTime": created_s, "CatalogId": call.account}
        )
        self.store.execute(
            "INSERT OR REPLACE INTO glue_partitions VALUES (?, ?, ?, ?)",
            (table["DatabaseName"], table["Name"], values_key(partition["Values"]), json.dumps(record)),
        )

    def _replace_partition(self, call: Call, table: Record, values: list[str], partition: Record) -> None:
        old = self._partition(table, values)
        new_values = partition.get("Values") or values
        if len(new_values) != len(table.get("PartitionKeys", [])):
            raise invalid("The number of partition keys do not match the number of partition values")
        if new_values != values:
            if self._find_partition(table, new_values) is not None:
                raise already_exists("Partition")
            self._drop_partition(table, values)
        self._keep_partition(call, table, {**partition, "Values": new_values}, old["CreationTime"])

    def _drop_partition(self, table: Record, values: Sequence[str]) -> None:
        cursor = self.store.execute(
            "DELETE FROM glue_partitions WHERE database_name = ? AND table_name = ? AND partition_values = ?",
            (table["DatabaseName"], table["Name"], values_key(values)),
        )
        if cursor.rowcount == 0:
            raise not_found("Cannot find partition.")


def _in_segment(key: str, segment: dict[str, int] | None) -> bool:
    return segment is None or zlib.crc32(key.encode()) % segment["TotalSegments"] == segment["SegmentNumber"]


def _shown(record: Record, without_columns: bool) -> Record:
    answered = shown(record)
    if without_columns and "StorageDescriptor" in answered:
        descriptor = answered["StorageDescriptor"]
        answered["StorageDescriptor"] = {name: value for name, value in descriptor.items() if name != "Columns"}
    return answered
