"""Pass: hands its input on, or a fixed ``Result``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from headwater.local.services.states.json_text import Document
from headwater.local.services.states.state import State

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution


@dataclass(eq=False)
class PassState(State):
    """``"Type": "Pass"``."""

    type: ClassVar[str] = "Pass"
    result: Document | None = None

    def run(self, execution: Execution, branch: Branch) -> None:
        """Leave at once."""
        result = self.effective_input(execution, branch)
        self.finish(execution, branch, result if self.result is None else self.result)
