"""A trial of one state: what ``TestState`` runs, and what it shows of the way from input to output.

The state is the compiled one that executions run; the trial only catches where it would go next. Not faithful: a Wait
state does not wait, and inspection shows no HTTP request.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from headwater.local.services.states.branch import Branch
from headwater.local.services.states.error_rules import catcher_for
from headwater.local.services.states.errors import EXCEED_TOLERATED_FAILURE_THRESHOLD, StateFailure, matches
from headwater.local.services.states.execution import Execution
from headwater.local.services.states.execution_record import ExecutionRecord
from headwater.local.services.states.json_text import Document, dumps
from headwater.local.services.states.machine import Machine
from headwater.local.services.states.state import State
from headwater.local.services.states.state_map import MapState
from headwater.local.services.states.state_map_distributed import DistributedMapState
from headwater.local.services.states.state_pass import PassState

STATE_NAME = "StateName"


class TrialExecution(Execution):
    """An execution that ends where the state would be left."""

    given_context: dict[str, Any] | None = None
    output: Document | None = None
    next_state: str | None = None
    assigned: dict[str, Any] | None = None

    def leave(self, branch: Branch, output: Document, next_name: str | None, variables: dict[str, Any] | None) -> None:
        """Catch the output."""
        self.output, self.next_state, self.assigned = output, next_name, variables

    def sleep(self, branch: Branch, phase: str, wake_ms: int) -> None:
        """A Wait state's moment has come at once."""
        branch.state.finish(self, branch, branch.state.effective_input(self, branch))

    def context(self, branch: Branch, item: dict[str, Any] | None = None) -> dict[str, Any]:
        """The given context object, or one as AWS makes it for a trial."""
        if self.given_context is not None:
            return self.given_context
        context = super().context(branch, item)
        context["State"]["Name"] = STATE_NAME
        context["Execution"]["RoleArn"] = self.record_.role_arn or None
        return context


class Trial:
    """One state, tried.

    Parameters
    ----------
    state:
        Compiled.
    record:
        Stands for the execution in the context object.
    input:
        The state's raw input.
    variables:
        Those that the state can read.
    configuration:
        ``TestState``'s ``stateConfiguration``.
    """

    def __init__(
        self,
        state: State,
        record: ExecutionRecord,
        input: Document,
        variables: dict[str, Any],
        configuration: dict[str, Any],
    ) -> None:
        self.state = state
        self.configuration = configuration
        machine = Machine(state.name, {state.name: state})
        self.execution = TrialExecution(record, machine, _NoCalls())
        self.branch = Branch(0, None, 0, machine, state.name, input, variables)
        self.branch.entered_ms = self.execution.now_ms()
        self.branch.retries = [configuration.get("retrierRetryCount", 0)]
        self.inspection: dict[str, Any] = {"input": input.text}
        self.answer: dict[str, Any] = {}
        self.items: list[Any] = []

    def run(self, work: Callable[[Document], Any] | None) -> dict[str, Any]:
        """Try the state; ``TestState``'s answer. ``work`` is what a Task, Map or Parallel does with its input."""
        try:
            if self.state.type in ("Map", "Parallel", "Task") and work is not None:
                self._work(work)
            else:
                self._inspect_simple()
                self.state.run(self.execution, self.branch)
            self._succeeded()
        except StateFailure as failure:
            self._failed(failure)  # without the introduction that executions give: there is no event to point at
        return self.answer

    def _succeeded(self) -> None:
        execution = self.execution
        if execution.output is not None:
            self.answer |= {"status": "SUCCEEDED", "output": execution.output.text}
        if execution.next_state is not None:
            self.answer["nextState"] = execution.next_state
        if self.branch.variables or execution.assigned:
            self.inspection["variables"] = dumps({**self.branch.variables, **(execution.assigned or {})})

    # -- the way from input to output ----------------------------------------------------------------------------------

    def _inspect_simple(self) -> None:
        state = self.state
        if state.jsonata or state.type in ("Choice", "Wait"):
            return
        fixed = state.result if isinstance(state, PassState) else None
        selected = state.read_input(self.execution, self.branch)
        if fixed is None:
            self.inspection["afterInputPath"] = selected.text
        if state.type != "Pass":
            return
        if fixed is None:
            result = state.effective_input(self.execution, self.branch)
            self.inspection["afterParameters"] = result.text
        else:
            result = fixed
            self.inspection["result"] = result.text
        self._inspect_result(result)

    def _inspect_result(self, result: Document) -> None:
        state, execution, branch = self.state, self.execution, self.branch
        if state.result_selector is not None:
            result = Document(state.result_selector.evaluate(execution.scope(branch, result.value)))
        self.inspection["afterResultSelector"] = result.text
        if state.discard_result:
            result = branch.input
        elif state.result_path is not None:
            result = Document(state.result_path.write(branch.input.value, result.value))
        self.inspection["afterResultPath"] = result.text

    def _work(self, work: Callable[[Document], Any]) -> None:
        state, execution, branch = self.state, self.execution, self.branch
        if isinstance(state, MapState):
            self._inspect_map(state)
        arguments = branch.input if state.type == "Map" else state.effective_input(execution, branch)
        if state.type == "Task":
            if state.jsonata:
                if state.parameters is not None:
                    self.inspection["afterArguments"] = arguments.text
            else:
                self.inspection["afterInputPath"] = state.read_input(execution, branch).text
                self.inspection["afterParameters"] = arguments.text
        result = Document(work(arguments))
        if state.type == "Task":
            self.inspection["result"] = result.text
        if isinstance(state, MapState):
            self._check_threshold(state)
        if not state.jsonata:
            self._inspect_result(result)
        state.finish(execution, branch, result)

    def _inspect_map(self, state: MapState) -> None:
        if not state.jsonata:
            self.inspection["afterInputPath"] = state.read_input(self.execution, self.branch).text
        self.items = self._read_items(state)
        if not state.jsonata and not _reads_elsewhere(state):
            self.inspection["afterItemsPath"] = dumps(self.items)
        scope = self.execution.scope(self.branch, self.branch.input.value)
        self.inspection["maxConcurrency"] = int(state.max_concurrency.read(scope) or 0)
        count, percentage = state.tolerated_count.read(scope), state.tolerated_percentage.read(scope)
        if count is not None:
            self.inspection["toleratedFailureCount"] = int(count)
        if percentage is not None:
            self.inspection["toleratedFailurePercentage"] = float(percentage)

    def _read_items(self, state: MapState) -> list[Any]:
        """The items: of a reader, those that ``mapItemReaderData`` stands for."""
        if not _reads_elsewhere(state):
            return state.read_items(self.execution, self.branch)
        found = json.loads(self.configuration.get("mapItemReaderData", "[]"))
        return found if isinstance(found, list) else [found]

    def _check_threshold(self, state: MapState) -> None:
        failures = self.configuration.get("mapIterationFailureCount", 0)
        tolerated = self.inspection.get("toleratedFailureCount")
        percentage = self.inspection.get("toleratedFailurePercentage")
        items = len(self.items) or 1
        too_many = tolerated is not None and failures > tolerated
        too_large = percentage is not None and 100 * failures / items > percentage
        if too_many or too_large:
            cause = "The specified tolerated failure threshold was exceeded"
            raise StateFailure(EXCEED_TOLERATED_FAILURE_THRESHOLD, cause)

    # -- failure -------------------------------------------------------------------------------------------------------

    def _failed(self, failure: StateFailure) -> None:
        given = {"error": failure.error, "cause": failure.cause}
        self.answer |= {"status": "FAILED", **{key: value for key, value in given.items() if value is not None}}
        details = self._retry(failure)
        if self.answer["status"] != "RETRIABLE":
            self._catch(failure, details)
        if details:
            self.inspection["errorDetails"] = details

    def _retry(self, failure: StateFailure) -> dict[str, Any]:
        used = self.configuration.get("retrierRetryCount", 0)
        for index, retrier in enumerate(self.state.retriers):
            if not matches(retrier.error_equals, failure):
                continue
            details: dict[str, Any] = {"retryIndex": index}
            if used < retrier.max_attempts:
                self.answer["status"] = "RETRIABLE"
                details["retryBackoffIntervalSeconds"] = retrier.backoff_s(used)
            return details
        return {}

    def _catch(self, failure: StateFailure, details: dict[str, Any]) -> None:
        catcher = catcher_for(self.state.catchers, failure)
        if catcher is None:
            return
        try:
            output, _ = self.execution.caught(self.branch, catcher, failure)
        except StateFailure as worse:
            self.answer |= {"error": worse.error, "cause": worse.cause}
            return
        details["catchIndex"] = self.state.catchers.index(catcher)
        self.answer |= {"status": "CAUGHT_ERROR", "output": output.text, "nextState": catcher.next}


def _reads_elsewhere(state: MapState) -> bool:
    return isinstance(state, DistributedMapState) and state.reader is not None


class _NoCalls:
    """A trial calls nothing by itself."""

    def call(self, execution: Execution, branch: Branch) -> None:
        """Never asked for: a trial's Task is worked by the trial."""

    def knows_activity(self, arn: str) -> bool:
        """Whether there is an activity of this ARN; a trial's task is mocked."""
        return True

    def watch(self, execution: Execution, branch: Branch) -> None:
        """Never asked for."""

    def cancel(self, execution: Execution, branch: Branch, task: dict[str, Any]) -> None:
        """Never asked for."""
