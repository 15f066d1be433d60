"""JSONPath as the Amazon States Language uses it: parsed once, read many times.

The dialect is that of Jayway JsonPath, which AWS runs: child names, indexes (also negative), lists of either, slices,
wildcards, deep scan and filters. A path that can yield many values (a wildcard, slice, list, filter or deep scan in it)
is *indefinite* and reads as a list, empty when nothing matches; a definite path that leads nowhere is an error.
A path begins at the state's input (``$``), at the context object (``$$``) or at a variable (``$name``).

As AWS documents it ("Paths", developer guide, 2026-11): functions such as ``length()`` and lexical operators such as
``subsetof`` are not supported (a function is read, and found nowhere), and ``@`` in a filter matches no scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING", "__bool__": lambda self: False})()

Selector = Callable[[Any, Any], Iterator[Any]]


class PathSyntaxError(ValueError):
    """The text is no path of the language."""


class Scope(Protocol):
    """What a path can begin at."""

    input: Any

    @property
    def context(self) -> Any:
        """The context object."""

    @property
    def variables(self) -> dict[str, Any]:
        """The workflow's variables that are visible here."""


class Path:
    """A compiled path.

    Attributes
    ----------
    text:
        As written.
    definite:
        False when it reads as a list of matches.
    """

    __slots__ = ("_names", "_selectors", "definite", "root", "segments", "text", "variable")

    def __init__(self, text: str, root: str, variable: str, segments: list[Segment]) -> None:
        self.text = text
        self.root = root
        self.variable = variable
        self.segments = segments
        self.definite = all(segment.definite for segment in segments)
        self._names = tuple(s.key for s in segments) if self.definite else None
        self._selectors = [s.select for s in segments]

    def read(self, scope: Scope) -> Any:
        """The value at the path, or :data:`MISSING`."""
        if self.root == "input":
            value = scope.input
        elif self.root == "context":
            value = scope.context
        else:
            value = scope.variables.get(self.variable, MISSING)
            if value is MISSING:
                return MISSING
        return self.read_value(value)

    def read_value(self, value: Any) -> Any:
        """The value at the path from ``value`` as the root, or :data:`MISSING`."""
        if self._names is None:
            return self._search(value)
        for key in self._names:
            if isinstance(value, dict):
                value = value.get(key, MISSING)
            elif isinstance(value, list) and isinstance(key, int):
                value = value[key] if -len(value) <= key < len(value) else MISSING
            else:
                return MISSING
            if value is MISSING:
                return MISSING
        return value

    def _search(self, root: Any) -> list[Any]:
        values = [root]
        for select in self._selectors:
            values = [found for value in values for found in select(value, root)]
        return values

    def canonical(self) -> str:
        """The path in Jayway's bracket notation, as AWS's error texts show it."""
        return "$" + "".join(segment.text for segment in self.segments)


class Segment:
    """One step of a path."""

    __slots__ = ("definite", "key", "select", "text")

    def __init__(self, text: str, select: Selector, key: str | int | None = None) -> None:
        self.text = text
        self.select = select
        self.key = key
        self.definite = key is not None


def child(name: str) -> Segment:
    """The child of a name."""

    def select(value: Any, root: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return Segment(f"['{name}']", select, name)


def index_of(index: int) -> Segment:
    """The item at an index; negative ones count from the end."""

    def select(value: Any, root: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return Segment(f"[{index}]", select, index)


def children(names: list[str]) -> Segment:
    """An object of the children of some names."""

    def select(value: Any, root: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            yield {name: value[name] for name in names if name in value}

    return Segment("[" + ",".join(f"'{n}'" for n in names) + "]", select)


def indexes(indexes: list[int]) -> Segment:
    """The items at some indexes."""

    def select(value: Any, root: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from (value[i] for i in indexes if -len(value) <= i < len(value))

    return Segment("[" + ",".join(map(str, indexes)) + "]", select)


def slice_of(cut: slice) -> Segment:
    """The items of a slice."""

    def select(value: Any, root: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[cut]

    parts = ["" if part is None else str(part) for part in (cut.start, cut.stop)]
    return Segment(f"[{':'.join(parts)}]", select)


def every_value(value: Any, root: Any) -> Iterator[Any]:
    """Every value of an object or an array."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descendants(value: Any) -> Iterator[Any]:
    yield value
    for child in every_value(value, None):
        if isinstance(child, (dict, list)):
            yield from _descendants(child)


def deep_scan(inner: Segment) -> Segment:
    """A step taken from every value below."""

    def select(value: Any, root: Any) -> Iterator[Any]:
        for descendant in _descendants(value):
            yield from inner.select(descendant, root)

    return Segment(".." + inner.text, select)


def filtered(predicate: Callable[[Any, Any], bool], text: str) -> Segment:
    """The items that a predicate holds for."""

    def select(value: Any, root: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, (dict, list)) and predicate(item, root))
        elif isinstance(value, dict) and predicate(value, root):
            yield value

    return Segment(f"[?{text}]", select)
