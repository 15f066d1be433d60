"""Choice: goes where the first rule that holds says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from headwater.local.services.states.errors import runtime
from headwater.local.services.states.json_text import Document
from headwater.local.services.states.scope import Scope
from headwater.local.services.states.state import State
from headwater.local.services.states.templates import Template

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution


@dataclass(frozen=True, slots=True)
class ChoiceRule:
    """A rule: when it holds, where to go, and what to hand on."""

    holds: Callable[[Scope], bool]
    next: str
    assign: Template | None
    output: Template | None


@dataclass(eq=False)
class ChoiceState(State):
    """``"Type": "Choice"``."""

    type: ClassVar[str] = "Choice"
    rules: tuple[ChoiceRule, ...] = ()
    default: str | None = None

    def run(self, execution: Execution, branch: Branch) -> None:
        """Evaluate the rules in order."""
        selected = branch.input if self.jsonata else self.read_input(execution, branch)
        scope = execution.scope(branch, selected.value)
        rule = next((rule for rule in self.rules if rule.holds(scope)), None)
        if rule is None:
            if self.default is None:
                raise runtime("Failed to transition out of the state. The state does not point to a next state.")
            rule = ChoiceRule(lambda _: True, self.default, self.assign, self.output)
        if self.jsonata:
            output = selected if rule.output is None else Document(rule.output.evaluate(scope))
        else:
            output = self.select_output(execution, branch, selected)
        variables = None if rule.assign is None else rule.assign.evaluate(scope)
        execution.leave(branch, output, rule.next, variables)
