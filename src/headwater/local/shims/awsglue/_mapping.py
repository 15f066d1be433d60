"""ApplyMapping: columns chosen, renamed, cast, and put into structs by dotted targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awsglue._choices import alternative, cast_choice
from awsglue._columns import field_column, find_field
from awsglue._schema import cast, is_choice, split_path
from pyspark.sql import functions as F
from pyspark.sql import types as T


@dataclass(frozen=True)
class Mapping:
    """One mapping; types None leave what is there."""

    source: list[str]
    source_type: str | None
    target: list[str]
    target_type: str | None


def parse(mappings: list[Any]) -> list[Mapping]:
    """Mappings as tuples of 2 (source, target), 3 (source, target, target type) or 4 (source, type, target, type)."""
    parsed = []
    for one in mappings:
        if not isinstance(one, tuple):
            raise TypeError(f"Mapping must be specified as a tuple. Got {one}")
        if not 2 <= len(one) <= 4:
            raise ValueError(f"Mapping must be a tuple of 2, 3 or 4. Got {one}")
        source, target = one[0], one[2] if len(one) == 4 else one[1]
        source_type = one[1] if len(one) == 4 else None
        target_type = one[-1] if len(one) > 2 else None
        parsed.append(Mapping([source], source_type, split_path(target), target_type))
    return parsed


def apply(df: Any, mappings: list[Mapping], case_sensitive: bool) -> Any:
    """The mapped columns. A source that is not there is left out."""
    tree: dict[str, Any] = {}
    for mapping in mappings:
        path = mapping.source[0] if len(mapping.source) == 1 else ".".join(f"`{part}`" for part in mapping.source)
        parts = find_field(df.schema, path, case_sensitive)
        if parts is None:
            continue
        node = tree
        for part in mapping.target[:-1]:
            below = node.setdefault(part, {})
            if not isinstance(below, dict):
                raise ValueError(f"the target {'.'.join(mapping.target)} lies within another target")
            node = below
        node[mapping.target[-1]] = _mapped(df, parts, mapping)
    return df.select(*(_column(name, below) for name, below in tree.items()))


def _mapped(df: Any, parts: list[str], mapping: Mapping) -> Any:
    column = field_column(df, parts)
    schema: Any = df.schema
    for part in parts:
        field = schema[part]
        schema = field.dataType
    if is_choice(field):
        chosen = alternative(field, mapping.source_type)
        if mapping.target_type is None:
            return column.getField(chosen) if chosen else column
        if chosen:
            column = column.getField(chosen)
        else:
            return cast_choice(column, field, mapping.target_type)
    return cast(column, mapping.target_type) if mapping.target_type else column


def _column(name: str, below: Any) -> Any:
    if isinstance(below, dict):
        return F.struct(*(_column(inner, rest) for inner, rest in below.items())).alias(name)
    return below.alias(name)


def leaves(schema: Any, above: tuple[str, ...] = ()) -> list[tuple[list[str], None]]:
    """The paths of all fields that are no structs; their types stay as they are."""
    found: list[tuple[list[str], None]] = []
    for field in schema.fields:
        path = (*above, field.name)
        if isinstance(field.dataType, T.StructType) and not is_choice(field):
            found += leaves(field.dataType, path)
        else:
            found.append((list(path), None))
    return found
