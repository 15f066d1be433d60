"""One SQLite file for everything that is not an object of the lake: records, history, logs, metrics.

Write-ahead logging with ``synchronous=NORMAL``: a committed transaction survives a kill of the process at any moment
(only a power failure can lose the last ones). One connection writes, under a lock; each thread reads with its own.

Most services keep JSON documents by (kind, key). A service whose volume asks for more declares its own tables with
:meth:`Store.schema`.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Record = dict[str, Any]
# Told of (group, events) that are about to be written; answers what is to be done with them, if anything.
LogListener = Callable[[str, Sequence[tuple[int, str]]], Callable[[], None] | None]

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log_events (
    id INTEGER PRIMARY KEY, log_group TEXT NOT NULL, log_stream TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL, ingestion_ms INTEGER NOT NULL, message TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS log_groups (
    log_group TEXT PRIMARY KEY, created_ms INTEGER NOT NULL, settings TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log_streams (
    log_group TEXT NOT NULL, log_stream TEXT NOT NULL, created_ms INTEGER NOT NULL,
    first_ms INTEGER, last_ms INTEGER, ingestion_ms INTEGER, stored_bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (log_group, log_stream)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS log_events_by_stream ON log_events (log_group, log_stream, timestamp_ms, id);
CREATE INDEX IF NOT EXISTS log_events_by_group ON log_events (log_group, timestamp_ms, id);
"""


class Store:
    """The endpoint's state on disk. Thread-safe.

    Parameters
    ----------
    path:
        The SQLite file; made with its folders when absent.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.RLock()
        self._readers_lock = threading.Lock()
        self._depth = 0
        self._local = threading.local()
        self._readers: dict[threading.Thread, sqlite3.Connection] = {}
        self._writer = self._connect()
        self.log_listener: LogListener | None = None
        self.schema(SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        # A checkpoint waits for the disk: after 16 MB rather than 4; and 8 MB of pages, so that a large commit fits.
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        connection.execute("PRAGMA cache_size=-8000")
        connection.row_factory = sqlite3.Row
        return connection

    def _reader(self) -> sqlite3.Connection:
        if self._depth and self._owned():
            return self._writer  # inside a transaction a thread sees its own writes
        reader: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._connect()
            with self._readers_lock:  # never the writer's: a reader does not wait for a transaction
                for thread in [thread for thread in self._readers if not thread.is_alive()]:
                    self._readers.pop(thread).close()  # a thread a crawl or job would leak its connection otherwise
                self._readers[threading.current_thread()] = reader
        return reader

    def _owned(self) -> bool:
        return getattr(self._local, "in_transaction", 0) > 0

    def close(self) -> None:
        """Close every connection; the store must not be used afterwards."""
        with self._lock, self._readers_lock:
            for reader in self._readers.values():
                reader.close()
            self._readers.clear()
            self._writer.close()

    def schema(self, statements: str) -> None:
        """Make tables that a service needs (``CREATE TABLE IF NOT EXISTS …``)."""
        with self._lock:
            self._writer.executescript(statements)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: what is written inside is committed together, or rolled back when the block raises."""
        with self._lock:
            self._local.in_transaction = getattr(self._local, "in_transaction", 0) + 1
            self._depth += 1
            outermost = self._depth == 1
            try:
                if outermost:
                    self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                if outermost:
                    self._writer.execute("COMMIT")
            except BaseException:
                if outermost and self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1
                self._local.in_transaction -= 1

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one writing statement in a transaction (the surrounding one, if any)."""
        with self.transaction() as connection:
            return connection.execute(statement, values)

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run one reading statement; never waits for a writer."""
        return self._reader().execute(statement, values).fetchall()

    def put(self, kind: str, key: str, value: Record) -> None:
        """Keep ``value`` (JSON) under (kind, key), replacing what was there."""
        self.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (kind, key, json.dumps(value)))

    def get(self, kind: str, key: str) -> Record | None:
        """The record, or None."""
        rows = self.query("SELECT value FROM records WHERE kind = ? AND key = ?", (kind, key))
        return json.loads(rows[0]["value"]) if rows else None

    def delete(self, kind: str, key: str) -> bool:
        """Remove the record; True when it was there."""
        return self.execute("DELETE FROM records WHERE kind = ? AND key = ?", (kind, key)).rowcount > 0

    def scan(self, kind: str, prefix: str = "", after: str = "", limit: int | None = None) -> list[tuple[str, Record]]:
        """(key, record) of a kind in key order, of keys that begin with ``prefix`` and follow ``after``."""
        rows = self.query(
            "SELECT key, value FROM records WHERE kind = ? AND key > ? AND substr(key, 1, ?) = ? ORDER BY key LIMIT ?",
            (kind, after, len(prefix), prefix, -1 if limit is None else limit),
        )
        return [(row["key"], json.loads(row["value"])) for row in rows]

    def append_logs(self, log_group: str, log_stream: str, events: Iterable[tuple[int, str]]) -> None:
        """Add (timestamp in ms since the epoch, message) events to a CloudWatch Logs stream, made when absent.

        What ``log_listener`` answers is done in the same transaction.
        """
        rows = list(events)
        if not rows:
            return
        now = int(time.time() * 1000)
        first, last = min(stamp for stamp, _ in rows), max(stamp for stamp, _ in rows)
        # 26 bytes an event is CloudWatch Logs' own accounting (PutLogEvents, API reference).
        size_bytes = sum(len(message.encode(errors="surrogatepass")) + 26 for _, message in rows)
        publish = self.log_listener(log_group, rows) if self.log_listener else None
        with self.transaction() as connection:
            connection.executemany(
                "INSERT INTO log_events (log_group, log_stream, timestamp_ms, ingestion_ms, message) "
                "VALUES (?, ?, ?, ?, ?)",
                [(log_group, log_stream, stamp, now, message) for stamp, message in rows],
            )
            connection.execute(
                "INSERT OR IGNORE INTO log_groups (log_group, created_ms) VALUES (?, ?)", (log_group, now)
            )
            connection.execute(
                "INSERT INTO log_streams VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " first_ms = min(coalesce(first_ms, excluded.first_ms), excluded.first_ms),"
                " last_ms = max(coalesce(last_ms, excluded.last_ms), excluded.last_ms),"
                " ingestion_ms = excluded.ingestion_ms, stored_bytes = stored_bytes + excluded.stored_bytes",
                (log_group, log_stream, now, first, last, now, size_bytes),
            )
            if publish is not None:
                publish()
