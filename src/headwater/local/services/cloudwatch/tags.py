"""Tags of alarms and dashboards."""

from __future__ import annotations

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.cloudwatch.dashboards import DASHBOARDS
from headwater.local.services.cloudwatch.watching import ALARMS
from headwater.local.store import Record


class TagOperations(Service):
    """Tags."""

    @operation
    def tag_resource(self, call: Call, ResourceARN: str, Tags: list[dict[str, str]]) -> Members:
        """Add tags, replacing those of the same key."""
        with self.store.transaction():
            kind, key, record = self._tagged(ResourceARN)
            tags = {tag["Key"]: tag["Value"] for tag in [*record["tags"], *Tags]}
            self.store.put(kind, key, {**record, "tags": [{"Key": k, "Value": v} for k, v in tags.items()]})
        return {}

    @operation
    def untag_resource(self, call: Call, ResourceARN: str, TagKeys: list[str]) -> Members:
        """Remove tags."""
        with self.store.transaction():
            kind, key, record = self._tagged(ResourceARN)
            self.store.put(kind, key, {**record, "tags": [t for t in record["tags"] if t["Key"] not in TagKeys]})
        return {}

    @operation
    def list_tags_for_resource(self, call: Call, ResourceARN: str) -> Members:
        """The tags of an alarm or dashboard."""
        return {"Tags": self._tagged(ResourceARN)[2]["tags"]}

    def _tagged(self, arn: str) -> tuple[str, str, Record]:
        """(kind, key, record) of what an ARN names."""
        for mark, kind in ((":alarm:", ALARMS), (":dashboard/", DASHBOARDS)):
            head, found, name = arn.partition(mark)
            if found and head.startswith("arn:aws:cloudwatch:") and (record := self.store.get(kind, name)) is not None:
                return kind, name, record
        raise ServiceError("ResourceNotFoundException", f"{arn} does not exist.", 404)
