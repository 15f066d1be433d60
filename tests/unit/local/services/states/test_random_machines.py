"""Random machines: well-formed ones end in a terminal state, damaged ones are refused with a place or end as well."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from tests.unit.local.services.states.harness import Definition, SmallEndpoint, chain, with_own_names

REFUSED = re.compile(r"Invalid State Machine Definition: '([A-Z_]+: .+ at (?:/.*|null|\[Source: .*))'", re.DOTALL)
RANDOMLY = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
CATCH = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "caught"}]
RETRY = [{"ErrorEquals": ["Oops"], "IntervalSeconds": 1, "MaxAttempts": 0}]
PLAIN: tuple[Definition, ...] = (
    {"Type": "Pass"},
    {"Type": "Pass", "Result": {"x": [1, {"x": [2]}]}},
    {"Type": "Pass", "Result": [1, "two", None], "ResultPath": "$.x"},
    {"Type": "Pass", "Parameters": {"n.$": "States.ArrayLength($.x)", "at.$": "$$.State.EnteredTime"}},
    {"Type": "Pass", "InputPath": "$.x", "ResultPath": "$.y", "OutputPath": "$.y"},
    {"Type": "Pass", "Assign": {"kept.$": "$.x[0]"}},
    {"Type": "Pass", "Parameters": {"kept.$": "$kept"}},
    {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% {'x': $append($states.input.x, 1)} %}"},
    {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"kept": "{% $count($states.input.x) %}"}},
    {"Type": "Wait", "Seconds": 0},
    {"Type": "Wait", "Timestamp": "2020-01-01T00:00:00Z"},
    {"Type": "Wait", "SecondsPath": "$.zero"},
    {**INVOKE, "Parameters": {"FunctionName": "good", "Payload.$": "$"}, "OutputPath": "$.Payload"},
    {**INVOKE, "Parameters": {"FunctionName": "bad"}, "Retry": RETRY},
    {**INVOKE, "Parameters": {"FunctionName.$": "$.function"}, "ResultSelector": {"p.$": "$.Payload"}},
)
RULES = (
    {"Variable": "$.x[0]", "NumericGreaterThan": 0},
    {"Variable": "$.x", "IsPresent": True},
    {"And": [{"Variable": "$.x", "IsPresent": True}, {"Not": {"Variable": "$.x[0]", "IsString": True}}]},
    {"Variable": "$.x[0]", "StringEqualsPath": "$.function"},
)


def _map(found: tuple[Definition, dict[str, Any]]) -> Definition:
    processor, fields = found
    return {"Type": "Map", "ItemProcessor": processor, **fields}


MACHINES = st.deferred(
    lambda: st.tuples(st.lists(STATES, min_size=1, max_size=4), st.booleans(), st.sampled_from([None, *RULES])).map(
        lambda parts: assemble(*parts)
    )
)
MAP_FIELDS = st.fixed_dictionaries(
    {"ItemsPath": st.sampled_from(["$.x", "$"])},
    optional={
        "ItemSelector": st.just({"x.$": "$$.Map.Item.Value", "function": "good"}),
        "MaxConcurrency": st.integers(0, 2),
        "ToleratedFailurePercentage": st.sampled_from([0, 50, 100]),
    },
)
STATES = st.deferred(
    lambda: st.one_of(
        st.sampled_from(PLAIN),
        st.sampled_from(PLAIN),
        st.lists(MACHINES, min_size=1, max_size=2).map(lambda found: {"Type": "Parallel", "Branches": found}),
        st.tuples(MACHINES, MAP_FIELDS).map(_map),
    )
)
INPUTS = st.sampled_from(
    [
        {},
        {"x": []},
        {"x": [{"x": [1]}, 2], "zero": 0},
        {"x": [1], "function": "bad"},
        {"function": "good"},
        [1],
        1,
        None,
    ]
)


def assemble(states: list[Definition], catches: bool, rule: dict[str, Any] | None) -> Definition:
    """A machine of the states one after another, with a Choice that may skip to the end, and errors caught."""
    machine = chain(*((f"s{number}", deepcopy(state)) for number, state in enumerate(states)))
    last = machine["States"][f"s{len(states) - 1}"]
    if catches:
        for state in machine["States"].values():
            if state["Type"] in ("Task", "Parallel", "Map"):
                state["Catch"] = CATCH
                machine["States"]["caught"] = {"Type": "Fail", "ErrorPath": "$.error.Error", "Cause": "caught"}
                break
    if rule is not None:
        del last["End"]
        last["Next"] = "which"
        machine["States"]["which"] = {"Type": "Choice", "Choices": [{**rule, "Next": "end"}], "Default": "bad"}
        machine["States"] |= {"end": {"Type": "Succeed"}, "bad": {"Type": "Fail", "Error": "NoRule"}}
    return machine


@pytest.fixture(scope="module")
def shared_small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallEndpoint]:
    endpoint = SmallEndpoint(Path(tmp_path_factory.mktemp("random")))

    def invoke(FunctionName: str, Payload: bytes = b"{}") -> dict[str, Any]:
        if FunctionName == "good":
            return {"StatusCode": 200, "Payload": Payload}
        return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": b'{"errorType":"Oops"}'}

    endpoint.on("lambda", "invoke", invoke)
    endpoint.start()
    yield endpoint
    endpoint.stop()


def run_to_its_end(small: SmallEndpoint, machine: str, input: Any) -> None:
    """Start a machine and hold its end and history against what every execution must have."""
    started = small.sfn("start_execution", stateMachineArn=machine, input=json.dumps(input))
    ended = small.wait(started["executionArn"])
    assert ended["status"] in ("SUCCEEDED", "FAILED", "TIMED_OUT")
    assert "interpreter failed" not in (ended.get("cause") or ""), ended
    history = small.history(ended["executionArn"])
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))
    assert all(event["previousEventId"] < event["id"] for event in history)
    assert history[-1]["type"] in ("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut")


@RANDOMLY
@given(machine=MACHINES, input=INPUTS)
def test_any_well_formed_machine_ends(shared_small: SmallEndpoint, machine: Definition, input: Any) -> None:
    run_to_its_end(shared_small, shared_small.create(with_own_names(machine), name=uuid.uuid4().hex), input)


# -- damage ------------------------------------------------------------------------------------------------------------

RUBBISH = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        1.5,
        "",
        "$",
        "$[",
        "nowhere",
        "{% 1 + %}",
        "{% 1 %}",
        [],
        [1],
        {},
        {"a": 1},
        [{}],
        "States.X()",
    ]
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of a definition's parts."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield (*at, key)
        yield from places(inner, (*at, key))


def damaged(machine: Definition, place: tuple[Any, ...], value: Any, remove: bool) -> Any:
    """The definition with one part replaced or removed."""
    whole = deepcopy(machine)
    part: Any = whole
    for key in place[:-1]:
        part = part[key]
    if remove:
        del part[place[-1]]
    else:
        part[place[-1]] = value
    return whole


def waits(machine: Any) -> bool:
    """Whether the damage made a machine that rightly takes long."""
    text = json.dumps(machine)
    return '"Seconds": 1' in text or '"TimeoutSeconds"' in text


@settings(RANDOMLY, max_examples=100)
@given(data=st.data(), machine=MACHINES, value=RUBBISH, remove=st.booleans(), input=INPUTS)
def test_a_damaged_machine_is_refused_with_a_place_or_ends(
    shared_small: SmallEndpoint, data: Any, machine: Definition, value: Any, remove: bool, input: Any
) -> None:
    machine = with_own_names(machine)
    definition = damaged(machine, data.draw(st.sampled_from(list(places(machine)))), value, remove)
    try:
        arn = shared_small.create(definition, name=uuid.uuid4().hex)
    except ServiceError as error:
        assert error.code == "InvalidDefinition", error
        assert REFUSED.fullmatch(error.message), error.message
        return
    if not waits(definition):
        run_to_its_end(shared_small, arn, input)


@pytest.mark.parametrize("text", ["{", "[]", "1", '"text"', "null", '{"StartAt": "a"}', "{}"])
def test_what_is_no_machine_is_refused_with_a_place(shared_small: SmallEndpoint, text: str) -> None:
    with pytest.raises(ServiceError, match="InvalidDefinition") as caught:
        shared_small.sfn("create_state_machine", name="n", definition=text, roleArn="arn:aws:iam::000000000000:role/r")
    assert REFUSED.fullmatch(caught.value.message), caught.value.message
