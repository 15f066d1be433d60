"""The log groups that a plan's jobs write to and that no template makes: each service's own, one for the whole account.

Glue's jobs and crawlers and SageMaker's jobs choose the group themselves, and make it without retention when it is not
there: it would be kept, and paid for, for ever. A template that made it would fail in an account that has it, and
delete everybody's logs with the stack. Functions, the state machine and EMR Serverless log to groups of the template.

Sources: Glue developer guide, "Logging for AWS Glue jobs" (from 5.0: error and output) and "Troubleshooting crawlers";
SageMaker developer guide, "Log groups and streams that Amazon SageMaker AI sends to CloudWatch Logs"; read 2026-11.
"""

from __future__ import annotations

from headwater.plan.naming import machine_log_group
from headwater.plan.plan import Plan, PlanStage
from headwater.plan.resources import LOG_RETENTION_DAYS

GROUPS: dict[str, tuple[str, ...]] = {
    "crawler": ("/aws-glue/crawlers",),
    "processing": (machine_log_group("processing"),),
    "spark": ("/aws-glue/jobs/error", "/aws-glue/jobs/output"),
    "training": (machine_log_group("training"),),
}
_ON_GLUE = (None, "auto", "glue")


def shared_log_groups(plan: Plan) -> dict[str, int]:
    """Return the names of the groups, sorted, each with the days for which the plan would have its events kept."""
    names = {name for stage in plan.stages for name in _groups_of(stage)}
    return dict.fromkeys(sorted(names), LOG_RETENTION_DAYS)


def _groups_of(stage: PlanStage) -> tuple[str, ...]:
    return GROUPS.get(stage.kind, ()) if stage.engine in _ON_GLUE else ()
