"""What an alarm says, on either endpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from headwater.cloud.session import Cloud, explain

ALARM = "ALARM"


@dataclass(frozen=True)
class AlarmState:
    """An alarm's state, since when it is in it, and the ARNs that it tells when it goes off."""

    name: str
    state: str
    since: datetime
    tells: tuple[str, ...]


def alarm_state(cloud: Cloud, name: str, wait_s: float = 0.0) -> AlarmState | None:
    """Return an alarm's state, None where there is no such alarm.

    Parameters
    ----------
    wait_s:
        How long to wait for it to go off, in seconds; it is evaluated a moment after its metric has a value.

    Raises
    ------
    CloudError
        When CloudWatch refuses the look.
    """
    limit = time.monotonic() + wait_s
    while True:
        try:
            found = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        except ClientError as error:
            raise explain(error) from error
        if not found:
            return None
        alarm = found[0]
        if alarm["StateValue"] == ALARM or time.monotonic() >= limit:
            since = alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]
            return AlarmState(name, alarm["StateValue"], since, tuple(alarm["AlarmActions"]))
        time.sleep(cloud.poll_s)
