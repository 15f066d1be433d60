"""From a graph to nested sequences and parallels, with the shortest critical path found.

Amazon States Language has no graph: only one state after another, and Parallel states whose branches all end before the
next begins. A graph made of series and parallels is nested without loss. Any other graph needs a barrier somewhere:
some stage then waits for one that it does not need. Here each connected part is cut in two, one half before the other.
Candidates are the prefixes of several topological orders, among them every cut that loses nothing, for such a cut is a
prefix of every order. The sum of the halves' critical paths bounds a cut from below: of small parts (up to
`EXACT_SIZE` stages) the best of the candidates is found by branch and bound, of larger ones the cut with the least
bound is taken, and among equals the one that makes the fewest stages wait in vain. No proof of the optimum, but never
worse than one Parallel a level of the graph, the textbook way, which makes every stage wait for the slowest of the
level before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headwater.plan.graph import Predecessors, levels, topological

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


EXACT_SIZE = 9


def nest(before: Predecessors, weight: Weights) -> Nest:
    """Return the graph as nested sequences and parallels.

    Parameters
    ----------
    before:
        The stages directly before each stage; there is no cycle.
    weight:
        How long each stage is expected to take, in seconds.
    """
    found = _Nesting(weight).nest({name: before[name] for name in topological(before)})
    rows = [tuple(map(Leaf, level)) for level in levels(before)]
    by_level = Sequence(tuple(row[0] if len(row) == 1 else Parallel(row) for row in rows))
    return found if duration(found, weight) <= duration(by_level, weight) else by_level


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


class _Nesting:
    """One search: what it found for a set of stages is kept."""

    def __init__(self, weight: Weights) -> None:
        self._weight = weight
        self._known: dict[frozenset[str], Nest] = {}

    def nest(self, before: Predecessors) -> Nest:
        key = frozenset(before)
        if key not in self._known:
            parts = _connected(before)
            branches = tuple(self._connected(part) for part in parts)
            self._known[key] = branches[0] if len(branches) == 1 else Parallel(branches)
        return self._known[key]

    def _connected(self, before: Predecessors) -> Nest:
        if len(before) == 1:
            return Leaf(next(iter(before)))
        best: Sequence | None = None
        for bound, _, head in self._cuts(before):
            if best is not None and bound >= round(duration(best, self._weight), 6):
                break
            found = self._halves(_restricted(before, head), _restricted(before, before.keys() - head))
            if best is None or duration(found, self._weight) < duration(best, self._weight):
                best = found
            if len(before) > EXACT_SIZE:
                break
        if best is None:
            raise ValueError("a connected part of several stages has a cut")
        return best

    def _halves(self, head: Predecessors, tail: Predecessors) -> Sequence:
        items: list[Nest] = []
        for half in (self.nest(head), self.nest(tail)):
            items.extend(half.items if isinstance(half, Sequence) else (half,))
        return Sequence(tuple(items))

    def _cuts(self, before: Predecessors) -> list[tuple[float, int, frozenset[str]]]:
        """The candidates, best bound first: bound in seconds, waits in vain, the first half."""
        above: dict[str, frozenset[str]] = {}
        for name in before:
            above[name] = before[name].union(*(above[each] for each in before[name]))
        found = []
        for head in _prefixes(before, self._weight):
            first, rest = _restricted(before, head), _restricted(before, before.keys() - head)
            bound = max(_finishes(first, self._weight).values()) + max(_finishes(rest, self._weight).values())
            found.append((round(bound, 6), sum(len(head - above[name]) for name in rest), head))
        return sorted(found, key=lambda cut: (cut[0], cut[1], len(cut[2])))


def _prefixes(before: Predecessors, weight: Weights) -> Iterator[frozenset[str]]:
    finish = _finishes(before, weight)
    start = {name: finish[name] - weight[name] for name in before}
    urgency = {name: -rest for name, rest in _remaining(before, weight).items()}
    place = {name: float(index) for index, name in enumerate(before)}
    seen: set[frozenset[str]] = set()
    for key in (start, finish, urgency, place):
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
