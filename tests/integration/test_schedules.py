"""`headwater up` says what is due next, and fires it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import client_factory
from tests.integration.command_line import LIMIT_S, SCRIPT, environment

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


def headwater(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(SCRIPT), *arguments, "--home", str(home)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / ".headwater"
    headwater(tmp_path / ".headwater", "down")


def test_up_fires_schedules_and_names_the_next(home: Path) -> None:
    said = json.loads(headwater(home, "up", "--json"))
    aws = client_factory(said["endpoint_url"])
    assert said["next"] is None
    url = aws("sqs").create_queue(QueueName="q")["QueueUrl"]
    create(aws, "yearly", "cron(0 6 1 1 ? 2199)")
    assert "# next: yearly 2199-01-01 06:00 UTC\n" in headwater(home, "up")
    moment = datetime.now(UTC) + timedelta(seconds=2)
    create(aws, "soon", f"at({moment:%Y-%m-%dT%H:%M:%S})")
    (message,) = aws("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    assert "# next: yearly" in headwater(home, "up")


def create(aws: Any, name: str, expression: str) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    made = aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    may = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    aws("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    target = {"Arn": QUEUE, "RoleArn": made["Role"]["Arn"], "Input": "<aws.scheduler.scheduled-time>"}
    aws("scheduler").create_schedule(
        Name=name, ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"}, Target=target
    )
