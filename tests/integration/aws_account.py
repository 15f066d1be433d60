"""What stands for an AWS account: an endpoint in another process, found by AWS_ENDPOINT_URL; and a project for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import boto3

from headwater.cloud.session import is_alive
from tests.integration.command_line import LIMIT_S, OWN_CODE, SCRIPT, Background, ProjectFolder, environment, wait_until

# Not what the embedded endpoint has by default: what worked with the person's own would show nothing.
FOREIGN = {
    "HEADWATER_ACCOUNT_ID": "123456789012",
    "HEADWATER_REGION": "eu-west-1",
    "HEADWATER_ACCESS_KEY_ID": "AKIAFOREIGN0EXAMPLE0",
    "HEADWATER_SECRET_ACCESS_KEY": "a-secret-of-that-account",
}
BUCKET = "flights-123456789012-eu-west-1"
ASSETS = "headwater-assets-123456789012-eu-west-1"
STACK = "flight-delays"


class Account:
    """What stands for an AWS account, and a project that uses it."""

    def __init__(self, project: ProjectFolder, home: Path) -> None:
        self.project = project
        self.home = home
        self.variables: dict[str, str] = {}

    def up(self, account_id: str = FOREIGN["HEADWATER_ACCOUNT_ID"]) -> None:
        """Start the endpoint, and keep the environment that points at it."""
        settings = {**FOREIGN, "HEADWATER_ACCOUNT_ID": account_id}
        said = json.loads(self.headwater("up", "--home", self.home, "--json", plain=True, but=settings))
        self.variables = {
            "AWS_ENDPOINT_URL": said["endpoint_url"],
            "AWS_ACCESS_KEY_ID": said["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": said["secret_access_key"],
            "AWS_DEFAULT_REGION": said["region"],
        }

    def down(self) -> None:
        self.headwater("down", "--home", self.home, plain=True)

    def kill(self) -> None:
        """End the endpoint as a power cut does."""
        pid = int(json.loads((self.home / "endpoint.json").read_text())["pid"])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), "the endpoint is gone")

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.variables["AWS_ENDPOINT_URL"],
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
            region_name=self.variables["AWS_DEFAULT_REGION"],
        )

    def headwater(
        self, *arguments: str | Path, code: int = 0, plain: bool = False, but: dict[str, str] | None = None
    ) -> str:
        """Run a command with ``--on aws``; ``plain`` leaves that out."""
        command = [str(SCRIPT), *map(str, arguments), *([] if plain else ["--on", "aws"])]
        done = subprocess.run(
            command,
            cwd=self.project.path,
            env=environment() | self.variables | (but or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{arguments}: exit code {done.returncode}, expected {code}:\n{said}"
        assert OWN_CODE not in said, said
        return said

    def start(self, *arguments: str) -> Background:
        """Run a command with ``--on aws`` in the background."""
        settings = [f"{name}={value}" for name, value in self.variables.items()]
        return Background(["env", *settings, str(SCRIPT), *arguments, "--on", "aws"], self.project.path)

    def status(self) -> str:
        stacks = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return str(stacks[0]["StackStatus"])
