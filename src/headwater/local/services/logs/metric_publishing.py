"""What metric filters publish: a value for each event that matches, and a default for minutes in which none did.

Events are matched before they are written, and their values are put into CloudWatch in the transaction that writes
them: a kill loses both or neither. A group without filters costs a look into a dictionary.

A filter with a ``defaultValue`` publishes it for each minute in which its group took in events of which none matched,
and nothing for a minute without events (CloudWatch Logs user guide, "Creating metrics from log events using filters",
read 2026-11-25). Such minutes are rows of a table until they are over: a new endpoint goes on with them.

A value that is no finite number is not published. Not documented, and decided here: a datapoint has its event's time;
a minute is one in which events came, whatever their own time; where an event lacks a field that is a dimension, it has
no datapoint. Not faithful to AWS: a filter that makes 1,000 combinations of dimensions in an hour is not disabled.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from headwater.local.schedules import Clock, Waker
from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.logs.field_tests import NUMBER
from headwater.local.services.logs.filter_pattern import Pattern, read_pattern
from headwater.local.services.logs.filter_records import METRIC_FILTERS, filter_key, filters_of
from headwater.local.store import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS metric_filter_minutes (
    log_group TEXT NOT NULL, filter_name TEXT NOT NULL, minute_s INTEGER NOT NULL, matched INTEGER NOT NULL,
    PRIMARY KEY (log_group, filter_name, minute_s)
) WITHOUT ROWID;
"""
MINUTE_S = 60
LONGEST_DIMENSION = 1024
LARGEST = 2.0**360  # PutMetricData takes -2^360 to 2^360 (CloudWatch API reference, MetricDatum)

Events = Sequence[tuple[int, str]]
# (dimensions, timestamp in ms, value) → how often
Measured = Counter[tuple[tuple[tuple[str, str], ...], int, float]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Filter:
    """A metric filter with its pattern read."""

    group: str
    name: str
    pattern: Pattern
    transformation: Members

    @classmethod
    def of(cls, record: Record) -> _Filter:
        pattern = read_pattern(record["filterPattern"])
        return cls(record["logGroupName"], record["filterName"], pattern, record["metricTransformations"][0])

    @property
    def default(self) -> float | None:
        """What a minute without a match is worth."""
        return self.transformation.get("defaultValue")

    def measure(self, events: Events) -> tuple[int, Measured]:
        """How many events match, and what is measured in them."""
        matched, found = 0, Measured()
        for stamp_ms, message in events:
            if self.pattern.matches(message):
                matched += 1
                fields = self.pattern.values(message)
                value, dimensions = self._value(fields), self._dimensions(fields)
                if value is not None and dimensions is not None:
                    found[dimensions, stamp_ms, value] += 1
        return matched, found

    def _value(self, fields: dict[str, str]) -> float | None:
        given = self.transformation["metricValue"]
        text = fields.get(given, "") if given.startswith("$") else given
        value = float(text) if NUMBER.fullmatch(text) else math.nan
        return value if abs(value) <= LARGEST else None

    def _dimensions(self, fields: dict[str, str]) -> tuple[tuple[str, str], ...] | None:
        wanted = self.transformation.get("dimensions") or {}
        found = tuple((name, fields.get(selector, "")) for name, selector in sorted(wanted.items()))
        return found if all(1 <= len(value) <= LONGEST_DIMENSION for _, value in found) else None


class MetricPublisher:
    """Publishes what the metric filters find. Thread-safe.

    Parameters
    ----------
    clock:
        Tells which minute it is.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._store = endpoint.store
        self._clock = clock
        self._lock = threading.Lock()
        self._filters: dict[str, tuple[_Filter, ...]] = {}
        self._waker = Waker("metric-filters", self.publish_defaults, clock)
        self._store.schema(SCHEMA)
        for group in {record["logGroupName"] for _, record in self._store.scan(METRIC_FILTERS)}:
            self.read(group)
        self._store.log_listener = self.prepare

    def start(self) -> None:
        """Publish the defaults of minutes that are over, from now on."""
        self._waker.start()

    def stop(self) -> None:
        """Publish no more defaults; what is open stays in the table."""
        self._waker.close()

    def read(self, group: str) -> None:
        """Know a group's filters anew."""
        with self._lock:  # of two changes at once, the one that reads last sees both
            found = tuple(map(_Filter.of, filters_of(self._store, group)))
            if found:
                self._filters[group] = found
            else:
                self._filters.pop(group, None)

    def forget(self, group: str, name: str) -> None:
        """Publish no default for the minute under way of a filter that is deleted (in the caller's transaction)."""
        self._store.execute("DELETE FROM metric_filter_minutes WHERE log_group = ? AND filter_name = ?", (group, name))

    # -- events --------------------------------------------------------------------------------------------------

    def prepare(self, group: str, events: Events) -> Callable[[], None] | None:
        """Match events that are about to be written; the answer publishes what was found, within the writing."""
        filters = self._filters.get(group)
        if filters is None:
            return None
        found = [(each, *each.measure(events)) for each in filters]
        return lambda: self._publish(found)

    def _publish(self, found: list[tuple[_Filter, int, Measured]]) -> None:
        opened = False
        for each, matched, measured in found:
            if measured:
                self._put(each, [_datum(each.transformation, key, count) for key, count in measured.items()])
            if each.default is not None:
                opened |= self._open(each, matched > 0)
        if opened:
            self._waker.wake()

    def _put(self, each: _Filter, data: list[Members]) -> None:
        try:
            self._endpoint.call(
                "cloudwatch", "put_metric_data", Namespace=each.transformation["metricNamespace"], MetricData=data
            )
        except ServiceError as error:  # the events are well, and a job does not fail for want of a metric
            log.warning("metric filter %s of %s published nothing: %s", each.name, each.group, error)

    # -- minutes without a match ---------------------------------------------------------------------------------

    def _open(self, each: _Filter, matched: bool) -> bool:
        """Note that events came in this minute, and whether one matched; whether they are its first."""
        minute_s = int(self._clock.now() // MINUTE_S) * MINUTE_S
        key = (each.group, each.name, minute_s)
        made = self._store.execute("INSERT OR IGNORE INTO metric_filter_minutes VALUES (?, ?, ?, ?)", (*key, matched))
        if matched and not made.rowcount:
            self._store.execute(
                "UPDATE metric_filter_minutes SET matched = 1 WHERE log_group = ? AND filter_name = ? AND minute_s = ?",
                key,
            )
        return made.rowcount > 0

    def publish_defaults(self, now_s: float) -> float | None:
        """Publish the defaults of the minutes that are over; the answer is when the next one is."""
        current_s = int(now_s // MINUTE_S) * MINUTE_S
        with self._store.transaction() as connection:
            over = connection.execute(
                "SELECT * FROM metric_filter_minutes WHERE minute_s < ? ORDER BY minute_s", (current_s,)
            ).fetchall()
            connection.execute("DELETE FROM metric_filter_minutes WHERE minute_s < ?", (current_s,))
            for row in over:
                record = self._store.get(METRIC_FILTERS, filter_key(row["log_group"], row["filter_name"]))
                if record is not None and not row["matched"]:
                    self._publish_default(_Filter.of(record), row["minute_s"])
            left = connection.execute("SELECT 1 FROM metric_filter_minutes LIMIT 1").fetchone()
        return current_s + MINUTE_S if left else None

    def _publish_default(self, each: _Filter, minute_s: int) -> None:
        if each.default is not None:  # it may have been taken away since
            self._put(each, [_datum(each.transformation, ((), minute_s * 1000, float(each.default)), 1)])


def _datum(transformation: Members, key: tuple[tuple[tuple[str, str], ...], int, float], count: int) -> Members:
    dimensions, stamp_ms, value = key
    return {
        "MetricName": transformation["metricName"],
        "Dimensions": [{"Name": name, "Value": text} for name, text in dimensions],
        "Timestamp": datetime.fromtimestamp(stamp_ms / 1000, UTC),
        "Values": [value],
        "Counts": [float(count)],
        "Unit": transformation.get("unit") or "None",
    }
