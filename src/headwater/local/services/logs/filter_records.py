"""Where metric filters are kept: one record each, by group and name."""

from __future__ import annotations

from headwater.local.store import Record, Store

METRIC_FILTERS = "logs.metric_filter"


def filter_key(group: str, name: str) -> str:
    """The key of a filter's record; neither name may hold a colon."""
    return f"{group}:{name}"


def filters_of(store: Store, group: str) -> list[Record]:
    """The metric filters of a log group, by name."""
    return [record for _, record in store.scan(METRIC_FILTERS, filter_key(group, ""))]
