"""Lambda: refuse raw files that the jobs after it could not read right.

Each file of the run's month (all files when the run names none) is streamed and must have the dataset's header, the
same number of cells in every row, and numbers where numbers belong. The first thing wrong ends the run, named by
file, line and column, before anything of the lake is touched.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from typing import Any

import boto3

from common.json_logs import json_logger

log = json_logger("validate")
s3 = boto3.client("s3")

TEXT, NUMBER, MAYBE = "text", "a number", "a number or nothing"

# Columns in the order of the files.
SCHEMAS: dict[str, dict[str, str]] = {
    "airports": {
        "faa": TEXT,
        "name": TEXT,
        "lat": NUMBER,
        "lon": NUMBER,
        "alt": NUMBER,
        "tz": NUMBER,
        "dst": TEXT,
        "tzone": TEXT,
    },
    "flights": {
        "day": NUMBER,
        "dep_time": MAYBE,
        "sched_dep_time": NUMBER,
        "dep_delay": MAYBE,
        "arr_time": MAYBE,
        "sched_arr_time": NUMBER,
        "arr_delay": MAYBE,
        "carrier": TEXT,
        "flight": NUMBER,
        "tailnum": TEXT,
        "origin": TEXT,
        "dest": TEXT,
        "air_time": MAYBE,
        "distance": NUMBER,
        "hour": NUMBER,
        "minute": NUMBER,
        "time_hour": TEXT,
    },
    "planes": {
        "tailnum": TEXT,
        "year": MAYBE,
        "type": TEXT,
        "manufacturer": TEXT,
        "model": TEXT,
        "engines": NUMBER,
        "seats": NUMBER,
        "speed": MAYBE,
        "engine": TEXT,
    },
    "weather": {
        "origin": TEXT,
        "year": NUMBER,
        "month": NUMBER,
        "day": NUMBER,
        "hour": NUMBER,
        "temp": MAYBE,
        "dewp": MAYBE,
        "humid": MAYBE,
        "wind_dir": MAYBE,
        "wind_speed": MAYBE,
        "wind_gust": MAYBE,
        "precip": MAYBE,
        "pressure": MAYBE,
        "visib": MAYBE,
        "time_hour": TEXT,
    },
}
PARTITIONED = frozenset({"flights"})
ROWS = 20_000  # checked at a time: about 20 MB


class BrokenFile(ValueError):
    """A raw file that is not what its dataset's readers expect."""


class MissingFile(ValueError):
    """A dataset that has no file for the run."""


def is_number(cell: str) -> bool:
    """Whether a cell holds a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell and (cell[-1].isdigit() or cell[-1] == ".")


def check_header(uri: str, header: list[str], schema: dict[str, str]) -> None:
    """Compare the first line with the dataset's columns."""
    expected = list(schema)
    if header == expected:
        return
    missing = [name for name in expected if name not in header]
    unknown = [name for name in header if name not in schema]
    if missing:
        raise BrokenFile(f"{uri} line 1: column {missing[0]} is missing")
    if unknown:
        raise BrokenFile(f"{uri} line 1: column {unknown[0]!r} is unknown; expected {','.join(expected)}")
    raise BrokenFile(f"{uri} line 1: the columns are in another order; expected {','.join(expected)}")


def check_rows(uri: str, rows: list[list[str]], first_line: int, schema: dict[str, str]) -> None:
    """Check a batch of rows by column: a column has far fewer distinct values than rows."""
    try:
        columns = zip(*rows, strict=True)
        distinct = {name: set(column) for name, column in zip(schema, columns, strict=True)}
    except ValueError:
        distinct = {}
    wrong = {
        name: bad
        for name, kind in schema.items()
        if kind != TEXT
        and (bad := {c for c in distinct.get(name, ()) if not (is_number(c) if c else kind == MAYBE)})
    }
    if distinct and not wrong:
        return
    names = list(schema)
    for line, row in enumerate(rows, first_line):
        if len(row) < len(names):
            raise BrokenFile(
                f"{uri} line {line}, column {names[len(row)]}: the row ends after {len(row)} of {len(names)} columns"
            )
        if len(row) > len(names):
            raise BrokenFile(
                f"{uri} line {line}, column {len(names) + 1}: the row has {len(row)} cells for {len(names)} columns"
            )
        for name, cell in zip(names, row):
            if cell in wrong.get(name, ()):
                raise BrokenFile(f"{uri} line {line}, column {name}: expected {schema[name]}, got {cell!r}")


def check_file(bucket: str, key: str, schema: dict[str, str]) -> int:
    """Stream one file and check it; returns its number of rows."""
    uri = f"s3://{bucket}/{key}"
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    rows = csv.reader(text_lines(uri, body.iter_lines(chunk_size=1 << 20)))
    check_header(uri, next(rows, []), schema)
    count = 0
    while batch := list(islice(rows, ROWS)):
        check_rows(uri, batch, count + 2, schema)
        count += len(batch)
    if not count:
        raise BrokenFile(f"{uri} line 2: the file has no rows")
    return count


def text_lines(uri: str, lines: Iterator[bytes]) -> Iterator[str]:
    """The lines as text."""
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise BrokenFile(f"{uri} line {number}: byte {error.start} is not UTF-8") from error


def keys(uri: str, run_date: str, partitioned: bool) -> Iterator[tuple[str, str]]:
    """(bucket, key) of the files to check."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if partitioned and run_date:
        year, month = run_date.split("-")[:2]
        prefix = f"{prefix.rstrip('/')}/year={int(year)}/month={int(month)}/"
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            if item["Size"]:
                yield bucket, item["Key"]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Check the files of every dataset that the stage reads."""
    run_date = event["run"].get("RUN_DATE") or ""
    checked: dict[str, int] = {}
    for name, uri in event["reads"].items():
        files = list(keys(uri, run_date, name in PARTITIONED))
        if not files:
            raise MissingFile(f"{uri} has no files" + (f" for {run_date}" if run_date else ""))
        rows = sum(check_file(bucket, key, SCHEMAS[name]) for bucket, key in files)
        log.info("%s: %d rows in %d files are sound", name, rows, len(files), extra={"fields": {"dataset": name}})
        checked[name] = rows
    return {"rows": checked}
