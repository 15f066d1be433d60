"""The errors that an execution can meet.

A :class:`StateFailure` is an error in the language's sense: it has a name that ``Retry`` and ``Catch`` match, and a
cause. ``States.Runtime`` and ``States.DataLimitExceeded`` are not matched by ``States.ALL``
(Step Functions Developer Guide, "Handling errors in Step Functions workflows", 2025).
"""

from __future__ import annotations

ALL = "States.ALL"
BRANCH_FAILED = "States.BranchFailed"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
EXCEED_TOLERATED_FAILURE_THRESHOLD = "States.ExceedToleratedFailureThreshold"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
ITEM_READER_FAILED = "States.ItemReaderFailed"
PERMISSIONS = "States.Permissions"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
REFERENCE_PATH_CONFLICT = "States.ReferencePathConflict"
RESULT_WRITER_FAILED = "States.ResultWriterFailed"
RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"

NOT_MATCHED_BY_ALL = frozenset({DATA_LIMIT_EXCEEDED, RUNTIME})
# States.TaskFailed matches any error but States.Timeout (same page), and what not even States.ALL matches.
NOT_MATCHED_BY_TASK_FAILED = NOT_MATCHED_BY_ALL | {TIMEOUT}


class StateFailure(Exception):
    """A state ended with an error.

    Parameters
    ----------
    error:
        The error's name, such as ``States.Runtime``; None where a Fail state names none.
    cause:
        AWS's text; None where a Fail state gives none.
    located:
        True when AWS introduces the cause by the state's name and entry event.
    field:
        For ``States.QueryEvaluationError``: the field whose expression failed (history shows it as ``location``).
    reported:
        True when the task itself ended with it.
    missed_heartbeat:
        True for the ``States.Timeout`` of a heartbeat that did not come: rules can name it ``States.HeartbeatTimeout``.
    """

    def __init__(
        self,
        error: str | None,
        cause: str | None = None,
        *,
        located: bool = False,
        field: str | None = None,
        reported: bool = False,
        missed_heartbeat: bool = False,
    ) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.located = located
        self.field = field
        self.reported = reported
        self.missed_heartbeat = missed_heartbeat

    def at(self, state: str, entered_event_id: int) -> StateFailure:
        """The same failure with the introduction that AWS puts before the cause."""
        if not self.located:
            return self
        where = f"An error occurred while executing the state '{state}' (entered at the event id #{entered_event_id}). "
        return StateFailure(self.error, where + (self.cause or ""), field=self.field)


def runtime(cause: str) -> StateFailure:
    """``States.Runtime`` with the cause that AWS introduces by the state."""
    return StateFailure(RUNTIME, cause, located=True)


def query(cause: str, field: str) -> StateFailure:
    """``States.QueryEvaluationError`` of a JSONata field."""
    return StateFailure(QUERY_EVALUATION_ERROR, cause, located=True, field=field)


def matches(error_equals: tuple[str, ...], failure: StateFailure) -> bool:
    """Whether a Retry or Catch rule with these names takes the failure.

    Source: Amazon States Language specification, "Errors", and the Developer Guide, "Error names". Against them,
    ``States.ALL`` takes ``States.DataLimitExceeded`` of a task's own result (executions recorded on AWS, 2024-03). A
    missed heartbeat is ``States.Timeout`` in the history (recorded 2024-04) and has its own name in rules only.
    """
    error = failure.error
    if error is not None and error in error_equals:
        return True
    if failure.missed_heartbeat and HEARTBEAT_TIMEOUT in error_equals:
        return True
    if ALL in error_equals:
        return error not in NOT_MATCHED_BY_ALL or (failure.reported and error == DATA_LIMIT_EXCEEDED)
    return TASK_FAILED in error_equals and error is not None and error not in NOT_MATCHED_BY_TASK_FAILED
