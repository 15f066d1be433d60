"""A state machine, compiled: what :mod:`compiler` makes of a definition and executions walk through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headwater.local.services.states.state import State


@dataclass(slots=True, eq=False)
class Machine:
    """A set of states with a start: a whole state machine, a Parallel's branch or a Map's processor.

    Attributes
    ----------
    start_at:
        The first state's name.
    states:
        By name.
    timeout_s:
        Of the whole execution; None for no limit of its own.
    """

    start_at: str
    states: dict[str, State]
    timeout_s: int | None = None
