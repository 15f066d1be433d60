"""Tags of SageMaker's resources: AddTags, ListTags, DeleteTags."""

from __future__ import annotations

from collections.abc import Iterable

from headwater.local.service import Call, Members, operation
from headwater.local.services.sagemaker.base import SageMakerBase
from headwater.local.services.sagemaker.errors import check_range, invalid
from headwater.local.store import Store

TAGS = "sagemaker.tags"
MAX_TAGS = 50
PAGE = 50

Tag = dict[str, str]


def check(tags: Iterable[Tag]) -> None:
    """Refuse tags that AWS would refuse."""
    keys = [tag["Key"] for tag in tags]
    if len(set(keys)) < len(keys):
        raise invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    for key in keys:
        if key.lower().startswith("aws:"):
            raise invalid(f"Tag key {key!r}: the prefix aws: is reserved for AWS")


def read(store: Store, arn: str) -> dict[str, str]:
    """The tags of a resource by key."""
    return store.get(TAGS, arn) or {}


def add(store: Store, arn: str, tags: Iterable[Tag]) -> dict[str, str]:
    """Add to a resource's tags; returns them all."""
    with store.transaction():
        kept = {**read(store, arn), **{tag["Key"]: tag.get("Value", "") for tag in tags}}
        if len(kept) > MAX_TAGS:
            raise invalid(f"{arn} would have {len(kept)} tags: a resource has at most {MAX_TAGS}")
        if kept:
            store.put(TAGS, arn, kept)
    return kept


def drop(store: Store, arn: str) -> None:
    """Forget a resource's tags, as it is deleted."""
    store.delete(TAGS, arn)


def as_list(tags: dict[str, str]) -> list[Tag]:
    """Tags as SageMaker shows them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


class TagOperations(SageMakerBase):
    """Tags, for every kind of resource that is kept here."""

    def exists(self, arn: str) -> bool:
        """Whether a resource of this ARN is kept here."""
        kind, _, name = arn.partition(":sagemaker:")[2].partition(":")[2].partition(":")[2].partition("/")
        tables = {table.kind: table for table in (self.training_jobs, self.processing_jobs)}
        if kind in tables:
            return tables[kind].has(name)
        return self.store.get(f"sagemaker.{kind}", name) is not None

    def _existing(self, arn: str) -> str:
        if not self.exists(arn):
            raise invalid(f"The resource {arn} does not exist.")
        return arn

    @operation
    def add_tags(self, call: Call, ResourceArn: str, Tags: list[Tag]) -> Members:
        """Add tags; answers all of them."""
        check(Tags)
        return {"Tags": as_list(add(self.store, self._existing(ResourceArn), Tags))}

    @operation
    def delete_tags(self, call: Call, ResourceArn: str, TagKeys: list[str]) -> Members:
        """Remove tags by key."""
        with self.store.transaction():
            kept = {k: v for k, v in read(self.store, self._existing(ResourceArn)).items() if k not in TagKeys}
            self.store.put(TAGS, ResourceArn, kept)
        return {}

    @operation
    def list_tags(
        self, call: Call, ResourceArn: str, NextToken: str | None = None, MaxResults: int | None = None
    ) -> Members:
        """A page of a resource's tags, by key."""
        check_range("maxResults", MaxResults, 50, 100)
        left = [tag for tag in as_list(read(self.store, self._existing(ResourceArn))) if tag["Key"] > (NextToken or "")]
        limit = MaxResults or PAGE
        more = {"NextToken": left[limit - 1]["Key"]} if len(left) > limit else {}
        return {"Tags": left[:limit], **more}
