"""Amazon EventBridge: rules match events and send them on to Lambda functions, state machines, topics, queues and logs.

Events come from PutEvents, from Step Functions, whose executions announce each change of status on the default bus,
and from EMR, whose clusters and steps do. Connections are records, read by the HTTP Tasks of Step Functions.

Rules with a schedule send their event while the endpoint is up, by the same clock as the Scheduler's.

Not faithful to AWS: of AWS's services only Step Functions and EMR send events; archives, replays, API destinations,
pipes, partner sources, bus policies and global endpoints are refused by name.
"""

from __future__ import annotations

from typing import ClassVar

from headwater.local.schedules import Clock, SystemClock
from headwater.local.service import Endpoint
from headwater.local.services.events.buses import BusOperations, TagOperations
from headwater.local.services.events.cluster_events import ClusterEvents
from headwater.local.services.events.executions import ExecutionEvents
from headwater.local.services.events.rules import RuleOperations
from headwater.local.services.events.target_operations import TargetOperations

DRAIN_S = 10.0


class EventsService(ExecutionEvents, ClusterEvents, BusOperations, RuleOperations, TargetOperations, TagOperations):
    """The service ``events``.

    Parameters
    ----------
    clock:
        Tells when schedules are due; the machine's unless given.
    """

    record_operations: ClassVar[frozenset[str]] = frozenset(
        {"CreateConnection", "DeleteConnection", "DescribeConnection", "ListConnections"}
    )

    def __init__(self, endpoint: Endpoint, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        super().__init__(endpoint)

    def start(self) -> None:
        """Listen to executions and clusters, and deliver what an earlier process left."""
        self.listen()
        self.listen_to_clusters()
        if self.endpoint.resume_work:
            self.deliveries.resume()
            if self.endpoint.fires_schedules:
                self.start_schedules()

    def drain(self) -> None:
        """Announce what has just ended, and let the deliveries under way end."""
        self.announce_missed()
        self.deliveries.drain(DRAIN_S)

    def stop(self) -> None:
        """Let the deliveries under way end, within a limit; the rest stays in the journal for the next start."""
        self.stop_schedules()
        self.deliveries.drain(DRAIN_S)
        self.deliveries.close()


__all__ = ["EventsService"]
