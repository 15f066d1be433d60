"""What was granted against what was used."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.cloud.grants import TRUST, Statement
from headwater.cloud.policy_check import Check, Marks, compare, uses
from headwater.cloud.session import connect_aws
from headwater.errors import UsageError

ROLE = "arn:aws:iam::000000000000:role/worker"
READ = Statement(
    *("Worker", ROLE, "plan", "IAM Policy", "Read"), ("s3:Get*", "s3:PutObject"), ("lake/raw/*", "lake/done/*"), ()
)
LIST = Statement("Worker", ROLE, "plan", "IAM Policy", "List", ("s3:ListBucket",), ("lake",), ("raw/*", "done/*"))
TRUSTED = Statement("Worker", ROLE, "worker", TRUST, "Us", ("sts:AssumeRole",), (), ())


def use(statement: Statement, action: str, resource: str = "", prefix: str = "") -> dict[str, Any]:
    names = {"role": statement.role, "policy": statement.policy, "kind": statement.kind, "statement": statement.name}
    return {**names, "action": action, "resource": resource, "prefix": prefix, "calls": 1}


def values(check: Check) -> list[str]:
    return [f"{each.statement} {each.what} {each.value} {each.mark}".strip() for each in check.unused]


def test_actions_resources_and_prefixes_are_told_apart() -> None:
    used = [use(READ, "s3:GetObject", "lake/raw/*"), use(LIST, "s3:ListBucket", "lake", "raw/*")]
    check = compare([READ, LIST, TRUSTED], [*used, use(TRUSTED, "sts:AssumeRole")], [], {})
    assert values(check) == ["Read action s3:PutObject", "Read resource lake/done/*", "List prefix done/*"]
    assert (check.statements, check.used, check.agrees) == (3, 3, False)


def test_what_is_marked_is_no_difference() -> None:
    marks = {("Worker", "Read"): Marks({"s3:PutObject": "why"}, {"s3:Get*": "when"})}
    check = compare([READ], [], [], marks)
    assert values(check) == ["Read action s3:Get* only when", "Read action s3:PutObject on AWS alone"]
    assert check.agrees and not check.differences
    assert not compare([READ], [], [], {("Other", "Read"): marks["Worker", "Read"]}).agrees


def test_another_policys_statement_of_the_same_name_does_not_count() -> None:
    other = {**use(LIST, "s3:ListBucket", "lake", "raw/*"), "policy": "another"}
    assert values(compare([LIST], [other], [], {})) == ["List action s3:ListBucket"]


def test_aws_does_not_count_by_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(UsageError, match="embedded endpoint"):
        uses(connect_aws(None, "us-east-1"))
