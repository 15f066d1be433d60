"""``TestState`` as recorded on AWS between 2025-11 and 2025-12."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.local.service import ServiceError
from tests.unit.local.services.states.harness import SmallEndpoint, chain

CONTEXT = {"Execution": {"Input": {"values": ["a", "b"]}}}
INVOKE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "f"},
    "End": True,
}


def trial(small: SmallEndpoint, state: dict[str, Any], **members: Any) -> dict[str, Any]:
    return small.sfn("test_state", definition=json.dumps(state), inspectionLevel="TRACE", **members)


def map_state(**fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": chain(("p", {"Type": "Pass"})), "End": True, **fields}


def test_a_map_shows_its_items(small: SmallEndpoint) -> None:
    answer = trial(
        small,
        map_state(ItemsPath="$$.Execution.Input.values", MaxConcurrency=1),
        input='["c"]',
        context=json.dumps(CONTEXT),
        mock={"result": '["A","B"]'},
    )
    shown = answer["inspectionData"]
    assert (shown["afterInputPath"], json.loads(shown["afterItemsPath"])) == ('["c"]', ["a", "b"])
    assert (answer["status"], shown["maxConcurrency"]) == ("SUCCEEDED", 1)


def test_items_that_are_none_fail_without_an_event_to_point_at(small: SmallEndpoint) -> None:
    state = map_state(ItemsPath="$$.Execution.Input")
    answer = trial(small, state, input='["c"]', context=json.dumps(CONTEXT), mock={"result": '["A"]'})
    assert answer == {
        "status": "FAILED",
        "error": "States.Runtime",
        "cause": 'Reference path "$.Execution.Input" must point to array.',
        "inspectionData": {"input": '["c"]', "afterInputPath": '["c"]'},
    }


@pytest.mark.parametrize(("failures", "status"), [(1, "SUCCEEDED"), (3, "FAILED")])
def test_a_tolerated_percentage_is_of_the_items(small: SmallEndpoint, failures: int, status: str) -> None:
    state = map_state(ToleratedFailurePercentage=50)
    state["ItemProcessor"]["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    configuration = {"mapIterationFailureCount": failures}
    answer = trial(small, state, input="[1,2,3,4]", mock={"result": "[1]"}, stateConfiguration=configuration)
    assert answer["status"] == status


@pytest.mark.parametrize(
    ("state", "code", "message"),
    [
        (
            map_state(),
            "InvalidDefinition",
            "TestState API does not support Map or Parallel states. Supported state types include: "
            "[Task, Wait, Pass, Succeed, Fail, Choice]",
        ),
        (INVOKE, "ValidationException", "RoleArn must be specified when testing a Task state"),
    ],
)
def test_what_a_trial_needs(small: SmallEndpoint, state: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(ServiceError) as caught:
        trial(small, state)
    assert (caught.value.code, caught.value.message) == (code, message)
