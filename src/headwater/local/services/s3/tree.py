"""A bucket's folder seen as S3 sees it: keys in UTF-8 order, whoever wrote the files.

Every listing reads the folders, so files that Spark, DuckDB or a person wrote a moment ago are there. Only folders
under the prefix and after the marker are read. A large folder's sorted names are kept while its modification time
stands, so that paging through 100,000 files reads the folder once; as with git's index, a folder that changed within
the clock's grain of the reading is not trusted.

Symbolic links are neither listed nor followed: nothing leaves the bucket's folder.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator

from headwater.local.services.s3.keys import CONTINUED, names_of, segment_of

CACHE_FROM_NAMES = 2_000
CACHE_LIMIT_NAMES = 300_000
CLOCK_GRAIN_NS = 50_000_000

#: Sorted names (folders end in ``/``) and, in step with them, the names on disk relative to the folder.
Names = tuple[list[str], list[str]]


class Tree:
    """Reads buckets' folders in key order. Thread-safe."""

    def __init__(self) -> None:
        self._cache: OrderedDict[str, tuple[int, Names]] = OrderedDict()
        self._cached_names = 0
        self._lock = threading.Lock()

    def walk(self, root: str, prefix: str = "", after: str = "", fold: bool = False) -> Iterator[tuple[str, str]]:
        """The keys that begin with ``prefix`` and follow ``after``, in order, lazily.

        Parameters
        ----------
        root:
            The bucket's folder.
        prefix, after:
            Text of keys; empty for all.
        fold:
            True to give each folder at the first ``/`` past the prefix as one key ending in ``/``, as
            ``delimiter=/`` asks; a folder equal to ``after`` is left out, one that holds ``after`` is given.

        Yields (key, path); the path of a folded folder is empty.
        """
        base = prefix[: prefix.rfind("/") + 1]
        folder = root
        for name in names_of(base[:-1]) if base else ():
            folder = f"{folder}/{name}"
            if not is_folder(folder):
                return
        stack = [(folder, base, self._following(folder, base, prefix, after))]
        while stack:
            folder, base, children = stack[-1]
            for name, disk_name in children:
                path = f"{folder}/{disk_name}"
                if not name.endswith("/"):
                    yield base + name, path
                elif not fold:
                    inner = base + name
                    stack.append((path, inner, self._following(path, inner, prefix, after)))
                    break
                elif base + name != after and self.holds_object(path):
                    yield base + name, ""
            else:
                stack.pop()

    def holds_object(self, folder: str) -> bool:
        """True when at least one key lies below ``folder``."""
        return next(self.walk(folder), None) is not None

    def _following(self, folder: str, base: str, prefix: str, after: str) -> Iterator[tuple[str, str]]:
        names, paths = self.names(folder)
        start, rest = 0, prefix[len(base) :]
        if rest:
            start = bisect_left(names, rest)
        if after and after.startswith(base):
            seen = after[len(base) :]
            inside = seen[: seen.find("/") + 1]
            place = bisect_left(names, inside) if inside else 0
            holds = inside and place < len(names) and names[place] == inside
            start = max(start, place if holds else bisect_right(names, seen))
        elif after > base:  # every key here precedes it
            return
        for index in range(start, len(names)):
            if rest and not names[index].startswith(rest):
                return
            yield names[index], paths[index]

    def names(self, folder: str) -> Names:
        """The sorted children of a folder; none when it is gone."""
        try:
            changed_ns = os.lstat(folder).st_mtime_ns
        except OSError:
            return [], []
        with self._lock:
            held = self._cache.get(folder)
            if held and held[0] == changed_ns:
                self._cache.move_to_end(folder)
                return held[1]
        read_ns = time.time_ns()
        found = _read(folder)
        if len(found[0]) >= CACHE_FROM_NAMES and read_ns - changed_ns > CLOCK_GRAIN_NS and not _has_pieces(found):
            self._keep(folder, changed_ns, found)
        return found

    def _keep(self, folder: str, changed_ns: int, found: Names) -> None:
        with self._lock:
            held = self._cache.pop(folder, None)
            self._cached_names += len(found[0]) - (len(held[1][0]) if held else 0)
            self._cache[folder] = (changed_ns, found)
            while self._cached_names > CACHE_LIMIT_NAMES and self._cache:
                self._cached_names -= len(self._cache.popitem(last=False)[1][1][0])


def _has_pieces(found: Names) -> bool:
    """True when a name lies deeper than the folder whose time was taken."""
    return any("/" in path for path in found[1])


def _read(folder: str) -> Names:
    children: dict[str, str] = {}
    _read_into(children, folder, [])
    names = sorted(children)
    return names, [children[name] for name in names]


def _read_into(children: dict[str, str], folder: str, pieces: list[str]) -> None:
    """Add a folder's children, those in the folders of over-long names included."""
    try:
        entries = os.scandir(folder)
    except OSError:
        return
    with entries:
        for entry in entries:
            is_directory = entry.is_dir(follow_symlinks=False)
            if not is_directory and not entry.is_file(follow_symlinks=False):
                continue
            names = [*pieces, entry.name]
            if is_directory and entry.name.endswith(CONTINUED):
                _read_into(children, entry.path, names)
                continue
            segment = segment_of(names, is_directory)
            if segment is None:
                continue
            if is_directory:
                children[segment + "/"] = "/".join(names)
            elif segment not in children or not pieces and entry.name == segment:
                children[segment] = "/".join(names)


def is_folder(path: str) -> bool:
    """True for a real folder, not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False
