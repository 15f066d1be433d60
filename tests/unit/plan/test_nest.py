"""Random graphs, nested: every dependency honoured, every stage once, and how good the critical path is."""

from __future__ import annotations

import time
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.plan import graph
from headwater.plan.nest import Leaf, Nest, Parallel, Sequence, critical_path, duration, leaves, nest

Graph = dict[str, frozenset[str]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, dict[str, float]]:
    """Acyclic graphs of up to 12 stages, declared in an order that need not be a topological one."""
    count = draw(st.integers(1, 12))
    names = draw(st.permutations([f"s{number}" for number in range(count)]))
    before = {
        name: frozenset(draw(st.sets(st.sampled_from(names[:place]), max_size=3)) if place else ())
        for place, name in enumerate(names)
    }
    declared = draw(st.permutations(list(names)))
    weight = {name: float(draw(st.integers(1, 20))) for name in names}
    return {name: before[name] for name in declared}, weight


@st.composite
def series_parallel(draw: st.DrawFn, depth: int = 3) -> tuple[Graph, dict[str, float]]:
    """Graphs that are made of series and parallels, so that a nest without loss exists."""
    counter = iter(range(1000))

    def build(level: int) -> tuple[Graph, frozenset[str], frozenset[str]]:
        kind = draw(st.sampled_from(["leaf", "series", "parallel"])) if level else "leaf"
        if kind == "leaf":
            name = f"s{next(counter)}"
            return {name: frozenset()}, frozenset([name]), frozenset([name])
        parts = [build(level - 1) for _ in range(draw(st.integers(2, 3)))]
        merged: Graph = {}
        for part, _, _ in parts:
            merged |= part
        if kind == "parallel":
            return merged, frozenset().union(*(p[1] for p in parts)), frozenset().union(*(p[2] for p in parts))
        for (_, _, ends), (_, starts, _) in zip(parts, parts[1:], strict=False):
            merged |= {name: merged[name] | ends for name in starts}
        return merged, parts[0][1], parts[-1][2]

    before, _, _ = build(depth)
    return before, {name: float(draw(st.integers(1, 9))) for name in before}


def spans(tree: Nest, weight: Mapping[str, float], start: float = 0) -> dict[str, tuple[float, float]]:
    """When each stage starts and ends."""
    if isinstance(tree, Leaf):
        return {tree.name: (start, start + weight[tree.name])}
    found: dict[str, tuple[float, float]] = {}
    for child in tree.items if isinstance(tree, Sequence) else tree.branches:
        found |= spans(child, weight, start)
        if isinstance(tree, Sequence):
            start += duration(child, weight)
    return found


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_each_stage_is_there_once_and_after_what_it_needs(drawn: tuple[Graph, dict[str, float]]) -> None:
    before, weight = drawn
    tree = nest(before, weight)
    assert sorted(leaves(tree)) == sorted(before)
    placed = spans(tree, weight)
    for name, earlier in before.items():
        for each in earlier:
            assert placed[each][1] <= placed[name][0]
    assert duration(tree, weight) >= critical_path(before, weight)


@settings(max_examples=100, deadline=None)
@given(series_parallel())
def test_a_graph_of_series_and_parallels_loses_nothing(drawn: tuple[Graph, dict[str, float]]) -> None:
    before, weight = drawn
    assert duration(nest(before, weight), weight) == critical_path(before, weight)


@settings(max_examples=50, deadline=None)
@given(graphs())
def test_the_same_graph_gives_the_same_nest(drawn: tuple[Graph, dict[str, float]]) -> None:
    assert nest(*drawn) == nest(*drawn)


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_it_is_never_slower_than_one_parallel_a_level(drawn: tuple[Graph, dict[str, float]]) -> None:
    before, weight = drawn
    by_level = sum(max(weight[name] for name in level) for level in graph.levels(before))
    assert duration(nest(before, weight), weight) <= by_level


def test_independent_chains_run_side_by_side() -> None:
    before: Graph = {"a": frozenset(), "b": frozenset(["a"]), "x": frozenset(), "y": frozenset(["x"])}
    chains = (Sequence((Leaf("a"), Leaf("b"))), Sequence((Leaf("x"), Leaf("y"))))
    assert nest(before, dict.fromkeys(before, 1.0)) == Parallel(chains)


def test_a_barrier_is_put_where_it_costs_least() -> None:
    # The N: d needs a and b, c needs a only. Waiting for the short b costs 1, waiting for the long a would cost 9.
    before: Graph = {"a": frozenset(), "b": frozenset(), "c": frozenset(["a"]), "d": frozenset(["a", "b"])}
    weight = {"a": 9.0, "b": 1.0, "c": 5.0, "d": 5.0}
    assert duration(nest(before, weight), weight) == critical_path(before, weight) == 14


def test_fifty_stages_nest_in_well_under_a_second() -> None:
    before = {f"s{n}": frozenset(f"s{m}" for m in (n - 1, n - 4, n - 7) if m >= 0 and (n * m) % 3) for n in range(50)}
    started = time.process_time()
    tree = nest(before, {name: 1.0 + len(name) for name in before})
    assert len(list(leaves(tree))) == 50
    assert time.process_time() - started < 1
