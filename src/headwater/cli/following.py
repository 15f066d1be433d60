"""Following a run to its end: what is shown on the way, on Ctrl-C, on failure, and at the end."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from botocore.exceptions import EndpointConnectionError, HTTPClientError
from rich.markup import escape

from headwater.cli.console import INTERRUPTED, Exit, err, seconds_text
from headwater.cli.stage_view import stage_view
from headwater.errors import CloudError, EndpointError, RunFailedError

if TYPE_CHECKING:
    from headwater.cloud.history import StageRun
    from headwater.cloud.runs import Run, Runs
    from headwater.cloud.session import Cloud

TAIL_LINES = 15
ALARM_WAIT_S = 5.0


def follow(runs: Runs, arn: str, kinds: dict[str, str], quiet: bool = False) -> Run:
    """Show a run until it ends, and return it as it ended, whatever its status.

    Ctrl-C stops the run's jobs and leaves it resumable.
    """
    run: Run | None = None
    try:
        with stage_view(kinds, quiet) as view:
            try:
                for run in runs.follow(arn):
                    view.show(run)
            except KeyboardInterrupt:
                runs.stop(arn, "interrupted from the keyboard")
                view.show(runs.describe(arn))
                raise Exit(
                    INTERRUPTED, "stopped, with the jobs that it had started; `headwater resume` goes on"
                ) from None
    except (EndpointConnectionError, HTTPClientError) as error:
        raise EndpointError("the endpoint went away in the middle of the run; `headwater resume` goes on") from error
    if run is None:
        raise RunFailedError(f"the run {arn} has no status", "UNKNOWN")
    return run


def raise_if_failed(cloud: Cloud, run: Run, workflow: str) -> None:
    """Explain a run that did not succeed: stage, error, the end of its own log, the alarm, and where the rest is."""
    if run.status == "SUCCEEDED":
        return
    from headwater.cloud.history import plain_cause

    failed = next((stage for stage in run.stages if stage.status in ("FAILED", "TIMED_OUT")), None)
    if failed:
        _explain_stage(cloud, failed)
    _say_alarm(cloud, run, workflow)
    said = " ".join(x for x in (run.error, plain_cause(run.cause)) if x) or "AWS gives no reason"
    why = f"in stage {failed.name}" if failed else f": {said}"
    raise RunFailedError(
        f"run {run.name} {run.status} after {seconds_text(_duration(run))} {why}\n{_what_next(failed)}",
        run.status,
        run.error or "",
        run.cause or "",
        failed.name if failed else "",
    )


def _what_next(failed: StageRun | None) -> str:
    """A resumed run keeps the definition that it began with, which names the code of some services' jobs."""
    named = failed is not None and failed.job is not None and failed.job["service"].startswith(("emr", "sagemaker"))
    if named:
        return (
            "`headwater resume` tries the failed stage again with the code that it had; "
            "when that is mended, `headwater run` starts anew"
        )
    return "when it is mended, `headwater resume` goes on from the failed stage and `headwater run` starts anew"


def _say_alarm(cloud: Cloud, run: Run, workflow: str) -> None:
    """Which alarm the run set off; nothing where the stack has none, or it may not be looked at."""
    from headwater.cloud.alarms import ALARM, alarm_state
    from headwater.plan.alarms import alarm_of

    try:
        alarm = alarm_state(cloud, alarm_of(workflow, run.status), ALARM_WAIT_S)
    except CloudError as error:
        err.print(f"the run's alarm could not be looked at: {error}", markup=False, style="dim")
        return
    if alarm is None:
        return
    if alarm.state != ALARM:
        what = f"has not gone off yet ({alarm.state}): CloudWatch evaluates it once a minute"
    elif alarm.since >= run.started:
        topics = ", ".join(arn.rpartition(":")[2] for arn in alarm.tells)
        what = f"went to ALARM and publishes to {topics}" if topics else "went to ALARM"
    else:
        what = f"is in ALARM since {alarm.since.astimezone():%Y-%m-%d %H:%M}, and tells nobody again"
    err.print(f"alarm {alarm.name} {what}", markup=False)


def _explain_stage(cloud: Cloud, stage: StageRun) -> None:
    from headwater.cloud.history import plain_cause
    from headwater.cloud.logs import StageLogs

    err.print(
        f"\n[red]stage {escape(stage.name)} failed[/red]: {escape(plain_cause(stage.cause) or stage.error or '')}"
    )
    lines = StageLogs(cloud).lines(stage)
    if lines:
        err.print(f"the last lines of its log (`headwater logs {escape(shlex.quote(stage.name))}` shows all):")
        shown = [part for line in lines[-TAIL_LINES:] for part in line.message.splitlines()]
        for part in shown[-TAIL_LINES:]:
            err.print(f"  {part}", markup=False)
    elif stage.cause:
        err.print(f"  {plain_cause(stage.cause)}", markup=False)


def _duration(run: Run) -> float | None:
    return (run.ended - run.started).total_seconds() if run.ended else None
