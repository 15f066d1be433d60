"""Metric filters: made, shown, tested, deleted; what they publish is in :mod:`metric_publishing`."""

from __future__ import annotations

from headwater.local.paging import page
from headwater.local.schedules import Clock, SystemClock
from headwater.local.service import Call, Endpoint, Members, ServiceError, operation
from headwater.local.services.logs.filter_records import METRIC_FILTERS, filter_key, filters_of
from headwater.local.services.logs.log_groups import MAX_PAGE, GroupOperations, invalid, now_ms
from headwater.local.services.logs.metric_filter_rules import check_filter, check_pattern
from headwater.local.services.logs.metric_publishing import MetricPublisher
from headwater.local.store import Record

MOST_MESSAGES = 50


class MetricFilterOperations(GroupOperations):
    """Metric filters.

    Parameters
    ----------
    clock:
        Tells when a minute is over, in which no event matched; the machine's unless given.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock | None = None) -> None:
        super().__init__(endpoint)
        self.publisher = MetricPublisher(endpoint, clock or SystemClock())

    @operation
    def put_metric_filter(
        self, call: Call, logGroupName: str, filterName: str, filterPattern: str, metricTransformations: list[Members]
    ) -> Members:
        """Make or replace a filter; it sees the events that come from then on."""
        record: Record = {
            "filterName": filterName,
            "filterPattern": filterPattern,
            "logGroupName": logGroupName,
            "metricTransformations": metricTransformations,
        }
        with self.store.transaction():
            if self.settings(logGroupName).get("logGroupClass", "STANDARD") != "STANDARD":
                raise ServiceError(
                    "InvalidOperationException",
                    "The operation is not valid on the specified resource: metric filters are for log groups of the "
                    "class STANDARD.",
                )
            others = [each for each in filters_of(self.store, logGroupName) if each["filterName"] != filterName]
            check_filter(record, others)
            key = filter_key(logGroupName, filterName)
            before = self.store.get(METRIC_FILTERS, key)
            record["creationTime"] = now_ms() if before is None else before["creationTime"]
            self.store.put(METRIC_FILTERS, key, record)
        self.publisher.read(logGroupName)
        return {}

    @operation
    def describe_metric_filters(
        self,
        call: Call,
        logGroupName: str | None = None,
        filterNamePrefix: str = "",
        nextToken: str | None = None,
        limit: int = MAX_PAGE,
        metricName: str | None = None,
        metricNamespace: str | None = None,
    ) -> Members:
        """Filters by group and name, a page at a time; a prefix counts only beside a group, as on AWS."""
        if (metricName is None) != (metricNamespace is None):
            raise invalid("metricName and metricNamespace must be specified together.")
        if logGroupName is not None:
            self.settings(logGroupName)
            prefix = filter_key(logGroupName, filterNamePrefix)
        else:
            prefix = ""
        found = [record for _, record in self.store.scan(METRIC_FILTERS, prefix)]
        if metricName is not None:
            asked = (metricNamespace, metricName)
            found = [record for record in found if _metric(record) == asked]
        found.sort(key=lambda record: (record["logGroupName"], record["filterName"]))
        shown, more = page(found, min(limit, MAX_PAGE), nextToken, invalid("The specified nextToken is invalid."))
        return {"metricFilters": shown, **({"nextToken": more["NextToken"]} if more else {})}

    @operation
    def delete_metric_filter(self, call: Call, logGroupName: str, filterName: str) -> Members:
        """Delete a filter; what it published stays."""
        with self.store.transaction():
            self.settings(logGroupName)
            if not self.store.delete(METRIC_FILTERS, filter_key(logGroupName, filterName)):
                raise ServiceError("ResourceNotFoundException", "The specified metric filter does not exist.")
            self.publisher.forget(logGroupName, filterName)
        self.publisher.read(logGroupName)
        return {}

    @operation
    def test_metric_filter(self, call: Call, filterPattern: str, logEventMessages: list[str]) -> Members:
        """Which messages a pattern matches, counted from 0, and the fields that it finds in them."""
        if not 1 <= len(logEventMessages) <= MOST_MESSAGES or not all(logEventMessages):
            raise invalid(
                "1 validation error detected: Value at 'logEventMessages' failed to satisfy constraint: Member must "
                f"have 1 to {MOST_MESSAGES} messages that are not empty"
            )
        pattern = check_pattern(filterPattern)
        matches = [
            {"eventNumber": number, "eventMessage": message, "extractedValues": pattern.values(message)}
            for number, message in enumerate(logEventMessages)
            if pattern.matches(message)
        ]
        return {"matches": matches}

    @operation
    def delete_log_group(self, call: Call, logGroupName: str) -> Members:
        """Delete a log group with its streams, events and metric filters."""
        with self.store.transaction():
            super().delete_log_group(call, logGroupName)
            for record in filters_of(self.store, logGroupName):
                self.store.delete(METRIC_FILTERS, filter_key(logGroupName, record["filterName"]))
                self.publisher.forget(logGroupName, record["filterName"])
        self.publisher.read(logGroupName)
        return {}


def _metric(record: Members) -> tuple[str, str]:
    transformation = record["metricTransformations"][0]
    return transformation["metricNamespace"], transformation["metricName"]
