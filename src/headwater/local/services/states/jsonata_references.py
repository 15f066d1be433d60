"""What a JSONata expression reads from the top level, where a state has no context item to read.

AWS refuses such an expression when the machine is created: the input is ``$states.input``, a variable ``$name``. Only
the first step of a path reads the top level; later steps, predicates, sort terms and groupings read what the step
before them gave. A lambda's body keeps the context of the expression that holds it.

Source: floci's documentation of Step Functions, measured on AWS's ``ValidateStateMachineDefinition``, read 2026-11-25.
Not faithful: the wildcards ``*`` and ``**`` at the top level are let pass; AWS's answer to them is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# A node's parts that are evaluated in the node's own context; a path and a grouping are treated apart.
_SAME_CONTEXT = (
    "procedure",
    "arguments",
    "expression",
    "expressions",
    "condition",
    "then",
    "_else",
    "lhs",
    "rhs",
    "body",
)


def top_level_references(node: Any) -> list[str]:
    """The names read from the top level (``$`` for the context item itself), each once, in order.

    Parameters
    ----------
    node:
        The root of the ``jsonata`` package's syntax tree.
    """
    return list(dict.fromkeys(_references(node)))


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, (list, tuple)):
        for part in node:
            yield from _references(part)
        return
    kind = getattr(node, "type", None)
    if kind is None or kind == "transform":  # a transform's parts read what is piped into it
        return
    if kind == "path":
        yield from _references(node.steps[0])
    elif kind == "name":
        yield str(node.value)
    elif kind == "variable":
        if node.value == "":
            yield "$"
    elif kind == "lambda":  # its arguments are declarations
        yield from _references(node.body)
    else:
        for part in _SAME_CONTEXT:
            yield from _references(getattr(node, part, None))
        if kind == "unary":
            yield from _references(getattr(node, "lhs_object", None))
