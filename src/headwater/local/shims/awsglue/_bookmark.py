"""The job's bookmark: which files of each transformation_ctx have been read.

The endpoint gives the run a file (``HEADWATER_BOOKMARK_IN``) and takes one back (``HEADWATER_BOOKMARK_OUT``). A file of
the lake is new when it was not read, or has another modification time or size than when it was. Files are remembered
one by one, up to :data:`MAX_FILES` a context; beyond, the oldest are summed up by the newest time among them, as AWS
does with all that is older than 15 minutes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MAX_FILES = 100_000

Seen = dict[str, list[int]]  # key → [modified_ns, size_bytes]


class _Bookmark:
    """The process's one bookmark."""

    def __init__(self) -> None:
        self.option = "disable"
        self.state: dict[str, Any] = {}
        self.until: dict[str, Any] | None = None
        self.read: dict[str, Seen] = {}


_bookmark = _Bookmark()


def begin(option: str) -> None:
    """Read the bookmark that the endpoint gave; ``option`` is the script's own ``job-bookmark-…``."""
    where = os.environ.get("HEADWATER_BOOKMARK_IN")
    if where is None or option == "job-bookmark-disable":
        return
    given = json.loads(Path(where).read_text())
    _bookmark.option = given["option"]
    _bookmark.state = given["state"]["contexts"]
    _bookmark.until = given["until"]["contexts"] if "until" in given else None


def active(context: str) -> bool:
    """Whether reads with this transformation_ctx go by the bookmark."""
    return bool(context) and _bookmark.option != "disable"


def unread(context: str, files: Seen) -> list[str]:
    """Of ``files``, those that the bookmark says are to be read, in order; they are remembered for the commit."""
    seen = _bookmark.state.get(context, {})
    new = [key for key, mark in files.items() if _is_new(seen, key, mark)]
    if _bookmark.until is not None:
        until = _bookmark.until.get(context, {})
        new = [key for key in new if not _is_new(until, key, files[key])]
    _bookmark.read.setdefault(context, {}).update({key: files[key] for key in new})
    return new


def commit() -> None:
    """Write the bookmark with what was read, under its final name at once."""
    where = os.environ.get("HEADWATER_BOOKMARK_OUT")
    if where is None or _bookmark.option != "enable":
        return
    contexts = dict(_bookmark.state)
    for context, read in _bookmark.read.items():
        old = contexts.get(context, {})
        contexts[context] = _bounded({**old.get("files", {}), **read}, int(old.get("before_ns", 0)))
    temporary = Path(where + ".partial")
    temporary.write_text(json.dumps({"version": 1, "contexts": contexts}))
    temporary.replace(where)


def _is_new(seen: dict[str, Any], key: str, mark: list[int]) -> bool:
    known = seen.get("files", {}).get(key)
    return bool(known != mark if known is not None else mark[0] > seen.get("before_ns", 0))


def _bounded(files: Seen, before_ns: int) -> dict[str, Any]:
    extra = len(files) - MAX_FILES
    if extra > 0:
        oldest = sorted(files, key=lambda key: files[key][0])[:extra]
        before_ns = max(before_ns, *(files[key][0] for key in oldest))
        files = {key: mark for key, mark in files.items() if mark[0] > before_ns}
    return {"files": files, "before_ns": before_ns}
