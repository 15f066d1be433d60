"""Choosing, dropping and renaming fields by dotted paths; sampling; showing a schema."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from awsglue._schema import quoted, split_path
from awsglue.gluetypes import ArrayType, ChoiceType, MapType, StructType
from pyspark.sql import functions as F
from pyspark.sql import types as T

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    "=": lambda left, right: left == right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def path_list(paths: Any) -> list[str]:
    """One path, or several, as a list."""
    return [paths] if isinstance(paths, str) else list(paths)


def column_of(df: Any, name: str) -> Any:
    """A top-level column by its exact name, dots and all."""
    return df[f"`{name}`"]


def find_field(schema: Any, path: str, case_sensitive: bool = True) -> list[str] | None:
    """The parts of a path as the schema spells them; None when there is no such field.

    A top-level column whose name is the whole path comes first: relationalized frames have dots in their names.
    """

    def matches(one: str, other: str) -> bool:
        return one == other if case_sensitive else one.lower() == other.lower()

    for field in schema.fields:
        if matches(field.name, path.strip("`")):
            return [field.name]
    found: list[str] = []
    for part in split_path(path):
        if not isinstance(schema, T.StructType):
            return None
        field = next((field for field in schema.fields if matches(field.name, part)), None)
        if field is None:
            return None
        found.append(field.name)
        schema = field.dataType
    return found


def field_column(df: Any, parts: list[str]) -> Any:
    """The column expression of a found field."""
    return F.col(".".join(f"`{part}`" for part in parts))


def select(df: Any, paths: list[str]) -> Any:
    """The fields at these paths; nested ones keep the structs around them. Unknown paths are left out."""
    tree: dict[str, Any] = {}
    for path in paths:
        parts = find_field(df.schema, path, case_sensitive=False)
        if parts is not None:
            node = tree
            for part in parts:
                node = node.setdefault(part, {})
    return df.select(*(_pruned(df, [name], below) for name, below in tree.items()))


def _pruned(df: Any, parts: list[str], below: dict[str, Any]) -> Any:
    column = field_column(df, parts)
    if not below:
        return column.alias(parts[-1], metadata=_metadata(df, parts))
    return F.struct(*(_pruned(df, [*parts, name], rest) for name, rest in below.items())).alias(parts[-1])


def _metadata(df: Any, parts: list[str]) -> dict[str, Any]:
    schema = df.schema
    for part in parts:
        field = schema[part]
        schema = field.dataType
    return dict(field.metadata)


def drop(df: Any, paths: list[str]) -> Any:
    """All but the fields at these paths; structs left empty go with their last field."""
    for path in paths:
        parts = find_field(df.schema, path, case_sensitive=False)
        if parts is None:
            continue
        if len(parts) == 1:
            df = df.drop(column_of(df, parts[0]))
        else:
            df = _drop_nested(df, parts)
    return df


def _drop_nested(df: Any, parts: list[str]) -> Any:
    around = parts[:-1]
    schema = df.schema
    for part in around:
        schema = schema[part].dataType
    if len(schema.fields) == 1:
        return drop(df, [quoted(".".join(f"`{part}`" for part in around))])
    inner = ".".join(f"`{part}`" for part in parts[1:])
    return df.withColumn(parts[0], column_of(df, parts[0]).dropFields(inner))


def rename(df: Any, old: str, new: str) -> Any:
    """One field under another name; both may be paths."""
    from awsglue import _mapping

    parts = find_field(df.schema, old)
    if parts is None:
        return df
    if len(parts) == 1 and len(split_path(new)) == 1:
        return df.withColumnRenamed(parts[0], new.strip("`"))
    mappings = []
    for path, kind in _mapping.leaves(df.schema):
        moved = path[: len(parts)] == parts
        target = [*split_path(new), *path[len(parts) :]] if moved else path
        mappings.append(_mapping.Mapping(path, kind, target, kind))
    return _mapping.apply(df, mappings, True)


def comparison(comparisons: dict[str, dict[str, Any]]) -> Callable[[], Any]:
    """The condition of SplitRows: {path: {operator: value}}, all of which must hold; a null makes it false."""
    unknown = {operator for each in comparisons.values() for operator in each} - set(OPERATORS)
    if unknown:
        raise ValueError(f"SplitRows knows {', '.join(OPERATORS)}, got {', '.join(sorted(unknown))}")

    def condition() -> Any:
        all_hold = F.lit(True)
        for path, each in comparisons.items():
            for operator, value in each.items():
                all_hold = all_hold & OPERATORS[operator](F.col(quoted(path)), F.lit(value))
        return F.coalesce(all_hold, F.lit(False))

    return condition


def sample(df: Any, options: dict[str, Any]) -> Any:
    """``topk`` records, or each with probability ``prob``; 100 records when neither is given."""
    if "prob" in options:
        df = df.sample(float(options["prob"]))
    return df.limit(int(options["topk"])) if "topk" in options else df if "prob" in options else df.limit(100)


def schema_tree(schema: Any) -> str:
    """A schema as ``printSchema`` shows it."""
    return "\n".join(["root", *(line for field in schema for line in _lines(field.name, field.dataType, 0))])


def _lines(name: str, kind: Any, depth: int) -> list[str]:
    lead = "|    " * depth + "|-- "
    lines = [f"{lead}{name}: {kind.typeName()}"]
    if isinstance(kind, StructType):
        lines += [line for field in kind for line in _lines(field.name, field.dataType, depth + 1)]
    elif isinstance(kind, ArrayType):
        lines += _lines("element", kind.elementType, depth + 1)
    elif isinstance(kind, MapType):
        lines += _lines("keyType", _Named("string"), depth + 1) + _lines("valueType", kind.valueType, depth + 1)
    elif isinstance(kind, ChoiceType):
        lines += [line for one in sorted(kind.choices) for line in _lines(one, kind.choices[one], depth + 1)]
    return lines


class _Named:
    """A type that is only a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def typeName(self) -> str:
        """The name."""
        return self._name


def say(text: str) -> None:
    """A line on standard output, where a job's own words go."""
    sys.stdout.write(text + "\n")
