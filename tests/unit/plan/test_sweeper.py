"""The sweeper's template: what it may do, each with its reason."""

from __future__ import annotations

import json
import re

import pytest

from headwater.plan.permissions import Permission
from headwater.plan.sweeper.kinds import KINDS, Kind
from headwater.plan.sweeper.machine import definition
from headwater.plan.sweeper.stack import stack_permissions, sweep_permissions


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_machine_looks_judges_and_deletes_each_kind(kind: Kind) -> None:
    text = json.dumps(definition())
    assert f'"look at {kind.name}"' in text
    assert f'"judge {kind.name}"' in text
    assert f'"{kind.name}: {len(kind.steps)}"' in text


@pytest.mark.parametrize("permission", [*sweep_permissions(), *stack_permissions()], ids=lambda each: each.actions[0])
def test_each_permission_has_a_reason_and_names_its_actions(permission: Permission) -> None:
    assert len(permission.reason.split()) >= 4
    assert all(re.fullmatch(r"[a-z0-9-]+:[A-Z]\w+", action) for action in permission.actions)
    if "*" in permission.resources:
        assert "AWS offers no resource level" in permission.reason


def test_what_deletes_spares_what_bears_the_keep_tag() -> None:
    changing = re.compile(r":(Delete|Stop|Terminate|Cancel|Remove)")
    deleting = [each for each in sweep_permissions() if changing.search(" ".join(each.actions))]
    named = [each for each in deleting if each.resources != ("*",)]
    assert len(named) >= len(KINDS)
    assert all(each.condition == {"Null": {"aws:ResourceTag/headwater:keep": "true"}} for each in named)
