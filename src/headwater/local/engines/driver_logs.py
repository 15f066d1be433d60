"""A Spark driver's standard output and error: kept in the run's folder, and put in the lake gzipped.

EMR and EMR Serverless keep logs alike; where they stand in the lake and in CloudWatch Logs is theirs to say.
"""

from __future__ import annotations

import gzip
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from headwater.local.engines.script_role import RunFailed, ScriptRole
from headwater.local.service import Endpoint, ServiceError

STREAMS = ("stdout", "stderr")


class DriverLogs:
    """The streams of one driver. Thread-safe.

    Parameters
    ----------
    folder:
        Where the files ``.stdout`` and ``.stderr`` are written; it exists.
    tell:
        Takes (stream, line) of every line, to pass it on; None where nobody wants it.
    """

    def __init__(self, folder: Path, tell: Callable[[str, str], None] | None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._files: dict[str, TextIO] = {name: (folder / f".{name}").open("w", encoding="utf-8") for name in STREAMS}

    def take(self, stream: str, line: str) -> None:
        """A line of ``stdout`` or ``stderr``."""
        with self._lock:
            file = self._files.get(stream)
            if file is not None and not file.closed:
                file.write(f"{line}\n")
        if self._tell is not None:
            self._tell(stream, line)

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for file in self._files.values():
                file.close()


def put_logs(endpoint: Endpoint, role: ScriptRole, folder: Path, uri: str, names: tuple[str, ...] = STREAMS) -> None:
    """Put the folder's files ``.<name>`` below an ``s3://`` URI as ``<name>.gz``, as a role.

    Raises
    ------
    RunFailed
        The role may not, or there is no such bucket.
    """
    where = urlsplit(uri.rstrip("/") + "/")
    for name in names:
        packed = folder / f".{name}.gz"
        with (folder / f".{name}").open("rb") as plain, gzip.open(packed, "wb") as file:
            shutil.copyfileobj(plain, file)
        key = f"{where.path[1:]}{name}.gz"
        try:
            endpoint.call("s3", "put_object", principal=role.principal, Bucket=where.netloc, Key=key, Body=packed)
        except ServiceError as error:
            raise RunFailed(f"{error.code}: the log s3://{where.netloc}/{key}: {error.message}") from error
