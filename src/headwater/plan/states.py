"""From nested stages to a state machine: Amazon States Language with JSONata.

::

    headwater: start        Pass    sets $run (parameters over their defaults) and $unique
    [headwater: stages]     Parallel, one branch, only where there are functions for the end; Catches States.ALL
        period part
        headwater: data only?   Choice on $run.DATA_ONLY, only where there are a period part and a rest
        rest
    [failure functions, always functions]
    [headwater: outcome]    Choice: Succeed, or Fail with the first error

A stage's Task has the stage's name. Its helper states are named `<stage>: …`, states of no stage `headwater: …`; a
stage's own name has no colon. Without functions for the end nothing catches, so that the execution fails in its failing
state and a redrive goes on from there; with them, AWS redrives from the Fail state, which fails again.
Not caught by States.ALL, by AWS's rule: States.DataLimitExceeded and States.Runtime.
"""

from __future__ import annotations

import json

from headwater.plan.naming import BUCKET, DATABASE, variable
from headwater.plan.nest import Leaf, Nest, Parallel, Sequence
from headwater.plan.tasks import FORWARD, State, Tasks
from headwater.workflow import order
from headwater.workflow.stages import CrawlerStage, FunctionStage, GateStage, Stage
from headwater.workflow.workflow import Workflow

States = dict[str, State]

HELPER = "headwater: "
START, STAGES, OUTCOME = f"{HELPER}start", f"{HELPER}stages", f"{HELPER}outcome"
_DATA_ONLY, _END = f"{HELPER}data only?", f"{HELPER}end of stages"
_FAILED, _SUCCEEDED, _IF_FAILED = f"{HELPER}failed", f"{HELPER}succeeded", f"{HELPER}failed?"
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
        finals = [stage for stage in self._workflow.stages if order.is_final(stage)]
        body: States = {}
        first = self._body(body, period, rest)
        if not finals:
            states[START] |= {"Next": first}
            states |= body
        else:
            states[START] |= {"Next": STAGES}
            states[STAGES] = _stages_state(first, body)
            self._finals(states, [stage for stage in finals if isinstance(stage, FunctionStage)])
        return {
            "Comment": f"Workflow {self._workflow.name}, compiled by Headwater",
            "QueryLanguage": "JSONata",
            "StartAt": START,
            "States": states,
        }

    def _body(self, states: States, period: Nest | None, rest: Nest | None) -> str:
        if period is None or rest is None:
            whole = period or rest
            if whole is None:
                states[_END] = {"Type": "Pass", "Output": FORWARD, "End": True}
                return _END
            return self._chain(states, whole, None)
        following = self._chain(states, rest, None)
        states[_DATA_ONLY] = {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $run.DATA_ONLY in [true, 'true'] %}", "Next": _END}],
            "Default": following,
        }
        states[_END] = {"Type": "Pass", "Output": FORWARD, "End": True}
        return self._chain(states, period, _DATA_ONLY)

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
        else:
            added, first = {stage.name: {**self._tasks.task(stage), **_next(following)}}, stage.name
        states |= added
        self.owners |= {name: stage.name for name in added}
        return first

    def _finals(self, states: States, finals: list[FunctionStage]) -> None:
        """The functions for the end, failure's first, then a Choice on how the run went."""
        following = OUTCOME
        for stage in reversed([stage for stage in finals if stage.when == "always"]):
            following = self._final(states, stage, following)
        on_failure = [stage for stage in finals if stage.when == "failure"]
        if on_failure:
            always = following
            for stage in reversed(on_failure):
                following = self._final(states, stage, following)
            states[_IF_FAILED] = _choice("{% $outcome.status = 'FAILED' %}", following, always)
            following = _IF_FAILED
        states[STAGES] |= {"Next": following}
        states[STAGES]["Catch"][0]["Next"] = following
        states[OUTCOME] = _choice("{% $outcome.status = 'SUCCEEDED' %}", _SUCCEEDED, _FAILED)
        states[_SUCCEEDED] = {"Type": "Succeed", "Output": FORWARD}
        states[_FAILED] = {"Type": "Fail", "Error": "{% $outcome.error.Error %}", "Cause": "{% $outcome.error.Cause %}"}

    def _final(self, states: States, stage: FunctionStage, following: str) -> str:
        # A function that fails at the end fails the run, but never hides the error of a run that failed already.
        keep = "{% $outcome.status = 'FAILED' ? $outcome : " + _failure("$states.errorOutput") + " %}"
        catch = {"ErrorEquals": ["States.ALL"], "Assign": {"outcome": keep}, "Output": FORWARD, "Next": following}
        states[stage.name] = {**self._tasks.task(stage), "Catch": [catch], "Next": following}
        self.owners[stage.name] = stage.name
        return stage.name


def _stages_state(first: str, body: States) -> State:
    caught = "{% " + _failure("$states.errorOutput") + " %}"
    return {
        "Type": "Parallel",
        "Branches": [{"StartAt": first, "States": body}],
        "Output": "{% $merge($states.result) %}",
        "Assign": {"outcome": {"status": "SUCCEEDED"}},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"outcome": caught}, "Output": FORWARD}],
    }


def _failure(error: str) -> str:
    """An outcome of an error output, whose Cause may be missing."""
    cause = f"$exists({error}.Cause) ? {error}.Cause : ''"
    return f"{{'status': 'FAILED', 'error': {{'Error': {error}.Error, 'Cause': {cause}}}}}"


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


def _choice(condition: str, then: str, otherwise: str) -> State:
    return {"Type": "Choice", "Choices": [{"Condition": condition, "Next": then}], "Default": otherwise}


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
    reason = f"$exists({crawl}.Message) ? {crawl}.Message : 'Glue gives no message'"
    cause = f"'Crawler of stage {stage.name} ended ' & {crawl}.Status & ': ' & ({reason})"
    slow = f"Crawler of stage {stage.name} ran for over {stage.timeout_s} s; raise timeout_s= if it needs longer"
    return {
        prepare: {"Type": "Pass", "Assign": {f"crawls_{name}": 1}, "Output": FORWARD, "Next": stage.name},
        stage.name: {**start, "Next": wait},
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
