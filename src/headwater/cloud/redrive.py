"""What has changed in a state machine since a run of it began: a redriven execution has the definition it began with.

Code of Glue jobs and functions is their own and not the definition's: a redrive runs it as it is now.

Source: Step Functions developer guide, "Redriving executions", and API reference, RedriveExecution, 2026-11 ("uses the
same state machine definition and execution role as used for the original execution attempt").
"""

from __future__ import annotations

import json
from typing import Any

from headwater.errors import CloudError

State = dict[str, Any]
_LINKS = frozenset({"Next", "End"})


def changed_stages(began: str, now: str) -> list[str]:
    """Return the stages whose states differ between two definitions (JSON), or are in one alone, sorted.

    A state's name is its stage's, or begins with it and a colon; what follows a state counts for nothing.
    """
    before, after = _stages(json.loads(began)), _stages(json.loads(now))
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def refuse_changed(stages: list[str]) -> None:
    """Raise :class:`CloudError` where stages that a resumed run would run have changed since it began."""
    if stages:
        names, have = ", ".join(stages), "have" if len(stages) > 1 else "has"
        raise CloudError(
            f"{names} {have} changed since the run began, and a resumed run has the definition that it began with: "
            "`headwater run` starts a new run with the change, `headwater resume --as-begun` goes on without it"
        )


def _stages(machine: State) -> dict[str, dict[str, State]]:
    found: dict[str, dict[str, State]] = {}
    for name, state in machine["States"].items():
        for branch in state.get("Branches", ()):
            found |= _stages(branch)
        if state["Type"] != "Parallel":
            own = {key: value for key, value in state.items() if key not in _LINKS}
            found.setdefault(name.partition(":")[0], {})[name] = own
    return found
