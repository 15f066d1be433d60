"""The quotas that an execution meets.

Source: Step Functions Developer Guide, "Step Functions service quotas", 2025.
"""

from __future__ import annotations

from headwater.local.services.states.errors import DATA_LIMIT_EXCEEDED, StateFailure
from headwater.local.services.states.json_text import Document

MAX_DATA_BYTES = 262_144
MAX_EXPRESS_MS = 300_000
MAX_DEFINITION_BYTES = 1_048_576
MAX_HISTORY_EVENTS = 25_000


def check_size(output: Document, name: str, reported: bool = False) -> None:
    """Refuse an output that AWS would not hand on (``States.DataLimitExceeded``).

    Parameters
    ----------
    name:
        The state, or what its task called.
    reported:
        It is the task's own result.
    """
    text = output.text
    if len(text) > MAX_DATA_BYTES or (4 * len(text) > MAX_DATA_BYTES and len(text.encode()) > MAX_DATA_BYTES):
        raise StateFailure(
            DATA_LIMIT_EXCEEDED,
            f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service "
            "limit.",
            reported=reported,
        )
