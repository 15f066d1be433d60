"""The crawler's CSV classifier: delimiter, quoting, header and column types of a sample of text.

Rules (AWS Glue developer guide, Built-in classifiers, 2023-06): the delimiter is a comma, pipe, tab, semicolon or
Ctrl-A; a CSV has at least two columns and two rows. The first row is a header when each cell parses as a string, is
shorter than 150 characters (the last may be empty throughout) and is a valid name, and some data row holds something
other than strings; else columns are called col0, col1 … (the guide says col1; real tables begin with col0).

Types as seen in real tables: bigint, double, boolean (true and false in any case), else string; timestamps stay
strings. An empty cell is a missing value and says nothing about its column.

Not proven against AWS: quoted numbers count as numbers; an integer beyond 64 bits makes its column a string; up to 30 %
of the rows may have another number of cells (broken rows) before the text is no CSV.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DELIMITERS = (",", "|", "\t", ";", "\x01")
MIN_AGREEMENT = 0.7
MAX_HEADER_LENGTH = 150
MAX_CELL_BYTES = 1 << 24

BOOLEAN = re.compile(r"true|false", re.IGNORECASE)
DOUBLE = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
NAME = re.compile(r"[\t\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class CsvTable:
    """What a sample of CSV text says.

    Attributes
    ----------
    delimiter:
        One character.
    has_header:
        Whether the first row names the columns.
    quoted:
        Whether cells are quoted with ``"``.
    columns:
        (name in lower case, Hive type), in order.
    rows:
        How many data rows the sample holds.
    """

    delimiter: str
    has_header: bool
    quoted: bool
    columns: tuple[tuple[str, str], ...]
    rows: int


@dataclass(frozen=True)
class CsvRules:
    """What a classifier fixes; the defaults are those of the built-in one.

    Attributes
    ----------
    delimiter:
        None to find it out.
    quote:
        The quote character.
    header:
        UNKNOWN (find out), PRESENT or ABSENT.
    names:
        The columns' names, when the classifier gives them.
    single_column:
        Whether one column is enough.
    trim:
        Whether blanks around a value count when its type is told.
    open_serde:
        Whether tables get OpenCSVSerDe.
    """

    delimiter: str | None = None
    quote: str = '"'
    header: str = "UNKNOWN"
    names: tuple[str, ...] = ()
    single_column: bool = False
    trim: bool = True
    open_serde: bool = False


BUILT_IN = CsvRules()


def classify_csv(head: str, stretches: Sequence[str] = (), rules: CsvRules = BUILT_IN) -> CsvTable | None:
    """Read a sample as CSV; None when it is none.

    Parameters
    ----------
    head:
        The beginning of the file, whole lines only.
    stretches:
        Later parts of the file, whole lines only, for the types; not used when cells span lines.
    rules:
        What a custom classifier fixes.
    """
    found = _best_dialect(head, rules)
    if found is None:
        return None
    delimiter, rows = found
    width = _width(rows)
    if rules.names and len(rules.names) != width:
        return None
    # A stretch may begin inside a cell of several lines, and then everything in it would be misread.
    whole = rules.quote not in head or not any("\n" in cell for row in rows for cell in row)
    for stretch in stretches if whole else ():
        rows.extend(_rows(stretch, delimiter, rules.quote))
    first, data = rows[0], [row for row in rows[1:] if len(row) == width]
    types = _column_types(data, width, rules.trim)
    has_header = rules.header == "PRESENT"
    if rules.header == "UNKNOWN":
        has_header = len(first) == width and _is_header(first, data, types)
    if not has_header:
        types = _column_types([*data, first] if len(first) == width else data, width, rules.trim)
    names = _names(first, width, has_header, rules.names)
    quote = rules.quote
    quoted = quote in head and any(mark in head for mark in (quote + delimiter, delimiter + quote))
    columns = tuple(zip(names, types, strict=True))
    return CsvTable(delimiter, has_header, quoted, columns, len(rows) - has_header)


def cell_type(cells: Iterable[str], trim: bool = True) -> str:
    """The narrowest Hive type that holds every non-empty cell; blanks around it do not count when ``trim``."""
    values = {cell.strip() for cell in cells} if trim else set(cells)
    values.discard("")
    if not values:
        return "string"
    if all(map(INTEGER.fullmatch, values)):
        return "bigint" if all(int(value) in INT64 for value in values if len(value) > 18) else "string"
    if all(map(DOUBLE.fullmatch, values)):
        return "double"
    return "boolean" if all(map(BOOLEAN.fullmatch, values)) else "string"


def _names(first: list[str], width: int, has_header: bool, given: tuple[str, ...]) -> list[str]:
    if given:
        return [name.lower() for name in given]
    cells = [cell.strip().lower() for cell in first[:width]] if has_header else []
    cells += [""] * (width - len(cells))
    return [cell or f"col{position}" for position, cell in enumerate(cells)]


def _best_dialect(head: str, rules: CsvRules) -> tuple[str, list[list[str]]] | None:
    best: tuple[float, int] = (MIN_AGREEMENT, 0)
    found: tuple[str, list[list[str]]] | None = None
    fewest = 1 if rules.single_column else 2
    for delimiter in (rules.delimiter,) if rules.delimiter else DELIMITERS:
        if delimiter not in head and fewest > 1:
            continue
        rows = _rows(head, delimiter, rules.quote)
        if len(rows) < 2:
            continue
        width = _width(rows)
        agreement = sum(len(row) == width for row in rows) / len(rows)
        if width >= fewest and (agreement, width) > best:
            best, found = (agreement, width), (delimiter, rows)
    return found


def _width(rows: list[list[str]]) -> int:
    return Counter(map(len, rows)).most_common(1)[0][0]


def _rows(text: str, delimiter: str, quote: str) -> list[list[str]]:
    previous = csv.field_size_limit(MAX_CELL_BYTES)
    try:
        lines = text.splitlines(keepends=True)
        return [row for row in csv.reader(lines, delimiter=delimiter, quotechar=quote) if row]
    except csv.Error:
        return []
    finally:
        csv.field_size_limit(previous)


def _column_types(rows: list[list[str]], width: int, trim: bool) -> list[str]:
    if not rows:
        return ["string"] * width
    return [cell_type(cells, trim) for cells in zip(*rows, strict=True)]


def _is_header(first: list[str], data: list[list[str]], types: list[str]) -> bool:
    last = len(first) - 1
    for position, cell in enumerate(first):
        if position == last and not cell and all(not row[last] for row in data):
            continue  # a trailing delimiter
        if not cell.strip() or not NAME.fullmatch(cell) or cell_type([cell]) != "string":
            return False
        if position != last and len(cell) >= MAX_HEADER_LENGTH:
            return False
    return any(kind != "string" for kind in types) or _mixed(data)


def _mixed(data: list[list[str]]) -> bool:
    """Whether some cell parses as other than a string, though no whole column does."""
    return any(cell and cell_type([cell]) != "string" for row in data[:1000] for cell in row)
