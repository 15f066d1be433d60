"""The Resource Groups Tagging API: what bears which tags, over every service at once.

The tags are read from the services at each call; nothing is kept here. A call costs one request a resource.

Not faithful to AWS: a resource that was tagged once and is no longer is left out; a change is seen at once; compliance
with tag policies, and its reports, are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.tagging.holders import HOLDERS, Holder, Tags, as_pairs

MOST_A_PAGE = 100
MOST_FILTERS = 50
MOST_ARNS = 20

Filters = list[dict[str, Any]]


class TaggingService(Service):
    """Resource Groups Tagging API."""

    name = "resourcegroupstaggingapi"

    @operation
    def get_resources(
        self,
        call: Call,
        PaginationToken: str = "",
        TagFilters: Filters | None = None,
        ResourcesPerPage: int = MOST_A_PAGE,
        ResourceTypeFilters: list[str] | None = None,
        ResourceARNList: list[str] | None = None,
    ) -> Members:
        """The resources that bear tags, by tag, type or ARN, in the order of their ARNs.

        Source: Resource Groups Tagging API reference, GetResources, 2026-11.
        """
        if ResourceARNList and (TagFilters or ResourceTypeFilters or PaginationToken):
            raise _invalid(
                "ResourceARNList cannot be combined with TagFilters, ResourceTypeFilters or PaginationToken."
            )
        if not 1 <= ResourcesPerPage <= MOST_A_PAGE:
            raise _invalid(f"ResourcesPerPage must be between 1 and {MOST_A_PAGE}; got {ResourcesPerPage}.")
        if len(TagFilters or []) > MOST_FILTERS:
            raise _invalid(f"TagFilters holds at most {MOST_FILTERS} filters; got {len(TagFilters or [])}.")
        wanted = set(ResourceARNList or [])
        found = sorted(
            (arn, tags)
            for holder in HOLDERS
            if _of_type(holder, ResourceTypeFilters or []) and _may_have(holder, wanted)
            for arn, tags in self._tagged(holder)
            if arn > PaginationToken and _matches(tags, TagFilters or []) and (not wanted or arn in wanted)
        )
        page = found[:ResourcesPerPage]
        return {
            "ResourceTagMappingList": [{"ResourceARN": arn, "Tags": as_pairs(tags, "Key")} for arn, tags in page],
            "PaginationToken": page[-1][0] if len(found) > len(page) else "",
        }

    @operation
    def get_tag_keys(self, call: Call, PaginationToken: str = "", MaxResults: int = 1000) -> Members:
        """Every key that a resource bears."""
        keys = sorted({key for holder in HOLDERS for _, tags in self._tagged(holder) for key in tags})
        page, token = _page(keys, PaginationToken, MaxResults)
        return {"TagKeys": page, "PaginationToken": token}

    @operation
    def get_tag_values(self, call: Call, Key: str, PaginationToken: str = "", MaxResults: int = 1000) -> Members:
        """Every value of one key."""
        values = {tags[Key] for holder in HOLDERS for _, tags in self._tagged(holder) if Key in tags}
        page, token = _page(sorted(values), PaginationToken, MaxResults)
        return {"TagValues": page, "PaginationToken": token}

    @operation
    def tag_resources(self, call: Call, ResourceARNList: list[str], Tags: Tags) -> Members:
        """Add tags to resources of any service; those that fail are named, the others keep what they got."""
        return self._change(call, ResourceARNList, Tags, None)

    @operation
    def untag_resources(self, call: Call, ResourceARNList: list[str], TagKeys: list[str]) -> Members:
        """Remove tags from resources of any service."""
        return self._change(call, ResourceARNList, None, TagKeys)

    def _tagged(self, holder: Holder) -> Iterator[tuple[str, Tags]]:
        for arn, listed in holder.resources(self.endpoint):
            tags = holder.tags(self.endpoint, arn, listed)
            if tags:
                yield arn, tags

    def _change(self, call: Call, arns: list[str], tags: Tags | None, keys: list[str] | None) -> Members:
        if not 1 <= len(arns) <= MOST_ARNS:
            raise _invalid(f"ResourceARNList holds between 1 and {MOST_ARNS} ARNs; got {len(arns)}.")
        failed: Members = {}
        for arn in arns:
            try:
                self._change_one(call, arn, tags, keys)
            except ServiceError as error:
                failed[arn] = {"StatusCode": error.status, "ErrorCode": error.code, "ErrorMessage": error.message}
        return {"FailedResourcesMap": failed}

    def _change_one(self, call: Call, arn: str, tags: Tags | None, keys: list[str] | None) -> None:
        for holder in HOLDERS:
            if f":{_service_of(holder)}:" not in arn:
                continue
            for found, listed in holder.resources(self.endpoint):
                if found == arn:
                    self._write(call, holder, holder.named(arn, listed), tags, keys)
                    return
        raise ServiceError("InvalidParameterException", f"{arn}: no resource of this ARN bears or could bear tags here")

    def _write(self, call: Call, holder: Holder, named: str, tags: Tags | None, keys: list[str] | None) -> None:
        if holder.type == "s3:bucket":
            held = holder.tags(self.endpoint, named, {"Name": named}) | (tags or {})
            left = {key: value for key, value in held.items() if key not in (keys or [])}
            tagging = {"TagSet": as_pairs(left, "Key")}
            self.endpoint.call("s3", "put_bucket_tagging", principal=call.principal, Bucket=named, Tagging=tagging)
            return
        if holder.writing is None:
            raise ServiceError("InvalidParameterException", f"{holder.type} takes its tags from its own service only")
        tag, untag, names, tags_member, keys_member = holder.writing
        if tags is not None:
            members: Members = {names: named, tags_member: as_pairs(tags, holder.pairs)}
            self.endpoint.call(holder.service, tag, principal=call.principal, **members)
        else:
            members = {names: named, keys_member: keys or []}
            self.endpoint.call(holder.service, untag, principal=call.principal, **members)


def _service_of(holder: Holder) -> str:
    return holder.type.partition(":")[0]


def _of_type(holder: Holder, wanted: list[str]) -> bool:
    return not wanted or holder.type in wanted or _service_of(holder) in wanted


def _may_have(holder: Holder, arns: set[str]) -> bool:
    """Whether a kind of resource can be of one of these ARNs, where any are given."""
    return not arns or any(arn.split(":")[2] == _service_of(holder) for arn in arns)


def _matches(tags: Tags, filters: Filters) -> bool:
    """Every filter's key, with one of its values where it names any."""
    return all(
        each["Key"] in tags and (not each.get("Values") or tags[each["Key"]] in each["Values"]) for each in filters
    )


def _page(found: list[str], token: str, most: int) -> tuple[list[str], str]:
    rest = [each for each in found if each > token]
    return rest[:most], rest[most - 1] if len(rest) > most else ""


def _invalid(text: str) -> ServiceError:
    return ServiceError("InvalidParameterException", text)
