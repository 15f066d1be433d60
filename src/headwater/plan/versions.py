"""The runtimes that a plan asks for: those that the Python at hand can run here, so that what ran here is deployed.

Sources: Glue developer guide, "AWS Glue versions" (5.1: Spark 3.5.6, Python 3.11; 6.0: Spark 4.1.1, Python 3.13);
Lambda developer guide, "Lambda runtimes"; read 2026-11.
"""

from __future__ import annotations

import sys

# Python's minor version → Glue version; newer ones take the last.
GLUE: dict[int, str] = {11: "5.1", 12: "5.1", 13: "6.0"}
LAMBDA_MINORS = (11, 12, 13, 14)


def glue_version(minor: int = sys.version_info.minor) -> str:
    """Return the Glue version for Python 3.<minor>."""
    return GLUE.get(minor, GLUE[max(GLUE)])


def lambda_runtime(minor: int = sys.version_info.minor) -> str:
    """Return the Lambda runtime for Python 3.<minor>."""
    return f"python3.{min(minor, max(LAMBDA_MINORS))}"
