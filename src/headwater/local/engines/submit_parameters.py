"""What follows ``spark-submit``: options as a shell would split them, then the script and its arguments.

Source: Spark 3.5, "Submitting Applications"; EMR Serverless User Guide, "Spark job properties" (2026-11). What would
change what is computed and is not computed here is refused by name; what only sizes a cluster has no effect, since the
workers are this machine's processors.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

SIZES = frozenset(
    {
        "--deploy-mode",
        "--driver-cores",
        "--driver-memory",
        "--executor-cores",
        "--executor-memory",
        "--master",
        "--num-executors",
        "--queue",
        "--total-executor-cores",
    }
)
REFUSED = frozenset(
    {
        "--archives",
        "--class",
        "--driver-class-path",
        "--driver-java-options",
        "--driver-library-path",
        "--exclude-packages",
        "--keytab",
        "--packages",
        "--principal",
        "--properties-file",
        "--proxy-user",
        "--repositories",
    }
)
FLAGS = frozenset({"--supervise", "--verbose", "-v"})
# Properties that say where and how large, and interpreters that are AWS's paths.
_OF_THE_PLACE = (
    "spark.driver.cores",
    "spark.driver.extraJavaOptions",
    "spark.driver.memory",
    "spark.dynamicAllocation.",
    "spark.emr-serverless.",
    "spark.executor.cores",
    "spark.executor.instances",
    "spark.executor.memory",
    "spark.executorEnv.PYSPARK_",
    "spark.master",
    "spark.pyspark.",
    "spark.submit.deployMode",
)
_DRIVER_ENV = ("spark.emr-serverless.driverEnv.", "spark.yarn.appMasterEnv.", "spark.executorEnv.")


@dataclass
class Submit:
    """The parsed words."""

    conf: dict[str, str] = field(default_factory=dict)
    py_files: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    jars: list[str] = field(default_factory=list)
    name: str | None = None
    rest: list[str] = field(default_factory=list)
    """What follows the options: the script and its arguments."""

    def properties(self) -> dict[str, str]:
        """The Spark properties that count here."""
        return {name: value for name, value in self.conf.items() if not name.startswith(_OF_THE_PLACE)}

    def environment(self) -> dict[str, str]:
        """What the properties put into the driver's environment; Python is the one that runs Headwater."""
        found = {}
        for name, value in self.conf.items():
            for prefix in _DRIVER_ENV:
                variable = name.removeprefix(prefix)
                if variable != name and not variable.startswith("PYSPARK_"):
                    found[variable] = value
        return found


def parse_submit(text: str) -> Submit:
    """Parse one string, as EMR Serverless takes it.

    Raises
    ------
    ValueError
        For a quote that is not closed, an option without its value, or one that cannot be honoured, by name.
    """
    return parse_words(shlex.split(text))


def parse_words(words: list[str]) -> Submit:
    """Parse words; see :func:`parse_submit`."""
    found = Submit()
    left = list(words)
    while left and left[0].startswith("-"):
        option, equals, value = left.pop(0).partition("=")
        if option in FLAGS:
            continue
        if option in REFUSED:
            raise ValueError(f"Headwater does not compute {option} of spark-submit: remove it")
        if not equals:
            if not left:
                raise ValueError(f"the option {option} of spark-submit has no value")
            value = left.pop(0)
        _take(found, option, value)
    found.rest = left
    return found


def _take(found: Submit, option: str, value: str) -> None:
    listed = {"--py-files": found.py_files, "--files": found.files, "--jars": found.jars}
    if option in listed:
        listed[option] += [part.strip() for part in value.split(",") if part.strip()]
    elif option in ("--conf", "-c"):
        name, equals, setting = value.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"--conf of spark-submit takes key=value, got {value!r}")
        found.conf[name.strip()] = setting.strip()
    elif option == "--name":
        found.name = value
    elif option not in SIZES:
        raise ValueError(f"spark-submit has no option {option}")
