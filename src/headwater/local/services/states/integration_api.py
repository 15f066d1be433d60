"""What is known of one operation that a Task can call, and of the job that it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Members = dict[str, Any]

REQUEST_RESPONSE = ""
SYNC = ".sync"
SYNC_2 = ".sync:2"
TOKEN = ".waitForTaskToken"  # nosec B105: the name of a pattern


@dataclass(frozen=True, slots=True)
class Job:
    """How ``.sync`` waits for what an operation started.

    Attributes
    ----------
    topic:
        The bus topic that tells of status changes.
    id:
        (arguments, response) → the id in the topic's events.
    describe:
        The operation that reads the job.
    describe_with:
        (arguments, response) → its members.
    status:
        Where the described response has the status, as keys.
    good, bad:
        Terminal statuses.
    result:
        Where the described response has the task's result, as keys.
    stop:
        The operation that stops the job, and its members from (arguments, response); None where there is none.
    merged:
        The task's result begins with what the start answered (a cluster's id, say).
    named:
        The caller names the job, so that it can be found before its start was answered.
    """

    topic: str
    id: Callable[[Members, Members], str]
    describe: str
    describe_with: Callable[[Members, Members], Members]
    status: tuple[str, ...]
    good: frozenset[str]
    bad: frozenset[str]
    result: tuple[str, ...] = ()
    stop: tuple[str, Callable[[Members, Members], Members]] | None = None
    merged: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True)
class Api:
    """One operation that Step Functions calls on a task's behalf.

    Attributes
    ----------
    client:
        boto3's service name.
    operation:
        AWS's operation name in camel case, as in the resource ARN.
    patterns:
        The suffixes that it can be called with.
    error_prefix:
        What error names begin with.
    job:
        How ``.sync`` waits; None where this endpoint cannot.
    calls:
        The service's own operation, where the integration's has another name.
    request:
        Arguments → the service's members, where the integration has its own.
    answer:
        (arguments, response) → the task's result, where the integration has its own.
    """

    client: str
    operation: str
    patterns: frozenset[str]
    error_prefix: str
    job: Job | None = None
    calls: str = ""
    request: Callable[[Members], Members] | None = None
    answer: Callable[[Members, Members], Members] | None = None

    @property
    def service_operation(self) -> str:
        """The service's operation in camel case."""
        return self.calls or self.operation
