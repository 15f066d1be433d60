"""Event buses, and the tags of buses and rules."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.events.records import BUS, DEFAULT, RULE, EventRecords, invalid, page
from headwater.local.store import Record

BUS_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,256}")


class BusOperations(EventRecords):
    """Buses. Refused: partner sources, keys, logs and dead-letter queues of a bus, and its resource policy."""

    @operation
    def create_event_bus(
        self, call: Call, Name: str, Description: str | None = None, Tags: list[Members] | None = None
    ) -> Members:
        """Make a bus."""
        if not BUS_NAME.fullmatch(Name):
            raise invalid(f"Value '{Name}' at 'name' failed to satisfy constraint: [.\\-_A-Za-z0-9]+")
        now = time.time()
        record = {"Name": Name, "Description": Description, "Tags": Tags or [], "created": now, "modified": now}
        with self.store.transaction():
            if self.find_bus(Name) is not None:
                raise ServiceError("ResourceAlreadyExistsException", f"Event bus {Name} already exists.")
            self.store.put(BUS, Name, record)
        described = {"Description": Description} if Description is not None else {}
        return {"EventBusArn": self.arn(f"event-bus/{Name}"), **described}

    @operation
    def update_event_bus(self, call: Call, Name: str | None = None, Description: str | None = None) -> Members:
        """Change a bus's description."""
        with self.store.transaction():
            name = self.bus(Name)
            record = self.find_bus(name) or {}
            if Description is not None:
                self.store.put(BUS, name, {**record, "Description": Description, "modified": time.time()})
        shown = self._shown(self.find_bus(name) or {})
        return {key: shown[key] for key in ("Arn", "Name", "Description") if key in shown}

    @operation
    def describe_event_bus(self, call: Call, Name: str | None = None) -> Members:
        """A bus."""
        return self._shown(self.find_bus(self.bus(Name)) or {})

    @operation
    def list_event_buses(
        self, call: Call, NamePrefix: str = "", Limit: int | None = None, NextToken: str | None = None
    ) -> Members:
        """The buses, the default one among them."""
        found = {name: record for name, record in self.store.scan(BUS)}
        found.setdefault(DEFAULT, self.find_bus(DEFAULT) or {})
        names = sorted(name for name in found if name.startswith(NamePrefix))
        shown, more = page([self._shown(found[name]) for name in names], Limit, NextToken)
        return {"EventBuses": shown, **more}

    @operation
    def delete_event_bus(self, call: Call, Name: str) -> Members:
        """Delete a bus that has no rules; one that is not there is no error."""
        name = self.bus_name(Name)
        if name == DEFAULT:
            raise invalid("Cannot delete event bus default.")
        with self.store.transaction():
            if self.rules(name):
                raise invalid(f"Event bus {name} can't be deleted since it has rules.")
            self.store.delete(BUS, name)
        return {}

    def _shown(self, record: Record) -> Members:
        shown: Members = {"Name": record["Name"], "Arn": self.arn(f"event-bus/{record['Name']}")}
        if record.get("Description") is not None:
            shown["Description"] = record["Description"]
        for member, kept in (("CreationTime", "created"), ("LastModifiedTime", "modified")):
            if kept in record:
                shown[member] = datetime.fromtimestamp(record[kept], UTC)
        return shown


class TagOperations(EventRecords):
    """Tags of buses and rules."""

    def _tagged(self, arn: str) -> tuple[str, str, Record]:
        """(kind, key, record) of what an ARN names."""
        resource = arn.rpartition(":")[2]
        kind, _, rest = resource.partition("/")
        if kind == "event-bus" and (bus := self.find_bus(rest)) is not None:
            return BUS, rest, bus
        if kind == "rule":
            bus_name, _, name = rest.rpartition("/")
            return RULE, self.rule_key(bus_name or DEFAULT, name), self.rule(bus_name or DEFAULT, name)
        raise ServiceError("ResourceNotFoundException", f"{arn} does not exist.")

    @operation
    def list_tags_for_resource(self, call: Call, ResourceARN: str) -> Members:
        """The tags of a bus or rule."""
        return {"Tags": self._tagged(ResourceARN)[2]["Tags"]}

    @operation
    def tag_resource(self, call: Call, ResourceARN: str, Tags: list[dict[str, Any]]) -> Members:
        """Add tags, replacing those of the same key."""
        with self.store.transaction():
            kind, key, record = self._tagged(ResourceARN)
            tags = {tag["Key"]: tag["Value"] for tag in [*record["Tags"], *Tags]}
            self.store.put(kind, key, {**record, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]})
        return {}

    @operation
    def untag_resource(self, call: Call, ResourceARN: str, TagKeys: list[str]) -> Members:
        """Remove tags."""
        with self.store.transaction():
            kind, key, record = self._tagged(ResourceARN)
            self.store.put(kind, key, {**record, "Tags": [t for t in record["Tags"] if t["Key"] not in TagKeys]})
        return {}
