"""Succeed: ends its branch well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from headwater.local.services.states.state import State

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution


@dataclass(eq=False)
class SucceedState(State):
    """``"Type": "Succeed"``."""

    type: ClassVar[str] = "Succeed"

    def run(self, execution: Execution, branch: Branch) -> None:
        """Leave the branch with the input."""
        self.finish(execution, branch, self.effective_input(execution, branch))
