"""Runs: executions of a workflow's state machine, started, followed, explained, stopped and resumed by boto3 alone."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.history import RUNNING, SUCCEEDED, HistoryReader, StageRun
from headwater.cloud.redrive import changed_stages, refuse_changed
from headwater.cloud.session import Cloud, error_code, explain
from headwater.errors import CloudError

RESUMABLE = frozenset({"FAILED", "ABORTED", "TIMED_OUT"})


@dataclass
class Run:
    """One execution as last described, with its stages."""

    arn: str
    name: str
    status: str
    started: datetime
    ended: datetime | None
    input: dict[str, Any]
    error: str | None
    cause: str | None
    stages: list[StageRun] = field(default_factory=list)
    transitions: int = 0

    def to_json(self) -> dict[str, Any]:
        """The documented shape of ``headwater status --json``."""
        return {
            "id": self.name,
            "arn": self.arn,
            "status": self.status,
            "started": self.started.isoformat(),
            "ended": self.ended.isoformat() if self.ended else None,
            "duration_s": ((self.ended or datetime.now(UTC)) - self.started).total_seconds(),
            "input": self.input,
            "error": self.error,
            "cause": self.cause,
            "stages": [stage.to_json() for stage in self.stages],
        }


class Runs:
    """The executions of one state machine.

    Parameters
    ----------
    machine_arn:
        The state machine.
    stage_names:
        Every stage, in the order to show.
    stage_of_state:
        The stage that a state belongs to, or None.
    """

    def __init__(
        self, cloud: Cloud, machine_arn: str, stage_names: list[str], stage_of_state: Callable[[str], str | None]
    ) -> None:
        self._cloud = cloud
        self._states = cloud.client("stepfunctions")
        self.machine_arn = machine_arn
        self._stage_names = stage_names
        self._stage_of_state = stage_of_state

    def start(self, run_input: dict[str, Any], name: str | None = None) -> str:
        """Start an execution; returns its ARN."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        try:
            answer = self._states.start_execution(
                stateMachineArn=self.machine_arn,
                name=name or f"{stamp}-{uuid.uuid4().hex[:6]}",
                input=json.dumps(run_input),
            )
        except ClientError as error:
            raise explain(error) from error
        return str(answer["executionArn"])

    def latest(self, limit: int = 20, status: str | None = None) -> list[dict[str, Any]]:
        """The latest executions, newest first."""
        options = {"statusFilter": status} if status else {}
        pages = self._states.get_paginator("list_executions").paginate(
            stateMachineArn=self.machine_arn, PaginationConfig={"MaxItems": limit}, **options
        )
        try:
            return [found for page in pages for found in page["executions"]]
        except ClientError as error:
            if error_code(error) == "StateMachineDoesNotExist":
                return []
            raise explain(error) from error

    def find(self, run_id: str | None) -> str:
        """The ARN of a run by its id, or of the latest. Raises :class:`CloudError` with what there is."""
        known = self.latest()
        if not known:
            raise CloudError("nothing has run yet: start with `headwater run`")
        if run_id is None:
            return str(known[0]["executionArn"])
        for found in known:
            if run_id in (found["name"], found["executionArn"]):
                return str(found["executionArn"])
        arn = self.machine_arn.replace(":stateMachine:", ":execution:", 1) + f":{run_id}"
        try:
            self._states.describe_execution(executionArn=arn)
        except ClientError as error:
            names = ", ".join(str(found["name"]) for found in known[:5])
            raise CloudError(f"there is no run {run_id!r}; the latest are: {names}") from error
        return arn

    def describe(self, arn: str, reader: HistoryReader | None = None) -> Run:
        """A run and its stages as they are now."""
        reader = reader or self.reader()
        try:
            found = self._states.describe_execution(executionArn=arn)
            reader.feed(self.events(arn, reader.last_id))
        except ClientError as error:
            raise explain(error) from error
        stages = [reader.stages.get(name) or StageRun(name) for name in self._stage_names]
        return Run(
            arn=arn,
            name=found["name"],
            status=found["status"],
            started=found["startDate"],
            ended=found.get("stopDate"),
            input=json.loads(found.get("input") or "{}"),
            error=found.get("error"),
            cause=found.get("cause"),
            stages=stages,
            transitions=reader.transitions,
        )

    def reader(self) -> HistoryReader:
        """A fresh reader of this machine's histories."""
        return HistoryReader(self._stage_of_state)

    def events(self, arn: str, after_id: int = 0) -> Iterator[dict[str, Any]]:
        """The history of a run in order, from the event after ``after_id``."""
        if after_id == 0:
            for page in self._states.get_paginator("get_execution_history").paginate(executionArn=arn):
                yield from page["events"]
            return
        # News only: read backwards until something known.
        news: list[dict[str, Any]] = []
        pages = self._states.get_paginator("get_execution_history").paginate(
            executionArn=arn, reverseOrder=True, PaginationConfig={"PageSize": 100}
        )
        for page in pages:
            for event in page["events"]:
                if event["id"] <= after_id:
                    yield from reversed(news)
                    return
                news.append(event)
        yield from reversed(news)

    def follow(self, arn: str) -> Iterator[Run]:
        """The run again and again as it goes on, until and including its end."""
        reader = self.reader()
        while True:
            run = self.describe(arn, reader)
            yield run
            if run.status != RUNNING:
                return
            time.sleep(self._cloud.poll_s)

    def stop(self, arn: str, cause: str) -> None:
        """Stop a run and the jobs that it started; it can be resumed."""
        try:
            self._states.stop_execution(executionArn=arn, error="Headwater.Stopped", cause=cause)
        except ClientError as error:
            raise explain(error) from error

    def _changed_since(self, arn: str) -> list[str]:
        """The stages that have changed since a run began, but for those that it has run."""
        try:
            began = self._states.describe_state_machine_for_execution(executionArn=arn)["definition"]
            now = self._states.describe_state_machine(stateMachineArn=self.machine_arn)["definition"]
        except ClientError as error:
            raise explain(error) from error
        changed = changed_stages(began, now)
        ran = {stage.name for stage in self.describe(arn).stages if stage.status == SUCCEEDED} if changed else set()
        return [name for name in changed if name not in ran]

    def resume(self, arn: str, as_begun: bool = False) -> None:
        """Go on from where a failed or stopped run ended: finished stages are not run again (RedriveExecution).

        Parameters
        ----------
        as_begun:
            Whether to go on though stages that are still to run have changed since the run began.

        Raises
        ------
        CloudError
            If there is nothing to resume, or a stage that is still to run has changed.
        """
        status = self._states.describe_execution(executionArn=arn)["status"]
        if status == RUNNING:
            return
        if status not in RESUMABLE:
            raise CloudError(f"the run is {status}: there is nothing to resume; `headwater run` starts a new one")
        if not as_begun:
            refuse_changed(self._changed_since(arn))
        try:
            self._states.redrive_execution(executionArn=arn)
        except ClientError as error:
            raise explain(error) from error
