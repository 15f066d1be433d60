"""Stacks against a live endpoint: deploy and wait on the status, not on the clock."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

LIMIT_S = 20.0


def settled(client: Any, stack: str, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """The stack's description once nothing is in progress."""
    end = time.monotonic() + limit_s
    while True:
        description: dict[str, Any] = client.describe_stacks(StackName=stack)["Stacks"][0]
        if not description["StackStatus"].endswith("_IN_PROGRESS"):
            return description
        if time.monotonic() > end:
            raise AssertionError(f"still {description['StackStatus']} after {limit_s} s")
        time.sleep(0.005)


@pytest.fixture
def cfn(aws: Callable[..., Any]) -> Any:
    """CloudFormation of a live endpoint."""
    return aws("cloudformation")


@pytest.fixture
def deploy(cfn: Any) -> Callable[..., dict[str, Any]]:
    """``deploy(name, template, **options)``: create the stack, or update it, and wait; gives its description."""

    def run(name: str, template: Any, update: bool = False, **options: Any) -> dict[str, Any]:
        body = template if isinstance(template, str) else json.dumps(template)
        call = cfn.update_stack if update else cfn.create_stack
        options.setdefault("Capabilities", ["CAPABILITY_NAMED_IAM"])
        stack_id = call(StackName=name, TemplateBody=body, **options)["StackId"]
        return settled(cfn, stack_id)

    return run


def reasons(cfn: Any, stack: str) -> list[tuple[str, str, str]]:
    """(logical id, status, reason) of the events, oldest first."""
    pages = cfn.get_paginator("describe_stack_events").paginate(StackName=stack)
    events = [event for page in pages for event in page["StackEvents"]]
    return [(e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", "")) for e in reversed(events)]
