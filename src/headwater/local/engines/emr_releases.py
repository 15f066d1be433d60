"""EMR releases and the line of Spark that each brings.

Source: Amazon EMR Release Guide, "Application versions in Amazon EMR 7.x / 6.x releases"; EMR Serverless User Guide,
"Release versions" (read 2026-11). A release runs here when the installed Spark is of the same line (3.5, say).

Not faithful to AWS: the patch version, and what EMR itself adds to Spark, are not compared.
"""

from __future__ import annotations

import re

from headwater.local.engines.spark_jvm import installed_spark

# The labels, as a pattern → the line of Spark.
LINES: tuple[tuple[str, str], ...] = (
    (r"emr-7\.\d+\.\d+", "3.5"),
    (r"emr-6\.1[2-5]\.\d+", "3.4"),
    (r"emr-6\.(9|10|11)\.\d+", "3.3"),
    (r"emr-6\.[678]\.\d+", "3.2"),
    (r"emr-6\.[345]\.\d+", "3.1"),
    (r"emr-spark-8\.\d+\.\d+", "4"),
)


def spark_line(label: str) -> str | None:
    """The line of Spark of a release, or None where there is no such release with Spark."""
    plain = label.removesuffix("-latest")
    return next((line for pattern, line in LINES if re.fullmatch(pattern, plain)), None)


def not_installed(label: str) -> str | None:
    """Why a known release does not run here, and how to mend it; None where it runs."""
    line, spark = spark_line(label), installed_spark()
    if line is not None and spark is not None and f"{spark}.".startswith(f"{line}."):
        return None
    here = f"pyspark {spark}" if spark else "no pyspark"
    return (
        f"Headwater.EmrReleaseNotInstalled: {label} has Spark {line}, and here is {here}. Choose a release of that "
        "line, or run Headwater where it is installed (Python 3.11 and 3.12: Spark 3.5; Python 3.13: Spark 4)"
    )
