"""``ItemReader``: the items of a distributed Map from S3: a listing, a file of items, or a manifest of files.

Source: Developer Guide, "ItemReader (Map)", 2026: JSON, JSON Lines, CSV, Parquet; S3 inventories, and the manifests of
Athena's UNLOAD (``"ManifestType": "ATHENA_DATA"``), whose files are of the ``InputType``; with ``"Transformation":
"LOAD_AND_FLATTEN"`` a listing is the items of the objects listed. Texts of failures follow executions recorded on AWS.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from headwater.local.services.states.errors import ITEM_READER_FAILED, StateFailure
from headwater.local.services.states.map_fields import NumberField
from headwater.local.services.states.templates import Template

STATE_DATA = "STATE_DATA"
DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
Call = Callable[..., dict[str, Any]]


class Sourced(NamedTuple):
    """Items, and where each is from (``$$.Map.Item.Source``): one text for all of them, or one for each."""

    items: list[Any]
    sources: str | list[str]

    def of(self, index: int) -> str:
        """Where the item at an index is from."""
        return self.sources if isinstance(self.sources, str) else self.sources[index]


@dataclass(frozen=True, slots=True)
class ItemReader:
    """A compiled reader.

    Attributes
    ----------
    lists:
        It lists objects instead of reading one.
    arguments:
        ``Parameters`` or ``Arguments``.
    configuration:
        ``ReaderConfig``.
    """

    lists: bool
    arguments: Template
    configuration: dict[str, Any]
    max_items: NumberField

    def read(self, s3: Call, arguments: dict[str, Any], limit: int) -> Sourced:
        """The items; at most ``limit`` when that is not 0.

        Parameters
        ----------
        s3:
            Calls an operation of S3: ``s3("get_object", Bucket=…, Key=…)``.
        arguments:
            The evaluated ``arguments``.
        """
        if limit < 0:
            raise StateFailure(ITEM_READER_FAILED, "field MaxItems must be positive")
        bucket = f"s3://{arguments.get('Bucket')}"
        if not self.lists:
            return Sourced(list(islice(self._object(s3, arguments), limit or None)), f"{bucket}/{arguments.get('Key')}")
        if self.configuration.get("Transformation") != "LOAD_AND_FLATTEN":
            return Sourced(list(islice(self._listing(s3, arguments), limit or None)), bucket)
        found = list(islice(self._flattened(s3, arguments, bucket), limit or None))
        return Sourced([item for item, _ in found], [source for _, source in found])

    def _flattened(self, s3: Call, arguments: dict[str, Any], bucket: str) -> Iterable[tuple[Any, str]]:
        """The items of every object of a listing, each with the object's URI."""
        kind = self.configuration.get("InputType", "JSON")
        for entry in self._listing(s3, arguments):
            if entry["Key"].endswith("/") and not entry["Size"]:
                continue  # a folder
            body = read_body(s3("get_object", Bucket=arguments["Bucket"], Key=entry["Key"]))
            source = f"{bucket}/{entry['Key']}"
            for item in self._items(kind, body):
                yield item, source

    @staticmethod
    def _listing(s3: Call, arguments: dict[str, Any]) -> Iterable[Any]:
        token: dict[str, str] = {}
        while True:
            page = s3("list_objects_v2", **arguments, **token)
            for entry in page.get("Contents", ()):
                yield {
                    "Etag": entry["ETag"],
                    "Key": entry["Key"],
                    "LastModified": int(entry["LastModified"].timestamp()),
                    "Size": entry["Size"],
                    "StorageClass": entry.get("StorageClass", "STANDARD"),
                }
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _object(self, s3: Call, arguments: dict[str, Any]) -> Iterable[Any]:
        kind = self.configuration.get("InputType", "JSON")
        if kind == "PARQUET" and arguments.get("VersionId"):
            cause = "S3 Version ID selection is not currently supported for PARQUET files"
            raise StateFailure(ITEM_READER_FAILED, cause)
        body = read_body(s3("get_object", **arguments))
        if self.configuration.get("ManifestType") == "ATHENA_DATA":
            return self._unloaded(s3, body, kind)
        if kind == "MANIFEST" or self.configuration.get("ManifestType") == "S3_INVENTORY":
            return self._inventory(s3, body)
        return self._items(kind, body)

    def _items(self, kind: str, body: bytes) -> Iterable[Any]:
        """The items of one file."""
        readers: dict[str, Callable[[bytes], Iterable[Any]]] = {
            "CSV": self._csv,
            "JSON": self._json,
            "JSONL": _json_lines,
            "PARQUET": _parquet,
        }
        try:
            return readers[kind](body)
        except (ValueError, KeyError) as error:
            raise StateFailure(ITEM_READER_FAILED, f"The {kind} object could not be read: {error}") from error

    def _json(self, body: bytes) -> list[Any]:
        value = json.loads(body)
        pointer = self.configuration.get("ItemsPointer", "")
        for part in pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            value = value[int(key)] if isinstance(value, list) else value[key]
        if isinstance(value, dict) and pointer:
            return [{"Key": key, "Value": item} for key, item in value.items()]
        if not isinstance(value, list):
            raise StateFailure(ITEM_READER_FAILED, "Attempting to map over non-iterable node.")
        return value

    def _csv(self, body: bytes) -> list[Any]:
        delimiter = DELIMITERS[self.configuration.get("CSVDelimiter", "COMMA")]
        rows = csv.reader(io.StringIO(body.decode("utf-8-sig")), delimiter=delimiter)
        if self.configuration.get("CSVHeaderLocation") == "GIVEN":
            headers = self.configuration["CSVHeaders"]
        else:
            headers = next(rows, [])
        if len(set(headers)) < len(headers):
            raise StateFailure(ITEM_READER_FAILED, "CSV headers cannot contain duplicates.")
        return [dict(zip(headers, [*row, *[""] * (len(headers) - len(row))], strict=False)) for row in rows if row]

    def _unloaded(self, s3: Call, body: bytes, kind: str) -> Iterable[Any]:
        """The items of every file that a manifest of Athena's names, one URI a line."""
        for uri in filter(None, (line.strip().strip('"') for line in body.decode("utf-8-sig").splitlines())):
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            if not uri.startswith("s3://") or not key:
                raise StateFailure(ITEM_READER_FAILED, f"The object is no Athena manifest: {uri!r} is no S3 URI")
            data = read_body(s3("get_object", Bucket=bucket, Key=key))
            yield from self._items(kind, gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)

    @staticmethod
    def _inventory(s3: Call, body: bytes) -> Iterable[Any]:
        try:
            manifest = json.loads(body)
            bucket = manifest["destinationBucket"].removeprefix("arn:aws:s3:::")
            headers = [name.strip() for name in manifest["fileSchema"].split(",")]
            files = [entry["key"] for entry in manifest["files"]]
        except (ValueError, KeyError) as error:
            raise StateFailure(ITEM_READER_FAILED, f"The object is no S3 inventory manifest: {error}") from error
        for key in files:
            data = read_body(s3("get_object", Bucket=bucket, Key=key))
            text = gzip.decompress(data).decode() if key.endswith(".gz") else data.decode()
            for row in csv.reader(io.StringIO(text)):
                yield dict(zip(headers, row, strict=False))


def read_body(response: dict[str, Any]) -> bytes:
    """The body of a GetObject answer."""
    body = response["Body"]
    return bytes(body.read() if hasattr(body, "read") else body)


def _json_lines(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.splitlines() if line.strip()]


def _parquet(body: bytes) -> list[Any]:
    from pyarrow import BufferReader, parquet  # heavy: only for who reads Parquet

    rows: list[Any] = parquet.read_table(BufferReader(body)).to_pylist()
    return [json.loads(json.dumps(row, default=str)) for row in rows]
