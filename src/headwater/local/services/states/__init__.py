"""Step Functions: Headwater's own interpreter of the Amazon States Language.

A definition is compiled once (:mod:`compiler`) and walked by branches (:mod:`execution`, one ``state_*`` module a state
type). The :mod:`engine` runs all executions on one thread and commits every event and every waiting branch to the
:mod:`journal` before a call, an answer or a client can see it; after a kill the journal is where executions go on.

Not faithful: JSONPath filters are a subset of Jayway's; tracing and encryption configurations are stored only.
"""

from __future__ import annotations

from typing import ClassVar

from headwater.local.service import Endpoint
from headwater.local.services.states.aliases_api import AliasesApi
from headwater.local.services.states.executions_api import ExecutionsApi
from headwater.local.services.states.machines_api import MachinesApi
from headwater.local.services.states.map_runs_api import MapRunsApi
from headwater.local.services.states.runtime import Runtime
from headwater.local.services.states.tasks_api import TasksApi
from headwater.local.services.states.testing_api import TestingApi

DRAIN_S = 5.0


class StatesService(AliasesApi, ExecutionsApi, MachinesApi, MapRunsApi, TasksApi, TestingApi):
    """The service ``stepfunctions``."""

    name: ClassVar[str] = "stepfunctions"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.runtime = Runtime(endpoint)

    def start(self) -> None:
        """Begin to work, and take up the executions that an earlier process left."""
        self.runtime.start()

    def drain(self) -> None:
        """Publish the ends of the executions that have ended."""
        self.runtime.drain(DRAIN_S)

    def stop(self) -> None:
        """Stop; executions under way go on at the next start."""
        self.runtime.stop()


__all__ = ["StatesService"]
