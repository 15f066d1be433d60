"""Sweeps: executions of the sweeper's state machine, the same that its schedule starts."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from headwater.cloud.deployment import Deployment
from headwater.cloud.session import Cloud, explain
from headwater.cloud.stack_states import finish_work
from headwater.cloud.stacks import parameters_of, unheard
from headwater.errors import RunFailedError

ON, OFF = {"ScheduleState": "ENABLED"}, {"ScheduleState": "DISABLED"}


@dataclass(frozen=True)
class Outcome:
    """What became of one resource: `deleted`, `would delete`, `kept`, `gone` before it could be, or `failed`."""

    arn: str
    kind: str
    outcome: str
    why: str


@dataclass(frozen=True)
class Sweep:
    """A sweep that ended; `complete` is false where more bears the tag than one sweep takes."""

    dry_run: bool
    complete: bool
    outcomes: tuple[Outcome, ...]

    def having(self, outcome: str) -> list[Outcome]:
        """The resources of one outcome."""
        return [each for each in self.outcomes if each.outcome == outcome]

    def to_json(self) -> dict[str, Any]:
        """The documented shape of ``headwater sweep --json``."""
        return {
            "dry_run": self.dry_run,
            "complete": self.complete,
            "outcomes": [vars(outcome) for outcome in self.outcomes],
        }


class Sweeper:
    """The sweeper of one account and region.

    Parameters
    ----------
    stack:
        Its stack's name.
    template:
        Its stack's template.
    """

    def __init__(self, cloud: Cloud, stack: str, template: Mapping[str, Any]) -> None:
        self._cloud = cloud
        self._states = cloud.client("stepfunctions")
        self._deployment = Deployment(cloud, stack)
        self._template = template

    def install(self, nightly: Mapping[str, str], progress: Callable[[str], None] = lambda line: None) -> str:
        """Make or update the sweeper's stack, whose schedule sweeps every night; returns its state machine's ARN.

        Parameters
        ----------
        nightly:
            The stack's parameters: what the schedule's sweeps look for.
        """
        return self._apply({**nightly, **ON}, progress)

    def prepare(self, progress: Callable[[str], None] = lambda line: None) -> str:
        """Make or update the sweeper's stack, its schedule as it is: off, where nobody has installed it."""
        finish_work(self._deployment.stacks, self._deployment.stack, progress)
        found = self._deployment.stacks.describe(self._deployment.stack)
        kept = {key: text for key, text in parameters_of(found or {}).items() if key in self._template["Parameters"]}
        return self._apply(kept or OFF, progress)

    def _apply(self, parameters: Mapping[str, str], progress: Callable[[str], None]) -> str:
        return self._deployment.apply(self._template, [], {}, progress, parameters=parameters)["StateMachineArn"]

    def uninstall(self) -> bool:
        """Delete the sweeper's stack; says whether there was one.

        Raises
        ------
        StackError
            If a resource of it could not be deleted.
        """
        stacks, name = self._deployment.stacks, self._deployment.stack
        if finish_work(stacks, name) is None:
            return False
        stacks.delete(name, unheard)
        return True

    def sweep(self, machine_arn: str, settings: Mapping[str, Any]) -> Sweep:
        """Sweep once and wait for the end.

        Parameters
        ----------
        settings:
            The machine's input: `tag`, `older_than_hours`, `dry_run`, `only`, `named`.

        Raises
        ------
        RunFailedError
            If the sweep itself failed; a resource that could not be deleted is an outcome.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        try:
            started = self._states.start_execution(
                stateMachineArn=machine_arn, name=f"{stamp}-{uuid.uuid4().hex[:6]}", input=json.dumps(dict(settings))
            )
            while (found := self._describe(started["executionArn"]))["status"] == "RUNNING":
                time.sleep(self._cloud.poll_s)
        except ClientError as error:
            raise explain(error) from error
        if found["status"] != "SUCCEEDED":
            why = f"{found.get('error', '')}: {found.get('cause', '')}"
            raise RunFailedError(f"the sweep {found['name']} ended {found['status']}: {why}", found["status"])
        report = json.loads(found["output"])
        outcomes = sorted((Outcome(**each) for each in report["outcomes"]), key=lambda each: (each.kind, each.arn))
        return Sweep(report["dry_run"], report["complete"], tuple(outcomes))

    def _describe(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self._states.describe_execution(executionArn=arn)
        return found
