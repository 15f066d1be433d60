"""Which grants calls have used: a counter for each action and resource of a statement that allowed something.

A grant is counted by what is written in the policy, not by what was asked for: an action on one of the statement's
resource patterns, and for a listing held to prefixes by a condition on `s3:prefix`, on one of these. So there are as
many counters as a policy has grants, however many calls there are.

A grant's first use is in the store before its call runs; further ones are counted in memory and kept once in a while,
so that a kill loses counts of at most :data:`FLUSH_S` seconds, and never that a grant was used.

Counted are the calls of roles, and who assumed them. The person's own calls need no policy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from headwater.local.identity.documents import INDEX, SOURCE
from headwater.local.identity.policies import Request, Statement, allowed_prefixes, allowed_resources
from headwater.local.store import Store

FLUSH_S = 2.0
UNKNOWN = ""
"""The resource of a call whose resource Headwater does not know."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS policy_uses (
    role TEXT NOT NULL, policy TEXT NOT NULL, kind TEXT NOT NULL, statement TEXT NOT NULL, action TEXT NOT NULL,
    resource TEXT NOT NULL, prefix TEXT NOT NULL,
    calls INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, example TEXT NOT NULL,
    PRIMARY KEY (role, policy, kind, statement, action, resource, prefix)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Grant:
    """What a statement grants: one action on one resource.

    Parameters
    ----------
    role:
        The role's ARN.
    policy, kind:
        The policy's name, and what it is: `IAM Policy`, `Trust Policy`, `Resource Policy`.
    statement:
        The statement's Sid, or its place in the policy, from 0.
    action:
        The action of the call.
    resource:
        The pattern as the policy has it; empty where the call's resource is not known here.
    prefix:
        The value of a condition on `s3:prefix`, as the policy has it; empty where there is none.
    """

    role: str
    policy: str
    kind: str
    statement: str
    action: str
    resource: str
    prefix: str = ""


@dataclass
class Count:
    """How often and when a grant was used (milliseconds since the epoch), and on what for example."""

    calls: int
    first_ms: int
    last_ms: int
    example: str


class Uses:
    """The counters of one endpoint. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.schema(SCHEMA)
        self._lock = threading.Lock()
        self._kept: set[Grant] = set()
        self._pending: dict[Grant, Count] = {}
        self._flushed_s = 0.0

    def note(self, role_arn: str, statements: Iterable[Statement], request: Request) -> None:
        """A call was allowed by statements."""
        now = int(time.time() * 1000)
        found = [grant for statement in statements for grant in grants_of(role_arn, statement, request)]
        with self._lock:
            for grant in found:
                count = self._pending.setdefault(grant, Count(0, now, now, request.resource or ""))
                count.calls += 1
                count.last_ms = now
            if any(grant not in self._kept for grant in found) or time.monotonic() - self._flushed_s > FLUSH_S:
                self._flush()

    def listed(self) -> list[dict[str, Any]]:
        """All that was used, ordered by role, policy and statement."""
        with self._lock:
            self._flush()
        return [dict(row) for row in self._store.query("SELECT * FROM policy_uses")]

    def flush(self) -> None:
        """Keep what is counted."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        self._flushed_s = time.monotonic()
        if not self._pending:
            return
        rows = [
            (*vars(grant).values(), count.calls, count.first_ms, count.last_ms, count.example)
            for grant, count in self._pending.items()
        ]
        with self._store.transaction() as connection:
            connection.executemany(
                "INSERT INTO policy_uses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " calls = calls + excluded.calls, last_ms = max(last_ms, excluded.last_ms)",
                rows,
            )
        self._kept |= self._pending.keys()
        self._pending.clear()


def grants_of(role_arn: str, statement: Statement, request: Request) -> Iterator[Grant]:
    """The grants of a statement that a request used."""
    policy, kind = statement.get(SOURCE, ("", ""))
    name = str(statement.get("Sid") or statement.get(INDEX, ""))
    resources = [UNKNOWN] if request.resource is None else allowed_resources(statement, request) or [UNKNOWN]
    prefixes = allowed_prefixes(statement, request) or [""]
    for resource in resources:
        for prefix in prefixes:
            yield Grant(role_arn, policy, kind, name, request.action, resource, prefix)
