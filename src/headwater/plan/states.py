"""From nested stages to a state machine: Amazon States Language with JSONata.

::

    headwater: start        Pass    sets $run (parameters over their defaults) and $unique
    period part
    headwater: data only?   Choice on $run.DATA_ONLY, only where there are a period part and a rest
    rest
    [always functions]      with the status SUCCEEDED

A stage's Task has the stage's name. Its helper states are named `<stage>: …`, states of no stage `headwater: …`; a
stage's own name has no colon.

Nothing catches an error only to report it: a caught error ends the execution in a Fail state, and RedriveExecution
starts there again instead of at the stage that failed. So an execution fails where it failed, and the functions for
a failure are started by a rule on its status (:mod:`headwater.plan.ending`), which also sees what no Catch can: an
execution that is stopped or timed out.
"""

from __future__ import annotations

import json

from headwater.plan.measuring import measuring_states, most_pages
from headwater.plan.naming import BUCKET, DATABASE, variable
from headwater.plan.nest import Leaf, Nest, Parallel, Sequence
from headwater.plan.references import FORWARD
from headwater.plan.tasks import State, Tasks
from headwater.workflow.stages import CrawlerStage, FunctionStage, GateStage, SparkStage, Stage
from headwater.workflow.workflow import Workflow

States = dict[str, State]

HELPER = "headwater: "
START = f"{HELPER}start"
_DATA_ONLY, _END = f"{HELPER}data only?", f"{HELPER}end of stages"
_BRISK_S, _LONGEST_WAIT_S = 4, 30
_MOST_CRAWLS = 2


class Definition:
    """A state machine's definition, and which stage each of its states belongs to."""

    def __init__(self, workflow: Workflow, tasks: Tasks, period: Nest | None, rest: Nest | None) -> None:
        self._workflow = workflow
        self._tasks = tasks
        self._by_name = {stage.name: stage for stage in workflow.stages}
        self._together = 0
        self.owners: dict[str, str] = {}
        self.document = self._document(period, rest)

    def _document(self, period: Nest | None, rest: Nest | None) -> State:
        states: States = {START: {"Type": "Pass", "Assign": _assign(self._workflow), "Output": _run_output()}}
        finals = [s for s in self._workflow.stages if isinstance(s, FunctionStage) and s.when == "always"]
        following: str | None = None
        for stage in reversed(finals):
            following = self._stage(states, stage, following)
        states[START] |= {"Next": self._body(states, period, rest, following)}
        return {
            "Comment": f"Workflow {self._workflow.name}, compiled by Headwater",
            "QueryLanguage": "JSONata",
            "StartAt": START,
            "States": states,
        }

    def _body(self, states: States, period: Nest | None, rest: Nest | None, following: str | None) -> str:
        if period is not None and rest is not None:
            first = self._chain(states, rest, following)
            ended = following or self._end(states)
            choice = {"Condition": "{% $run.DATA_ONLY in [true, 'true'] %}", "Next": ended}
            states[_DATA_ONLY] = {"Type": "Choice", "Choices": [choice], "Default": first}
            return self._chain(states, period, _DATA_ONLY)
        whole = period or rest
        if whole is None:
            return following or self._end(states)
        return self._chain(states, whole, following)

    @staticmethod
    def _end(states: States) -> str:
        states[_END] = {"Type": "Pass", "Output": FORWARD, "End": True}
        return _END

    def _chain(self, states: States, tree: Nest, following: str | None) -> str:
        """Add a nest's states, ending in a transition to the one that follows; return the first one's name."""
        if isinstance(tree, Leaf):
            return self._stage(states, self._by_name[tree.name], following)
        if isinstance(tree, Sequence):
            for item in reversed(tree.items):
                following = self._chain(states, item, following)
            assert following is not None  # nosec B101: a sequence is never empty
            return following
        return self._parallel(states, tree, following)

    def _parallel(self, states: States, tree: Parallel, following: str | None) -> str:
        self._together += 1
        name = f"{HELPER}together {self._together}"
        branches = []
        for branch in tree.branches:
            inner: States = {}
            first = self._chain(inner, branch, None)
            branches.append({"StartAt": first, "States": inner})
        states[name] = {"Type": "Parallel", "Branches": branches, "Output": "{% $merge($states.result) %}"}
        states[name] |= _next(following)
        return name

    def _stage(self, states: States, stage: Stage, following: str | None) -> str:
        if isinstance(stage, CrawlerStage):
            added, first = _crawl(stage, self._tasks.task(stage), following), f"{stage.name}: prepare"
        elif isinstance(stage, GateStage):
            added, first = _judge(stage, self._tasks.task(stage), following), stage.name
        elif isinstance(stage, SparkStage) and stage.engine == "auto":
            added, first = self._measured(stage, following), f"{stage.name}: measure"
        else:
            added, first = {stage.name: {**self._tasks.task(stage), **_next(following)}}, stage.name
        states |= added
        self.owners |= {name: stage.name for name in added}
        return first

    def _measured(self, stage: SparkStage, following: str | None) -> States:
        """Measure, then run the stage on Glue or on EMR."""
        large = f"{stage.name}: on EMR"
        stages = [each for each in self._workflow.stages if isinstance(each, SparkStage) and each.engine == "auto"]
        return {
            **measuring_states(stage, stage.name, large, most_pages(len(stages))),
            stage.name: {**self._tasks.task(stage), **_next(following)},
            large: {**self._tasks.emr_serverless_task(stage), **_next(following)},
        }


def _assign(workflow: Workflow) -> dict[str, str]:
    defaults = json.dumps({"DATA_ONLY": False, **workflow.parameters}, sort_keys=True)
    return {
        "run": f"{{% $merge([{defaults}, $states.context.Execution.Input]) %}}",
        "unique": "{% $substring($hash($states.context.Execution.Id, 'SHA-256'), 0, 12) %}",
    }


def _run_output() -> dict[str, str]:
    return {"bucket": f"${{{BUCKET}}}", "database": f"${{{DATABASE}}}"}


def _next(following: str | None) -> State:
    return {"End": True} if following is None else {"Next": following}


def _crawl(stage: CrawlerStage, start: State, following: str | None) -> States:
    """Start, wait and look until the crawl has ended: five times 1 s, then 2, 4 … 30 s; a failed one is made again."""
    prepare, wait, status, ended, failed, late, done = (
        f"{stage.name}: {word}" for word in ("prepare", "wait", "status", "ended?", "failed", "timed out", "done")
    )
    name = variable(stage.name)
    crawl = f"$crawl_{name}"
    ready = f"{crawl}.State = 'READY'"
    again = {"Assign": {f"crawls_{name}": f"{{% $crawls_{name} + 1 %}}"}, "Output": FORWARD}
    choices = [
        {"Condition": f"{{% {ready} and {crawl}.Status = 'SUCCEEDED' %}}", "Next": done},
        {"Condition": f"{{% {ready} and $crawls_{name} < {_MOST_CRAWLS} %}}", "Next": stage.name, **again},
        {"Condition": f"{{% {ready} %}}", "Next": failed},
        {"Condition": f"{{% $waited_{name} >= {stage.timeout_s} %}}", "Next": late},
    ]
    # Somebody else's crawl of the same data, still under way after the retries: its end is waited for like our own.
    running = {"ErrorEquals": ["Glue.CrawlerRunningException"], "Output": FORWARD, "Next": wait}
    reason = f"$exists({crawl}.Message) ? {crawl}.Message : 'Glue gives no message'"
    cause = f"'Crawler of stage {stage.name} ended ' & {crawl}.Status & ': ' & ({reason})"
    slow = f"Crawler of stage {stage.name} ran for over {stage.timeout_s} s; raise timeout_s= if it needs longer"
    return {
        prepare: {"Type": "Pass", "Assign": {f"crawls_{name}": 1}, "Output": FORWARD, "Next": stage.name},
        stage.name: {**start, "Catch": [running], "Next": wait},
        wait: {"Type": "Wait", "Seconds": f"{{% $wait_{name} %}}", "Next": status},
        status: _look(name, start, ended),
        ended: {"Type": "Choice", "Choices": choices, "Default": wait},
        failed: {"Type": "Fail", "Error": "Headwater.CrawlFailed", "Cause": f"{{% {cause} %}}"},
        late: {"Type": "Fail", "Error": "Headwater.CrawlTimedOut", "Cause": slow},
        done: {"Type": "Pass", "Output": FORWARD, **_next(following)},
    }


def _look(name: str, start: State, following: str) -> State:
    """Ask how the crawl goes."""
    result = "$states.result.Crawler"
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:glue:getCrawler",
        "Arguments": start["Arguments"],
        "Assign": {
            f"crawl_{name}": f"{{% {{'State': {result}.State, 'Status': {result}.LastCrawl.Status, "
            f"'Message': {result}.LastCrawl.ErrorMessage}} %}}",
            f"waited_{name}": f"{{% $waited_{name} + $wait_{name} %}}",
            f"wait_{name}": f"{{% $waited_{name} < {_BRISK_S} ? 1 : $min([$wait_{name} * 2, {_LONGEST_WAIT_S}]) %}}",
        },
        "Output": FORWARD,
        "TimeoutSeconds": 60,
        "Retry": start["Retry"],
        "Next": following,
    }


def _judge(stage: GateStage, read: State, following: str | None) -> States:
    """Read the metrics, then go on or fail with the value and the threshold."""
    choice, missing, closed, opened = (f"{stage.name}: {word}" for word in ("open?", "no metric", "closed", "open"))
    condition = stage.condition
    metric = condition.metric
    value = f"$states.input.metrics_{variable(metric.stage)}.{metric.name}"
    needed = f"{condition.comparison} {json.dumps(condition.threshold)}"
    choices = [
        {"Condition": f"{{% $not($type({value}) = 'number') %}}", "Next": missing},
        {"Condition": f"{{% {value} {needed} %}}", "Next": opened},
    ]
    gate = f"Gate {stage.name} is closed: {metric.name} of {metric.stage}"
    found = f"'{gate} is ' & $string({value}) & ', and must be {needed}'"
    none = f"{gate} is not in its metrics.json as a number, and must be {needed}"
    return {
        stage.name: {**read, "Next": choice},
        choice: {"Type": "Choice", "Choices": choices, "Default": closed},
        missing: {"Type": "Fail", "Error": "Headwater.MetricMissing", "Cause": none},
        closed: {"Type": "Fail", "Error": "Headwater.GateClosed", "Cause": f"{{% {found} %}}"},
        opened: {"Type": "Pass", "Output": FORWARD, **_next(following)},
    }
