"""Which stage comes before which, and why.

The rules, in order; an edge is "before → after":

1. *data*: the stage that writes a dataset comes before each stage that reads it (a crawler reads what it crawls).
2. *after*: what ``after=`` says.
3. *catalog*: a crawler comes before each stage that reads a dataset it crawls, unless rules 1 and 2 already put that
   stage before the crawler (a validation that must pass before the crawl says so on the crawler, with ``after=``).
4. *gate*: a gate comes after the stage that emits its metric. A stage declared after the gate waits for it if the stage
   itself, or any stage before it, reads a dataset that the judged stage reads or writes, or follows the judged stage.
   A stage that the gate itself depends on never waits for it.

Functions with ``when="always"`` or ``"failure"`` stand outside the order: they run when all else has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headwater.workflow.stages import Condition, CrawlerStage, FunctionStage, GateStage, Stage


@dataclass(frozen=True)
class Edge:
    """One stage before another, with the rule that says so."""

    before: str
    after: str
    reason: str


Graph = Mapping[str, set[str]]


def ordered_stages(stages: Iterable[Stage]) -> list[Stage]:
    """Return the stages that have a place in the order, in the order declared."""
    return [stage for stage in stages if not is_final(stage)]


def is_final(stage: Stage) -> bool:
    """Tell whether a stage runs when all else has ended."""
    return isinstance(stage, FunctionStage) and stage.when != "success"


def edges(stages: Iterable[Stage]) -> list[Edge]:
    """Return every edge of the order, in the order of the rules; names that do not exist are left out.

    Parameters
    ----------
    stages:
        The stages in the order declared.
    """
    placed = ordered_stages(stages)
    found = _data_edges(placed) + _after_edges(placed)
    found += _catalog_edges(placed, ancestors_of(predecessors(placed, found)))
    found += _judged_edges(placed)
    found += _gate_edges(placed, ancestors_of(predecessors(placed, found)))
    return list(dict.fromkeys(edge for edge in found if edge.before != edge.after or edge.reason.startswith("after")))


def predecessors(stages: Iterable[Stage], found: Iterable[Edge]) -> dict[str, set[str]]:
    """Return the stages directly before each stage."""
    before: dict[str, set[str]] = {stage.name: set() for stage in stages}
    for edge in found:
        before[edge.after].add(edge.before)
    return before


def ancestors_of(before: Graph) -> dict[str, set[str]]:
    """Return all the stages before each stage; a stage on a cycle is among its own ancestors."""
    known: dict[str, set[str]] = {}
    for name in before:
        reached: set[str] = set()
        waiting = list(before[name])
        while waiting:
            stage = waiting.pop()
            if stage not in reached:
                reached.add(stage)
                waiting.extend(before[stage])
        known[name] = reached
    return known


def find_cycles(before: Graph) -> list[list[str]]:
    """Return a cycle of each knot of stages that wait for one another, as the names along it, first declared first."""
    ancestors = ancestors_of(before)
    found: list[list[str]] = []
    knotted: set[str] = set()
    for start in before:
        if start in knotted or start not in ancestors[start]:
            continue
        knotted |= {name for name in ancestors[start] if start in ancestors[name]}
        found.append(_cycle_through(start, before))
    return found


def _cycle_through(start: str, before: Graph) -> list[str]:
    """The shortest cycle through a stage that is on one."""
    towards: dict[str, str] = {start: ""}
    waiting = [start]
    for name in waiting:
        if start in before[name]:
            path = [start]
            while name != start:
                path.append(name)
                name = towards[name]
            return path
        for each in sorted(before[name] - towards.keys()):
            towards[each] = name
            waiting.append(each)
    raise ValueError(f"{start} is on no cycle")


def _data_edges(stages: list[Stage]) -> list[Edge]:
    writer = {dataset: stage.name for stage in reversed(stages) for dataset in stage.writes}
    return [
        Edge(writer[dataset], stage.name, f"reads {dataset.name}")
        for stage in stages
        for dataset in stage.reads
        if dataset in writer and writer[dataset] != stage.name
    ]


def _after_edges(stages: list[Stage]) -> list[Edge]:
    names = {stage.name for stage in stages}
    return [Edge(name, stage.name, "after=") for stage in stages for name in stage.after if name in names]


def _catalog_edges(stages: list[Stage], ancestors: Graph) -> list[Edge]:
    crawlers = [stage for stage in stages if isinstance(stage, CrawlerStage)]
    return [
        Edge(crawler.name, stage.name, f"reads {dataset.name}, crawled")
        for crawler in crawlers
        for stage in stages
        if not isinstance(stage, CrawlerStage | GateStage) and stage.name not in ancestors[crawler.name]
        for dataset in stage.reads
        if dataset in crawler.reads
    ]


def _judged_edges(stages: list[Stage]) -> list[Edge]:
    names = {stage.name for stage in stages}
    return [
        Edge(stage.condition.metric.stage, stage.name, f"metric {stage.condition.metric.name}")
        for stage in stages
        if isinstance(stage, GateStage) and isinstance(stage.condition, Condition)
        if stage.condition.metric.stage in names
    ]


def _gate_edges(stages: list[Stage], ancestors: Graph) -> list[Edge]:
    by_name = {stage.name: stage for stage in stages}
    found = []
    for place, gate in enumerate(stages):
        if not isinstance(gate, GateStage) or not isinstance(gate.condition, Condition):
            continue
        judged = by_name.get(gate.condition.metric.stage)
        if judged is None:
            continue
        data = {*judged.reads, *judged.writes}
        for stage in stages[place + 1 :]:
            if stage.name in ancestors[gate.name]:
                continue
            upstream = [stage, *(by_name[name] for name in ancestors[stage.name])]
            if judged in upstream or any(data & {*each.reads} for each in upstream):
                found.append(Edge(gate.name, stage.name, f"gate on {judged.name}"))
    return found
