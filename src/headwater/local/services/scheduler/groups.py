"""Groups of schedules, and their tags: schedules themselves take none."""

from __future__ import annotations

import time

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.scheduler.firing import Firing
from headwater.local.services.scheduler.records import (
    DEFAULT,
    GROUP,
    SCHEDULE,
    SchedulerRecords,
    check_name,
    invalid,
    moment,
    page,
)
from headwater.local.store import Record


class GroupOperations(SchedulerRecords):
    """Groups."""

    firing: Firing

    @operation
    def create_schedule_group(
        self, call: Call, Name: str, Tags: list[dict[str, str]] | None = None, ClientToken: str | None = None
    ) -> Members:
        """Make a group; ConflictException when there is one of that name."""
        check_name("name", Name)
        arn = self.arn(f"schedule-group/{Name}")
        now = time.time()
        with self.store.transaction():
            known = self.store.get(GROUP, Name)
            if known is not None and ClientToken is not None and known.get("ClientToken") == ClientToken:
                return {"ScheduleGroupArn": arn}
            if known is not None or Name == DEFAULT:
                raise ServiceError("ConflictException", f"Schedule group {Name} already exists.", 409)
            record = {"Name": Name, "Tags": Tags or [], "created": now, "modified": now, "ClientToken": ClientToken}
            self.store.put(GROUP, Name, record)
        return {"ScheduleGroupArn": arn}

    @operation
    def get_schedule_group(self, call: Call, Name: str) -> Members:
        """A group."""
        return self._shown_group(self.group(Name))

    @operation
    def list_schedule_groups(
        self, call: Call, NamePrefix: str = "", NextToken: str | None = None, MaxResults: int | None = None
    ) -> Members:
        """The groups by name."""
        groups = {DEFAULT: self.group(DEFAULT), **dict(self.store.scan(GROUP))}
        found = [self._shown_group(groups[name]) for name in sorted(groups) if name.startswith(NamePrefix)]
        shown, more = page(found, MaxResults, NextToken)
        return {"ScheduleGroups": shown, **more}

    @operation
    def delete_schedule_group(self, call: Call, Name: str, ClientToken: str | None = None) -> Members:
        """Delete a group with its schedules."""
        if Name == DEFAULT:
            raise invalid("The default schedule group cannot be deleted.")
        with self.store.transaction():
            self.group(Name)
            for key, _ in self.store.scan(SCHEDULE, f"{Name}/"):
                self.store.delete(SCHEDULE, key)
                self.firing.forget(key)
            self.store.delete(GROUP, Name)
        return {}

    @operation
    def tag_resource(self, call: Call, ResourceArn: str, Tags: list[dict[str, str]]) -> Members:
        """Add tags to a group, replacing those of the same key."""
        with self.store.transaction():
            record = self._tagged(ResourceArn)
            tags = {tag["Key"]: tag["Value"] for tag in [*record["Tags"], *Tags]}
            self._keep_tags(record, [{"Key": key, "Value": value} for key, value in tags.items()])
        return {}

    @operation
    def untag_resource(self, call: Call, ResourceArn: str, TagKeys: list[str]) -> Members:
        """Remove tags from a group."""
        with self.store.transaction():
            record = self._tagged(ResourceArn)
            self._keep_tags(record, [tag for tag in record["Tags"] if tag["Key"] not in TagKeys])
        return {}

    @operation
    def list_tags_for_resource(self, call: Call, ResourceArn: str) -> Members:
        """The tags of a group."""
        return {"Tags": self._tagged(ResourceArn)["Tags"]}

    def _tagged(self, arn: str) -> Record:
        prefix = self.arn("schedule-group/")
        if not arn.startswith(prefix):
            raise invalid(f"The resource {arn} takes no tags: expected the ARN of a schedule group.")
        return self.group(arn[len(prefix) :])

    def _keep_tags(self, record: Record, tags: list[dict[str, str]]) -> None:
        self.store.put(GROUP, record["Name"], {**record, "Tags": tags})

    def _shown_group(self, record: Record) -> Members:
        return {
            "Arn": self.arn(f"schedule-group/{record['Name']}"),
            "Name": record["Name"],
            "State": "ACTIVE",
            "CreationDate": moment(record["created"]),
            "LastModificationDate": moment(record["modified"]),
        }
