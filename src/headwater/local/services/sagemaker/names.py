"""ARNs and times of SageMaker's resources."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from headwater.local.service import Call


def arn(call: Call, kind: str, name: str) -> str:
    """The ARN of a resource, such as ``training-job/x``."""
    return f"arn:aws:sagemaker:{call.region}:{call.account}:{kind}/{name}"


def now() -> float:
    """Seconds since the epoch, to the millisecond, as AWS keeps them."""
    return round(time.time(), 3)


def moment(epoch_s: float) -> datetime:
    """A kept time as responses show it."""
    return datetime.fromtimestamp(epoch_s, UTC)
