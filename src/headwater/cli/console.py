"""What the command line says: people's output on stdout, errors in one line on stderr, documented exit codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape

from headwater.errors import HeadwaterError

OK, FAILED, INTERRUPTED = 0, 1, 130  # the others are each error's own: see headwater.errors

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Exit(Exception):
    """End the command with an exit code, after saying why in one line (or nothing)."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def print_json(value: Any) -> None:
    """A value for programs."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


@contextmanager
def reported(debug: bool) -> Iterator[None]:
    """Turn what a command raises into one line on stderr and an exit code; with ``debug`` let it through."""
    try:
        yield
    except Exit as end:
        if end.message:
            err.print(("" if end.code == INTERRUPTED else "[red]error:[/red] ") + escape(end.message))
        sys.exit(end.code)
    except HeadwaterError as error:
        if debug:
            raise
        err.print(f"[red]error:[/red] {escape(str(error))}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe went away (`headwater history | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(OK)
    except Exception as error:
        if debug:
            raise
        explained = _explained(error)
        if explained is not None:
            err.print(f"[red]error:[/red] {escape(str(explained))}")
            sys.exit(explained.exit_code)
        err.print(f"[red]error:[/red] {escape(type(error).__name__)}: {escape(str(error))} (--debug shows where)")
        sys.exit(FAILED)


def _explained(error: Exception) -> HeadwaterError | None:
    """An error of boto's that came through as one of ours; boto is imported then already."""
    if not type(error).__module__.startswith(("botocore", "boto3")):
        return None
    from botocore.exceptions import BotoCoreError, ClientError

    from headwater.cloud.refusals import explain, explain_client_side

    if isinstance(error, ClientError):
        return explain(error)
    return explain_client_side(error) if isinstance(error, BotoCoreError) else None


def counted(count: int, thing: str) -> str:
    """A number of things for people (``1 file``, ``2,000 files``)."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def bytes_text(size: float) -> str:
    """A size for people (``8.3 MB``)."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def seconds_text(seconds: float | None) -> str:
    """A duration for people (``1m 12s``, ``3.4 s``)."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m {rest:02d}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02d}m"
