"""Least privilege, measured on the flights workflow: nothing is granted in excess, and each statement is needed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from headwater.local.identity.authorizer import DENIED
from tests.conftest import client_factory
from tests.integration.command_line import ProjectFolder
from tests.integration.stage_calls import StageCalls, calls_of

Aws = Callable[..., Any]
# Of the state machine's statements: the state whose call each allows.
CALLED_BY = {
    "InvokeFunctions": "validate",
    "RunGlueJobs": "clean",
    "RunCrawlers": "catalog",
    "RunProcessingJobs": "split",
    "RunTrainingJobs": "fit",
    "PassRoles": "split",
    "ReadMetricsOfEvaluate": "good enough",
    "RegisterDelayModel": "register",
    "ReadDelayModel": "register",
}


@contextmanager
def without(iam: Any, role: str, sid: str) -> Iterator[None]:
    """A role without one statement, or without its trust, for the time of a block."""
    if sid.startswith("AssumedBy"):
        trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        other = {**trust, "Statement": [{**trust["Statement"][0], "Principal": {"Service": "ec2.amazonaws.com"}}]}
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(other))
        yield
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
        return
    document = iam.get_role_policy(RoleName=role, PolicyName="plan")["PolicyDocument"]
    rest = [statement for statement in document["Statement"] if statement["Sid"] != sid]
    assert len(rest) == len(document["Statement"]) - 1
    iam.put_role_policy(RoleName=role, PolicyName="plan", PolicyDocument=json.dumps({**document, "Statement": rest}))
    yield
    iam.put_role_policy(RoleName=role, PolicyName="plan", PolicyDocument=json.dumps(document))


def needed_actions(statement: dict[str, Any]) -> list[str]:
    marked = {*statement["aws_only"], *statement["sometimes"]}
    return [action for action in statement["actions"] if action not in marked]


def denied_since(aws: Aws, since_ms: int, role: str) -> set[str]:
    events = aws("logs").filter_log_events(logGroupName=DENIED, startTime=since_ms)["events"]
    told = [json.loads(event["message"]) for event in events]
    return {each["action"] for each in told if f"/{role}/" in each["principal"]}


@pytest.mark.timeout(600)
def test_every_grant_is_used_and_every_statement_is_needed(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of(months=(1,), rows=600)
    assert "start with `headwater run`" in project.headwater("policies", "check", code=5)
    project.headwater("lake", "sync", "data/raw", "raw")
    project.headwater("up")
    project.headwater("run")

    found = project.json("policies", "check")
    assert [each for each in found["unused"] if not each["mark"]] == found["denied"] == []
    assert found["used"] > 50 and all(len(each["why"].split()) >= 3 for each in found["unused"])

    url = json.loads((project.home / "endpoint.json").read_text())["url"]
    aws = client_factory(url)
    failures = Removals(aws, project).failures()
    assert failures == {}, "\n".join(f"{name}: {said}" for name, said in failures.items())
    assert project.headwater("policies", "check", code=1).count(" on ") > 20, "they were denied in the latest run"
    project.headwater("down")


class Removals:
    """Takes away one statement after another, and makes the call that needs it."""

    def __init__(self, aws: Aws, project: ProjectFolder) -> None:
        self._aws, self._iam = aws, aws("iam")
        roles = project.json("plan", "--policies")["roles"]
        self._roles = {each["role"]: each for each in roles}
        outputs = aws("cloudformation").describe_stacks(StackName="flight-delays")["Stacks"][0]["Outputs"]
        machine = next(each["OutputValue"] for each in outputs if each["OutputKey"] == "StateMachineArn")
        run = aws("stepfunctions").list_executions(stateMachineArn=machine)["executions"][0]["executionArn"]
        role = aws("stepfunctions").describe_state_machine(stateMachineArn=machine)["roleArn"]
        self._calls = StageCalls(aws, role, calls_of(aws, run))

    def failures(self) -> dict[str, str]:
        """The statements without which nothing was denied, and what was said."""
        found: dict[str, str] = {}
        tried = 0
        for role in self._roles.values():
            name = role["name"].replace("${AWS::Region}", "us-east-1")
            for statement in role["statements"]:
                actions = needed_actions(statement)
                if actions:
                    tried += 1
                    since = int(time.time() * 1000)
                    said = self._said_without(role, name, statement["sid"])
                    denied = denied_since(self._aws, since, name)
                    if not denied & set(actions) or not _says(said, actions):
                        found[f"{name} {statement['sid']}"] = f"{said} {sorted(denied)}"
                    if statement["sid"] == "WriteCatalog":
                        assert self._calls.as_service("catalog") == "", "the table is there again"
            if said := self._without_trust(role, name):
                found[f"{name} {role['trust']['sid']}"] = said
        assert tried > 35
        return found

    def _without_trust(self, role: dict[str, Any], name: str) -> str:
        """What was said without the role's trust, where that does not speak of assuming it."""
        if role["what"] == "Schedule":  # its time does not come in a test
            return ""
        stage = role["what"].removeprefix("Stage ")
        if role["service"] == "lambda.amazonaws.com":  # another configuration gets another environment
            function = self._calls.calls[stage][1]["FunctionName"]
            self._aws("lambda").update_function_configuration(FunctionName=function, Description="another")
        with without(self._iam, name, role["trust"]["sid"]):
            said = self._calls.as_machine("good enough") if stage == "State machine" else self._calls.as_service(stage)
        return "" if "AssumeRole" in said or "Could not assume role" in said else f"trust: {said}"

    def _said_without(self, role: dict[str, Any], name: str, sid: str) -> str:
        with without(self._iam, name, sid):
            if role["what"] == "State machine":
                return self._calls.as_machine(next(s for key, s in CALLED_BY.items() if sid.startswith(key)))
            stage = role["what"].removeprefix("Stage ")
            if sid == "WriteCatalog":
                tables = self._aws("glue").get_tables(DatabaseName="flights")["TableList"]
                self._aws("glue").delete_table(DatabaseName="flights", Name=tables[0]["Name"])
            return self._calls.as_service(stage)


def _says(said: str, actions: list[str]) -> bool:
    """Whether a failure says that the action is denied; SageMaker says of a model only that it may not be read."""
    denied = "AccessDenied" in said or "is not authorized to perform" in said
    return (denied and any(action in said for action in actions)) or "Could not find model data" in said
