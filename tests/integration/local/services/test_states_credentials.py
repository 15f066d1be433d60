"""A Task's credentials: its role, which the machine's role assumes, and what it is refused for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

ROLES = "arn:aws:iam::000000000000:role"
Client = Callable[..., Any]


def trusting(principal: dict[str, str]) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]})


def allow(aws: Client, role: str, action: str, resource: str = "*") -> None:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws("iam").put_role_policy(RoleName=role, PolicyName="may", PolicyDocument=policy)


def listing_as(credentials: dict[str, str]) -> dict[str, Any]:
    """A Task that lists queues with these Credentials."""
    listing = "arn:aws:states:::aws-sdk:sqs:listQueues"
    return {"Type": "Task", "Resource": listing, "Parameters": {}, "Credentials": credentials, "End": True}


@pytest.fixture
def machine(aws: Client) -> str:
    """A machine that lists queues as the role that its input names."""
    aws("iam").create_role(RoleName="machine", AssumeRolePolicyDocument=trusting({"Service": "states.amazonaws.com"}))
    definition = json.dumps({"StartAt": "A", "States": {"A": listing_as({"RoleArn.$": "$.role"})}})
    made = aws("stepfunctions").create_state_machine(name="m", definition=definition, roleArn=f"{ROLES}/machine")
    return str(made["stateMachineArn"])


def outcome(aws: Client, machine: str, role: str) -> tuple[str, str]:
    """(error, cause) of a run with a role; ("", "") when it succeeds."""
    states = aws("stepfunctions")
    started = states.start_execution(stateMachineArn=machine, input=json.dumps({"role": f"{ROLES}/{role}"}))
    while (described := states.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
        pass
    return described.get("error", ""), described.get("cause", "")


def unauthorized(role: str) -> tuple[str, str]:
    cause = f"The role {ROLES}/machine is not authorized to assume the task state's role, {ROLES}/{role}."
    return "States.TaskFailed", cause


def test_a_role_that_trusts_the_machine_s_role_is_assumed(aws: Client, machine: str) -> None:
    aws("iam").create_role(RoleName="task", AssumeRolePolicyDocument=trusting({"AWS": f"{ROLES}/machine"}))
    allow(aws, "machine", "sts:AssumeRole", f"{ROLES}/task")
    error, cause = outcome(aws, machine, "task")
    assert error == "Sqs.SqsException" and "assumed-role/task/" in cause, "the task's role may not list queues"
    allow(aws, "task", "sqs:ListQueues")
    assert outcome(aws, machine, "task") == ("", "")


def test_a_role_that_trusts_only_the_service_is_not(aws: Client, machine: str) -> None:
    service = trusting({"Service": "states.amazonaws.com"})
    aws("iam").create_role(RoleName="task", AssumeRolePolicyDocument=service)
    allow(aws, "machine", "sts:AssumeRole")
    allow(aws, "task", "sqs:ListQueues")
    assert outcome(aws, machine, "task") == unauthorized("task")


def test_a_role_that_is_not_there_is_not(aws: Client, machine: str) -> None:
    allow(aws, "machine", "sts:AssumeRole")
    assert outcome(aws, machine, "nobody") == unauthorized("nobody")


def test_a_trial_assumes_the_role_too(aws: Client, machine: str) -> None:
    task = listing_as({"RoleArn": f"{ROLES}/nobody"})
    tried = aws("stepfunctions").test_state(definition=json.dumps(task), roleArn=f"{ROLES}/machine", input="{}")
    assert (tried["error"], tried["cause"]) == unauthorized("nobody")


def test_of_a_machine_whose_role_is_made_up_a_made_up_role_is_the_person(aws: Client) -> None:
    task = listing_as({"RoleArn": f"{ROLES}/nobody"})
    tried = aws("stepfunctions").test_state(definition=json.dumps(task), roleArn=f"{ROLES}/made-up", input="{}")
    assert tried["status"] == "SUCCEEDED"
