"""The endpoint as a process: one a home, in the foreground or the background.

A lock on ``<home>/endpoint.lock`` is held as long as the process lives, whatever kills it; ``<home>/endpoint.json``
says where it answers. Its own log, one JSON object a line, is ``<home>/endpoint.log``.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import gc
import json
import logging
import logging.handlers
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from headwater.local.endpoint import EndpointSettings, LocalEndpoint

LOG_BYTES = 20 << 20
STOP_LIMIT_S = 40.0
TRIM_S = 20.0


class HomeIsTaken(Exception):
    """Another endpoint already serves this home."""


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        fields: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("request_id", "run_id", "state", "job"):
            if hasattr(record, name):
                fields[name] = getattr(record, name)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def lock_home(home: Path) -> IO[str]:
    """Take the home's lock for this process; raises :class:`HomeIsTaken`."""
    home.mkdir(parents=True, exist_ok=True)
    handle = (home / "endpoint.lock").open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise HomeIsTaken(f"another endpoint serves {home}") from error
    return handle


def announce(endpoint: LocalEndpoint) -> None:
    """Write ``endpoint.json``, atomically and for this user only, since it holds the person's key."""
    path = endpoint.home / "endpoint.json"
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        json.dump(
            {
                "url": endpoint.url,
                "region": endpoint.region,
                "account": endpoint.account,
                "access_key_id": endpoint.settings.person_key,
                "secret_access_key": endpoint.settings.person_secret,
                "pid": os.getpid(),
                "started": time.time(),
            },
            handle,
        )
    temporary.rename(path)


def log_to(home: Path, verbose: bool) -> None:
    """Send the process's log to ``endpoint.log`` (two files of 20 MB), and to stderr when asked."""
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(home / "endpoint.log", maxBytes=LOG_BYTES, backupCount=1)
    ]
    if verbose:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.getLogger("botocore").setLevel(logging.WARNING)


def serve(
    settings: EndpointSettings,
    verbose: bool = False,
    until_stdin_closes: bool = False,
    when_up: Callable[[LocalEndpoint], None] = lambda endpoint: None,
) -> None:
    """Serve until SIGTERM or SIGINT. Blocks; raises :class:`HomeIsTaken` or OSError when the port is taken.

    With ``until_stdin_closes`` it also ends when its parent does, however that ends. ``when_up`` is called once it
    serves.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with lock_home(settings.home):
        log_to(settings.home, verbose)
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        if until_stdin_closes:
            threading.Thread(target=_wait_for_parent, args=(ended,), daemon=True).start()
        endpoint = LocalEndpoint(settings)
        try:
            endpoint.start()
            calm_collector()
            announce(endpoint)
            when_up(endpoint)
            _wait(ended)
        finally:
            (settings.home / "endpoint.json").unlink(missing_ok=True)
            last_resort = threading.Timer(STOP_LIMIT_S, _abandon)
            last_resort.daemon = True
            last_resort.start()
            endpoint.stop()


def calm_collector() -> None:
    """Have the garbage collector look at new objects only, and less often.

    Modules and models, hundreds of thousands of objects, are never garbage; looking at them again and again took a
    third of the time of a large distributed Map.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _wait(ended: threading.Event) -> None:
    """Wait for the end; on glibc, give freed memory back to the system from time to time.

    Sixty-odd worker threads allocate in several arenas, each of which keeps what was freed: after a run that is half
    of the process. A trim takes a few milliseconds.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while not ended.wait(TRIM_S):
        if trim is not None:
            trim(0)


def _abandon() -> None:
    """Nothing is lost: what is committed stays, jobs die with the process, and the next start goes on."""
    logging.getLogger(__name__).error("the endpoint did not stop within %s s: abandoned", STOP_LIMIT_S)
    os._exit(1)


def _wait_for_parent(ended: threading.Event) -> None:
    while os.read(0, 4096):  # not sys.stdin: a blocked buffered reader would abort the interpreter's end
        pass
    ended.set()


def main(arguments: list[str] | None = None) -> int:
    """``python -m headwater.local.server --home DIR [--port N]``: what ``headwater up`` puts in the background."""
    parser = argparse.ArgumentParser(prog="headwater.local.server")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--until-stdin-closes", action="store_true")
    parser.add_argument("--leave-work", action="store_true")
    parser.add_argument("--iam", choices=("enforce", "audit"), default="enforce")
    options = parser.parse_args(arguments)
    try:
        settings = EndpointSettings.from_environment(
            options.home,
            options.port,
            not options.leave_work,
            iam=options.iam,
            fire_schedules=not options.until_stdin_closes,
        )
        serve(settings, options.verbose, options.until_stdin_closes)
    except (HomeIsTaken, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
