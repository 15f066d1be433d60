"""A table of what is due next, one row a schedule; part of the caller's transactions."""

from __future__ import annotations

from headwater.local.store import Store


class DueTable:
    """The next moment of every schedule that has one, in seconds since the epoch.

    Parameters
    ----------
    name:
        The table's, a constant of the service.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        store.schema(
            f"CREATE TABLE IF NOT EXISTS {name} (schedule TEXT PRIMARY KEY, due_s REAL NOT NULL) WITHOUT ROWID;"
        )

    def set(self, key: str, due_s: float | None) -> None:
        """Set when a schedule is due; None is never."""
        if due_s is None:
            self._store.execute(f"DELETE FROM {self._name} WHERE schedule = ?", (key,))  # nosec B608
        else:
            self._store.execute(f"INSERT OR REPLACE INTO {self._name} VALUES (?, ?)", (key, due_s))  # nosec B608

    def until(self, moment_s: float) -> list[tuple[str, float]]:
        """(key, moment) of everything that is due by a moment, the earliest first."""
        rows = self._store.query(
            f"SELECT * FROM {self._name} WHERE due_s <= ? ORDER BY due_s", (moment_s,)  # nosec B608
        )
        return [(row["schedule"], row["due_s"]) for row in rows]

    def next_s(self) -> float | None:
        """When the next of all is due."""
        found: float | None = self._store.query(f"SELECT min(due_s) AS next_s FROM {self._name}")[0][  # nosec B608
            "next_s"
        ]
        return found
