"""The rules that order stages, and a gate's reach."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater import Lake, Workflow
from headwater.workflow import order


def before(workflow: Workflow) -> dict[str, set[str]]:
    return order.predecessors(order.ordered_stages(workflow.stages), order.edges(workflow.stages))


def test_data_orders_whatever_the_order_of_declaration() -> None:
    lake = Lake("lake")
    made = lake.processed("made")
    workflow = Workflow("w", lake)
    workflow.spark("reader", "s.py", reads=made)
    workflow.spark("writer", "s.py", writes=made)
    assert before(workflow) == {"reader": {"writer"}, "writer": set()}


def test_readers_follow_the_crawler_of_what_they_read() -> None:
    lake = Lake("lake")
    raw, made = lake.raw("raw"), lake.processed("made")
    workflow = Workflow("w", lake)
    workflow.spark("make", "s.py", reads=raw, writes=made)
    workflow.crawler("catalog raw", reads=raw)
    workflow.crawler("catalog made", reads=made)
    workflow.spark("use", "s.py", reads=made)
    assert before(workflow) == {
        "make": {"catalog raw"},
        "catalog raw": set(),
        "catalog made": {"make"},
        "use": {"make", "catalog made"},
    }


def test_a_crawler_that_follows_a_reader_does_not_come_before_it() -> None:
    lake = Lake("lake")
    raw = lake.raw("raw")
    workflow = Workflow("w", lake)
    workflow.function("validate", "f.py", reads=raw)
    workflow.crawler("catalog", reads=raw, after="validate")
    workflow.spark("use", "s.py", reads=raw)
    assert before(workflow) == {"validate": set(), "catalog": {"validate"}, "use": {"catalog"}}


def gated() -> tuple[Workflow, Lake]:
    lake = Lake("lake")
    raw, train, test = lake.raw("raw"), lake.processed("train"), lake.processed("test")
    model = lake.model("model")
    workflow = Workflow("w", lake)
    workflow.processing("split", "s.py", reads=raw, writes=[train, test])
    workflow.training("fit", "s.py", reads=train, writes=model)
    judge = workflow.processing("judge", "s.py", reads=[model, test], metrics="auc")
    workflow.spark("early", "s.py", reads=test)
    workflow.gate("gate", judge.metric("auc") > 0.5)
    workflow.register("register", model)
    return workflow, lake


def test_a_gate_holds_what_comes_after_it_and_reads_what_was_judged() -> None:
    workflow, lake = gated()
    raw, train = lake.datasets[0], lake.datasets[1]
    workflow.spark("stats", "s.py", reads=train)
    workflow.spark("archive", "s.py", reads=raw)
    workflow.function("mail", "f.py", after="judge")
    workflow.function("publish", "f.py", after="register")
    found = before(workflow)
    assert found["gate"] == {"judge"}
    assert found["register"] == {"fit", "gate"}
    assert found["early"] == {"split"}
    assert found["stats"] == {"split"} and found["archive"] == set()
    assert found["mail"] == {"judge", "gate"}
    assert found["publish"] == {"register", "gate"}


def test_a_gate_never_holds_what_it_depends_on() -> None:
    lake = Lake("lake")
    raw, made = lake.raw("raw"), lake.processed("made")
    workflow = Workflow("w", lake)
    judge = workflow.processing("judge", "s.py", reads=[raw, made], metrics="auc")
    workflow.gate("gate", judge.metric("auc") > 0.5)
    workflow.spark("make", "s.py", reads=raw, writes=made)
    assert order.find_cycles(before(workflow)) == []
    assert before(workflow)["make"] == set()


def test_functions_for_the_end_stand_outside_the_order() -> None:
    workflow, _ = gated()
    workflow.function("notify", "f.py", when="always")
    assert "notify" not in before(workflow)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefg"), st.sets(st.sampled_from("abcdefg")), min_size=1))
def test_every_knot_gives_one_cycle_along_its_edges(drawn: dict[str, set[str]]) -> None:
    found = {name: earlier & drawn.keys() for name, earlier in drawn.items()}
    cycles = order.find_cycles(found)
    for cycle in cycles:
        for name, following in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            assert name in found[following]
    on_cycles = {name for name, above in order.ancestors_of(found).items() if name in above}
    assert {name for cycle in cycles for name in cycle} <= on_cycles
    assert bool(on_cycles) == bool(cycles)
