"""SageMaker processing: split the features by time; every flight of the test set is later than the training set.

A run for a month sees the features up to that month, so it can be repeated later with the same outcome.
"""

import datetime
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from common.json_logs import json_logger

log = json_logger("split")

INPUT = Path("/opt/ml/processing/input/delay_features")
OUTPUT = Path("/opt/ml/processing/output")
TEST_SHARE = 0.25  # of the days


def read(folder: Path, run_date: str) -> pa.Table:
    """The features, up to and including the month of ``run_date`` when there is one."""
    partitioning = ds.partitioning(pa.schema([("year", pa.int32()), ("month", pa.int32())]), flavor="hive")
    features = ds.dataset(folder, format="parquet", partitioning=partitioning)
    if not run_date:
        return features.to_table()
    year, month = map(int, run_date.split("-")[:2])
    before = (ds.field("year") < year) | ((ds.field("year") == year) & (ds.field("month") <= month))
    return features.to_table(filter=before)


def first_test_day(dates: pa.ChunkedArray) -> datetime.date:
    """The day that begins the last :data:`TEST_SHARE` of the days."""
    days = sorted(pc.unique(dates).to_pylist())
    if len(days) < 2:
        raise ValueError(f"{INPUT}: a split by time needs flights of at least two days, found {len(days)}")
    return days[min(int(len(days) * (1 - TEST_SHARE)), len(days) - 1)]


def main() -> None:
    """Read, split, write."""
    # Ordered, so that the model does not depend on how Spark laid out the files.
    features = read(INPUT, os.environ.get("RUN_DATE", "")).sort_by([("date", "ascending"), ("dep_minute", "ascending")])
    day = first_test_day(features["date"])
    later = pc.greater_equal(features["date"], pa.scalar(day))
    for name, rows in (("train", pc.invert(later)), ("test", later)):
        part = features.filter(rows)
        folder = OUTPUT / name
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(part, folder / f"{name}.parquet")
        log.info("%s: %d flights", name, part.num_rows, extra={"fields": {"split_day": day}})


if __name__ == "__main__":
    main()
