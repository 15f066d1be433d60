"""The runtimes that a plan asks for: those that the Python at hand can run here, so that what ran here is deployed.

Sources: Glue developer guide, "AWS Glue versions" (5.1: Spark 3.5.6, Python 3.11; 6.0: Spark 4.1.1, Python 3.13);
Lambda developer guide, "Lambda runtimes"; EMR release guide, "Application versions in Amazon EMR 7.x releases" (7.12.0:
Spark 3.5.6, Python 3.9 and 3.11, of which 3.9 is what runs unless a job says otherwise); EMR Serverless user guide,
"Release versions" (emr-spark-8.0.0: Spark 4); read 2026-11.
"""

from __future__ import annotations

import sys

# Python's minor version → Glue version; newer ones take the last.
GLUE: dict[int, str] = {11: "5.1", 12: "5.1", 13: "6.0"}
# The same for EMR: release, and the Python that jobs are told to use; none where the release's own is the one.
EMR: dict[int, tuple[str, str | None]] = {
    11: ("emr-7.12.0", "/usr/bin/python3.11"),
    12: ("emr-7.12.0", "/usr/bin/python3.11"),
    13: ("emr-spark-8.0.0", None),
}
LAMBDA_MINORS = (11, 12, 13, 14)


def glue_version(minor: int = sys.version_info.minor) -> str:
    """Return the Glue version for Python 3.<minor>."""
    return GLUE.get(minor, GLUE[max(GLUE)])


def lambda_runtime(minor: int = sys.version_info.minor) -> str:
    """Return the Lambda runtime for Python 3.<minor>."""
    return f"python3.{min(minor, max(LAMBDA_MINORS))}"


def emr_release(minor: int = sys.version_info.minor) -> str:
    """Return the EMR release for Python 3.<minor>: its Spark is of the same line as Glue's."""
    return EMR.get(minor, EMR[max(EMR)])[0]


def emr_python(minor: int = sys.version_info.minor) -> str | None:
    """Return the Python that EMR jobs are told to use, None for the release's own."""
    return EMR.get(minor, EMR[max(EMR)])[1]
