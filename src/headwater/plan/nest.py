"""From a graph to nested sequences and parallels, with the shortest critical path found.

Amazon States Language has no graph: only one state after another, and Parallel states whose branches all end before the
next begins. A graph made of series and parallels ("N-free") is nested without loss. Any other graph needs a barrier
somewhere: some stage then waits for one that it does not need. Here each connected part is cut in two, one half before
the other, where the halves' critical paths add up to the least; among equals, where the cut makes the fewest stages
wait in vain. The candidates are the prefixes of several topological orders, among them every cut that loses nothing:
such a cut is a prefix of every order. It is a greedy search, not a proof of the optimum; it costs O(n² · e).

Rejected: one Parallel a level of the graph (the textbook way), which makes every stage wait for the slowest of the
level before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headwater.plan.graph import Predecessors, topological

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Leaf:
    """One stage."""

    name: str


@dataclass(frozen=True)
class Sequence:
    """One after another."""

    items: tuple[Nest, ...]


@dataclass(frozen=True)
class Parallel:
    """All at once; it ends with the last."""

    branches: tuple[Nest, ...]


Nest = Leaf | Sequence | Parallel


def nest(before: Predecessors, weight: Weights) -> Nest:
    """Return the graph as nested sequences and parallels.

    Parameters
    ----------
    before:
        The stages directly before each stage; there is no cycle.
    weight:
        How long each stage is expected to take, in seconds.
    """
    return _nest({name: before[name] for name in topological(before)}, weight)


def leaves(tree: Nest) -> Iterator[str]:
    """Yield the stages of a nest, first to last."""
    if isinstance(tree, Leaf):
        yield tree.name
    else:
        for child in tree.items if isinstance(tree, Sequence) else tree.branches:
            yield from leaves(child)


def duration(tree: Nest, weight: Weights) -> float:
    """Return how long a nest takes, in seconds."""
    if isinstance(tree, Leaf):
        return weight[tree.name]
    if isinstance(tree, Sequence):
        return sum(duration(item, weight) for item in tree.items)
    return max(duration(branch, weight) for branch in tree.branches)


def critical_path(before: Predecessors, weight: Weights) -> float:
    """Return how long the graph itself takes at the least, in seconds."""
    return max(_finishes({name: before[name] for name in topological(before)}, weight).values(), default=0)


# From here on the dicts are in topological order, so that one pass over them suffices.


def _nest(before: Predecessors, weight: Weights) -> Nest:
    parts = _connected(before)
    if len(parts) == 1:
        return _sequence(parts[0], weight)
    return Parallel(tuple(_sequence(part, weight) for part in parts))


def _sequence(before: Predecessors, weight: Weights) -> Nest:
    if len(before) == 1:
        return Leaf(next(iter(before)))
    head, tail = _cut(before, weight)
    items: list[Nest] = []
    for half in (_nest(head, weight), _nest(tail, weight)):
        items.extend(half.items if isinstance(half, Sequence) else (half,))
    return Sequence(tuple(items))


def _cut(before: Predecessors, weight: Weights) -> tuple[Predecessors, Predecessors]:
    above: dict[str, frozenset[str]] = {}
    for name in before:
        above[name] = before[name].union(*(above[each] for each in before[name]))
    best: tuple[float, int, int] | None = None
    chosen: frozenset[str] = frozenset()
    for head in _prefixes(before, weight):
        first, rest = _restricted(before, head), _restricted(before, before.keys() - head)
        cost = max(_finishes(first, weight).values()) + max(_finishes(rest, weight).values())
        in_vain = sum(len(head - above[name]) for name in rest)
        score = (round(cost, 6), in_vain, len(head))
        if best is None or score < best:
            best, chosen = score, head
    return _restricted(before, chosen), _restricted(before, before.keys() - chosen)


def _prefixes(before: Predecessors, weight: Weights) -> Iterator[frozenset[str]]:
    finish = _finishes(before, weight)
    start = {name: finish[name] - weight[name] for name in before}
    urgency = {name: -rest for name, rest in _remaining(before, weight).items()}
    place = {name: index for index, name in enumerate(before)}
    seen: set[frozenset[str]] = set()
    for key in (start, finish, urgency):
        taken: set[str] = set()
        waiting = sorted(before, key=lambda name: (key[name], place[name]))
        while len(waiting) > 1:
            name = next(each for each in waiting if before[each] <= taken)
            waiting.remove(name)
            taken.add(name)
            head = frozenset(taken)
            if head not in seen:
                seen.add(head)
                yield head


def _finishes(before: Predecessors, weight: Weights) -> dict[str, float]:
    finish: dict[str, float] = {}
    for name, earlier in before.items():
        finish[name] = weight[name] + max((finish[each] for each in earlier), default=0)
    return finish


def _remaining(before: Predecessors, weight: Weights) -> dict[str, float]:
    rest = {name: weight[name] for name in before}
    for name in reversed(list(before)):
        for each in before[name]:
            rest[each] = max(rest[each], weight[each] + rest[name])
    return rest


def _restricted(before: Predecessors, names: frozenset[str] | set[str]) -> dict[str, frozenset[str]]:
    return {name: before[name] & names for name in before if name in names}


def _connected(before: Predecessors) -> list[dict[str, frozenset[str]]]:
    group = {name: {name} for name in before}
    for name, earlier in before.items():
        for each in earlier:
            if group[each] is not group[name]:
                merged = group[each] | group[name]
                for member in merged:
                    group[member] = merged
    parts = list({id(members): members for members in group.values()}.values())
    return [_restricted(before, members) for members in parts]
