"""Statistics of metric values: sums, extremes and percentiles over a period.

A sample is a value with a count, or a statistic set (minimum, maximum, sum, count) whose single values nobody knows.
Percentiles are interpolated between the sorted values; as on AWS a period with a statistic set of unlike values has
none (CloudWatch user guide, "Statistics definitions", 2024).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from headwater.local.service import ServiceError

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
PERCENTILE = re.compile(r"p(100|\d{1,2}(?:\.\d{1,10})?)")


@dataclass(frozen=True)
class Sample:
    """One or more measurements at a time (seconds since the epoch), in a unit."""

    timestamp_s: float
    minimum: float
    maximum: float
    total: float
    count: float
    unit: str = "None"


def check_statistic(name: str) -> None:
    """Raise InvalidParameterValue for a statistic that is not computed here."""
    if name not in STATISTICS and not PERCENTILE.fullmatch(name):
        raise ServiceError(
            "InvalidParameterValue",
            f"The statistic {name} is not computed here: expected one of {', '.join(STATISTICS)}, or p0 to p100",
        )


def by_period(samples: Sequence[Sample], period_s: int) -> dict[int, list[Sample]]:
    """The samples by the start of their period, in order of time."""
    found: dict[int, list[Sample]] = {}
    for sample in sorted(samples, key=lambda sample: sample.timestamp_s):
        found.setdefault(int(sample.timestamp_s // period_s) * period_s, []).append(sample)
    return found


def statistic(name: str, samples: Sequence[Sample]) -> float | None:
    """A statistic of the samples of one period; None where it cannot be known."""
    count = sum(sample.count for sample in samples)
    total = sum(sample.total for sample in samples)
    if name == "SampleCount":
        return count
    if name == "Sum":
        return total
    if name == "Average":
        return total / count if count else None
    if name == "Minimum":
        return min(sample.minimum for sample in samples)
    if name == "Maximum":
        return max(sample.maximum for sample in samples)
    return percentile(samples, float(name[1:]))


def percentile(samples: Sequence[Sample], percent: float) -> float | None:
    """The value below which ``percent`` of the samples lie, interpolated."""
    if any(sample.minimum != sample.maximum for sample in samples):
        return None
    ordered = sorted((sample.minimum, sample.count) for sample in samples if sample.count > 0)
    count = sum(weight for _, weight in ordered)
    rank = percent / 100 * (count - 1)
    passed = 0.0
    for position, (value, weight) in enumerate(ordered):
        if rank <= passed + weight - 1 or position == len(ordered) - 1:
            return value
        passed += weight
        if rank < passed:  # between the last of these and the first of the next
            following = ordered[position + 1][0]
            return value + (following - value) * (rank - (passed - 1))
    return None
