"""Metric definitions: regular expressions over a training job's log lines.

The last value of each metric becomes FinalMetricDataList, and every value a data point in CloudWatch. Regular
expressions are Python's; AWS's differ in corners that are not documented.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Sequence
from typing import Any

from headwater.local.services.sagemaker.errors import invalid
from headwater.local.services.sagemaker.names import now

MAX_METRICS = 40
MAX_LINE = 10_000


class MetricReader:
    """Finds metrics in lines. Thread-safe.

    Parameters
    ----------
    definitions:
        ``Name`` and ``Regex`` of each. Raises ValidationException for one that cannot be used.
    """

    def __init__(self, definitions: Sequence[dict[str, str]]) -> None:
        if len(definitions) > MAX_METRICS:
            raise invalid(
                "1 validation error detected: Value at 'algorithmSpecification.metricDefinitions' failed to satisfy "
                f"constraint: Member must have length less than or equal to {MAX_METRICS}"
            )
        self._patterns = [(item["Name"], _compile(item)) for item in definitions]
        self._lock = threading.Lock()
        self.points: list[tuple[str, float, float]] = []

    def __call__(self, stream: str, line: str) -> None:
        """Look at one line."""
        for name, pattern in self._patterns:
            found = pattern.search(line[:MAX_LINE])
            value = _number(found) if found else None
            if value is not None:
                with self._lock:
                    self.points.append((name, value, now()))

    def final(self) -> list[dict[str, Any]]:
        """The last value of each metric, as FinalMetricDataList keeps it."""
        with self._lock:
            last = {name: (value, at) for name, value, at in self.points}
        return [{"MetricName": name, "Value": value, "Timestamp": at} for name, (value, at) in last.items()]


def _compile(definition: dict[str, str]) -> re.Pattern[str]:
    try:
        pattern = re.compile(definition["Regex"])
    except re.error as error:
        raise invalid(f"Metric {definition['Name']}: the regular expression is not valid: {error}") from error
    if not pattern.groups:
        raise invalid(f"Metric {definition['Name']}: the regular expression needs a group around the number")
    return pattern


def _number(found: re.Match[str]) -> float | None:
    try:
        value = float(found.group(1))
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
