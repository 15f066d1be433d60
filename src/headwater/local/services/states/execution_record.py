"""What is known of an execution beside its branches: the journal's record and what the API describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RUNNING = "RUNNING"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
TIMED_OUT = "TIMED_OUT"
ABORTED = "ABORTED"


@dataclass(slots=True)
class ExecutionRecord:
    """What is known of an execution beside its branches.

    Attributes
    ----------
    revision:
        Which text of the state machine it runs.
    type:
        STANDARD or EXPRESS.
    synchronous:
        Whether its caller waits for its end (``StartSyncExecution``, ``TestState``).
    idempotency_key:
        Of one that a task started: the task's key, so that a start asked again after a kill finds it.
    redrive_tokens:
        The client tokens of the last redrives, with their moments: a redrive asked again answers the same.
    map_run_arn, parent_arn, parent_branch, map_index, item_count:
        Of a distributed Map's child: its map run, where its result belongs, and how many items it was given when they
        come in batches.
    """

    arn: str
    name: str
    machine_arn: str
    machine_name: str
    revision: str
    role_arn: str
    type: str
    input: str
    started_ms: int
    status: str = RUNNING
    stopped_ms: int | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    redrive_count: int = 0
    redriven_ms: int | None = None
    redrive_tokens: dict[str, int] | None = None
    trace_header: str | None = None
    alias_arn: str | None = None
    version_arn: str | None = None
    logging: dict[str, Any] | None = None
    map_run_arn: str | None = None
    parent_arn: str | None = None
    parent_branch: int | None = None
    map_index: int | None = None
    item_count: int | None = None
    idempotency_key: str | None = None
    synchronous: bool = False

    @property
    def journaled(self) -> bool:
        """Whether it survives a kill: express executions do not, unless a distributed Map waits for them."""
        return self.type == "STANDARD" or self.map_run_arn is not None
