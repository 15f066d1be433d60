"""Alarm states against the tables of CloudWatch's user guide, and against the rules that the guide states."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.services.cloudwatch.evaluation import ALARM, INSUFFICIENT, OK, Point, evaluate

VALUES = {"0": 0.0, "X": 1.0, "-": None}
KEEP = "the state before"

# "Configuring how CloudWatch alarms treat missing data", CloudWatch User Guide (read 2026-11-25): datapoints, then the
# state with missing, ignore, breaching, notBreaching. First 3 of 3, then 2 of 3.
THREE_OF_THREE = [
    ("0 - X - X", OK, OK, OK, OK),
    ("- - - - 0", OK, OK, OK, OK),
    ("- - - - -", INSUFFICIENT, KEEP, ALARM, OK),
    ("0 X X - X", ALARM, ALARM, ALARM, ALARM),
    ("- - X - -", ALARM, KEEP, ALARM, OK),
]
TWO_OF_THREE = [
    ("0 - X - X", ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", OK, OK, ALARM, OK),
    ("- - - - 0", OK, OK, ALARM, OK),
    ("- - - X -", ALARM, KEEP, ALARM, OK),
]
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


def alarm(enough: int = 1, periods: int = 1, **members: Any) -> dict[str, Any]:
    return {
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": enough,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1.0,
        **members,
    }


def points(text: str) -> list[Point]:
    return [Point(60 * number, VALUES[each]) for number, each in enumerate(text.split())]


@pytest.mark.parametrize("before", [OK, ALARM, INSUFFICIENT])
@pytest.mark.parametrize(("enough", "table"), [(3, THREE_OF_THREE), (2, TWO_OF_THREE)])
def test_the_guides_tables(enough: int, table: list[tuple[str, ...]], before: str) -> None:
    for text, *states in table:
        for treatment, state in zip(TREATMENTS, states, strict=True):
            found = evaluate(alarm(enough, 3, TreatMissingData=treatment), points(text), before)
            assert found.state == (before if state == KEEP else state), (text, treatment)


def test_an_early_datapoint_alone_does_not_go_off() -> None:
    for before in (OK, INSUFFICIENT):
        assert evaluate(alarm(3, 3), points("- - - - X"), before).state == before


@given(st.lists(st.sampled_from("0X"), min_size=7, max_size=7), st.data())
def test_without_missing_data_m_of_the_last_n_count(marks: list[str], data: st.DataObject) -> None:
    periods = data.draw(st.integers(1, 5))
    enough = data.draw(st.integers(1, periods))
    treatment = data.draw(st.sampled_from(TREATMENTS))
    found = evaluate(alarm(enough, periods, TreatMissingData=treatment), points(" ".join(marks)), OK)
    assert found.state == (ALARM if marks[-periods:].count("X") >= enough else OK)


def test_reasons_are_in_awss_words() -> None:
    assert evaluate(alarm(), points("0 0 X"), OK).reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [1.0 (01/01/70 00:02:00)] was greater than or equal to the "
        "threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert evaluate(alarm(), points("X X 0"), ALARM).reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [0.0 (01/01/70 00:02:00)] was not greater than or equal to "
        "the threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition)."
    )
    assert evaluate(alarm(TreatMissingData="notBreaching"), points("- - -"), OK).reason == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[NonBreaching]."
    )
    assert evaluate(alarm(), points("- - -"), OK).reason == "Insufficient Data: 1 datapoint was unknown."
