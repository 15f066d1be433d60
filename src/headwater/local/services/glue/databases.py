"""The Data Catalog's databases."""

from __future__ import annotations

from typing import Any

from headwater.local.service import Call, Members, Service, operation
from headwater.local.services.glue.catalog_records import (
    DATABASE,
    TABLE,
    Record,
    already_exists,
    invalid,
    not_found,
    now_s,
    page,
    shown,
)
from headwater.local.services.glue.tags import add_tags, drop_tags, glue_arn

DEFAULT_PERMISSIONS = [{"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}]
FEDERATED = ("FederatedDatabase", "TargetDatabase")


class DatabaseOperations(Service):
    """Databases. Not faithful to AWS: no federated databases or resource links, and one catalog, the account's."""

    @operation
    def create_database(
        self, call: Call, DatabaseInput: Record, CatalogId: str | None = None, Tags: dict[str, str] | None = None
    ) -> Members:
        """Make a database; AlreadyExistsException when there is one of that name."""
        self.check_catalog(call, CatalogId)
        record = self._database_record(call, DatabaseInput)
        with self.store.transaction():
            if self.store.get(DATABASE, record["Name"]) is not None:
                raise already_exists("Database")
            self.store.put(DATABASE, record["Name"], {**record, "CreateTime": now_s()})
            add_tags(self.store, glue_arn(call, f"database/{record['Name']}"), Tags)
        return {}

    @operation
    def get_database(self, call: Call, Name: str, CatalogId: str | None = None) -> Members:
        """One database."""
        self.check_catalog(call, CatalogId)
        return {"Database": shown(self.database(Name))}

    @operation
    def get_databases(
        self,
        call: Call,
        CatalogId: str | None = None,
        NextToken: str | None = None,
        MaxResults: int = 100,
        ResourceShareType: str | None = None,
    ) -> Members:
        """The databases by name, a page at a time. Nothing is shared with or federated into this account."""
        self.check_catalog(call, CatalogId)
        rows = [] if ResourceShareType in ("FOREIGN", "FEDERATED") else self.store.scan(DATABASE)
        answered, token = page(rows, lambda row: row[0], MaxResults, NextToken)
        found: Members = {"DatabaseList": [shown(record) for _, record in answered]}
        return found | ({"NextToken": token} if token else {})

    @operation
    def update_database(self, call: Call, Name: str, DatabaseInput: Record, CatalogId: str | None = None) -> Members:
        """Replace a database's definition."""
        self.check_catalog(call, CatalogId)
        record = self._database_record(call, DatabaseInput)
        with self.store.transaction():
            old = self.database(Name)
            if record["Name"] != old["Name"]:
                raise invalid(
                    f"Database {old['Name']} cannot be renamed to {record['Name']}: DatabaseInput.Name differs"
                )
            self.store.put(DATABASE, record["Name"], {**record, "CreateTime": old["CreateTime"]})
        return {}

    @operation
    def delete_database(self, call: Call, Name: str, CatalogId: str | None = None) -> Members:
        """Delete a database with its tables and their partitions (AWS deletes those after answering)."""
        self.check_catalog(call, CatalogId)
        with self.store.transaction():
            name = self.database(Name)["Name"]
            for key, _ in self.store.scan(TABLE, f"{name}\n"):
                self.store.delete(TABLE, key)
            self.store.execute("DELETE FROM glue_partitions WHERE database_name = ?", (name,))
            self.store.execute("DELETE FROM glue_table_versions WHERE database_name = ?", (name,))
            self.store.delete(DATABASE, name)
            drop_tags(self.store, glue_arn(call, f"database/{name}"))
        return {}

    def database(self, name: str) -> Record:
        """The record of a database; EntityNotFoundException with AWS's text when there is none."""
        record = self.store.get(DATABASE, name.lower())
        if record is None:
            raise not_found(f"Database {name.lower()} not found.")
        return record

    def check_catalog(self, call: Call, catalog_id: str | None) -> None:
        """Refuse another account's catalog."""
        if catalog_id not in (None, call.account):
            raise not_found(f"Catalog {catalog_id} not found: the only catalog here is {call.account}")

    def _database_record(self, call: Call, database_input: dict[str, Any]) -> Record:
        for member in FEDERATED:
            if database_input.get(member):
                raise invalid(f"DatabaseInput.{member} is not supported: every database here is the account's own")
        return {
            "CreateTableDefaultPermissions": DEFAULT_PERMISSIONS,
            **database_input,
            "Name": database_input["Name"].lower(),
            "CatalogId": call.account,
        }
