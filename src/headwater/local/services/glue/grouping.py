"""From crawled objects to tables and partitions: the crawler's grouping.

A folder whose files all have mostly similar schemas and lie equally deep is one table, and its subfolders are
partitions: of keys called as in ``year=2013``, else partition_0, partition_1 … Otherwise each subfolder is looked at
by itself, and files of different schemas side by side make one table each (AWS Glue developer guide, "Setting crawler
configuration options", 2023-06). Partition keys are strings, as in real tables.

Not faithful to AWS: its heuristics for folders of mixed depth are not published; here files directly in such a folder
become tables of their own.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from headwater.local.services.glue.inference import FileSchema, merge_columns

MAX_NAME_LENGTH = 128
HIVE_FOLDER = re.compile(r"([^=]+)=(.*)", re.DOTALL)

Same = Callable[[FileSchema, FileSchema], bool]


@dataclass(frozen=True)
class CrawledFile:
    """An object of a target and its schema."""

    key: str
    schema: FileSchema


@dataclass(frozen=True)
class FoundPartition:
    """A partition: its values, the folder that holds it, and its files."""

    values: tuple[str, ...]
    prefix: str
    files: tuple[CrawledFile, ...]


@dataclass(frozen=True)
class FoundTable:
    """A table as the crawler sees it.

    Attributes
    ----------
    stem:
        The folder's or file's name, from which the table's name is made.
    prefix:
        The key prefix of its data: a folder with a trailing slash ("" for the whole bucket), or one file's key.
    files:
        Its objects.
    partition_keys:
        Names of the partition keys; empty for a table without partitions.
    partitions:
        In the order of their folders.
    """

    stem: str
    prefix: str
    files: tuple[CrawledFile, ...]
    partition_keys: tuple[str, ...] = ()
    partitions: tuple[FoundPartition, ...] = ()

    @property
    def schema(self) -> FileSchema:
        """All files' schemas as one."""
        return merge_schemas(self.files)


def merge_schemas(files: Sequence[CrawledFile]) -> FileSchema:
    """The schema, sizes and counts of several files together; the format and columns are those of the most files."""
    schemas = [file.schema for file in most_compatible(files)]
    first = schemas[0]
    serde = dict(first.serde_parameters)
    if first.classification == "json":
        serde["paths"] = ",".join(sorted({p for s in schemas for p in s.serde_parameters.get("paths", "").split(",")}))
    parameters = dict(first.parameters)
    if any(schema.parameters.get("areColumnsQuoted") == "true" for schema in schemas):
        parameters["areColumnsQuoted"] = "true"
    return FileSchema(
        first.classification,
        merge_columns(schemas),
        first.compression,
        parameters,
        serde,
        sum(file.schema.size_bytes for file in files),
        sum(file.schema.text_bytes for file in files),
        sum(file.schema.rows for file in files),
        serde=first.serde,
    )


def most_compatible(files: Sequence[CrawledFile]) -> list[CrawledFile]:
    """The files of the format that most of them have; a recognised one before UNKNOWN."""
    groups: dict[tuple[str | None, ...], list[CrawledFile]] = defaultdict(list)
    for file in files:
        groups[file.schema.reader].append(file)
    return max(groups.values(), key=lambda group: (group[0].schema.classification != "UNKNOWN", len(group)))


def group_tables(bucket: str, prefix: str, files: Sequence[CrawledFile], *, combine: bool = False) -> list[FoundTable]:
    """The tables of the objects under a target.

    Parameters
    ----------
    bucket, prefix:
        The target: ``prefix`` ends with a slash unless it is empty or names one object.
    files:
        The objects found there, with their schemas.
    combine:
        TableGroupingPolicy CombineCompatibleSchemas: similar names are not asked for, only a common format.
    """
    if not files:
        return []
    if len(files) == 1 and files[0].key == prefix:
        return [_file_table(files[0])]
    same: Same = FileSchema.compatible if combine else FileSchema.similar
    return _folder_tables(bucket, prefix, list(files), same)


def group_at_level(bucket: str, files: Sequence[CrawledFile], level: int) -> list[FoundTable]:
    """One table a folder at ``level`` (TableLevelConfiguration: 1 is the bucket, 2 its folders …), whatever its files.

    Files above the level, or not as deep as most files of their folder, are in no table.
    """
    folders: dict[str, list[CrawledFile]] = defaultdict(list)
    for file in files:
        parts = file.key.split("/")
        if len(parts) >= level:
            folders["".join(f"{part}/" for part in parts[: level - 1])].append(file)
    return [_one_table(bucket, folder, found) for folder, found in sorted(folders.items())]


def table_name(stem: str, prefix: str = "", *, location: str = "", taken: Callable[[str], bool]) -> str:
    """A table's name: prefix and stem in lower case, other than letters, digits and ``_`` replaced, at most 128
    characters; a name that is taken gets the hash of the location as suffix.

    AWS Glue developer guide, "Crawler output naming" (2023-06). Letters other than ASCII are replaced as well.
    """
    name = re.sub(r"[^a-z0-9_]", "_", f"{prefix}{stem}".lower())[:MAX_NAME_LENGTH]
    if not taken(name):
        return name
    suffix = hashlib.md5(location.encode(), usedforsecurity=False).hexdigest()
    return f"{name[: MAX_NAME_LENGTH - len(suffix) - 1]}_{suffix}"


def _folder_tables(bucket: str, folder: str, files: list[CrawledFile], same: Same) -> list[FoundTable]:
    if _equally_deep(folder, files) and _all_same(files, same):
        return [_one_table(bucket, folder, files)]
    direct = [file for file in files if "/" not in file.key[len(folder) :]]
    subfolders: dict[str, list[CrawledFile]] = defaultdict(list)
    for file in files:
        name, slash, _ = file.key[len(folder) :].partition("/")
        if slash:
            subfolders[f"{folder}{name}/"].append(file)
    tables = [_file_table(file) for file in direct]
    for name, found in sorted(subfolders.items()):
        tables.extend(_folder_tables(bucket, name, found, same))
    return tables


def _equally_deep(folder: str, files: list[CrawledFile]) -> bool:
    return len({file.key[len(folder) :].count("/") for file in files}) == 1


def _all_same(files: list[CrawledFile], same: Same) -> bool:
    """Whether every file is like the most complete one (the first with the most columns)."""
    fullest = max(files, key=lambda file: len(file.schema.columns)).schema
    return all(same(fullest, file.schema) for file in files)


def _file_table(file: CrawledFile) -> FoundTable:
    return FoundTable(file.key.rsplit("/", 1)[-1], file.key, (file,))


def _one_table(bucket: str, folder: str, files: list[CrawledFile]) -> FoundTable:
    stem = folder.rstrip("/").rsplit("/", 1)[-1] or bucket
    paths = {file.key: file.key[len(folder) :].split("/")[:-1] for file in files}
    depth = max(Counter(map(len, paths.values())).items(), key=lambda item: item[1])[0]
    if depth == 0:
        return FoundTable(stem, folder, tuple(files))
    kept = [file for file in files if len(paths[file.key]) == depth]
    keys = _partition_keys([paths[file.key] for file in kept], depth)
    by_folder: dict[tuple[str, ...], list[CrawledFile]] = defaultdict(list)
    for file in kept:
        by_folder[tuple(paths[file.key])].append(file)
    partitions = tuple(
        FoundPartition(_values(keys, parts), folder + "".join(f"{part}/" for part in parts), tuple(found))
        for parts, found in sorted(by_folder.items())
    )
    return FoundTable(stem, folder, tuple(kept), keys, partitions)


def _partition_keys(paths: list[list[str]], depth: int) -> tuple[str, ...]:
    keys: list[str] = []
    unnamed = 0
    for level in range(depth):
        names = {match.group(1) if (match := HIVE_FOLDER.fullmatch(path[level])) else None for path in paths}
        name = names.pop() if len(names) == 1 else None
        if name is None or name.lower() in keys:
            name = f"partition_{unnamed}"
            unnamed += 1
        keys.append(name.lower())
    return tuple(keys)


def _values(keys: tuple[str, ...], parts: tuple[str, ...]) -> tuple[str, ...]:
    values = []
    for key, part in zip(keys, parts, strict=True):
        match = HIVE_FOLDER.fullmatch(part)
        named = match is not None and match.group(1).lower() == key
        values.append(unquote(match.group(2)) if match is not None and named else part)
    return tuple(values)
