"""The crawler's JSON classifier: Hive types of sampled JSON values.

Reads lines of objects, concatenated or pretty-printed objects, and one top-level array, from a sample that may be cut
anywhere. As on AWS a top-level array makes one column ``array`` of structs. Types as seen in real tables: small
integers int, larger ones bigint, 1.0 double; top-level names in lower case in the order of the data, nested names as
they are.

Not proven against AWS: values of contradicting types make a string, an empty object a string, an empty array
array<string>.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

INT32 = range(-(2**31), 2**31)
INT64 = range(-(2**63), 2**63)
SEPARATORS = re.compile(r"[\s,]*")
NUMBERS = ("int", "bigint", "double")


@dataclass
class JsonType:
    """A type as far as the values seen tell: a scalar's name, an array's items or a struct's fields."""

    name: str = ""
    items: JsonType | None = None
    fields: dict[str, JsonType] = field(default_factory=dict)

    def hive(self) -> str:
        """The type in Hive's spelling."""
        if self.name == "array":
            return f"array<{self.items.hive() if self.items else 'string'}>"
        if self.name == "struct" and self.fields:
            return "struct<" + ",".join(f"{name}:{kind.hive()}" for name, kind in self.fields.items()) + ">"
        return self.name if self.name and self.name != "struct" else "string"

    def add(self, value: Any) -> None:
        """Widen the type so that it holds ``value`` as well; null changes nothing."""
        name = _name(value)
        if not name:
            return
        if not self.name:
            self.name = name
        elif self.name != name:
            both = {self.name, name}
            self.name = max(both, key=NUMBERS.index) if both <= set(NUMBERS) else "string"
        if self.name == "struct" and isinstance(value, dict):
            for key, member in value.items():
                self.fields.setdefault(key, JsonType()).add(member)
        elif self.name == "array" and isinstance(value, list):
            self.items = self.items or JsonType()
            for member in value:
                self.items.add(member)


@dataclass(frozen=True)
class JsonTable:
    """What a sample of JSON says: (name, Hive type) columns, the original keys, and the values seen."""

    columns: tuple[tuple[str, str], ...]
    paths: tuple[str, ...]
    rows: int


def classify_json(text: str, complete: bool, stretches: tuple[str, ...] = ()) -> JsonTable | None:
    """Read a sample as JSON objects; None when it is none.

    Parameters
    ----------
    text:
        The beginning of the file.
    complete:
        Whether that is the whole file; if not, the last value may be cut.
    stretches:
        Later whole lines of the file, used where they are one object a line.
    """
    start = text.lstrip("\ufeff \t\r\n")
    if not start.startswith(("{", "[")):
        return None
    whole = JsonType()
    is_array = start.startswith("[")
    rows = 0
    try:
        for value in _values(start[1:] if is_array else start, complete, is_array):
            if not is_array and not isinstance(value, dict):
                return None
            whole.add([value] if is_array else value)
            rows += 1
    except ValueError:
        return None
    if not rows:
        return None
    if is_array:
        return JsonTable((("array", whole.hive()),), ("array",), rows)
    for stretch in stretches:
        rows += _add_lines(whole, stretch)
    return JsonTable(_columns(whole), tuple(sorted(whole.fields)), rows)


def _columns(whole: JsonType) -> tuple[tuple[str, str], ...]:
    columns: dict[str, str] = {}
    for name, kind in whole.fields.items():
        columns.setdefault(name.lower(), kind.hive())
    return tuple(columns.items())


def _add_lines(whole: JsonType, stretch: str) -> int:
    rows = 0
    for line in stretch.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue  # the stretch began inside an object that spans lines
        if isinstance(value, dict):
            whole.add(value)
            rows += 1
    return rows


def _values(text: str, complete: bool, is_array: bool) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    position = 0
    while True:
        position = SEPARATORS.match(text, position).end()  # type: ignore[union-attr]
        if position >= len(text) or (is_array and text[position] == "]"):
            return
        try:
            value, position = decoder.raw_decode(text, position)
        except ValueError:
            if complete:
                raise
            return  # the sample ends inside this value
        yield value


def _name(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        if value in INT32:
            return "int"
        return "bigint" if value in INT64 else "string"
    if isinstance(value, float):
        return "double"
    if isinstance(value, dict):
        return "struct"
    return "array" if isinstance(value, list) else "string"
