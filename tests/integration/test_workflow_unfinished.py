"""A run that nobody follows any more holds the lake: what a new run says of it, and does to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import client_factory
from tests.integration.command_line import ProjectFolder

pytestmark = pytest.mark.timeout(300)

WORKFLOW = """
from headwater import Lake, Workflow

wf = Workflow("slow", Lake("slow"))
wf.function("wait", "wait.py", timeout_s=300)
"""
SLOW = """
import time


def handler(event, context):
    time.sleep(250)
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectFolder]:
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "workflow.py").write_text(WORKFLOW)
    (folder / "wait.py").write_text(SLOW)
    made = ProjectFolder(folder)
    made.headwater("up")
    yield made
    made.headwater("down")
    made.close()


def test_a_new_run_changes_nothing_while_another_is_unfinished(project: ProjectFolder) -> None:
    assert "not deployed yet" in project.headwater("lake", "ls", code=5), "a look deploys nothing"
    project.headwater("deploy", "--yes")
    assert project.headwater("lake", "ls") == ""
    aws = client_factory(json.loads((project.home / "endpoint.json").read_text())["url"])
    states: Any = aws("stepfunctions")
    (machine,) = states.list_state_machines()["stateMachines"]
    arn = states.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"RUN_DATE": ""}')["executionArn"]
    code = aws("lambda").get_function(FunctionName="slow-wait")["Configuration"]["CodeSha256"]

    project.edit("wait.py", ("time.sleep(250)", "return {}"))
    for command in (("run",), ("backfill", "2013-01", "2013-01")):
        assert "is not finished and holds the lake" in project.headwater(*command, code=7)
    assert aws("lambda").get_function(FunctionName="slow-wait")["Configuration"]["CodeSha256"] == code
    assert "is not finished: wait for it, or stop it first" in project.headwater("destroy", "--yes", code=7)

    project.headwater("run", "--anew")
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert aws("lambda").get_function(FunctionName="slow-wait")["Configuration"]["CodeSha256"] != code
