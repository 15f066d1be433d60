"""Choices: columns of several types, and what ResolveChoice makes of them."""

from __future__ import annotations

from typing import Any

from awsglue._columns import column_of, find_field
from awsglue._errors import NotComputed
from awsglue._schema import CHOICE, alternative_of, cast, is_choice
from pyspark.sql import functions as F

# An empty dictionary would keep what the column has.
PLAIN = {CHOICE: False}
ACTIONS = ("cast", "make_cols", "make_struct", "project")


def check(specs: Any, choice: str, database: Any, table_name: Any) -> None:
    """ValueError unless there are either specs or a choice, each known."""
    if bool(specs) == bool(choice):
        raise ValueError("ResolveChoice takes either specs or choice, not both and not neither")
    if choice.lower() == "match_catalog":
        if not database or not table_name:
            raise ValueError("match_catalog needs database and table_name")
        return
    for action in [choice] if choice else [spec for _, spec in specs]:
        name, _, kind = action.partition(":")
        if name.lower() not in ACTIONS or (name.lower() in ("cast", "project")) != bool(kind):
            raise ValueError(f"ResolveChoice knows cast:type, make_cols, make_struct and project:type, got {action!r}")


def resolve(df: Any, specs: Any = None, choice: str = "", types: dict[str, str] | None = None) -> Any:
    """The frame with choices resolved; ``types`` are the catalog's, for ``match_catalog``."""
    if choice.lower() == "match_catalog":
        for name, kind in (types or {}).items():
            parts = find_field(df.schema, name, case_sensitive=False)
            if parts is not None:
                df = _resolve_one(df, parts[0], "cast", kind)
        return df
    if choice:
        specs = [(f"`{field.name}`", choice) for field in df.schema.fields if is_choice(field)]
    for path, spec in specs:
        action, _, kind = spec.partition(":")
        parts = find_field(df.schema, path, case_sensitive=False)
        if parts is None:
            continue
        if len(parts) > 1 or "[]" in path:
            df = _resolve_nested(df, parts, action.lower(), kind, path)
        else:
            df = _resolve_one(df, parts[0], action.lower(), kind)
    return df


def _resolve_one(df: Any, name: str, action: str, kind: str) -> Any:
    field = df.schema[name]
    column = column_of(df, name)
    if not is_choice(field):
        # A column of one type can still be cast, which scripts do.
        return df.withColumn(name, cast(column, kind)) if action == "cast" else df
    if action == "cast":
        return _replace(df, name, {name: cast_choice(column, field, kind)})
    if action == "project":
        chosen = alternative(field, kind)
        if chosen is None:
            raise ValueError(f"project:{kind}: the column {name} is a choice of {', '.join(field.dataType.names)}")
        return _replace(df, name, {name: column.getField(chosen)})
    if action == "make_cols":
        return _replace(df, name, {f"{name}_{one}": column.getField(one) for one in field.dataType.names})
    return _replace(df, name, {name: column})


def _resolve_nested(df: Any, parts: list[str], action: str, kind: str, path: str) -> Any:
    if action != "cast" or "[]" in path:
        raise NotComputed(f"ResolveChoice {action} within {path}", "Unnest or relationalize the frame first")
    inner = ".".join(f"`{part}`" for part in parts[1:])
    value = cast(F.col(".".join(f"`{part}`" for part in parts)), kind)
    return df.withColumn(parts[0], column_of(df, parts[0]).withField(inner, value))


def _replace(df: Any, name: str, columns: dict[str, Any]) -> Any:
    """The frame with one column replaced, in its place, by others."""
    chosen = []
    for field in df.schema.fields:
        if field.name == name:
            chosen += [column.alias(new, metadata=PLAIN) for new, column in columns.items()]
        else:
            chosen.append(column_of(df, field.name))
    return df.select(*chosen)


def cast_choice(column: Any, field: Any, kind: str) -> Any:
    """A choice's value, of whatever type it is, cast."""
    return F.coalesce(*(cast(column.getField(one), kind) for one in field.dataType.names))


def alternative(field: Any, kind: str | None) -> str | None:
    """The field of a choice's struct for a type's name."""
    wanted = alternative_of(kind) if kind else None
    return wanted if wanted in field.dataType.names else None


def without_marks(df: Any) -> Any:
    """The frame with choices as plain structs."""
    if not any(is_choice(field) for field in df.schema.fields):
        return df
    return df.select(*(column_of(df, field.name).alias(field.name, metadata=PLAIN) for field in df.schema.fields))


def mark(column: Any, name: str) -> Any:
    """A struct column, marked as a choice."""
    return column.alias(name, metadata={CHOICE: True})
