"""``--iam audit``: what policies do not allow is done, and told at the end."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.conftest import client_factory
from tests.integration.command_line import ProjectFolder


def test_a_run_in_audit_says_what_would_have_been_denied(project_of: Callable[..., ProjectFolder]) -> None:
    project = project_of(months=(1,), rows=300)
    project.keep_stages("validate")
    project.headwater("lake", "sync", "data/raw", "raw")
    project.headwater("up", "--iam", "audit")
    refused = project.headwater("run", "--iam", "enforce", code=5)
    assert "--iam audit" in refused and "headwater down" in refused

    assert project.json("run", "--iam", "audit")["would_be_denied"] == []
    iam = client_factory(json.loads((project.home / "endpoint.json").read_text())["url"])("iam")
    roles = project.json("plan", "--policies")["roles"]
    [name] = [each["name"] for each in roles if each["what"] == "Stage validate"]
    name = name.replace("${AWS::Region}", "us-east-1")
    iam.delete_role_policy(RoleName=name, PolicyName="plan")
    made = project.json("run")
    assert made["status"] == "SUCCEEDED"
    denied = {(each["role"].rsplit("/", 1)[-1], each["action"]) for each in made["would_be_denied"]}
    assert (name, "s3:GetObject") in denied and (name, "s3:ListBucket") in denied
    said = project.headwater("run")
    assert "audit: would have been denied" in said and f"{name}  s3:GetObject on arn:aws:s3:::" in said.replace(
        "\n", ""
    )
    project.headwater("down")
    assert "AWS always enforces" in project.headwater("run", "--iam", "audit", "--on", "aws", code=2)
