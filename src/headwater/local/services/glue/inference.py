"""From one object to its schema: the crawler's built-in classifiers, in order.

The crawler's own CSV classifiers come first, then the built-in ones: Parquet is told by its magic bytes, JSON and CSV
are tried on a sample. What none of them recognises is UNKNOWN with no columns, as on AWS. Not faithful to AWS: there
are no Avro, ORC, XML, Ion or log classifiers here; such files are UNKNOWN, and the crawler's log says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headwater.local.services.glue.csv_dialect import BUILT_IN, CsvRules, CsvTable, classify_csv
from headwater.local.services.glue.json_schema import classify_json
from headwater.local.services.glue.parquet_schema import read_footer
from headwater.local.services.glue.sampling import Sample, read_sample

Columns = tuple[tuple[str, str], ...]

TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
# classification → input format, output format, SerDe
FORMATS = {
    "UNKNOWN": ("", "", ""),
    "csv": (TEXT_INPUT, TEXT_OUTPUT, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"),
    "json": (TEXT_INPUT, TEXT_OUTPUT, "org.openx.data.jsonserde.JsonSerDe"),
    "parquet": (
        f"{PARQUET}.MapredParquetInputFormat",
        f"{PARQUET}.MapredParquetOutputFormat",
        f"{PARQUET}.serde.ParquetHiveSerDe",
    ),
}
OPEN_CSV_SERDE = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
PARQUET_MAGIC = b"PAR1"
MIN_SIMILARITY = 0.7
NUMBERS = ("tinyint", "smallint", "int", "bigint", "double")


@dataclass(frozen=True)
class FileSchema:
    """What the crawler learnt of one object, or of several merged.

    Attributes
    ----------
    classification:
        csv, json, parquet or UNKNOWN.
    columns:
        (name, Hive type).
    compression:
        AWS's compressionType.
    parameters, serde_parameters:
        What the format adds to the table's and the SerDe's parameters.
    size_bytes, text_bytes, rows:
        Bytes stored, bytes of content (estimated where compressed), rows (estimated where sampled).
    problem:
        Why the object is UNKNOWN.
    serde:
        The SerDe, where it is not that of the classification.
    """

    classification: str
    columns: Columns = ()
    compression: str = "none"
    parameters: dict[str, str] = field(default_factory=dict)
    serde_parameters: dict[str, str] = field(default_factory=dict)
    size_bytes: int = 0
    text_bytes: int = 0
    rows: int = 0
    problem: str = ""
    serde: str = ""

    def compatible(self, other: FileSchema) -> bool:
        """Whether both can be read by one table: format, compression and delimiter agree."""
        return self.reader == other.reader

    @property
    def reader(self) -> tuple[str | None, ...]:
        """What one table can have only one of: format, compression, delimiter, header."""
        layout = (self.parameters.get(name) for name in ("delimiter", "skip.header.line.count"))
        return (self.classification, self.compression, *layout)

    def similar(self, other: FileSchema) -> bool:
        """Whether both are compatible and share most of their column names.

        AWS does not publish its measure; here it is 70 % of the names of both together.
        """
        if not self.compatible(other):
            return False
        ours, theirs = {name for name, _ in self.columns}, {name for name, _ in other.columns}
        return len(ours & theirs) >= MIN_SIMILARITY * len(ours | theirs)


def infer(path: Path, size_bytes: int, classifiers: Sequence[CsvRules] = ()) -> FileSchema:
    """The schema of the object in ``path``, by the first of ``classifiers`` that recognises it, else the built-in ones.

    Never reads more than a footer or a bounded sample.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(4) == PARQUET_MAGIC:
                return _parquet(path, size_bytes)
        return _text(read_sample(path, size_bytes), classifiers)
    except ValueError as error:
        return FileSchema("UNKNOWN", size_bytes=size_bytes, text_bytes=size_bytes, problem=str(error))


def merge_columns(schemas: list[FileSchema]) -> Columns:
    """The columns of several schemas as one: names in order of appearance, types widened."""
    merged: dict[str, str] = {}
    repeated: list[tuple[str, str]] = []
    for number, schema in enumerate(schemas):
        names = [name for name, _ in schema.columns]
        for position, (name, kind) in enumerate(schema.columns):
            if name in names[:position]:  # a header that names a column twice
                repeated.extend([(name, kind)] if number == 0 else [])
            else:
                merged[name] = widen(merged[name], kind) if name in merged else kind
    return (*merged.items(), *repeated)


def widen(one: str, other: str) -> str:
    """The narrowest type for values of both types: a wider number, else string."""
    if one == other:
        return one
    if one in NUMBERS and other in NUMBERS:
        return max(one, other, key=NUMBERS.index)
    return "string"


def _parquet(path: Path, size_bytes: int) -> FileSchema:
    columns, rows = read_footer(path)
    return FileSchema(
        "parquet",
        columns,
        serde_parameters={"serialization.format": "1"},
        size_bytes=size_bytes,
        text_bytes=size_bytes,
        rows=rows,
    )


def _text(sample: Sample, classifiers: Sequence[CsvRules]) -> FileSchema:
    lines, text = sample.head_lines(), sample.head_text()
    if lines is None or text is None:
        return _unknown(sample, "binary content that no classifier recognises")
    stretches = sample.stretch_texts()
    for rules in classifiers:
        if found := classify_csv(lines, stretches, rules):
            return _csv(sample, found, rules)
    found_json = classify_json(text, sample.complete, stretches)
    if found_json is not None:
        return FileSchema(
            "json",
            found_json.columns,
            sample.compression,
            serde_parameters={"paths": ",".join(found_json.paths)},
            size_bytes=sample.size_bytes,
            text_bytes=sample.text_bytes,
            rows=_estimate_rows(sample, found_json.rows),
        )
    if found := classify_csv(lines, stretches):
        return _csv(sample, found, BUILT_IN)
    return _unknown(sample, "neither JSON nor CSV (a CSV has two columns and two rows at least)")


def _csv(sample: Sample, found: CsvTable, rules: CsvRules) -> FileSchema:
    parameters = {
        "areColumnsQuoted": str(found.quoted).lower(),
        "columnsOrdered": "true",
        "delimiter": found.delimiter,
    }
    if found.has_header:
        parameters["skip.header.line.count"] = "1"
    open_parameters = {"separatorChar": found.delimiter, "quoteChar": rules.quote}
    return FileSchema(
        "csv",
        found.columns,
        sample.compression,
        parameters,
        open_parameters if rules.open_serde else {"field.delim": found.delimiter},
        sample.size_bytes,
        sample.text_bytes,
        _estimate_rows(sample, found.rows),
        serde=OPEN_CSV_SERDE if rules.open_serde else "",
    )


def _unknown(sample: Sample, problem: str) -> FileSchema:
    return FileSchema(
        "UNKNOWN",
        compression=sample.compression,
        size_bytes=sample.size_bytes,
        text_bytes=sample.text_bytes,
        problem=problem,
    )


def _estimate_rows(sample: Sample, rows: int) -> int:
    if sample.complete or not rows:
        return rows
    sampled_bytes = len(sample.head) + sum(map(len, sample.stretches))
    return rows * sample.text_bytes // max(1, sampled_bytes)
