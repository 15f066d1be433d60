"""Where the command runs: the project's folder, its plan, its home, and the cloud it talks to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from headwater.errors import UsageError, WorkflowLoadError

if TYPE_CHECKING:
    from headwater.cloud.session import Cloud, EndpointAddress
    from headwater.plan.plan import Plan

HOME = ".headwater"


def find_root(start: Path) -> Path | None:
    """The nearest folder, upwards, that holds a workflow.py."""
    return next((folder for folder in (start, *start.parents) if (folder / "workflow.py").is_file()), None)


def home_of(project: Path | None, home: Path | None) -> Path:
    """The endpoint's home: ``--home``, or HEADWATER_HOME, or .headwater in the project (or here, without one)."""
    chosen = home or (Path(os.environ["HEADWATER_HOME"]) if os.environ.get("HEADWATER_HOME") else None)
    if chosen:
        return chosen.resolve()
    start = (project or Path.cwd()).resolve()
    return (find_root(start) or start) / HOME


@dataclass(frozen=True)
class Where:
    """``--on`` with its companions."""

    on: str = "local"
    profile: str | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        if self.on not in ("local", "aws"):
            raise UsageError(f"--on takes local or aws, got {self.on!r}")
        if self.on == "local" and (self.profile or self.region):
            raise UsageError("--profile and --region go with --on aws")


class Project:
    """A project folder with its plan and its home."""

    def __init__(self, project: Path | None, home: Path | None = None) -> None:
        start = (project or Path.cwd()).resolve()
        root = find_root(start)
        if root is None:
            raise WorkflowLoadError(
                f"there is no workflow.py in {start} or above it: go to a project, or `headwater init` a new one"
            )
        self.root = root
        self.home = home_of(root, home)

    @cached_property
    def plan(self) -> Plan:
        """The plan of workflow.py; raises with every mistake of the declaration."""
        from headwater.plan.plan import make_plan
        from headwater.workflow.loader import load_workflow

        return make_plan(load_workflow(self.root))

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each stage."""
        return {stage.name: stage.kind for stage in self.plan.stages}

    @contextmanager
    def cloud(self, where: Where, *, resume_work: bool = False, iam: str | None = None) -> Iterator[Cloud]:
        """The cloud for the time of a block; the embedded endpoint is started when none is up."""
        from headwater.cloud.session import connect_aws, connect_local

        if where.on == "aws":
            if iam is not None:
                raise UsageError("--iam is of the embedded endpoint: AWS always enforces its policies")
            yield connect_aws(where.profile, where.region)
            return
        from headwater.cli import local_endpoint

        with local_endpoint.running(self.home, resume_work=resume_work, iam=iam) as address:
            yield connect_local(address)

    def local_address(self) -> EndpointAddress | None:
        """The endpoint that serves this project now, or None."""
        from headwater.cli import local_endpoint

        return local_endpoint.find(self.home)
