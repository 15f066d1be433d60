"""CloudWatch: metrics kept in SQLite, alarms evaluated on them, dashboards.

The metrics of Step Functions are written here as executions begin and end; others come by PutMetricData.

Not faithful to AWS: values never age out; metric math, composite alarms, anomaly detection, metric streams and insight
rules are refused by name. A dashboard is checked and kept; nothing draws it. Clients may speak the JSON protocol, as
boto3 does here, or the older query protocol; CBOR, which some other SDKs prefer, is not read.
"""

from __future__ import annotations

from headwater.local.schedules import Clock, SystemClock
from headwater.local.service import Endpoint
from headwater.local.services.cloudwatch.alarms import AlarmOperations
from headwater.local.services.cloudwatch.dashboards import DashboardOperations
from headwater.local.services.cloudwatch.execution_metrics import execution_samples
from headwater.local.services.cloudwatch.tags import TagOperations
from headwater.local.services.cloudwatch.watching import Watcher

DRAIN_S = 10.0


class CloudWatchService(AlarmOperations, DashboardOperations, TagOperations):
    """The service ``cloudwatch``.

    Parameters
    ----------
    clock:
        Tells when alarms are evaluated; the machine's unless given.
    """

    name = "cloudwatch"

    def __init__(self, endpoint: Endpoint, clock: Clock | None = None) -> None:
        super().__init__(endpoint)
        self.watcher = Watcher(endpoint, self.samples, clock or SystemClock())

    def start(self) -> None:
        """Listen to executions, deliver what was cut off, and watch the alarms."""
        self.endpoint.bus.subscribe("states.execution.commit", lambda told: self.add(execution_samples(told)))
        if self.endpoint.resume_work:
            self.watcher.start()

    def drain(self) -> None:
        """Evaluate what has just come, and let the notifications under way end."""
        if self.endpoint.resume_work:
            self.watcher.drain(DRAIN_S)

    def stop(self) -> None:
        """Stop watching; what is not delivered stays in the journal."""
        self.watcher.stop()


__all__ = ["CloudWatchService"]
