"""What every state has in common: how its input becomes what it works on, and its result becomes its output.

JSONPath: ``InputPath`` → ``Parameters`` → (work) → ``ResultSelector`` → ``ResultPath`` → ``OutputPath``.
JSONata: ``Arguments`` → (work) → ``Output``. ``Assign`` sets variables in both.
Source: Amazon States Language specification and Developer Guide, "Processing input and output", 2025.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from headwater.local.services.states.error_rules import Catcher, Retrier
from headwater.local.services.states.errors import StateFailure, runtime
from headwater.local.services.states.json_text import Document
from headwater.local.services.states.machine import Machine
from headwater.local.services.states.path_misses import NULL_INPUT, miss, root_of
from headwater.local.services.states.paths import MISSING, Path
from headwater.local.services.states.reference_paths import ReferencePath
from headwater.local.services.states.scope import Scope
from headwater.local.services.states.templates import Template

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution

EMPTY = Document({}, "{}")


@dataclass(eq=False)
class State(ABC):
    """A compiled state.

    Attributes
    ----------
    name:
        Its name in the machine.
    next:
        The state that follows; None when the branch ends here.
    jsonata:
        Its query language is JSONata.
    input_path, output_path:
        None for ``$``; :data:`DISCARD` for null.
    """

    name: str
    next: str | None = None
    jsonata: bool = False
    input_path: Path | None = None
    discard_input: bool = False
    output_path: Path | None = None
    discard_output: bool = False
    result_path: ReferencePath | None = None
    discard_result: bool = False
    parameters: Template | None = None
    result_selector: Template | None = None
    output: Template | None = None
    assign: Template | None = None
    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()
    entered_type: str = field(init=False, default="")
    exited_type: str = field(init=False, default="")

    type: ClassVar[str]

    def __post_init__(self) -> None:
        self.entered_type = f"{self.type}StateEntered"
        self.exited_type = f"{self.type}StateExited"

    @abstractmethod
    def run(self, execution: Execution, branch: Branch) -> None:
        """Do the state's work, or begin it; called once after entry and once more for each retry."""

    def read_input(self, execution: Execution, branch: Branch) -> Document:
        """The input after ``InputPath``."""
        if self.discard_input:
            return EMPTY
        if self.input_path is None:
            return branch.input
        scope = execution.scope(branch, branch.input.value)
        value = self.input_path.read(scope)
        if value is MISSING:
            raise no_results(self.input_path, scope)
        return Document(value)

    def effective_input(self, execution: Execution, branch: Branch) -> Document:
        """The input after ``InputPath`` and ``Parameters``, or JSONata's ``Arguments`` (the raw input if none)."""
        selected = branch.input if self.jsonata else self.read_input(execution, branch)
        if self.parameters is None:
            return selected
        return Document(self.parameters.evaluate(execution.scope(branch, selected.value)))

    def finish(self, execution: Execution, branch: Branch, result: Document) -> None:
        """Leave the state with the work's result."""
        if self.jsonata:
            output, variables = self._finish_jsonata(execution, branch, result)
        else:
            output, variables = self._finish_json_path(execution, branch, result)
        execution.leave(branch, output, self.next, variables)

    def _finish_jsonata(
        self, execution: Execution, branch: Branch, result: Document
    ) -> tuple[Document, dict[str, Any] | None]:
        if self.output is None and self.assign is None:
            return result, None
        scope = execution.scope(branch, branch.input.value, result=result.value if self.has_result else MISSING)
        output = result if self.output is None else Document(self.output.evaluate(scope))
        return output, None if self.assign is None else self.assign.evaluate(scope)

    def _finish_json_path(
        self, execution: Execution, branch: Branch, result: Document
    ) -> tuple[Document, dict[str, Any] | None]:
        variables = None
        if self.assign is not None:
            variables = self.assign.evaluate(execution.scope(branch, result.value))
        if self.result_selector is not None:
            result = Document(self.result_selector.evaluate(execution.scope(branch, result.value)))
        if self.discard_result:
            output = branch.input
        elif self.result_path is None:
            output = result
        else:
            output = Document(self.result_path.write(branch.input.value, result.value))
        return self.select_output(execution, branch, output), variables

    def select_output(self, execution: Execution, branch: Branch, output: Document) -> Document:
        """The output after ``OutputPath``."""
        if self.discard_output:
            return EMPTY
        if self.output_path is None:
            return output
        scope = execution.scope(branch, output.value)
        value = self.output_path.read(scope)
        if value is MISSING:
            raise no_results(self.output_path, scope)
        return Document(value)

    @property
    def has_result(self) -> bool:
        """Whether ``$states.result`` may be read."""
        return False

    def container_failed(self, execution: Execution, branch: Branch, failure: StateFailure) -> None:
        """Record the state's own failure before it is caught or ends the branch (Map and Parallel do)."""

    def abort(self, execution: Execution, branch: Branch) -> None:
        """Stop what the state has under way."""

    # What Map and Parallel do for the branches below them; no other state has any.

    def child_machine(self, index: int) -> Machine:
        """What the child of an index walks through."""
        raise TypeError(f"a {self.type} state has no branches")

    def child_done(self, execution: Execution, branch: Branch, child: Branch) -> None:
        """A child has ended well."""
        raise TypeError(f"a {self.type} state has no branches")

    def child_failed(self, execution: Execution, branch: Branch, child: Branch, failure: StateFailure) -> None:
        """A child has failed."""
        raise TypeError(f"a {self.type} state has no branches")


def no_results(path: Path, scope: Scope) -> StateFailure:
    """The failure of an ``InputPath`` or ``OutputPath`` that leads nowhere."""
    root = root_of(path, scope)
    if root is None:
        return runtime(NULL_INPUT)
    problem = f"No results for path: {path.canonical()}" if root is MISSING else miss(path, root)
    return runtime(f"Invalid path '{path.text}' : {problem}")
