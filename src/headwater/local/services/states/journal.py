"""The journal: executions, their events and their branches, in tables of their own.

History is kept in chunks, one row a commit and execution, so that a thousand events cost one insert. A branch has a row
only while it waits for something at the moment of a commit: a chain of Pass states that ends within one commit writes
no branch at all.

What it costs: one commit (some 50 µs with ``synchronous=NORMAL``) for whatever all executions did meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from headwater.local.services.states import branch as phases
from headwater.local.services.states.branch import Branch
from headwater.local.services.states.execution import Event, Execution
from headwater.local.services.states.execution_record import ExecutionRecord
from headwater.local.services.states.json_text import Document, dumps
from headwater.local.services.states.machine import Machine
from headwater.local.services.states.map_runs import MAP_RUN
from headwater.local.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS states_executions (
    arn TEXT PRIMARY KEY, machine_arn TEXT NOT NULL, status TEXT NOT NULL, started_ms INTEGER NOT NULL,
    next_event_id INTEGER NOT NULL, next_branch_id INTEGER NOT NULL, record TEXT NOT NULL, map_run TEXT
);
CREATE INDEX IF NOT EXISTS states_executions_by_machine ON states_executions (machine_arn, started_ms, arn);
CREATE INDEX IF NOT EXISTS states_executions_running ON states_executions (started_ms) WHERE status = 'RUNNING';
CREATE INDEX IF NOT EXISTS states_executions_by_map_run ON states_executions (map_run, started_ms, arn)
    WHERE map_run IS NOT NULL;
CREATE TABLE IF NOT EXISTS states_events (
    arn TEXT NOT NULL, first_id INTEGER NOT NULL, last_id INTEGER NOT NULL, events TEXT NOT NULL,
    PRIMARY KEY (arn, first_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS states_answers (
    arn TEXT NOT NULL, branch INTEGER NOT NULL, attempt INTEGER NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (arn, branch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS states_branches (
    arn TEXT NOT NULL, id INTEGER NOT NULL, parent INTEGER, branch TEXT NOT NULL, PRIMARY KEY (arn, id)
) WITHOUT ROWID;
"""

CANCELLED = "states.cancelled-task"

_LISTED = (
    "CASE WHEN length(record) < 10000 THEN record "
    "ELSE json_replace(record, '$.input', '', '$.output', '') END AS record"
)
_PLAIN = (
    "index", "state_name", "phase", "last_event_id", "entered_event_id", "entered_ms", "before_event_id", "retries",
    "restarts", "wake_ms", "deadline_ms", "item", "task", "length", "next_index", "max_concurrency", "failures",
    "tolerated", "attempt",
)  # fmt: skip


class Journal:
    """Reads and writes the journal of one endpoint."""

    def __init__(self, store: Store) -> None:
        self.store = store
        store.schema(SCHEMA)

    # -- writing ---------------------------------------------------------------------------------------------------

    def write(self, executions: Iterable[Execution]) -> None:
        """Write what changed in the executions, all together; the surrounding transaction commits it."""
        histories: list[tuple[str, int, int, str]] = []
        states: list[tuple[Any, ...]] = []
        with self.store.transaction() as connection:
            for execution in executions:
                for run in execution.changed_map_runs:
                    self.store.put(MAP_RUN, run["arn"], run)
                for key in execution.cancelled:
                    self.store.put(CANCELLED, key, {})
                record = execution.record_
                if record.journaled:
                    states.append(_state_row(execution))
                    if execution.events:
                        histories.append(_history_row(execution))
                    self._write_branches(connection, execution)
            connection.executemany("INSERT OR REPLACE INTO states_events VALUES (?, ?, ?, ?)", histories)
            connection.executemany("INSERT OR REPLACE INTO states_executions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", states)

    def _write_branches(self, connection: sqlite3.Connection, execution: Execution) -> None:
        arn = execution.record_.arn
        if execution.ended and execution.has_called:
            connection.execute("DELETE FROM states_answers WHERE arn = ?", (arn,))
        if execution.record_.status == "SUCCEEDED":
            if execution.written:
                connection.execute("DELETE FROM states_branches WHERE arn = ?", (arn,))
            return
        for parent in execution.cleared:
            _delete_below(connection, arn, parent)
        rows = [_row(arn, branch) for branch in execution.changed.values()]
        if rows:
            connection.executemany("INSERT OR REPLACE INTO states_branches VALUES (?, ?, ?, ?)", rows)
            execution.written.update(execution.changed)

    def keep_answer(self, arn: str, branch: int, attempt: int, answer: Any) -> None:
        """Keep what a call answered, at once: a kill before the engine's next commit must not make it called again."""
        self.store.execute(
            "INSERT OR REPLACE INTO states_answers VALUES (?, ?, ?, ?)", (arn, branch, attempt, dumps(answer))
        )

    def forget_answers(self) -> None:
        """Drop the answers that came after their execution had ended."""
        self.store.execute(
            "DELETE FROM states_answers WHERE arn NOT IN (SELECT arn FROM states_executions WHERE status = 'RUNNING')"
        )

    def cancelled(self) -> set[str]:
        """The keys of tasks that are no longer wanted, and whose executions may still run."""
        return {key for key, _ in self.store.scan(CANCELLED)}

    def forget_cancelled(self, keys: Iterable[str]) -> None:
        """Note that the executions of these tasks have been stopped."""
        with self.store.transaction():
            for key in keys:
                self.store.delete(CANCELLED, key)

    # -- reading ---------------------------------------------------------------------------------------------------

    def record(self, arn: str) -> ExecutionRecord | None:
        """What is known of an execution, or None."""
        rows = self.store.query("SELECT record FROM states_executions WHERE arn = ?", (arn,))
        return _record(rows[0]) if rows else None

    def running(self) -> list[ExecutionRecord]:
        """The executions that had not ended."""
        rows = self.store.query("SELECT record FROM states_executions WHERE status = 'RUNNING' ORDER BY started_ms")
        return [_record(row) for row in rows]

    def map_children(self, map_run_arn: str) -> list[ExecutionRecord]:
        """Every child execution of a map run."""
        rows = self.store.query("SELECT record FROM states_executions WHERE map_run = ?", (map_run_arn,))
        return sorted((_record(row) for row in rows), key=lambda record: record.map_index or 0)

    def map_counts(self, map_run_arn: str) -> dict[str, tuple[int, int]]:
        """How many children of a map run have each status, and how many items these were given."""
        rows = self.store.query(
            "SELECT status, count(*) AS children, sum(coalesce(json_extract(record, '$.item_count'), 1)) AS items "
            "FROM states_executions WHERE map_run = ? GROUP BY status",
            (map_run_arn,),
        )
        return {row["status"]: (row["children"], row["items"]) for row in rows}

    def records(
        self,
        of: str,
        status: str | None,
        before: tuple[int, str] | None,
        limit: int,
        started_by: tuple[str, str] | None = None,
    ) -> list[ExecutionRecord]:
        """Executions of a machine or a map run, newest first, after the place ``before`` (started_ms, arn).

        ``started_by``: (``version_arn`` or ``alias_arn``, its ARN), of those that were started by it alone.

        Those with much data come without input and output: no list shows them.
        """
        where, values = ["map_run = ?" if ":mapRun:" in of else "machine_arn = ?"], [of]
        parameters: list[Any] = list(values)
        if status:
            where.append("status = ?")
            parameters.append(status)
        if started_by:
            where.append("json_extract(record, ?) = ?")
            parameters.extend((f"$.{started_by[0]}", started_by[1]))
        if before:
            where.append("(started_ms, arn) < (?, ?)")
            parameters.extend(before)
        statement = (
            f"SELECT {_LISTED} FROM states_executions WHERE {' AND '.join(where)} "  # nosec B608: constant conditions
            "ORDER BY started_ms DESC, arn DESC LIMIT ?"
        )
        rows = self.store.query(statement, (*parameters, limit))
        return [_record(row) for row in rows]

    def last_event_id(self, arn: str) -> int:
        """The id of the newest event of an execution."""
        rows = self.store.query("SELECT next_event_id FROM states_executions WHERE arn = ?", (arn,))
        return int(rows[0]["next_event_id"]) - 1 if rows else 0

    def events(self, arn: str, first: int, last: int) -> Iterator[tuple[int, Event]]:
        """(id, event) of the events ``first`` to ``last``, in order."""
        rows = self.store.query(
            "SELECT first_id, events FROM states_events WHERE arn = ? AND first_id <= ? AND last_id >= ? "
            "ORDER BY first_id",
            (arn, last, first),
        )
        for row in rows:
            for offset, event in enumerate(json.loads(row["events"])):
                event_id = row["first_id"] + offset
                if first <= event_id <= last:
                    yield event_id, tuple(event)

    def restore(self, execution: Execution) -> None:
        """Fill an execution with the branches that the journal holds."""
        arn = execution.record_.arn
        counters = self.store.query(
            "SELECT next_event_id, next_branch_id FROM states_executions WHERE arn = ?", (arn,)
        )[0]
        execution.next_event_id = counters["next_event_id"]
        execution.next_branch_id = counters["next_branch_id"]
        rows = self.store.query("SELECT id, parent, branch FROM states_branches WHERE arn = ? ORDER BY id", (arn,))
        for row in rows:
            parent = None if row["parent"] is None else execution.branches[row["parent"]]
            branch = _branch(row["id"], parent, json.loads(row["branch"]), execution.machine)
            execution.written.add(branch.id)
            execution.branches[branch.id] = branch
            if parent is None:
                execution.root = branch
            else:
                _adopt(parent, branch)
        for branch in list(execution.branches.values()):
            if branch.phase == phases.DONE:
                del execution.branches[branch.id]
        self._restore_answers(execution)

    def _restore_answers(self, execution: Execution) -> None:
        rows = self.store.query(
            "SELECT branch, attempt, answer FROM states_answers WHERE arn = ?", (execution.record_.arn,)
        )
        execution.has_called = bool(rows) or any(b.phase == phases.CALLING for b in execution.branches.values())
        for row in rows:
            branch = execution.branches.get(row["branch"])
            if branch is not None and branch.phase == phases.CALLING and branch.attempt == row["attempt"]:
                execution.answers[branch.id] = json.loads(row["answer"])


def _record(row: sqlite3.Row) -> ExecutionRecord:
    return ExecutionRecord(**json.loads(row["record"]))


_RECORD_FIELDS = tuple(field.name for field in fields(ExecutionRecord))


def _history_row(execution: Execution) -> tuple[str, int, int, str]:
    first = execution.next_event_id - len(execution.events)
    return execution.record_.arn, first, execution.next_event_id - 1, dumps(execution.events)


def _state_row(execution: Execution) -> tuple[Any, ...]:
    record = execution.record_
    return (
        record.arn,
        record.machine_arn,
        record.status,
        record.started_ms,
        execution.next_event_id,
        execution.next_branch_id,
        dumps({name: value for name in _RECORD_FIELDS if (value := getattr(record, name)) is not None}),
        record.map_run_arn,
    )


def _adopt(parent: Branch, child: Branch) -> None:
    parent.child_ids.append(child.id)
    if child.phase == phases.DONE:
        parent.results[child.index] = child.input.value
    else:
        if parent.children is None:
            parent.children = {}
        parent.children[child.index] = child


def _delete_below(connection: sqlite3.Connection, arn: str, parent: int) -> None:
    rows = connection.execute("SELECT id FROM states_branches WHERE arn = ? AND parent = ?", (arn, parent)).fetchall()
    for row in rows:
        _delete_below(connection, arn, row["id"])
    connection.execute("DELETE FROM states_branches WHERE arn = ? AND parent = ?", (arn, parent))


def _row(arn: str, branch: Branch) -> tuple[str, int, int | None, str]:
    parent = branch.parent
    body: dict[str, Any] = {name: getattr(branch, name) for name in _PLAIN}
    body["input"] = branch.input.text
    if parent is None or branch.variables is not parent.variables:
        body["variables"] = branch.variables
    return arn, branch.id, None if parent is None else parent.id, dumps(body)


def _branch(branch_id: int, parent: Branch | None, body: dict[str, Any], machine: Machine) -> Branch:
    text = body.pop("input")
    variables = body.pop("variables", None)
    if variables is None:
        variables = parent.variables if parent is not None else {}
    if parent is not None:
        machine = parent.state.child_machine(body["index"])
    branch = Branch(
        branch_id,
        parent,
        body.pop("index"),
        machine,
        body.pop("state_name"),
        Document(json.loads(text), text),
        variables,
    )
    for name, value in body.items():
        setattr(branch, name, value)
    return branch
