"""Metrics: put, list and read statistics, kept in SQLite."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

from headwater.local.paging import page
from headwater.local.service import Call, Endpoint, Members, Service, ServiceError, operation
from headwater.local.services.cloudwatch.datapoints import Sample, by_period, check_statistic, statistic
from headwater.local.services.cloudwatch.watching import Watcher, moment

SCHEMA = """
CREATE TABLE IF NOT EXISTS metric_samples (
    namespace TEXT NOT NULL, metric_name TEXT NOT NULL, dimensions TEXT NOT NULL, timestamp_s REAL NOT NULL,
    unit TEXT NOT NULL, minimum REAL NOT NULL, maximum REAL NOT NULL, total REAL NOT NULL, count REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS metric_samples_by_metric
    ON metric_samples (namespace, metric_name, dimensions, timestamp_s);
"""
MAX_DATAPOINTS = 1440
MAX_VALUES = 150
LIST_PAGE = 500
TWO_WEEKS_S = 14 * 86400
TWO_HOURS_S = 2 * 3600
HIGH_RESOLUTION_PERIODS_S = (1, 5, 10, 20, 30)

Dimensions = list[dict[str, str]]


class MetricOperations(Service):
    """Metrics."""

    name = "cloudwatch"
    watcher: Watcher

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.store.schema(SCHEMA)

    @operation
    def put_metric_data(self, call: Call, Namespace: str, MetricData: list[Members]) -> Members:
        """Keep measurements; all of them or none."""
        self._keep([row for number, datum in enumerate(MetricData, 1) for row in _rows(Namespace, number, datum)])
        return {}

    def add(self, named: list[tuple[str, str, Dimensions, Sample]]) -> None:
        """Keep samples of AWS's own namespaces, each with its namespace, name and dimensions."""
        self._keep(
            [
                (
                    namespace,
                    name,
                    dimensions_key(dimensions),
                    s.timestamp_s,
                    s.unit,
                    s.minimum,
                    s.maximum,
                    s.total,
                    s.count,
                )
                for namespace, name, dimensions, s in named
            ]
        )

    def _keep(self, rows: list[tuple[Any, ...]]) -> None:
        with self.store.transaction() as connection:
            connection.executemany("INSERT INTO metric_samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self.watcher.heard({(row[0], row[1]) for row in rows})

    @operation
    def list_metrics(
        self,
        call: Call,
        Namespace: str | None = None,
        MetricName: str | None = None,
        Dimensions: Dimensions | None = None,
        NextToken: str | None = None,
        RecentlyActive: str | None = None,
    ) -> Members:
        """The metrics that have values, by namespace, name and dimensions, 500 a page."""
        since = time.time() - 3 * 3600 if RecentlyActive else 0
        rows = self.store.query(
            "SELECT namespace, metric_name, dimensions FROM metric_samples WHERE timestamp_s >= ?"
            " AND (? IS NULL OR namespace = ?) AND (? IS NULL OR metric_name = ?) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            (since, Namespace, Namespace, MetricName, MetricName),
        )
        metrics = [
            {"Namespace": row[0], "MetricName": row[1], "Dimensions": json.loads(row[2])}
            for row in rows
            if _has_dimensions(json.loads(row[2]), Dimensions or [])
        ]
        shown, more = page(metrics, LIST_PAGE, NextToken, bad_token(NextToken))
        return {"Metrics": shown, **more}

    @operation
    def get_metric_statistics(
        self,
        call: Call,
        Namespace: str,
        MetricName: str,
        StartTime: datetime,
        EndTime: datetime,
        Period: int,
        Dimensions: Dimensions | None = None,
        Statistics: list[str] | None = None,
        ExtendedStatistics: list[str] | None = None,
        Unit: str | None = None,
    ) -> Members:
        """Statistics a period from ``StartTime`` (in) to ``EndTime`` (out), the oldest first, a unit apart."""
        if not Statistics and not ExtendedStatistics:
            raise ServiceError("MissingParameter", "Must specify either Statistics or ExtendedStatistics")
        for name in [*(Statistics or []), *(ExtendedStatistics or [])]:
            check_statistic(name)
        _check_period(Period, StartTime, EndTime)
        samples = self.samples(Namespace, MetricName, Dimensions, StartTime, EndTime, Unit)
        points = []
        for start, found in by_period(samples, Period).items():
            for unit in sorted({sample.unit for sample in found}):
                same = [sample for sample in found if sample.unit == unit]
                points.append(_datapoint(start, unit, same, Statistics or [], ExtendedStatistics or []))
        return {"Label": MetricName, "Datapoints": points}

    @operation
    def get_metric_data(
        self,
        call: Call,
        MetricDataQueries: list[Members],
        StartTime: datetime,
        EndTime: datetime,
        ScanBy: str = "TimestampDescending",
    ) -> Members:
        """One statistic of several metrics, the newest first unless ``ScanBy`` is TimestampAscending."""
        results = []
        for query in MetricDataQueries:
            stat = query.get("MetricStat")
            if stat is None:
                text = f"Query {query['Id']} is metric math, which is not computed here: give a MetricStat"
                raise ServiceError("ValidationError", text)
            if query.get("ReturnData", True):
                results.append(self._query(query, stat, StartTime, EndTime, ScanBy))
        return {"MetricDataResults": results, "Messages": []}

    def _query(self, query: Members, stat: Members, start: datetime, end: datetime, order: str) -> Members:
        check_statistic(stat["Stat"])
        metric = stat["Metric"]
        samples = self.samples(
            metric.get("Namespace", ""),
            metric.get("MetricName", ""),
            metric.get("Dimensions"),
            start,
            end,
            stat.get("Unit"),
        )
        values = {at: statistic(stat["Stat"], found) for at, found in by_period(samples, stat["Period"]).items()}
        points = sorted(
            ((at, value) for at, value in values.items() if value is not None), reverse=order != "TimestampAscending"
        )
        return {
            "Id": query["Id"],
            "Label": query.get("Label", metric.get("MetricName", "")),
            "Timestamps": [moment(at) for at, _ in points],
            "Values": [value for _, value in points],
            "StatusCode": "Complete",
        }

    def samples(
        self,
        namespace: str,
        name: str,
        dimensions: Dimensions | None,
        start: datetime,
        end: datetime,
        unit: str | None,
    ) -> list[Sample]:
        """The samples of a metric from ``start`` (in) to ``end`` (out); of every unit when ``unit`` is None."""
        rows = self.store.query(
            "SELECT * FROM metric_samples WHERE namespace = ? AND metric_name = ? AND dimensions = ?"
            " AND timestamp_s >= ? AND timestamp_s < ? AND (? IS NULL OR unit = ?)",
            (namespace, name, dimensions_key(dimensions), start.timestamp(), end.timestamp(), unit, unit),
        )
        return [Sample(r["timestamp_s"], r["minimum"], r["maximum"], r["total"], r["count"], r["unit"]) for r in rows]


def dimensions_key(dimensions: Dimensions | None) -> str:
    """How a metric's dimensions are kept: sorted, as JSON."""
    ordered = sorted(dimensions or [], key=lambda dimension: dimension["Name"])
    return json.dumps([{"Name": dimension["Name"], "Value": dimension["Value"]} for dimension in ordered])


def _rows(namespace: str, number: int, datum: Members) -> list[tuple[Any, ...]]:
    where = f"MetricData.member.{number}"
    given: datetime | None = datum.get("Timestamp")
    stamp = time.time() if given is None else given.timestamp()
    if stamp < time.time() - TWO_WEEKS_S:
        raise _bad_value(f"The parameter {where}.Timestamp must specify a time within the past two weeks.")
    if stamp > time.time() + TWO_HOURS_S:
        raise _bad_value(f"The parameter {where}.Timestamp must specify a time no more than two hours in the future.")
    head = (namespace, datum["MetricName"], dimensions_key(datum.get("Dimensions")), stamp, datum.get("Unit", "None"))
    return [(*head, *numbers) for numbers in _numbers(where, datum)]


def _numbers(where: str, datum: Members) -> list[tuple[float, float, float, float]]:
    """(minimum, maximum, sum, count) of each measurement of a datum."""
    given = [name for name in ("Value", "Values", "StatisticValues") if datum.get(name) is not None]
    if not given:
        raise ServiceError(
            "MissingParameter",
            f"At least one of the parameters must be specified: {where}.Value, Values or StatisticValues.",
        )
    if len(given) > 1:
        raise ServiceError(
            "InvalidParameterCombination",
            f"The parameters {where}.{given[0]} and {where}.{given[1]} are mutually exclusive and you have specified "
            "both.",
        )
    if given == ["Value"]:
        value = datum["Value"]
        return [(value, value, value, 1.0)]
    if given == ["StatisticValues"]:
        found = datum["StatisticValues"]
        return [(found["Minimum"], found["Maximum"], found["Sum"], found["SampleCount"])]
    values = datum["Values"]
    counts = datum.get("Counts") or [1.0] * len(values)
    if len(values) > MAX_VALUES or len(counts) != len(values):
        raise _bad_value(f"{where} has {len(values)} Values (at most {MAX_VALUES}) and {len(counts)} Counts")
    return [(value, value, value * count, count) for value, count in zip(values, counts, strict=True)]


def _datapoint(start: int, unit: str, samples: list[Sample], names: list[str], extended: list[str]) -> Members:
    point: Members = {"Timestamp": moment(start), "Unit": unit}
    point |= {name: statistic(name, samples) for name in names}
    percentiles = {name: value for name in extended if (value := statistic(name, samples)) is not None}
    return point | ({"ExtendedStatistics": percentiles} if percentiles else {})


def _check_period(period_s: int, start: datetime, end: datetime) -> None:
    if period_s % 60 and period_s not in HIGH_RESOLUTION_PERIODS_S or period_s < 1:
        raise _bad_value("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60")
    if start >= end:
        raise ServiceError(
            "InvalidParameterCombination", "The parameter StartTime must be less than the parameter EndTime."
        )
    points = int((end - start).total_seconds() // period_s)
    if points > MAX_DATAPOINTS:
        raise ServiceError(
            "InvalidParameterCombination",
            f"You have requested up to {points:,} datapoints, which exceeds the limit of {MAX_DATAPOINTS:,}. You may "
            "reduce the datapoints requested by increasing Period, or decreasing the time range.",
        )


def _has_dimensions(dimensions: Dimensions, wanted: Dimensions) -> bool:
    found = {dimension["Name"]: dimension["Value"] for dimension in dimensions}
    return all(w["Name"] in found and w.get("Value") in (None, found[w["Name"]]) for w in wanted)


def bad_token(given: str | None) -> ServiceError:
    """The refusal of a NextToken that is none."""
    return _bad_value(f"The parameter NextToken {given!r} is not valid")


def _bad_value(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)
