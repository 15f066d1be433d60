"""Amazon EventBridge Scheduler: schedules that fire while the endpoint is up.

A schedule is due by its expression, in its time zone, between its StartDate and EndDate. One thread sleeps until the
next of all of them; what is due is journaled with the schedule's next moment in one transaction, then delivered to the
target as its role, with retries and a dead-letter queue. So a kill neither fires twice nor forgets.

**What fell due while the endpoint was down is not fired late**, but for the 60 seconds that AWS itself takes as its
precision: AWS is never down, and somebody who starts an endpoint to look at something does not expect the run of last
night to begin (`headwater backfill` makes what was missed). Each is named in the log. A machine that was suspended with
the endpoint up fires the latest missed moment when it wakes, if that is no older than MaximumEventAgeInSeconds.
The endpoint of a single `headwater run` fires nothing: a second run would only meet it in the lake, and be cut off.

Not faithful to AWS: a group is deleted at once, with its schedules; schedules are not encrypted by ``KmsKeyArn``, which
is kept; targets of ECS, Kinesis, Firehose, CodeBuild, CodePipeline, Inspector and SageMaker pipelines are refused by
name. An ``at(…)`` that has passed is kept and never fires; what AWS answers to it is not documented.
"""

from __future__ import annotations

from datetime import datetime

from headwater.local.schedules import Clock, SystemClock
from headwater.local.service import Endpoint
from headwater.local.services.scheduler.firing import Firing
from headwater.local.services.scheduler.groups import GroupOperations
from headwater.local.services.scheduler.records import moment
from headwater.local.services.scheduler.schedules import ScheduleOperations

DRAIN_S = 10.0


class SchedulerService(ScheduleOperations, GroupOperations):
    """The service ``scheduler``.

    Parameters
    ----------
    clock:
        Tells the time; the machine's unless given.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock | None = None) -> None:
        super().__init__(endpoint)
        self.firing = Firing(endpoint, clock or SystemClock())

    def next_due(self) -> tuple[str, datetime] | None:
        """The name of the schedule that fires next, and when; None when none will here."""
        found = self.firing.next() if self.endpoint.fires_schedules else None
        return None if found is None else (found[0].partition("/")[2], moment(found[1]))

    def start(self) -> None:
        """Pass over what fell due while nobody was here, deliver what was cut off, and begin."""
        if self.endpoint.resume_work and self.endpoint.fires_schedules:
            self.firing.start()

    def drain(self) -> None:
        """Let the deliveries under way end."""
        self.firing.deliveries.drain(DRAIN_S)

    def stop(self) -> None:
        """Stop the clock; what is not delivered stays in the journal."""
        self.firing.stop()


__all__ = ["SchedulerService"]
