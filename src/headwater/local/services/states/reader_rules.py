"""What AWS refuses of a Map's ``ItemReader`` before it keeps the definition.

Source: answers of ``ValidateStateMachineDefinition``, published with the tests of tiny-asl-machine, 2026, and the
Developer Guide, "ItemReader (Map)"; read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

READERS = ["arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2"]
INPUT_TYPES = ["CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"]
TRANSFORMATIONS = ["NONE", "LOAD_AND_FLATTEN"]
_CSV_FIELDS = frozenset({"CSVDelimiter", "CSVHeaderLocation", "CSVHeaders"})
# What of the fields that belong to some formats only each format takes.
_TAKEN = {
    "CSV": _CSV_FIELDS | {"ManifestType"},
    "JSON": frozenset({"ItemsPointer"}),
    "JSONL": frozenset({"ManifestType"}),
    "MANIFEST": frozenset({"ManifestType"}),
    "PARQUET": frozenset({"ManifestType"}),
}
_OF_SOME_FORMATS = _CSV_FIELDS | {"ItemsPointer", "ManifestType"}


def reader_problems(reader: Any, at: str) -> Iterator[tuple[str, str]]:
    """(text, location) of every problem of an ``ItemReader``."""
    if not isinstance(reader, dict) or reader.get("Resource") not in READERS:
        yield "The field 'Resource' does not match any of the allowed values", f"{at}/Resource"
        return
    configuration = reader.get("ReaderConfig", {})
    where = f"{at}/ReaderConfig"
    kind = configuration.get("InputType")
    if kind is not None and kind not in INPUT_TYPES:
        yield f"The field 'InputType' should have one of these values: {INPUT_TYPES}", f"{where}/InputType"
        return
    transformation = configuration.get("Transformation", "NONE")
    if transformation not in TRANSFORMATIONS:
        choices = ", ".join(TRANSFORMATIONS)
        yield f"The field 'Transformation' should have one of these values: [{choices}]", f"{where}/Transformation"
    elif kind is None and transformation != "NONE":
        yield "The field 'InputType' is required", where
    if kind is not None:
        yield from _format_problems(kind, configuration, where)


def _format_problems(kind: str, configuration: dict[str, Any], at: str) -> Iterator[tuple[str, str]]:
    header = configuration.get("CSVHeaderLocation")
    if kind == "CSV" and header is None:
        yield "The field 'CSVHeaderLocation' is required", at
        return
    if kind == "CSV" and header == "GIVEN" and "CSVHeaders" not in configuration:
        yield "These fields are required: [CSVHeaders]", at
    for field in configuration:
        if field in _OF_SOME_FORMATS and field not in _TAKEN[kind]:
            yield f"Field '{field}' is not supported", at
    pointer = configuration.get("ItemsPointer")
    if kind == "JSON" and isinstance(pointer, str) and pointer and not pointer.startswith(("/", "{%")):
        text = f"Invalid input: JSON Pointer expression must start with '/': \"{pointer}\""
        yield text, f"{at}/ItemsPointer"
