"""``headwater plan --diff``: the plan against what is deployed, and what is deployed against what is there."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Any

from headwater.cli.change_view import differing, given, say_changes, short
from headwater.cli.console import counted, out, print_json

if TYPE_CHECKING:
    from headwater.cli.project import Project, Where
    from headwater.cloud.drift import DriftedResource


def say_differences(folder: Project, where: Where, json: bool) -> None:
    """Print how the plan differs from the deployed template, and the stack's drift. Changes nothing.

    Raises
    ------
    NotDeployedError
        When there is nothing to compare with.
    """
    from headwater.cli.deploying import deployment_of, outputs
    from headwater.cloud.changes import ordered
    from headwater.cloud.drift import detect_drift
    from headwater.cloud.template_diff import compare

    plan = folder.plan
    with folder.cloud(where) as cloud:
        outputs(folder, cloud)
        deployed = deployment_of(plan, cloud).stacks.template(plan.name) or {}
        changes = ordered(compare(deployed, plan.template))
        drifted = detect_drift(cloud, plan.name)
    if json:
        print_json(_shape(plan.name, [change.to_json() for change in changes], drifted))
        return
    if changes:
        say_changes(changes)
    else:
        out.print(f"the deployed template of {plan.name} is the plan's")
    _say_drift(drifted)


def _shape(stack: str, changes: list[dict[str, Any]], drifted: list[DriftedResource]) -> dict[str, Any]:
    """The documented shape of ``headwater plan --diff --json``."""
    return {"stack": stack, "changes": changes, "drift": [each.to_json() for each in drifted]}


def _say_drift(drifted: list[DriftedResource]) -> None:
    if not drifted:
        out.print("no drift: what CloudFormation checks is as it was deployed")
        return
    out.print(f"drift: {counted(len(drifted), 'resource')} changed behind the stack's back", style="bold yellow")
    for each in drifted:
        out.print(f"  {each.status.lower():<8}  {each.logical_id}  {each.type}", style="red", markup=False)
        for path, expected, actual in each.differences:
            for inner, old, new in differing(path.lstrip("/"), given(_parsed(expected)), given(_parsed(actual))):
                out.print(f"      {inner}: {short(old)} → {short(new)}", style="dim", markup=False)


def _parsed(text: Any) -> Any:
    """CloudFormation tells a value that is no text as JSON."""
    try:
        return json_module.loads(text)
    except (TypeError, ValueError):
        return text
