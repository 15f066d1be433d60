"""Which stages have changed since a run began."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.cloud.redrive import changed_stages, refuse_changed
from headwater.errors import CloudError


def machine(**states: dict[str, Any]) -> str:
    document = {"States": {name.replace("__", ": "): {"Type": "Task", **state} for name, state in states.items()}}
    return json.dumps(document)


def test_code_that_the_definition_names_counts_and_what_follows_a_state_does_not() -> None:
    began = machine(clean={"Arguments": "a", "Next": "fit"}, fit={"Arguments": "1", "End": True})
    assert changed_stages(began, began) == []
    assert changed_stages(began, machine(clean={"Arguments": "a", "End": True}, fit={"Arguments": "2"})) == ["fit"]


def test_a_stage_more_or_less_has_changed_and_helpers_belong_to_their_stage() -> None:
    began = machine(catalog={}, catalog__wait={"Seconds": 1})
    assert changed_stages(began, machine(catalog={}, catalog__wait={"Seconds": 2})) == ["catalog"]
    assert changed_stages(began, machine(catalog={}, catalog__wait={"Seconds": 1}, judge={})) == ["judge"]
    assert changed_stages(began, machine()) == ["catalog"]


def test_branches_count_as_what_they_hold() -> None:
    branch = {"States": {"fit": {"Type": "Task", "Arguments": "1"}}}
    together = json.dumps({"States": {"headwater: together 1": {"Type": "Parallel", "Branches": [branch]}}})
    assert changed_stages(machine(fit={"Arguments": "1"}), together) == []


def test_the_refusal_says_what_to_do() -> None:
    refuse_changed([])
    with pytest.raises(CloudError, match="fit, judge have changed since the run began.*headwater resume --as-begun"):
        refuse_changed(["fit", "judge"])
