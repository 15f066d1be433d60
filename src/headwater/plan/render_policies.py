"""The roles of a plan and what each may do, statement by statement with the reason: for people and for programs.

The JSON's shape is a contract, as that of :mod:`headwater.plan.render`::

    {"version": 1, "workflow",
     "roles": [{"role", "what", "name", "service", "trust": {"sid", "principal", "condition", "reason"},
                "statements": [permission]}]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from headwater.plan import policies
from headwater.plan.permissions import Permission
from headwater.plan.plan import Plan
from headwater.plan.plan_roles import PlanRole
from headwater.plan.render import Node, permission_json, text_of


def policies_json(plan: Plan) -> dict[str, Any]:
    """Return the roles of a plan in the documented shape."""
    return {"version": 1, "workflow": plan.name, "roles": [_role_json(plan, role) for role in plan.roles]}


def policies_text(plan: Plan) -> Node:
    """Return the roles of a plan as a tree: who may assume each, and its statements with their reasons."""
    head = f"{plan.name}: {len(plan.roles)} roles"
    return Node(head, "workflow", tuple(_role_node(plan, role) for role in plan.roles))


def _role_json(plan: Plan, role: PlanRole) -> dict[str, Any]:
    return {
        "role": role.id,
        "what": role.what,
        "name": _name(plan, role),
        "service": role.service,
        "trust": _trust_json(role),
        "statements": [permission_json(permission) for permission in role.permissions],
    }


def _trust_json(role: PlanRole) -> dict[str, Any]:
    (statement,) = policies.trust_policy(role.service)["Statement"]
    return {
        "sid": statement["Sid"],
        "principal": role.service,
        "condition": statement.get("Condition"),
        "reason": policies.trust_reason(role.service),
    }


def _name(plan: Plan, role: PlanRole) -> str:
    name = plan.template["Resources"][role.id]["Properties"]["RoleName"]
    return str(name["Fn::Sub"])


def _role_node(plan: Plan, role: PlanRole) -> Node:
    trust = _trust_json(role)
    assumed = f"{trust['sid']}: {role.service} may assume it: {trust['reason']}"
    statements = tuple(_statement_node(permission) for permission in role.permissions)
    return Node(f"{role.what} ({_name(plan, role)})", "stage", (Node(assumed, "statement"), *statements))


def _statement_node(permission: Permission) -> Node:
    lines = [Node(f"may {', '.join(permission.actions)}", "permission")]
    lines += [Node(f"on {text_of(resource)}", "permission") for resource in permission.resources]
    lines += [Node(f"where {line}", "permission") for line in _conditions(permission.condition or {})]
    lines += [Node(f"{line}", "note") for line in _marks("on AWS alone", permission.aws_only, permission)]
    lines += [Node(f"{line}", "note") for line in _marks("only when", permission.sometimes, permission)]
    if permission.resources_when:
        lines.append(Node(f"each resource only when {permission.resources_when}", "note"))
    return Node(f"{permission.sid}: {permission.reason}", "statement", tuple(lines))


def _conditions(condition: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for operator, keys in condition.items():
        for key, values in keys.items():
            yield f"{operator} {key}: {', '.join(values) if isinstance(values, list) else values}"


def _marks(kind: str, marks: Mapping[str, str], permission: Permission) -> Iterator[str]:
    """A line a reason; the actions are named where it is not for all of them."""
    ordered = sorted(marks.items(), key=lambda mark: (mark[1], mark[0]))
    for why, found in groupby(ordered, key=lambda mark: mark[1]):
        actions = [action for action, _ in found]
        named = "" if len(actions) == len(permission.actions) else f" ({', '.join(actions)})"
        yield f"{kind}{named}{':' if kind.startswith('on') else ''} {why}"
