"""What the guard makes of its list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headwater.local.jobs import guard


@given(st.lists(st.tuples(st.booleans(), st.integers(2, 40))))
def test_the_list_is_what_was_added_and_not_taken_off(steps: list[tuple[bool, int]]) -> None:
    alive: set[int] = set()
    for started, group in steps:
        (alive.add if started else alive.discard)(group)
    assert guard.follow(f"{'+' if started else '-'}{group}\n" for started, group in steps) == alive


def test_signals_to_processes_that_are_gone_are_no_errors() -> None:
    absent = 2**22 + 1  # above Linux's largest process id
    guard.kill(absent)
    guard.kill_group(absent)
    assert guard.session_of(absent) == 0
    assert guard.carries(absent, b"x") is False
