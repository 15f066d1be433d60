"""The operations on map runs."""

from __future__ import annotations

import re

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.states import branch as phases
from headwater.local.services.states.executions_api import find_execution, page_token, read_token
from headwater.local.services.states.machines import check_arn
from headwater.local.services.states.map_runs import MAP_RUN, described, listed, tolerated_failures
from headwater.local.services.states.runtime import Runtime
from headwater.local.services.states.state_map_distributed import CONCURRENCY, DistributedMapState
from headwater.local.store import Record

_ARN = re.compile(r"arn:aws[a-z-]*:states:[^:]+:\d+:mapRun:.+")


class MapRunsApi(Service):
    """Describe, list, update."""

    runtime: Runtime

    def _map_run(self, arn: str) -> Record:
        check_arn(arn, _ARN)
        run = self.store.get(MAP_RUN, arn)
        if run is None:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'")
        return run

    @operation
    def describe_map_run(self, call: Call, mapRunArn: str) -> Members:
        """A map run with the counts of its items and children."""
        return described(self._map_run(mapRunArn), self.runtime.journal.map_counts(mapRunArn))

    @operation
    def list_map_runs(
        self, call: Call, executionArn: str, maxResults: int = 100, nextToken: str | None = None
    ) -> Members:
        """The map runs of an execution, newest first."""
        find_execution(self.runtime, executionArn)
        prefix = executionArn.replace(":execution:", ":mapRun:").rpartition(":")[0]
        runs = [run for _, run in self.store.scan(MAP_RUN, prefix=prefix) if run["executionArn"] == executionArn]
        runs.sort(key=lambda run: -run["started_ms"])
        first, limit = int(read_token(nextToken)) if nextToken else 0, maxResults or 100
        answer: Members = {"mapRuns": [listed(run) for run in runs[first : first + limit]]}
        if first + limit < len(runs):
            answer["nextToken"] = page_token(first + limit)
        return answer

    @operation
    def update_map_run(
        self,
        call: Call,
        mapRunArn: str,
        maxConcurrency: int | None = None,
        toleratedFailurePercentage: float | None = None,
        toleratedFailureCount: int | None = None,
    ) -> Members:
        """Change how many children run at once and how many may fail, while the map run goes on."""
        run = self._map_run(mapRunArn)
        given = {
            "maxConcurrency": maxConcurrency,
            "toleratedFailureCount": toleratedFailureCount,
            "toleratedFailurePercentage": toleratedFailurePercentage,
        }
        if run["status"] != "RUNNING":
            raise ServiceError("ValidationException", f"Map Run is not running: '{mapRunArn}'")
        self.runtime.engine.ask(lambda: self._change(run, given)).result()
        return {}

    def _change(self, run: Record, given: Members) -> None:
        execution = self.runtime.engine.executions.get(run["executionArn"])
        if execution is None:
            return
        for branch_id, live in execution.map_runs.items():
            branch = execution.branches[branch_id]
            if live["arn"] != run["arn"] or not isinstance(branch.state, DistributedMapState):
                continue
            live |= {key: value for key, value in given.items() if value is not None}
            branch.tolerated = tolerated_failures(live, live.get("items", branch.length))
            branch.max_concurrency = min(live["maxConcurrency"] or CONCURRENCY, CONCURRENCY)
            execution.changed_map_runs.append(live)
            state = branch.state
            if branch.phase == phases.CHILDREN:  # else its reader or writer is at work
                self.runtime.engine.resume(execution, branch, lambda: state.resumed(execution, branch))
            else:
                execution.mark(branch)
                self.runtime.engine.touch(execution)
            return
