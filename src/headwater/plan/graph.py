"""The stages of a workflow as levels, and its period part."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.workflow import order
from headwater.workflow.stages import Stage
from headwater.workflow.workflow import Workflow

# A guess at how long each kind of stage takes, in seconds: it only weighs one nesting against another.
EXPECTED_S: dict[str, float] = {
    "crawler": 60,
    "function": 10,
    "gate": 1,
    "processing": 300,
    "register": 2,
    "spark": 180,
    "training": 600,
}

Predecessors = Mapping[str, frozenset[str]]


def predecessors(workflow: Workflow) -> dict[str, frozenset[str]]:
    """Return the stages directly before each stage, in the order declared."""
    found = order.predecessors(order.ordered_stages(workflow.stages), order.edges(workflow.stages))
    return {name: frozenset(before) for name, before in found.items()}


def ancestors(before: Predecessors) -> dict[str, frozenset[str]]:
    """Return all the stages before each stage."""
    known: dict[str, frozenset[str]] = {}
    for name in topological(before):
        known[name] = before[name].union(*(known[each] for each in before[name]))
    return known


def topological(before: Predecessors) -> list[str]:
    """Return the stages so that each follows those before it; stages that are free keep the order given."""
    return [name for level in levels(before) for name in level]


def levels(before: Predecessors) -> list[list[str]]:
    """Return the stages by the length of the longest chain before them: level 0 waits for nothing."""
    depth: dict[str, int] = {}
    waiting = list(before)
    while waiting:
        ready = [name for name in waiting if before[name] <= depth.keys()]
        depth |= {name: 1 + max((depth[each] for each in before[name]), default=-1) for name in ready}
        waiting = [name for name in waiting if name not in depth]
    deepest = max(depth.values(), default=-1)
    return [[name for name in before if depth[name] == level] for level in range(deepest + 1)]


def weights(stages: list[Stage]) -> dict[str, float]:
    """Return how long each stage is expected to take, in seconds."""
    return {stage.name: EXPECTED_S[stage.kind] for stage in stages}


def period_part(workflow: Workflow, before: Predecessors) -> frozenset[str]:
    """Return the stages that a backfill runs: those that write partitioned datasets, and all before them."""
    writers = {
        stage.name
        for stage in order.ordered_stages(workflow.stages)
        if any(dataset.partitions for dataset in stage.writes)
    }
    return frozenset(writers).union(*(ancestors(before)[name] for name in writers))
