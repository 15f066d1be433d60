"""The variables that each state reads, as DescribeStateMachine shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.local.services.states.harness import SmallEndpoint, chain

SET = ("set", {"Type": "Pass", "Assign": {"a": 1, "b": 2}})


@pytest.mark.parametrize(
    ("state", "language", "names"),
    [
        ({"Type": "Pass", "Parameters": {"x.$": "$a", "y": "$b"}}, "JSONPath", ["a"]),
        ({"Type": "Pass", "Parameters": {"x.$": "States.Format('$b {}', States.MathAdd($a, $.n))"}}, "JSONPath", ["a"]),
        ({"Type": "Pass", "Parameters": {"x.$": "$$.Execution.Id"}}, "JSONPath", []),
        ({"Type": "Wait", "SecondsPath": "$a"}, "JSONPath", ["a"]),
        ({"Type": "Pass", "Output": "{% $b & $a & $states.input.x & '$c' %}"}, "JSONata", ["a", "b"]),
        ({"Type": "Pass", "Output": "{% ($x := $a; $map([1], function($v) { $v + $x })) %}"}, "JSONata", ["a"]),
    ],
)
def test_the_variables_of_a_state(small: SmallEndpoint, state: dict[str, Any], language: str, names: list[str]) -> None:
    arn = small.create(chain(SET, ("read", state), QueryLanguage=language))
    expected = {"read": names} if names else {}
    assert small.sfn("describe_state_machine", stateMachineArn=arn).get("variableReferences", {}) == expected


def test_states_inside_a_map_and_the_machine_of_an_execution(small: SmallEndpoint) -> None:
    inner = chain(("sum", {"Type": "Pass", "Parameters": {"x.$": "States.MathAdd($b, $a)"}}))
    arn = small.begin(chain(SET, ("all", {"Type": "Map", "ItemsPath": "$", "ItemProcessor": inner})), input=[1])
    assert json.loads(small.wait(arn)["output"]) == [{"x": 3}]
    shown = small.sfn("describe_state_machine_for_execution", executionArn=arn)
    assert shown["variableReferences"] == {"sum": ["a", "b"]}
