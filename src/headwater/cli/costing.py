"""What a run would cost on AWS: the work of the last run, kept in the home, and the estimate made of it.

The work is kept so that an estimate, or the budget of a deploy, needs neither the endpoint nor the run's own cloud.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.errors import BudgetError, HeadwaterError
from headwater.plan.cost.estimate import SPOT_SAVING, Estimate, Reading, estimate, unmeasured
from headwater.plan.cost.frequency import runs_a_month
from headwater.plan.cost.price_table import prices
from headwater.plan.cost.work import Work
from headwater.plan.emr.machine import STATES_A_STEP

if TYPE_CHECKING:
    from headwater.cli.project import Project
    from headwater.cloud.runs import Run
    from headwater.cloud.session import Cloud
    from headwater.plan.plan import Plan

KEPT = "last_work.json"


def work_of(plan: Plan, cloud: Cloud, bucket: str, run: Run) -> Work:
    """The work of a run, from its history and a listing of the lake."""
    from headwater.cloud.lake import LakeFiles, LakeObject, LakeUri

    files, stored = LakeFiles(cloud), {}
    for name, prefix in plan.datasets.items():
        sizes = [one.size_bytes for one in files.find(LakeUri(bucket, prefix)) if isinstance(one, LakeObject)]
        stored[name] = (len(sizes), sum(sizes))
    crawls = {name for name, size in plan.sizes.items() if size.kind == "crawler"}
    seconds = {
        stage.name: [stage.duration_s or 0.0] * stage.attempts if stage.name in crawls else stage.seconds
        for stage in run.stages
    }
    on_emr = tuple(s.name for s in run.stages if s.job is not None and s.job["service"].startswith("emr"))
    on_clusters = sum(s.attempts for s in run.stages if plan.sizes[s.name].fleets)
    return Work(run.name, seconds, run.transitions + STATES_A_STEP * on_clusters, stored, on_emr)


def cost_of_run(folder: Project, cloud: Cloud, bucket: str, run: Run) -> dict[str, Any]:
    """What a run that has just ended would cost, for its summary; its work is kept if it succeeded.

    Never fails a run: ``{"error": …}`` says what is not known.
    """
    try:
        work = work_of(folder.plan, cloud, bucket, run)
        if run.status == "SUCCEEDED":
            kept = {"workflow": folder.plan.name, **work.to_json()}
            _file(folder).write_text(json.dumps(kept))
        found = estimate(reading(folder.plan), work, prices(cloud.region))
    except (HeadwaterError, OSError) as error:
        return {"error": str(error)}
    short = {"region": found.region, "planned_usd": found.planned_usd, "on_demand_usd": found.on_demand_usd}
    month = {"planned_usd_a_month": found.planned_usd_a_month, "budget_usd": folder.plan.budget_usd}
    return {**short, **month, "unpriced": list(found.unpriced), "unknown": list(found.unknown)}


def kept_work(folder: Project) -> Work | None:
    """The work of the last run that succeeded; None if there was none, or of another workflow."""
    try:
        kept = json.loads(_file(folder).read_text())
        return Work.from_json(kept) if kept["workflow"] == folder.plan.name else None
    except (OSError, ValueError, KeyError):
        return None


def estimates(
    plan: Plan, work: Work | None, region: str, spot_saving: float = SPOT_SAVING
) -> tuple[Estimate, Estimate]:
    """At least and at most: the same where the work was measured, else AWS's minimum billing and every time limit."""
    table, read = prices(region), reading(plan)
    if work is None:
        return unmeasured(read, table, spot_saving)
    found = estimate(read, work, table, spot_saving)
    return found, found


def reading(plan: Plan) -> Reading:
    """The part of a plan that an estimate reads."""
    often = None if plan.schedule is None else runs_a_month(plan.schedule)
    reads, writes = ({stage.name: getattr(stage, part) for stage in plan.stages} for part in ("reads", "writes"))
    made = [resource["Type"] for resource in plan.template["Resources"].values()]
    watching = (made.count(f"AWS::CloudWatch::{kind}") for kind in ("Alarm", "Dashboard"))
    return Reading(plan.sizes, reads, writes, often, *watching)


def check_budget(folder: Project, region: str) -> tuple[str, ...]:
    """Refuse a deploy whose estimate is above the budget: a month's with a schedule, else a run's.

    Where nothing was measured yet, the least that AWS bills is compared.

    Returns
    -------
    tuple
        What could not be counted, its price being unknown; nothing where there is no budget.

    Raises
    ------
    BudgetError
        With the estimate and the stages that cost the most.
    UsageError
        If there are no prices for the region.
    """
    plan = folder.plan
    if plan.budget_usd is None:
        return ()
    found, _ = estimates(plan, kept_work(folder), region)
    monthly = found.planned_usd_a_month
    cost_usd, span = (found.planned_usd, "a run") if monthly is None else (monthly, "a month")
    if cost_usd <= plan.budget_usd:
        return found.unpriced
    dearest = ", ".join(f"{name} {usd_text(usd)} a run" for name, usd in list(found.by_stage().items())[:3])
    basis = f"run {found.run}" if found.measured else "AWS's minimum billing, no run being measured yet"
    raise BudgetError(
        f"nothing was changed: {plan.name} would cost about {usd_text(cost_usd)} {span} in {region} (from {basis}), "
        f"and budget_usd is {usd_text(plan.budget_usd)}. The dearest stages: {dearest}. `headwater cost` tells more; "
        "make them smaller, run less often, or raise the budget"
    )


def usd_text(usd: float | None) -> str:
    """An amount for people (``$0.42``, ``$0.0004``)."""
    if usd is None:
        return "?"
    return f"${usd:,.2f}" if usd >= 0.095 or usd == 0 else f"${usd:.2g}" if usd >= 1e-4 else "<$0.0001"


def _file(folder: Project) -> Path:
    return folder.home / KEPT
