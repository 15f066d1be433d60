"""Revisions, versions and aliases, as recorded on AWS between 2023-06 and 2025-03."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.local.service import ServiceError
from tests.unit.local.services.states.harness import ROLE, SmallEndpoint, chain

PASS = {"Type": "Pass"}


def text(result: Any) -> str:
    return json.dumps(chain(("p", {**PASS, "Result": result})))


def machine(small: SmallEndpoint, **members: Any) -> str:
    arn: str = small.sfn("create_state_machine", name="m", definition=text(1), roleArn=ROLE, **members)[
        "stateMachineArn"
    ]
    return arn


def refusal(small: SmallEndpoint, operation: str, **members: Any) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        small.sfn(operation, **members)
    return caught.value.code, caught.value.message


def to(version: str, weight: int = 100) -> dict[str, Any]:
    return {"stateMachineVersionArn": version, "weight": weight}


def test_a_first_revision_has_no_id_and_an_update_that_changes_nothing_makes_none(small: SmallEndpoint) -> None:
    arn = machine(small)
    assert "revisionId" not in small.sfn("describe_state_machine", stateMachineArn=arn)
    started = small.sfn("start_execution", stateMachineArn=arn)["executionArn"]
    assert "revisionId" not in small.sfn("describe_state_machine_for_execution", executionArn=started)
    same = small.sfn("update_state_machine", stateMachineArn=arn, definition=text(1), publish=True)
    assert (same.get("revisionId"), same["stateMachineVersionArn"]) == (None, f"{arn}:1")
    changed = small.sfn("update_state_machine", stateMachineArn=arn, definition=text(2))["revisionId"]
    again = small.sfn("update_state_machine", stateMachineArn=arn, definition=text(2), roleArn=ROLE)["revisionId"]
    described = small.sfn("describe_state_machine", stateMachineArn=arn)
    assert (again, described["revisionId"]) == (changed, changed)


def test_another_role_makes_no_other_machine(small: SmallEndpoint) -> None:
    first = small.sfn("create_state_machine", name="m", definition=text(1), roleArn=ROLE)
    other = f"{ROLE}-other"
    assert small.sfn("create_state_machine", name="m", definition=text(1), roleArn=other) == first
    assert small.sfn("describe_state_machine", stateMachineArn=first["stateMachineArn"])["roleArn"] == ROLE


def test_a_version_shows_its_description(small: SmallEndpoint) -> None:
    arn = machine(small, publish=True, versionDescription="the first")
    version = small.sfn("describe_state_machine", stateMachineArn=f"{arn}:1")
    assert (version["description"], "revisionId" in version) == ("the first", False)
    assert "description" not in small.sfn("describe_state_machine", stateMachineArn=arn)
    expected = ("ValidationException", "Version description can only be set when publish is true")
    members = {"stateMachineArn": arn, "definition": text(2), "versionDescription": "x"}
    assert refusal(small, "update_state_machine", **members) == expected


def test_a_version_is_not_updated(small: SmallEndpoint) -> None:
    arn = machine(small, publish=True)
    expected = ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}:1'")
    assert refusal(small, "update_state_machine", stateMachineArn=f"{arn}:1", definition=text(2)) == expected


def test_executions_are_listed_by_the_version_or_alias_that_started_them(small: SmallEndpoint) -> None:
    arn = machine(small, publish=True)
    routing = [to(f"{arn}:1")]
    alias = small.sfn("create_state_machine_alias", name="live", routingConfiguration=routing)["stateMachineAliasArn"]
    started = {of: small.sfn("start_execution", stateMachineArn=of)["executionArn"] for of in (arn, f"{arn}:1", alias)}

    def listed(of: str) -> set[str]:
        return {each["executionArn"] for each in small.sfn("list_executions", stateMachineArn=of)["executions"]}

    assert listed(arn) == set(started.values())
    assert listed(f"{arn}:1") == {started[f"{arn}:1"], started[alias]}
    assert listed(alias) == {started[alias]}


@pytest.mark.parametrize(
    ("routing", "message"),
    [
        ([to("M")], "Routing configuration must contain state machine version ARNs. Received: [M]"),
        (
            [to("M:1", 50), to("M:1", 50)],
            "Routing configuration must contain distinct state machine version ARNs. Received: [M:1, M:1]",
        ),
        (
            [to("M:1", 70), to("M:2", 29)],
            "Sum of routing configuration weights must equal 100. Received: [70, 29]",
        ),
    ],
)
def test_a_routing_that_aws_refuses(small: SmallEndpoint, routing: list[dict[str, Any]], message: str) -> None:
    arn = machine(small, publish=True)
    small.sfn("update_state_machine", stateMachineArn=arn, definition=text(2), publish=True)
    named = [to(each["stateMachineVersionArn"].replace("M", arn), each["weight"]) for each in routing]
    answer = refusal(small, "create_state_machine_alias", name="live", routingConfiguration=named)
    assert answer == ("ValidationException", message.replace("M", arn))


def test_an_alias_that_is_not_there(small: SmallEndpoint) -> None:
    arn = machine(small, publish=True)
    gone = f"{arn}:gone"
    assert small.sfn("delete_state_machine_alias", stateMachineAliasArn=gone) == {}
    expected = ("ResourceNotFound", "Request references a resource that does not exist.")
    assert refusal(small, "update_state_machine_alias", stateMachineAliasArn=gone, description="x") == expected
