"""Formats: what Glue's format_options mean to Spark's readers and writers.

AWS Glue, "Data format options for inputs and outputs" (2023-06). Options that only change how fast Glue reads or writes
(``optimizePerformance``, ``writer``, ``blockSize``, …) have no effect; what changes the data is computed or refused.
"""

from __future__ import annotations

from typing import Any

from awsglue._errors import NotComputed

FORMATS = {"csv": "csv", "glueparquet": "parquet", "json": "json", "orc": "orc", "parquet": "parquet"}
REFUSED = {
    "avro": "Spark's Avro is a package of its own",
    "delta": "Delta tables",
    "groklog": "Grok patterns",
    "hudi": "Hudi tables",
    "iceberg": "Iceberg tables",
    "ion": "Ion",
    "xml": "XML",
}
SPEED = frozenset({"blocksize", "compression", "optimizeperformance", "pagesize", "useglueparquetwriter", "writer"})
READ_CSV = frozenset(
    {"attachfilename", "escaper", "multiline", "quotechar", "separator", "skipfirst", "withheader", "encoding"}
)
READ_JSON = frozenset({"attachfilename", "jsonpath", "multiline", "encoding"})
WRITE_CSV = frozenset({"escaper", "quotechar", "separator", "writeheader"})
QUOTES = {"quote": '"', "quotes": '"', "single_quote": "'", "-1": "", -1: ""}


def spark_format(format: str | None) -> str:
    """Spark's name of a format; NotComputed when it has none."""
    name = (format or "").lower()
    if name not in FORMATS:
        raise NotComputed(f"the format {format!r}", REFUSED.get(name, f"The formats are {', '.join(sorted(FORMATS))}"))
    return FORMATS[name]


def flag(value: Any) -> bool:
    """An option's truth: True, or the word."""
    return str(value).lower() == "true"


def reader_options(format: str, options: dict[str, Any]) -> dict[str, Any]:
    """Spark's reader options for Glue's."""
    given = _known(format, options, {"csv": READ_CSV, "json": READ_JSON}.get(format, frozenset({"attachfilename"})))
    if "skipfirst" in given and flag(given["skipfirst"]) and not flag(given.get("withheader", False)):
        raise NotComputed("skipFirst without withHeader")
    if "jsonpath" in given:
        raise NotComputed("jsonPath", "Read the whole document and select from it")
    wanted: dict[str, Any] = {}
    if format == "csv":
        wanted = {
            "header": flag(given.get("withheader", False)),
            "sep": given.get("separator", ","),
            "quote": _quote(given),
            "escape": given.get("escaper") or _quote(given) or "\\",
        }
    if flag(given.get("multiline", False)):
        wanted["multiLine"] = True
    if "encoding" in given:
        wanted["encoding"] = given["encoding"]
    return wanted


def writer_options(format: str, options: dict[str, Any], compression: str | None = None) -> dict[str, Any]:
    """Spark's writer options for Glue's."""
    given = _known(format, options, WRITE_CSV if format == "csv" else frozenset())
    wanted: dict[str, Any] = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}
    if format == "csv":
        quote = _quote(given)
        if not quote:
            raise NotComputed(
                "quoteChar -1 when CSV is written",
                "Spark quotes what holds a separator or a line's end, and cannot leave it bare: leave the option out",
            )
        wanted |= {
            "header": flag(given.get("writeheader", True)),
            "sep": given.get("separator", ","),
            "quote": quote,
            "escape": given.get("escaper") or quote,
            "emptyValue": "",
        }
    packed = compression or options.get("compression")
    if packed and packed != "uncompressed":
        wanted["compression"] = packed
    return wanted


def catalog_csv_options(serde: dict[str, str], parameters: dict[str, str]) -> dict[str, Any]:
    """Spark's reader options for a catalog table of CSV files."""
    quote = serde.get("quoteChar", '"')
    return {
        "header": parameters.get("skip.header.line.count", serde.get("skip.header.line.count", "0")) not in ("0", ""),
        "sep": serde.get("separatorChar") or serde.get("field.delim") or parameters.get("delimiter") or ",",
        "quote": quote,
        "escape": serde.get("escapeChar") or serde.get("escape.delim") or quote,
    }


def _quote(given: dict[str, Any]) -> str:
    asked = given.get("quotechar", '"')
    return str(QUOTES.get(asked, asked))


def _known(format: str, options: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    given = {name.lower(): value for name, value in options.items()}
    unknown = set(given) - known - SPEED
    if unknown:
        raise NotComputed(f"the {format} option(s) {', '.join(sorted(unknown))}")
    return given
