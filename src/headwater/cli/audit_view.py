"""What an endpoint in audit mode did for a run although the roles' policies do not allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.cli.console import counted, out

if TYPE_CHECKING:
    from headwater.cli.project import Project
    from headwater.cloud.runs import Run
    from headwater.cloud.session import Cloud


def would_be_denied(folder: Project, cloud: Cloud, run: Run) -> list[dict[str, Any]] | None:
    """The calls of the workflow's roles since a run began that enforced policies would have denied.

    Each is ``{"role", "action", "resource", "calls", "message"}``; None unless the endpoint is in audit mode.
    """
    from headwater.cli.local_endpoint import iam_mode
    from headwater.cloud.grants import granted
    from headwater.cloud.policy_check import denials

    if cloud.endpoint_url is None or cloud.name != "local" or iam_mode(cloud.endpoint_url) != "audit":
        return None
    roles = sorted({each.role for each in granted(cloud, folder.plan.name)})
    return [vars(each) for each in denials(cloud, roles, int(run.started.timestamp() * 1000))]


def say_audit(denied: list[dict[str, Any]] | None) -> None:
    """The same for people."""
    if denied is None:
        return
    if not denied:
        out.print("  audit: no call would have been denied", style="green")
        return
    out.print("  audit: would have been denied", style="bold red")
    for each in denied:
        role = each["role"].rsplit("/", 1)[-1]
        times = counted(each["calls"], "time")
        out.print(f"    {role}  {each['action']} on {each['resource']} ({times})", markup=False)
