"""Tags of log groups, by ARN and, as older clients do, by name."""

from __future__ import annotations

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.logs.log_groups import GroupOperations, group_of

MAX_TAGS = 50


class LogTagOperations(GroupOperations):
    """Tags of log groups."""

    @operation
    def tag_resource(self, call: Call, resourceArn: str, tags: dict[str, str]) -> Members:
        """Add tags to a log group."""
        return self._add(group_of(resourceArn), tags)

    @operation
    def untag_resource(self, call: Call, resourceArn: str, tagKeys: list[str]) -> Members:
        """Remove tags from a log group."""
        return self._remove(group_of(resourceArn), tagKeys)

    @operation
    def list_tags_for_resource(self, call: Call, resourceArn: str) -> Members:
        """The tags of a log group."""
        return {"tags": self.settings(group_of(resourceArn)).get("tags", {})}

    @operation
    def tag_log_group(self, call: Call, logGroupName: str, tags: dict[str, str]) -> Members:
        """Add tags to a log group, by name."""
        return self._add(logGroupName, tags)

    @operation
    def untag_log_group(self, call: Call, logGroupName: str, tags: list[str]) -> Members:
        """Remove tags from a log group, by name."""
        return self._remove(logGroupName, tags)

    @operation
    def list_tags_log_group(self, call: Call, logGroupName: str) -> Members:
        """The tags of a log group, by name."""
        return {"tags": self.settings(logGroupName).get("tags", {})}

    def _add(self, group: str, tags: dict[str, str]) -> Members:
        kept = {**self.settings(group).get("tags", {}), **tags}
        if len(kept) > MAX_TAGS:
            raise ServiceError(
                "TooManyTagsException", f"A log group has at most {MAX_TAGS} tags, {group} would have more"
            )
        self.change_settings(group, tags=kept)
        return {}

    def _remove(self, group: str, keys: list[str]) -> Members:
        kept = {key: value for key, value in self.settings(group).get("tags", {}).items() if key not in keys}
        self.change_settings(group, tags=kept)
        return {}
