"""What a Spark script uses of Glue beside the data, read from its text: nothing is granted that no line asks for.

A script names what it uses: `from_catalog`, `enableUpdateCatalog`, `TempDir`. Names, attributes and strings count,
comments and docstrings do not. What is built at run time is not seen: the job is then denied by name, here as on AWS.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Methods of GlueContext that change tables or their data without naming the catalog (Glue Developer Guide, 2026-11).
_MANAGES_TABLES = frozenset({"purge_table", "transition_table"})
_UPDATES = frozenset({"enableupdatecatalog", "setcataloginfo", "getcatalogsink", "write_dynamic_frame_from_catalog"})
_WRITERS = ("write_dynamic_frame", "write_data_frame")


@dataclass(frozen=True)
class CodeUses:
    """What the scripts of a stage use.

    Parameters
    ----------
    catalog:
        The Glue catalog, to read tables.
    catalog_updates:
        The Glue catalog, to keep the tables of what is written up to date.
    temporary:
        The folder for temporary files, `--TempDir`.
    """

    catalog: bool = False
    catalog_updates: bool = False
    temporary: bool = False


def uses_of(files: Iterable[Path]) -> CodeUses:
    """Return what Python files use, taken together; files that do not parse are another check's matter."""
    words: set[str] = set()
    for file in files:
        if file.suffix == ".py":
            words |= set(_words(ast.parse(file.read_bytes())))
    own_client = "glue" in words and "client" in words
    updates = own_client or bool(words & _UPDATES) or "write from_catalog" in words
    catalog = updates or any("catalog" in word for word in words) or bool(words & _MANAGES_TABLES)
    return CodeUses(catalog, updates, "tempdir" in words)


def _words(tree: ast.Module) -> Iterator[str]:
    """The names, attributes, keywords and strings of code, in lower case."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id.lower()
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg.lower()
        elif isinstance(node, ast.Attribute):
            yield node.attr.lower()
            of = node.value
            if node.attr.startswith("from_catalog") and isinstance(of, ast.Attribute) and of.attr in _WRITERS:
                yield "write from_catalog"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value.lower()
