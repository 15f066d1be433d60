"""The program in which a Spark script runs: it attaches to the JVM, sets the job's properties, runs the script.

Run as ``python spark_driver.py <run.json>``, with the gateway (JSON, one line) on standard input, so that Python and
PySpark load while the JVM starts. The script runs unmodified, as ``__main__``, its folder first on ``sys.path``. What
it raises is written to the file that run.json names, and to stderr as Python does.

The properties become system properties of the JVM before the script makes its context: whatever ``SparkConf`` it makes
starts from them.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

WORKER_VARIABLES = ("AWS_", "HEADWATER_", "PYTHONPATH", "TZ")


def attach() -> None:
    """Wait for the gateway and its properties, attach to it, set them."""
    import pyspark.sql  # noqa: F401  (loads while the JVM starts)

    line = sys.stdin.readline()
    if not line:
        raise SystemExit("the JVM of Spark did not start")
    gateway = json.loads(line)
    os.environ["PYSPARK_GATEWAY_PORT"] = str(gateway["port"])
    os.environ["PYSPARK_GATEWAY_SECRET"] = gateway["secret"]
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    context: Any = pyspark.SparkContext
    context._ensure_initialized()
    system = context._jvm.java.lang.System
    for name, value in {**worker_environment(), **gateway["properties"]}.items():
        system.setProperty(name, value)


def worker_environment() -> dict[str, str]:
    """The properties that give Python workers the driver's keys, endpoint and path, as Glue's executors have them."""
    return {
        f"spark.executorEnv.{name}": value
        for name, value in os.environ.items()
        if name.startswith(WORKER_VARIABLES) and value
    }


def run(script: str, arguments: list[str], failure: Path) -> int:
    """Run the script; returns the exit code."""
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).parent))
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as exit:
        if exit.code in (None, 0):
            return 0
        report(exit, script, failure)
        return exit.code if isinstance(exit.code, int) else 1
    except BaseException as error:
        report(error, script, failure)
        return 1
    return 0


def end_event_log() -> None:
    """Stop the script's context where it keeps an event log, whose end would be missing else."""
    context: Any = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    active = context and context._active_spark_context
    if active and active.getConf().get("spark.eventLog.enabled") == "true":
        active.stop()


def report(error: BaseException, script: str, failure: Path) -> None:
    """Write what the script raised to the failure file (type, message, the script's line) and to stderr."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == script]
    line = frames[-1].lineno if frames else getattr(error, "lineno", None)
    found = {"script": Path(script).name, "type": type(error).__name__, "message": message(error), "line": line}
    temporary = failure.with_suffix(".partial")
    temporary.write_text(json.dumps(found))
    temporary.replace(failure)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace or error.__traceback__))
    sys.stderr.write(text)


def message(error: BaseException) -> str:
    """The text of an error, with what to do where Hadoop's own does not say."""
    text = str(error)
    if type(error).__name__ == "Py4JJavaError":
        text = without_java_frames(text)
    _, found, rest = text.partition("Could not initialize target File System for URI : ")
    if found:
        where = rest.split()[0]
        return f"{where}: there is no such bucket, or it was made after this job started (NoSuchBucket)"
    return text


def without_java_frames(text: str) -> str:
    """What a Java error says, without where it says it; the frames are in the log."""
    kept = [
        line for line in text.splitlines() if line and not line.startswith(("\tat ", "\t... ", "Driver stacktrace"))
    ]
    return "\n".join(dict.fromkeys(kept))


def main(path: Path) -> None:
    """Run what run.json says."""
    wanted = json.loads(path.read_text())
    path.unlink()
    failure = Path(wanted["failure"])
    del sys.path[0]  # the engines' folder, which no script is to see
    try:
        if wanted["spark"]:
            attach()
    except BaseException as error:
        report(error, __file__, failure)
        raise SystemExit(1) from error
    code = run(wanted["script"], wanted["arguments"], failure)
    if wanted["spark"]:
        code = code or check_tables(wanted["script"], wanted["arguments"], failure)
        end_event_log()
    sys.exit(code)


def check_tables(script: str, arguments: list[str], failure: Path) -> int:
    """Fail a run whose tables AWS would have kept in Glue's catalog; returns the exit code."""
    from headwater.local.engines.spark_tables import asks_for_data_catalog, refuse_lost_tables

    try:
        if asks_for_data_catalog(arguments):
            refuse_lost_tables()
    except Exception as error:
        report(error, script, failure)
        return 1
    return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
