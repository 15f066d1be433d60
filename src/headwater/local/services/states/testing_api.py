"""``TestState``: one state, tried with an input, with or without a mocked result."""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Callable
from typing import Any

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.states.compiler import compile_state
from headwater.local.services.states.errors import StateFailure
from headwater.local.services.states.execution import Execution
from headwater.local.services.states.execution_record import ExecutionRecord
from headwater.local.services.states.json_text import Document
from headwater.local.services.states.mock_context import read_context
from headwater.local.services.states.mock_results import check_mock, read_result, refuse
from headwater.local.services.states.runtime import Runtime
from headwater.local.services.states.state import State
from headwater.local.services.states.state_task import TaskState
from headwater.local.services.states.trial import STATE_NAME, Trial
from headwater.local.services.states.validator import validate, validate_state


def _json(text: str, error: Callable[[ValueError], ServiceError]) -> Any:
    try:
        return json.loads(text)
    except ValueError as problem:
        raise error(problem) from problem


def _find_state(definition: str, state_name: str | None) -> tuple[dict[str, Any], bool]:
    """(the state's definition, the machine's language is JSONata), refused when AWS would refuse it."""
    problems = validate_state(definition, f"/States/{STATE_NAME}") if state_name is None else validate(definition)
    texts = [problem.text for problem in problems if problem.severity == "ERROR"]
    if texts:
        raise ServiceError("InvalidDefinition", f"Invalid State Machine Definition: '{', '.join(texts)}'")
    body = json.loads(definition)
    if state_name is None:
        return body, False
    found = _search(body, state_name)
    if found is None:
        raise refuse("State not found in definition")
    return found, body.get("QueryLanguage") == "JSONata"


def _search(machine: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The state of this name, also inside of Parallel and Map states."""
    for state_name, body in machine.get("States", {}).items():
        if state_name == name:
            return dict(body)
        inner = [*body.get("Branches", ()), body.get("ItemProcessor", {}), body.get("Iterator", {})]
        for part in inner:
            found = _search(part, name)
            if found is not None:
                return found
    return None


class TestingApi(Service):
    """Try a state."""

    __test__ = False
    runtime: Runtime

    @operation
    def test_state(
        self,
        call: Call,
        definition: str,
        roleArn: str | None = None,
        input: str = "{}",
        inspectionLevel: str = "INFO",
        revealSecrets: bool = False,
        variables: str | None = None,
        stateName: str | None = None,
        mock: Members | None = None,
        context: str | None = None,
        stateConfiguration: Members | None = None,
    ) -> Members:
        """Run one state and show how its input became its output."""
        body, machine_jsonata = _find_state(definition, stateName)
        name = stateName or STATE_NAME
        state = compile_state(name, body, machine_jsonata)
        value = _json(input, lambda e: ServiceError("InvalidExecutionInput", f"Invalid Input: '{e}'"))
        given = {} if variables is None else _json(variables, lambda e: refuse(f"Invalid variables: {e}"))
        trial = Trial(
            state, self._stand_in(call, roleArn, input), Document(value, input), given, stateConfiguration or {}
        )
        if context is not None:
            trial.execution.given_context = read_context(context, state)
        answer = trial.run(self._work(trial, state, body, mock, roleArn, revealSecrets))
        if inspectionLevel != "INFO":
            answer["inspectionData"] = trial.inspection
        return answer

    @staticmethod
    def _stand_in(call: Call, role_arn: str | None, input: str) -> ExecutionRecord:
        machine, name = str(uuid.uuid4()), str(uuid.uuid4())
        prefix = f"arn:aws:states:{call.region}:{call.account}"
        return ExecutionRecord(
            arn=f"{prefix}:express:{machine}:{name}",
            name=name,
            machine_arn=f"{prefix}:stateMachine:{machine}",
            machine_name=machine,
            revision="",
            role_arn=role_arn or "",
            type="EXPRESS",
            input=input,
            started_ms=Execution.now_ms(),
            synchronous=True,
        )

    def _work(
        self,
        trial: Trial,
        state: State,
        body: dict[str, Any],
        mock: Members | None,
        role_arn: str | None,
        reveal_secrets: bool,
    ) -> Callable[[Document], Any] | None:
        """What the state does with its input: gives the mocked result, or calls."""
        if mock is not None:
            check_mock(mock, state, reveal_secrets)
            if "errorOutput" in mock:
                error = mock["errorOutput"]
                return _raiser(StateFailure(error.get("error"), error.get("cause")))
            result = read_result(mock, state, "ResultWriter" in body)
            return lambda arguments: result
        if state.type in ("Map", "Parallel"):
            message = "TestState API does not support Map or Parallel states. Supported state types include: "
            raise ServiceError("InvalidDefinition", f"{message}[Task, Wait, Pass, Succeed, Fail, Choice]")
        if not isinstance(state, TaskState):
            return None
        if state.target.pattern or state.target.kind == "activity":
            raise refuse("This service integration pattern requires a mock to be specified")
        if role_arn is None:
            raise refuse("RoleArn must be specified when testing a Task state")
        return functools.partial(self._call, trial, state)

    def _call(self, trial: Trial, state: TaskState, arguments: Document) -> Any:
        role_arn = state.role_of(trial.execution.scope(trial.branch, trial.branch.input.value))
        return self.runtime.caller.call_once(trial.execution, state, arguments.value, role_arn)


def _raiser(failure: StateFailure) -> Callable[[Document], Any]:
    def fail(arguments: Document) -> Any:
        raise failure

    return fail
