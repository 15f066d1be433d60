"""An auto-termination policy, checked."""

from __future__ import annotations

from headwater.local.service import Members
from headwater.local.services.emr.records import invalid

SHORTEST_S, LONGEST_S = 60, 604_800


def checked_policy(policy: Members | None) -> Members:
    """A policy with a time-out; ValidationException for one that EMR refuses."""
    seconds = (policy or {}).get("IdleTimeout")
    if seconds is None or not SHORTEST_S <= seconds <= LONGEST_S:
        raise invalid(f"IdleTimeout must be between {SHORTEST_S} and {LONGEST_S} seconds, got {seconds}")
    return {"IdleTimeout": seconds}
