"""CloudWatch Logs: groups, streams, events, filter patterns, metric filters, retention and tags.

Events are rows of one SQLite table with an index a stream and an index a group; jobs append to it through
``Store.append_logs``, clients through PutLogEvents. A group or stream that a job writes to exists by that.

Not faithful to AWS: groups of services come back when the service writes again; ``kmsKeyId`` and ``logGroupClass`` are
only kept; expired events are left out of answers at once and deleted when the endpoint starts. Insights queries,
subscription filters, exports and deliveries are refused by name.
"""

from __future__ import annotations

from typing import ClassVar

from headwater.local.services.logs.events import EventOperations
from headwater.local.services.logs.log_tags import LogTagOperations
from headwater.local.services.logs.metric_filters import MetricFilterOperations


class LogsService(EventOperations, LogTagOperations, MetricFilterOperations):
    """CloudWatch Logs."""

    name = "logs"
    record_operations: ClassVar[frozenset[str]] = frozenset(
        {"DeleteResourcePolicy", "DescribeResourcePolicies", "PutResourcePolicy"}
    )

    def start(self) -> None:
        """Delete what has expired, and publish what metric filters owe."""
        super().start()
        for name, retention_days in self.retentions():
            self.delete_expired(name, retention_days)
        if self.endpoint.resume_work:
            self.publisher.start()

    def stop(self) -> None:
        """Publish no more; what metric filters owe is kept."""
        self.publisher.stop()
        super().stop()
