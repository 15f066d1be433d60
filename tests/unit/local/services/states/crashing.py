"""A process that runs executions until it is killed: ``python -m … home``.

Its jobs live in the store as a service's would: a run that was under way when the process died is an interrupted one.
It prints a line for each job that it starts, and ``ended`` when no execution runs any more.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

from tests.unit.local.services.states.harness import SmallEndpoint, chain, glue_task

RUN = "test.run"
JOB_S = 0.01


def machine() -> dict[str, Any]:
    """A chain, a Parallel, a Map, a distributed Map, a wait, a retry and a nested execution."""
    each = chain(("item", glue_task("x", Parameters={"JobName.$": "States.Format('item{}', $)"})))
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9, "IntervalSeconds": 1, "BackoffRate": 1}]
    nested = "arn:aws:states:::states:startExecution.sync:2"
    inner = {"StateMachineArn.$": "$$.Execution.Input.inner", "Input": {}}
    return chain(
        ("first", glue_task("first", ResultSelector={"job.$": "$.JobName"})),
        (
            "both",
            {
                "Type": "Parallel",
                "Branches": [
                    chain(("left", glue_task("left")), ("left2", glue_task("left2", OutputPath="$.JobName"))),
                    chain(
                        ("right", glue_task("right", OutputPath="$.JobName")), ("nap", {"Type": "Wait", "Seconds": 1})
                    ),
                ],
            },
        ),
        (
            "each",
            {"Type": "Map", "ItemsPath": "$$.Execution.Input.items", "MaxConcurrency": 4, "ItemProcessor": each},
        ),
        (
            "spread",
            {
                "Type": "Map",
                "ItemsPath": "$$.Execution.Input.items",
                "MaxConcurrency": 5,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    **chain(("one", glue_task("x", Parameters={"JobName.$": "States.Format('spread{}', $)"}))),
                },
            },
        ),
        ("count", {"Type": "Pass", "Parameters": {"n.$": "States.ArrayLength($)"}, "ResultPath": "$"}),
        ("nested", {"Type": "Task", "Resource": nested, "Parameters": inner, "ResultPath": None, "Retry": retry}),
        ("last", glue_task("last", ResultPath="$.last", ResultSelector={"job.$": "$.JobName"})),
    )


class StoredJobs:
    """Glue's job runs, kept in the store."""

    def __init__(self, endpoint: SmallEndpoint) -> None:
        self.endpoint = endpoint
        endpoint.on("glue", "start_job_run", self.start)
        endpoint.on("glue", "get_job_run", self.get)
        endpoint.on("glue", "batch_stop_job_run", lambda **members: {})

    def recover(self) -> None:
        for run_id, run in self.endpoint.store.scan(RUN):
            if run["JobRunState"] == "RUNNING":
                self.finish(run_id, "ERROR", ErrorMessage="Headwater.Interrupted: the endpoint ended")

    def start(self, JobName: str) -> dict[str, Any]:
        with self.endpoint.store.transaction():
            run_id = f"jr_{len(self.endpoint.store.scan(RUN)):05d}_{JobName}"
            self.endpoint.store.put(RUN, run_id, {"Id": run_id, "JobName": JobName, "JobRunState": "RUNNING"})
        print(run_id, flush=True)
        timer = threading.Timer(JOB_S, self.finish, (run_id, "SUCCEEDED"))
        timer.daemon = True
        timer.start()
        return {"JobRunId": run_id}

    def get(self, JobName: str, RunId: str) -> dict[str, Any]:
        return {"JobRun": self.endpoint.store.get(RUN, RunId)}

    def finish(self, run_id: str, state: str, **members: Any) -> None:
        run = self.endpoint.store.get(RUN, run_id) or {}
        self.endpoint.store.put(RUN, run_id, {**run, "JobRunState": state, **members})
        self.endpoint.bus.publish("glue.job-run", run_id, state)


def main(home: Path) -> None:
    endpoint = SmallEndpoint(home)
    jobs = StoredJobs(endpoint)
    jobs.recover()
    endpoint.start()
    print("up", flush=True)
    execution = "arn:aws:states:us-east-1:000000000000:execution:outer:run"
    if endpoint.states.runtime.journal.record(execution) is None:
        inner = endpoint.create(chain(("in", glue_task("inner"))), name="inner")
        outer = endpoint.create(machine(), name="outer")
        input = json.dumps({"items": list(range(12)), "inner": inner})
        endpoint.sfn("start_execution", stateMachineArn=outer, name="run", input=input)
    endpoint.wait(execution)
    print("ended", flush=True)
    endpoint.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
