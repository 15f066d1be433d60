"""Glue versions and what of them is installed here.

The table is AWS's (AWS Glue release notes, to August 2026); Headwater runs the versions whose Spark is installed.
"""

from __future__ import annotations

from dataclasses import dataclass

from headwater.local.engines.spark_jvm import installed_spark
from headwater.local.service import ServiceError


@dataclass(frozen=True)
class GlueRelease:
    """What a Glue version runs, and its default time limit."""

    spark: str
    python: str
    java: str
    timeout_minutes: int


RELEASES: dict[str, GlueRelease] = {
    "0.9": GlueRelease("2.2.1", "2.7", "8", 2880),
    "1.0": GlueRelease("2.4.3", "3.6", "8", 2880),
    "2.0": GlueRelease("2.4.3", "3.7", "8", 2880),
    "3.0": GlueRelease("3.1.1", "3.7", "8", 2880),
    "4.0": GlueRelease("3.3.0", "3.10", "8", 2880),
    "5.0": GlueRelease("3.5.4", "3.11", "17", 480),
    "5.1": GlueRelease("3.5.6", "3.11", "17", 480),
    "6.0": GlueRelease("4.1.1", "3.13", "17", 480),
}


def installed_release() -> str | None:
    """The Glue version that the installed Spark is, or None."""
    spark = installed_spark()
    return next((name for name, release in RELEASES.items() if release.spark == spark), None)


def default_release() -> str:
    """The version of a job that names none: the installed one (AWS: the newest, 6.0)."""
    return installed_release() or "6.0"


def check_known(name: str | None) -> None:
    """InvalidInputException for a version that Glue never had."""
    if name is not None and name not in RELEASES:
        raise ServiceError("InvalidInputException", f"Given GlueVersion [{name}] is not valid")


def check_installed(job: str, name: str) -> None:
    """InvalidInputException for a version whose Spark is not installed, with how to mend it."""
    here = installed_release()
    if name == here:
        return
    release = RELEASES[name]
    spark = installed_spark()
    found = f"pyspark {spark}, which is Glue {here}" if here else f"pyspark {spark}" if spark else "no pyspark"
    raise ServiceError(
        "InvalidInputException",
        f"Headwater.GlueVersionNotInstalled: job {job} asks for Glue {name} (Spark {release.spark}, "
        f"Python {release.python}), and here is {found}. Set the job's GlueVersion to {here or '5.1'}, or run "
        f"Headwater where pyspark {release.spark} is installed (Glue 5.1: Python 3.11 or 3.12; Glue 6.0: Python 3.13)",
    )
