"""What happened to alarms: changes of state and configuration, and what became of their actions."""

from __future__ import annotations

import json
from typing import Any

from headwater.local.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS alarm_history (
    id INTEGER PRIMARY KEY, alarm TEXT NOT NULL, timestamp_s REAL NOT NULL, kind TEXT NOT NULL, summary TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS alarm_history_by_alarm ON alarm_history (alarm, timestamp_s);
"""


def note(store: Store, alarm: str, now_s: float, kind: str, summary: str, data: dict[str, Any]) -> None:
    """Add an item: ``kind`` is ConfigurationUpdate, StateUpdate or Action."""
    store.execute(
        "INSERT INTO alarm_history (alarm, timestamp_s, kind, summary, data) VALUES (?, ?, ?, ?, ?)",
        (alarm, now_s, kind, summary, json.dumps(data)),
    )
