"""The Data Catalog's tables and their versions."""

from __future__ import annotations

import json
import re
from typing import Any

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.glue.catalog_records import (
    TABLE,
    Record,
    already_exists,
    decode_token,
    encode_token,
    invalid,
    not_found,
    now_s,
    page,
    shown,
    stored,
    table_key,
)
from headwater.local.services.glue.databases import DatabaseOperations

DESCRIPTOR_DEFAULTS = {"Compressed": False, "NumberOfBuckets": 0, "StoredAsSubDirectories": False}
LONE_STAR = re.compile(r"(?<![.\])}\\])\*")
LINKED = ("FederatedTable", "TargetTable", "ViewDefinition")


def with_descriptor_defaults(record: Record) -> Record:
    """The storage descriptor with the members that AWS always answers."""
    if "StorageDescriptor" in record:
        record["StorageDescriptor"] = {**DESCRIPTOR_DEFAULTS, **record["StorageDescriptor"]}
    return record


class TableOperations(DatabaseOperations):
    """Tables. Not faithful to AWS: no federated tables, resource links, multi-dialect views or Iceberg input."""

    @operation
    def create_table(
        self,
        call: Call,
        DatabaseName: str,
        TableInput: Record | None = None,
        Name: str | None = None,
        CatalogId: str | None = None,
    ) -> Members:
        """Make a table; AlreadyExistsException when the database has one of that name."""
        self.check_catalog(call, CatalogId)
        record = self._table_record(call, DatabaseName, TableInput, Name)
        key = table_key(DatabaseName, record["Name"])
        with self.store.transaction():
            self.database(DatabaseName)
            if self.store.get(TABLE, key) is not None:
                raise already_exists("Table")
            times = {"CreateTime": now_s(), "UpdateTime": now_s()}
            self._keep_table({**record, **times, "CreatedBy": _arn(call), "VersionId": "0"})
        return {}

    @operation
    def get_table(self, call: Call, DatabaseName: str, Name: str, CatalogId: str | None = None) -> Members:
        """One table."""
        self.check_catalog(call, CatalogId)
        self.database(DatabaseName)
        return {"Table": shown(self.table(DatabaseName, Name, "Entity Not Found"))}

    @operation
    def get_tables(
        self,
        call: Call,
        DatabaseName: str,
        CatalogId: str | None = None,
        Expression: str | None = None,
        NextToken: str | None = None,
        MaxResults: int = 100,
    ) -> Members:
        """A database's tables by name, a page at a time, of those whose whole name matches ``Expression``.

        It is a regular expression in which ``*`` alone stands for any text, as in Hive: clients send ``*sales*``.
        """
        self.check_catalog(call, CatalogId)
        self.database(DatabaseName)
        prefix = table_key(DatabaseName, "")
        rows = self.store.scan(TABLE, prefix)
        if Expression:
            try:
                pattern = re.compile(LONE_STAR.sub(".*", Expression), re.IGNORECASE)
            except re.error as error:
                raise invalid(f"Expression {Expression!r} is no regular expression: {error}") from error
            rows = [row for row in rows if pattern.fullmatch(row[0][len(prefix) :])]
        answered, token = page(rows, lambda row: row[0], MaxResults, NextToken)
        found: Members = {"TableList": [shown(record) for _, record in answered]}
        return found | ({"NextToken": token} if token else {})

    @operation
    def update_table(
        self,
        call: Call,
        DatabaseName: str,
        TableInput: Record | None = None,
        Name: str | None = None,
        CatalogId: str | None = None,
        SkipArchive: bool = False,
        VersionId: str | None = None,
    ) -> Members:
        """Replace a table's definition, keeping the one before as a version unless ``SkipArchive``.

        ``VersionId``, when given, must be the current version (ConcurrentModificationException).
        """
        self.check_catalog(call, CatalogId)
        record = self._table_record(call, DatabaseName, TableInput, Name)
        with self.store.transaction():
            self.database(DatabaseName)
            old = self.table(DatabaseName, record["Name"])
            if VersionId is not None and VersionId != old["VersionId"]:
                raise ServiceError(
                    "ConcurrentModificationException",
                    f"Update table failed due to concurrent modifications: version {VersionId} is given, "
                    f"{old['VersionId']} is current.",
                )
            kept = {"CreateTime": old["CreateTime"], "CreatedBy": old["CreatedBy"], "UpdateTime": now_s()}
            if SkipArchive:
                self._drop_version(old)
            self._keep_table({**record, **kept, "VersionId": str(int(old["VersionId"]) + 1)})
        return {}

    @operation
    def delete_table(self, call: Call, DatabaseName: str, Name: str, CatalogId: str | None = None) -> Members:
        """Delete a table with its partitions and versions (AWS deletes those after answering)."""
        self.check_catalog(call, CatalogId)
        with self.store.transaction():
            self.database(DatabaseName)
            self._forget_table(self.table(DatabaseName, Name))
        return {}

    @operation
    def batch_delete_table(
        self, call: Call, DatabaseName: str, TablesToDelete: list[str], CatalogId: str | None = None
    ) -> Members:
        """Delete several tables; what is not there is in ``Errors``."""
        self.check_catalog(call, CatalogId)
        self.database(DatabaseName)
        errors = []
        for name in TablesToDelete:
            try:
                self.delete_table(call, DatabaseName, name)
            except ServiceError as error:
                errors.append({"TableName": name, "ErrorDetail": detail(error)})
        return {"Errors": errors} if errors else {}

    @operation
    def get_table_version(
        self, call: Call, DatabaseName: str, TableName: str, VersionId: str | None = None, CatalogId: str | None = None
    ) -> Members:
        """One version of a table, the current one when none is named."""
        self.check_catalog(call, CatalogId)
        table = self.table(DatabaseName, TableName)
        number = table["VersionId"] if VersionId is None else VersionId
        for version in self._versions(table):
            if version["VersionId"] == number:
                return {"TableVersion": {"Table": shown(version), "VersionId": number}}
        raise not_found("Version not found.")

    @operation
    def get_table_versions(
        self,
        call: Call,
        DatabaseName: str,
        TableName: str,
        CatalogId: str | None = None,
        NextToken: str | None = None,
        MaxResults: int = 100,
    ) -> Members:
        """A table's versions, the newest first, a page at a time."""
        self.check_catalog(call, CatalogId)
        self.database(DatabaseName)
        rows = self._versions(self.table(DatabaseName, TableName))
        if NextToken:
            last = decode_token(NextToken)
            if not last.isdigit():
                raise invalid(f"The NextToken {NextToken!r} is not valid: it was not answered by this operation")
            rows = [row for row in rows if int(row["VersionId"]) < int(last)]
        answered = rows[:MaxResults]
        found: Members = {
            "TableVersions": [{"Table": shown(row), "VersionId": row["VersionId"]} for row in answered],
        }
        return found | ({"NextToken": encode_token(answered[-1]["VersionId"])} if len(rows) > MaxResults else {})

    @operation
    def delete_table_version(
        self, call: Call, DatabaseName: str, TableName: str, VersionId: str, CatalogId: str | None = None
    ) -> Members:
        """Delete an archived version."""
        self.check_catalog(call, CatalogId)
        with self.store.transaction():
            table = self.table(DatabaseName, TableName)
            if VersionId == table["VersionId"]:
                raise invalid(f"Version {VersionId} of table {table['Name']} is its current version: delete the table")
            if not self._drop_version({**table, "VersionId": VersionId}):
                raise not_found("Version not found.")
        return {}

    def table(self, database: str, name: str, message: str = "") -> Record:
        """The record of a table; EntityNotFoundException with AWS's text when there is none."""
        record = self.store.get(TABLE, table_key(database, name))
        if record is None:
            self.database(database)
            raise not_found(message or f"Table {name.lower()} not found.")
        return record

    def _table_record(self, call: Call, database: str, table_input: dict[str, Any] | None, name: str | None) -> Record:
        if table_input is None:
            raise invalid("TableInput is missing: a table is defined by its TableInput")
        if name is not None and name.lower() != table_input["Name"].lower():
            raise invalid(f"Name is {name} and TableInput.Name is {table_input['Name']}: a table cannot be renamed")
        for member in LINKED:
            if table_input.get(member):
                raise invalid(f"TableInput.{member} is not supported: every table here is the account's own data")
        record: Record = stored(table_input)
        return with_descriptor_defaults(
            {
                "Retention": 0,
                **record,
                "Name": record["Name"].lower(),
                "DatabaseName": database.lower(),
                "CatalogId": call.account,
                "IsRegisteredWithLakeFormation": False,
                "IsMultiDialectView": False,
            }
        )

    def _keep_table(self, record: Record) -> None:
        self.store.put(TABLE, table_key(record["DatabaseName"], record["Name"]), record)
        self.store.execute(
            "INSERT OR REPLACE INTO glue_table_versions VALUES (?, ?, ?, ?)",
            (record["DatabaseName"], record["Name"], int(record["VersionId"]), json.dumps(record)),
        )

    def _versions(self, table: Record) -> list[Record]:
        rows = self.store.query(
            "SELECT record FROM glue_table_versions WHERE database_name = ? AND table_name = ? ORDER BY version DESC",
            (table["DatabaseName"], table["Name"]),
        )
        return [json.loads(row["record"]) for row in rows]

    def _drop_version(self, table: Record) -> bool:
        if not table["VersionId"].isdigit():
            return False
        cursor = self.store.execute(
            "DELETE FROM glue_table_versions WHERE database_name = ? AND table_name = ? AND version = ?",
            (table["DatabaseName"], table["Name"], int(table["VersionId"])),
        )
        return cursor.rowcount > 0

    def _forget_table(self, table: Record) -> None:
        names = (table["DatabaseName"], table["Name"])
        self.store.execute("DELETE FROM glue_partitions WHERE database_name = ? AND table_name = ?", names)
        self.store.execute("DELETE FROM glue_table_versions WHERE database_name = ? AND table_name = ?", names)
        self.store.delete(TABLE, table_key(*names))


def detail(error: ServiceError) -> Members:
    """An error as the ErrorDetail of a batch operation."""
    return {"ErrorCode": error.code, "ErrorMessage": error.message}


def _arn(call: Call) -> str:
    return str(getattr(call.principal, "arn", f"arn:aws:iam::{call.account}:root"))
