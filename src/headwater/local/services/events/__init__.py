"""Amazon EventBridge: rules match events and send them on to Lambda functions, state machines, topics, queues and logs.

Events come from PutEvents and from Step Functions, whose executions announce each change of status on the default bus.
Connections are records, read by the HTTP Tasks of Step Functions.

Not faithful to AWS: **schedules are kept but not fired**; of AWS's services only Step Functions sends events; archives,
replays, API destinations, pipes, partner sources, bus policies and global endpoints are refused by name.
"""

from __future__ import annotations

from typing import ClassVar

from headwater.local.services.events.buses import BusOperations, TagOperations
from headwater.local.services.events.executions import ExecutionEvents
from headwater.local.services.events.rules import RuleOperations
from headwater.local.services.events.target_operations import TargetOperations

DRAIN_S = 10.0


class EventsService(ExecutionEvents, BusOperations, RuleOperations, TargetOperations, TagOperations):
    """The service ``events``."""

    record_operations: ClassVar[frozenset[str]] = frozenset(
        {"CreateConnection", "DeleteConnection", "DescribeConnection", "ListConnections"}
    )

    def start(self) -> None:
        """Listen to executions, and deliver what an earlier process left."""
        self.listen()
        if self.endpoint.resume_work:
            self.deliveries.resume()

    def drain(self) -> None:
        """Announce what has just ended, and let the deliveries under way end."""
        self.announce_missed()
        self.deliveries.drain(DRAIN_S)

    def stop(self) -> None:
        """Let the deliveries under way end, within a limit; the rest stays in the journal for the next start."""
        self.deliveries.drain(DRAIN_S)
        self.deliveries.close()


__all__ = ["EventsService"]
