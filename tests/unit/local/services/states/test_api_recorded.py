"""Answers of the API as recorded on AWS between 2024-03 and 2025-10: ARNs, activities, logging, express machines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.local.service import ServiceError
from tests.unit.local.services.states.harness import ROLE, SmallEndpoint, chain

PASS = chain(("p", {"Type": "Pass"}))


def refusal(small: SmallEndpoint, operation: str, **members: Any) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        small.sfn(operation, **members)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("operation", "member", "others"),
    [
        ("describe_activity", "activityArn", {}),
        ("get_activity_task", "activityArn", {}),
        ("delete_activity", "activityArn", {}),
        ("delete_state_machine", "stateMachineArn", {}),
        ("describe_state_machine_for_execution", "executionArn", {}),
        ("delete_state_machine_version", "stateMachineVersionArn", {}),
        ("describe_state_machine_alias", "stateMachineAliasArn", {}),
        ("describe_map_run", "mapRunArn", {}),
        ("list_map_runs", "executionArn", {}),
        ("tag_resource", "resourceArn", {"tags": []}),
    ],
)
def test_what_is_no_arn_is_refused(small: SmallEndpoint, operation: str, member: str, others: dict[str, Any]) -> None:
    expected = ("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: no_arn'")
    assert refusal(small, operation, **{member: "no_arn"}, **others) == expected


def test_an_activity_says_how_it_is_encrypted_and_a_list_does_not(small: SmallEndpoint) -> None:
    arn = small.sfn("create_activity", name="a")["activityArn"]
    described = small.sfn("describe_activity", activityArn=arn)
    assert described.pop("encryptionConfiguration") == {"type": "AWS_OWNED_KEY"}
    assert small.sfn("list_activities")["activities"] == [described]


def test_a_logging_configuration_is_completed(small: SmallEndpoint) -> None:
    arn = small.create(PASS, loggingConfiguration={"destinations": []})
    described = small.sfn("describe_state_machine", stateMachineArn=arn)["loggingConfiguration"]
    assert described == {"destinations": [], "level": "OFF", "includeExecutionData": False}


def test_a_log_group_that_is_not_there_is_refused(small: SmallEndpoint) -> None:
    logging = small.logging("/machines")
    small.on("logs", "describe_log_groups", lambda **members: {"logGroups": [{"logGroupName": "/machines-of-others"}]})
    members = {"name": "m", "definition": json.dumps(PASS), "roleArn": ROLE, "loggingConfiguration": logging}
    expected = ("InvalidLoggingConfiguration", "Invalid Logging Configuration: Log Destination not found.")
    assert refusal(small, "create_state_machine", **members) == expected


@pytest.mark.parametrize(
    ("resource", "what"),
    [
        ("arn:aws:states:::sns:publish.waitForTaskToken", "'.waitForTaskToken' service integration "),
        ("arn:aws:states:::states:startExecution.sync", "'.sync' service integration"),
        ("arn:aws:states:us-east-1:000000000000:activity:a", "Activity ARN"),
    ],
)
def test_what_an_express_machine_cannot_do_is_refused(small: SmallEndpoint, resource: str, what: str) -> None:
    definition = json.dumps(chain(("t", {"Type": "Task", "Resource": resource})))
    found = small.sfn("validate_state_machine_definition", definition=definition, type="EXPRESS")["diagnostics"]
    message = f"Express state machine does not support {what}"
    assert [(each["message"], each["location"]) for each in found] == [(message, "/States/t/Resource")]
    assert small.sfn("validate_state_machine_definition", definition=definition)["result"] == "OK"


@pytest.mark.parametrize(
    ("definition", "diagnostic"),
    [
        (" ", {"code": "SCHEMA_VALIDATION_FAILED", "message": "Definition must be a valid JSON object"}),
        (
            "not a definition",
            {
                "code": "INVALID_JSON_DESCRIPTION",
                "location": '[Source: (String)"not a definition"; line: 1, column: 4]',
                "message": "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token "
                "'null', 'true' or 'false')\n at [Source: (String)\"not a definition\"; line: 1, column: 4]",
            },
        ),
    ],
)
def test_what_is_no_definition(small: SmallEndpoint, definition: str, diagnostic: dict[str, str]) -> None:
    found = small.sfn("validate_state_machine_definition", definition=definition)
    assert found == {"result": "FAIL", "diagnostics": [{**diagnostic, "severity": "ERROR"}], "truncated": False}


def test_executions_of_an_express_machine_are_not_listed(small: SmallEndpoint) -> None:
    arn = small.create(PASS, type="EXPRESS")
    expected = ("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
    assert refusal(small, "list_executions", stateMachineArn=arn) == expected
    started = small.sfn("start_execution", stateMachineArn=arn)["executionArn"]
    expected = ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    assert refusal(small, "describe_state_machine_for_execution", executionArn=started) == expected


def test_a_synchronous_execution_that_fails_says_that_its_output_is_included(small: SmallEndpoint) -> None:
    arn = small.create(chain(("f", {"Type": "Fail", "Error": "E"})), type="EXPRESS")
    ended = small.sfn("start_sync_execution", stateMachineArn=arn)
    assert (ended["status"], ended["outputDetails"], "output" in ended) == ("FAILED", {"included": True}, False)


def test_only_an_execution_that_nobody_waits_for_has_a_redrive_count(small: SmallEndpoint) -> None:
    definition = chain(("p", {"Type": "Pass", "Parameters": {"names.$": "$$.Execution"}}))
    arn = small.create(definition, type="EXPRESS")
    ended = small.sfn("start_sync_execution", stateMachineArn=arn)
    assert "RedriveCount" not in json.loads(ended["output"])["names"]
    logging = small.logging("/machines", data=True)
    arn = small.create(definition, "logged", type="EXPRESS", loggingConfiguration=logging)
    small.sfn("start_execution", stateMachineArn=arn)
    small.states.stop()
    rows = small.store.query("SELECT message FROM log_events WHERE log_group = '/machines' ORDER BY id", ())
    assert json.loads(json.loads(rows[-1]["message"])["details"]["output"])["names"]["RedriveCount"] == 0
