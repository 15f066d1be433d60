"""Rules of the language that the recordings do not show."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from tests.unit.local.services.states.harness import SmallEndpoint, chain, with_own_names

PASS = {"Type": "Pass"}
FAIL = {"Type": "Fail", "Error": "E", "Cause": "C"}


def output(ended: dict[str, Any]) -> Any:
    assert ended["status"] == "SUCCEEDED", ended
    return json.loads(ended["output"])


def test_data_flows_through_every_path(small: SmallEndpoint) -> None:
    state = {
        "Type": "Pass",
        "InputPath": "$.in",
        "Parameters": {"sum.$": "States.MathAdd($.a, $.b)", "at.$": "$$.State.Name"},
        "ResultPath": "$.out.result",
        "OutputPath": "$.out",
    }
    assert output(small.run(chain(("add", state)), {"in": {"a": 1, "b": 2}})) == {"result": {"sum": 3, "at": "add"}}


def test_the_context_object_keeps_the_order_of_aws(small: SmallEndpoint) -> None:
    context = output(small.run(chain(("p", {**PASS, "Parameters": {"c.$": "$$"}})), {}))["c"]
    assert list(context) == ["Execution", "StateMachine", "State"]
    assert list(context["Execution"]) == ["Id", "Input", "StartTime", "Name", "RoleArn", "RedriveCount"]
    assert list(context["State"]) == ["Name", "EnteredTime"]


def test_null_paths_discard(small: SmallEndpoint) -> None:
    assert output(small.run(chain(("p", {**PASS, "Result": 1, "ResultPath": None})), {"kept": 1})) == {"kept": 1}
    assert output(small.run(chain(("p", {**PASS, "InputPath": None})), {"a": 1}, name="b")) == {}
    assert output(small.run(chain(("p", {**PASS, "OutputPath": None})), {"a": 1}, name="c")) == {}


def test_a_choice_without_a_match_fails_by_name(small: SmallEndpoint) -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "end"}]}
    ended = small.run(chain(("pick", choice), ("end", PASS)), {"n": 2})
    assert ended["error"] == "States.Runtime"
    assert ended["cause"].endswith("Failed to transition out of the state. The state does not point to a next state.")


def test_an_inner_scope_reads_outer_variables_and_keeps_its_own(small: SmallEndpoint) -> None:
    read = {**PASS, "Parameters": {"o.$": "$outer", "m.$": "$own"}}
    branches = [chain((f"i{n}", {**PASS, "Assign": {"own": "inner"}}), (f"j{n}", read)) for n in (1, 2)]
    machine = chain(
        ("set", {**PASS, "Assign": {"outer": "x"}}),
        ("both", {"Type": "Parallel", "Branches": branches, "ResultPath": "$.all"}),
        ("after", {**PASS, "Parameters": {"all.$": "$.all", "outer.$": "$outer"}}),
    )
    expected = {"o": "x", "m": "inner"}
    assert output(small.run(machine)) == {"all": [expected, expected], "outer": "x"}


def test_states_all_does_not_catch_a_runtime_error(small: SmallEndpoint) -> None:
    broken = chain(("bad", {**PASS, "InputPath": "$.absent"}))
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "caught"}]
    machine = chain(("both", {"Type": "Parallel", "Branches": [broken], "Catch": catch}), ("caught", PASS))
    assert small.run(machine)["error"] == "States.Runtime"


def test_a_parallel_is_retried_and_then_caught(small: SmallEndpoint) -> None:
    rules = {
        "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["E"], "ResultPath": "$.error", "Next": "caught"}],
    }
    machine = chain(("both", {"Type": "Parallel", "Branches": [chain(("f", FAIL))], **rules}), ("caught", PASS))
    ended = small.run(machine, {"a": 1})
    assert output(ended) == {"a": 1, "error": {"Error": "E", "Cause": "C"}}
    types = small.event_types(ended["executionArn"])
    assert types.count("ParallelStateStarted") == 2 and types.count("ParallelStateFailed") == 1


def test_a_map_keeps_the_order_of_its_items(small: SmallEndpoint) -> None:
    each = chain(("square", {**PASS, "Parameters": {"i.$": "$$.Map.Item.Index", "v.$": "$"}}))
    machine = chain(("m", {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3, "ItemProcessor": each}))
    items = list(range(100))
    assert output(small.run(machine, {"items": items})) == [{"i": i, "v": i} for i in items]


def test_too_large_an_output_fails_by_name(small: SmallEndpoint) -> None:
    text = "x" * 200_000
    machine = chain(("twice", {**PASS, "Parameters": {"a.$": "$.t", "b.$": "$.t"}}))
    assert small.run(machine, {"t": text})["error"] == "States.DataLimitExceeded"


def test_an_endless_loop_ends_at_the_quota_of_events(small: SmallEndpoint) -> None:
    machine = {
        "StartAt": "a",
        "States": {
            "a": {**PASS, "Next": "c"},
            "c": {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsPresent": True, "Next": "a"}], "Default": "e"},
            "e": {**PASS, "End": True},
        },
    }
    ended = small.run(machine, {"n": 1})
    assert "25000" in ended["cause"]


def test_a_machine_s_time_limit_ends_it(small: SmallEndpoint) -> None:
    machine = chain(("nap", {"Type": "Wait", "Seconds": 600}), TimeoutSeconds=1)
    assert small.run(machine)["status"] == "TIMED_OUT"


def test_jsonata_reads_results_and_errors(small: SmallEndpoint) -> None:
    small.on("lambda", "invoke", lambda **m: {"StatusCode": 200, "Payload": b'{"n": 4}'})
    machine = chain(
        (
            "call",
            {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Arguments": {"FunctionName": "f", "Payload": "{% $states.input %}"},
                "Assign": {"n": "{% $states.result.Payload.n %}"},
                "Output": {"twice": "{% $states.result.Payload.n * 2 %}"},
            },
        ),
        ("sum", {"Type": "Pass", "Output": "{% $n + $states.input.twice %}"}),
        QueryLanguage="JSONata",
    )
    assert output(small.run(machine)) == 12


def test_pages_of_history_join_in_both_directions(small: SmallEndpoint) -> None:
    arn = small.run(chain(*((f"s{i}", PASS) for i in range(20))))["executionArn"]
    for reverse in (False, True):
        ids: list[int] = []
        token: dict[str, str] = {}
        while True:
            page = small.sfn("get_execution_history", executionArn=arn, maxResults=7, reverseOrder=reverse, **token)
            ids += [event["id"] for event in page["events"]]
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
        assert ids == sorted(range(1, 43), reverse=reverse)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"Next": "nowhere"}, "/States/a/Next"),
        ({"Type": "Nap"}, "/States/a/Type"),
        ({"InputPath": "no path"}, "/States/a/InputPath"),
        ({"Parameters": {"x.$": "$["}}, "/States/a/Parameters"),
        ({"Output": "{% 1 %}"}, "/States/a"),
        ({"Retry": [{"ErrorEquals": ["E"]}]}, "/States/a"),
        ({"Next": ["a"]}, "/States/a/Next"),
        ({"QueryLanguage": "SQL"}, "/States/a/QueryLanguage"),
        ({"Assign": 1}, "/States/a/Assign"),
        ({"Type": "Choice", "Choices": [{"And": [], "Next": "a"}]}, "/States/a/Choices[0]/And"),
        ({"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": "1"}]}, "/Choices[0]/NumericEquals"),
        ({"Catch": [{"ErrorEquals": [1], "Next": "a"}]}, "/States/a/Catch[0]/ErrorEquals[0]"),
        ({"Retry": [{"ErrorEquals": ["E"], "MaxAttempts": -1}]}, "/States/a/Retry[0]/MaxAttempts"),
    ],
)
def test_a_malformed_definition_is_refused_with_its_place(
    small: SmallEndpoint, change: dict[str, Any], where: str
) -> None:
    with pytest.raises(ServiceError, match="InvalidDefinition") as caught:
        small.create({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True, **change}}})
    assert where in caught.value.message


STATES = st.deferred(lambda: st.one_of(SIMPLE, PARALLEL, MAP))
SIMPLE = st.sampled_from(
    [
        PASS,
        {**PASS, "Result": {"x": [1, 2]}},
        {**PASS, "Parameters": {"n.$": "States.ArrayLength($.x)"}},
        {**PASS, "InputPath": "$.x", "ResultPath": "$.y"},
        {**PASS, "QueryLanguage": "JSONata", "Output": "{% $states.input.x[0] %}"},
        {"Type": "Wait", "Seconds": 0},
        {"Type": "Succeed"},
        FAIL,
    ]
)
MACHINES = st.lists(STATES, min_size=1, max_size=3).map(
    lambda found: chain(*((f"s{i}", s) for i, s in enumerate(found)))
)
CATCH = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "s0"}]}
PARALLEL = st.lists(MACHINES, min_size=1, max_size=2).map(lambda found: {"Type": "Parallel", "Branches": found})
MAP = MACHINES.map(lambda found: {"Type": "Map", "ItemsPath": "$.x", "ItemProcessor": found})


def without_dead_ends(machine: dict[str, Any]) -> bool:
    """Whether every state can be reached."""
    states = list(machine["States"].values())
    inner = [
        b for s in states for b in [*s.get("Branches", []), *([s["ItemProcessor"]] if "ItemProcessor" in s else [])]
    ]
    return all(s["Type"] not in ("Fail", "Succeed") for s in states[:-1]) and all(map(without_dead_ends, inner))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    machine=MACHINES.filter(without_dead_ends), input=st.sampled_from([{}, {"x": []}, {"x": [{"x": [1]}, 2]}, [1], 1])
)
def test_any_machine_ends(small: SmallEndpoint, machine: dict[str, Any], input: Any) -> None:
    arn = small.create(with_own_names(machine), name=f"m{abs(hash(json.dumps(machine)))}")
    started = small.sfn("start_execution", stateMachineArn=arn, input=json.dumps(input))
    ended = small.wait(started["executionArn"])
    assert ended["status"] in ("SUCCEEDED", "FAILED")
    assert "interpreter failed" not in ended.get("cause", "")
    history = small.history(ended["executionArn"])
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))
    assert all(event["previousEventId"] < event["id"] for event in history)


@pytest.mark.parametrize(
    ("resource", "recognized"),
    [
        ("aws-sdk:sagemaker:addTags", True),
        ("aws-sdk:sagemaker:addTagz", False),
        ("aws-sdk:sfn:listStateMachines", True),
        ("aws-sdk:cloudwatchlogs:deleteLogGroup", True),
        ("aws-sdk:s3:getObjects", False),
    ],
)
def test_an_operation_that_a_service_does_not_have_is_refused_before_a_run(
    small: SmallEndpoint, resource: str, recognized: bool
) -> None:
    task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}"}
    found = small.sfn("validate_state_machine_definition", definition=json.dumps(chain(("t", task))))
    assert (found["result"] == "OK") is recognized
    assert recognized or "is not recognized" in found["diagnostics"][0]["message"]


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ('"3"', "The JSONata expression '\"3\"' specified for the field 'Seconds' returned an unexpected result type. "
         "Expected 'number', but was 'string' for value: \"3\""),
        ("-1", "Seconds must be between 0 and 99999999 but was: -1"),
        ("1.6", "The Seconds field cannot be parsed as an integer: 1.6"),
    ],
)  # fmt: skip
def test_a_number_that_an_expression_gives_is_checked(small: SmallEndpoint, expression: str, problem: str) -> None:
    wait = {"Type": "Wait", "Seconds": f"{{% {expression} %}}"}
    ended = small.run({**chain(("w", wait)), "QueryLanguage": "JSONata"})
    assert ended["error"] == "States.QueryEvaluationError"
    assert ended["cause"].endswith("(entered at the event id #2). " + problem)


def test_a_wait_is_as_long_as_a_number_of_32_bits_counts_seconds(small: SmallEndpoint) -> None:
    """Recorded on AWS, 2023-12."""
    machine = chain(("w", {"Type": "Wait", "TimestampPath": "$.at"}))
    now = datetime.now(UTC)
    ended = small.run(machine, {"at": f"{now + timedelta(days=24_856):%Y-%m-%dT%H:%M:%S}Z"}, name="longer")
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert ended["cause"].endswith("(entered at the event id #2). Wait state delay is too long.")
    arn = small.begin(machine, {"at": f"{now + timedelta(days=24_855):%Y-%m-%dT%H:%M:%S}Z"}, name="long")
    assert small.sfn("describe_execution", executionArn=arn)["status"] == "RUNNING"
    small.sfn("stop_execution", executionArn=arn)


def test_an_index_past_the_end_of_an_array_gives_null(small: SmallEndpoint) -> None:
    machine = chain(("p", {**PASS, "Parameters": {"v.$": "$.i[5]"}}))
    assert output(small.run(machine, {"i": [1]})) == {"v": None}
    deeper = chain(("p", {**PASS, "Parameters": {"v.$": "$.i[5].x"}}))
    ended = small.run(deeper, {"i": [1]}, name="deeper")
    assert ended["cause"].endswith(
        "The JSONPath '$.i[5].x' specified for the field 'v.$' could not be found in the input '{\"i\":[1]}'"
    )
    null = ("n", {**PASS, "Result": None})
    ended = small.run(chain(null, ("p", {**PASS, "Parameters": {"v.$": "$.i"}})), name="null")
    assert ended["cause"].endswith("Unable to apply Path transformation to null or empty input.")


def test_items_that_are_not_there_conflict(small: SmallEndpoint) -> None:
    state = {"Type": "Map", "ItemsPath": "$.found.objects", "ItemProcessor": chain(("p", PASS))}
    ended = small.run(chain(("each", state)), {"found": {"a": 1}})
    cause = 'Unable to apply step "objects" to input {"found":{"a":1}}'
    assert (ended["error"], ended["cause"]) == ("States.ReferencePathConflict", cause)


def test_half_a_pair_of_utf_16_does_not_stop_the_engine(small: SmallEndpoint) -> None:
    half = chain(("p", {**PASS, "Parameters": {"a": "\ud800", "b": "é"}}))
    assert small.run(half)["output"] == '{"a":"\\ud800","b":"é"}'
