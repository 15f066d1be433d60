"""Tags of Glue resources, by ARN: databases, crawlers, jobs and what else has one.

Tags are kept apart from the resources, as AWS answers them apart (GetTags), and go when the resource goes.
"""

from __future__ import annotations

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.store import Store

TAGS = "glue.tags"
MAX_TAGS = 50


def glue_arn(call: Call, resource: str) -> str:
    """The ARN of a resource, such as ``crawler/raw`` or ``database/lake``."""
    return f"arn:aws:glue:{call.region}:{call.account}:{resource}"


def read_tags(store: Store, arn: str) -> dict[str, str]:
    """The tags of a resource."""
    return store.get(TAGS, arn) or {}


def add_tags(store: Store, arn: str, tags: dict[str, str] | None) -> None:
    """Add to a resource's tags; InvalidInputException above 50."""
    if not tags:
        return
    with store.transaction():
        kept = {**read_tags(store, arn), **tags}
        if len(kept) > MAX_TAGS:
            raise ServiceError(
                "InvalidInputException", f"{arn} would have {len(kept)} tags: a resource has at most {MAX_TAGS}"
            )
        store.put(TAGS, arn, kept)


def drop_tags(store: Store, arn: str) -> None:
    """Forget a resource's tags, as it is deleted."""
    store.delete(TAGS, arn)


class TagOperations(Service):
    """TagResource, UntagResource and GetTags, for every kind of Glue resource."""

    @operation
    def tag_resource(self, call: Call, ResourceArn: str, TagsToAdd: dict[str, str]) -> Members:
        """Add tags to a resource."""
        add_tags(self.store, ResourceArn, TagsToAdd)
        return {}

    @operation
    def untag_resource(self, call: Call, ResourceArn: str, TagsToRemove: list[str]) -> Members:
        """Remove tags, by key, from a resource."""
        with self.store.transaction():
            kept = {k: v for k, v in read_tags(self.store, ResourceArn).items() if k not in TagsToRemove}
            self.store.put(TAGS, ResourceArn, kept)
        return {}

    @operation
    def get_tags(self, call: Call, ResourceArn: str) -> Members:
        """The tags of a resource; none for one that is not there (AWS: EntityNotFoundException)."""
        return {"Tags": read_tags(self.store, ResourceArn)}
