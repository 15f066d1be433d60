"""A plan as JSON for programs, and as a tree for people.

The JSON's shape is a contract: fields are added, never renamed or removed, while ``version`` stays 1.

::

    {"version": 1, "workflow", "lake", "database", "parameters": {name: default}, "datasets": {name: prefix},
     "levels": [[stage]], "period": [stage], "critical_path_s": {"graph", "planned"},
     "stages": [{"name", "kind", "script", "reads": [dataset], "writes": [dataset], "after": [stage], "when",
                 "resource", "role", "period", "engine": engine | null, "emr_above_gb": number | null,
                 "permissions": [permission]}],
     "state_machine": {"name", "permissions": [permission], "states": {state: stage | null}},
     "alarms": {"topic", "names": [alarm], "dashboard"},
     "assets": [{"name", "key", "sha256", "size_bytes"}],
     "resources": {logical id: type}}

A permission is ``{"sid", "actions": [...], "resources": [...], "condition": {...} | null, "reason", "aws_only":
{action: why}, "sometimes": {action: when}, "resources_when"}``; resources hold CloudFormation's pseudo parameters and
logical ids as `${…}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headwater.plan import graph, naming
from headwater.plan.alarms import ALARMS
from headwater.plan.nest import Leaf, Nest, Sequence, duration
from headwater.plan.permissions import Permission, Resource
from headwater.plan.plan import Plan, PlanStage

_ENGINES = {
    "auto": "Glue or EMR Serverless",
    "emr": "an EMR cluster",
    "emr-serverless": "EMR Serverless",
    "glue": "Glue",
}


@dataclass(frozen=True)
class Node:
    """A line of a tree, and what hangs below it.

    Parameters
    ----------
    text:
        The line, without markup.
    kind:
        What it is, for a printer that colours: "workflow", "stage", "together", "data", "permission", "note".
    """

    text: str
    kind: str
    children: tuple[Node, ...] = ()


def to_json(plan: Plan) -> dict[str, Any]:
    """Return a plan in the documented shape, ready for ``json.dumps``."""
    states = _states(plan.definition)
    return {
        "version": 1,
        "workflow": plan.name,
        "lake": plan.lake,
        "database": plan.database,
        "parameters": plan.parameters,
        "datasets": plan.datasets,
        "levels": [list(level) for level in plan.levels],
        "period": list(plan.period),
        "critical_path_s": _critical_path(plan),
        "stages": [_stage_json(stage) for stage in plan.stages],
        "state_machine": {
            "name": naming.machine_name(plan.name),
            "permissions": [permission_json(permission) for permission in plan.machine_permissions],
            "states": {state: plan.stage_of_state(state) for state in states},
        },
        "alarms": {
            "topic": naming.alarm_topic_name(plan.name),
            "names": [naming.alarm_name(plan.name, ended) for _, ended in ALARMS.values()],
            "dashboard": naming.dashboard_name(plan.name),
        },
        "assets": [{"name": a.name, "key": a.key, "sha256": a.sha256, "size_bytes": a.size_bytes} for a in plan.assets],
        "resources": {name: resource["Type"] for name, resource in plan.template["Resources"].items()},
    }


def render_text(plan: Plan) -> Node:
    """Return a plan as a tree: stages as they will run, what each reads and writes, and what its role may do."""
    by_name = {stage.name: stage for stage in plan.stages}
    period, rest = plan.nest
    children = list(_nodes(period, by_name)) if period else []
    if period and rest:
        children.append(Node("a run with DATA_ONLY ends here", "note"))
    children += _nodes(rest, by_name) if rest else ()
    finals = [stage for stage in plan.stages if stage.when != "success"]
    if finals:
        children.append(Node("at the end", "together", tuple(_stage_node(stage) for stage in finals)))
    machine = tuple(_permission_node(permission) for permission in plan.machine_permissions)
    children.append(Node("state machine may", "note", machine))
    children += _watch_nodes(plan)
    head = f"{plan.name}: {len(plan.stages)} stages over the lake {plan.lake}"
    return Node(head, "workflow", tuple(children))


def plain(node: Node, indent: int = 0) -> str:
    """Return a tree as indented lines, for a pipe."""
    return "\n".join([f"{'  ' * indent}{node.text}", *(plain(child, indent + 1) for child in node.children)])


def _nodes(tree: Nest, by_name: dict[str, PlanStage]) -> tuple[Node, ...]:
    if isinstance(tree, Leaf):
        return (_stage_node(by_name[tree.name]),)
    if isinstance(tree, Sequence):
        return tuple(node for item in tree.items for node in _nodes(item, by_name))
    branches = tuple(nodes for branch in tree.branches for nodes in [_nodes(branch, by_name)])
    rows = tuple(nodes[0] if len(nodes) == 1 else Node("then", "together", nodes) for nodes in branches)
    return (Node("together", "together", rows),)


def _watch_nodes(plan: Plan) -> tuple[Node, ...]:
    """Who is told of a run that did not succeed, and where its metrics are shown."""
    ends = [ended for _, ended in ALARMS.values()]
    told = f"a run that {', '.join(ends[:-1])} or {ends[-1]} raises an alarm"
    topic = Node(f"publishes to {naming.alarm_topic_name(plan.name)}, which hears these alarms alone", "data")
    filters = [r["Properties"] for r in plan.template["Resources"].values() if r["Type"] == "AWS::Logs::MetricFilter"]
    names = (f"{each['FilterName']}, from {each['LogGroupName']}" for each in filters)
    counted = [Node("metric filters", "note", tuple(Node(name, "data") for name in names))] if filters else []
    return (
        Node(told, "note", (topic,)),
        *counted,
        Node(f"dashboard {naming.dashboard_name(plan.name)}", "note"),
    )


def _stage_node(stage: PlanStage) -> Node:
    engine = f" on {_ENGINES[stage.engine]}" if stage.engine else ""
    what = f"{stage.name} ({stage.kind}{engine}{f', {stage.script}' if stage.script else ''})"
    when = f", when={stage.when}" if stage.when != "success" else ""
    data = [Node(f"{verb} {', '.join(names)}", "data") for verb, names in _data(stage) if names]
    if stage.emr_above_gb is not None:
        size = f"{stage.emr_above_gb:,g} GB"
        data.append(Node(f"measured each time: above {size} of what it reads it runs on EMR Serverless", "data"))
    return Node(what + when, "stage", (*data, *(_permission_node(each) for each in stage.permissions)))


def _data(stage: PlanStage) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("reads", stage.reads), ("writes", stage.writes)


def _permission_node(permission: Permission) -> Node:
    where = [text_of(resource) for resource in permission.resources]
    shown = f"{where[0]}{f' and {len(where) - 1} more' if len(where) > 1 else ''}"
    return Node(f"may {', '.join(permission.actions)} on {shown}: {permission.reason}", "permission")


def _stage_json(stage: PlanStage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "kind": stage.kind,
        "script": stage.script,
        "reads": list(stage.reads),
        "writes": list(stage.writes),
        "after": list(stage.after),
        "when": stage.when,
        "resource": stage.resource,
        "role": stage.role,
        "period": stage.period,
        "engine": stage.engine,
        "emr_above_gb": stage.emr_above_gb,
        "permissions": [permission_json(permission) for permission in stage.permissions],
    }


def permission_json(permission: Permission) -> dict[str, Any]:
    """Return a permission in the documented shape."""
    return {
        "sid": permission.sid,
        "actions": list(permission.actions),
        "resources": [text_of(resource) for resource in permission.resources],
        "condition": dict(permission.condition) if permission.condition else None,
        "reason": permission.reason,
        "aws_only": dict(permission.aws_only),
        "sometimes": dict(permission.sometimes),
        "resources_when": permission.resources_when,
    }


def text_of(resource: Resource) -> str:
    """Return a resource as text; a repository's ARN is a Sub with a map: shown with the mapping's name."""
    if isinstance(resource, str):
        return resource
    sub = resource["Fn::Sub"]
    return str(sub[0]) if isinstance(sub, list) else str(sub)


def _critical_path(plan: Plan) -> dict[str, float]:
    weight = {stage.name: graph.EXPECTED_S[stage.kind] for stage in plan.stages}
    finish: dict[str, float] = {}
    by_name = {stage.name: stage for stage in plan.stages}
    for level in plan.levels:
        for name in level:
            finish[name] = weight[name] + max((finish[each] for each in by_name[name].after), default=0)
    planned = sum(duration(tree, weight) for tree in plan.nest if tree)
    return {"graph": max(finish.values(), default=0), "planned": planned}


def _states(machine: dict[str, Any]) -> list[str]:
    names: list[str] = []
    for name, state in machine["States"].items():
        names.append(name)
        for branch in state.get("Branches", ()):
            names += _states(branch)
    return names
