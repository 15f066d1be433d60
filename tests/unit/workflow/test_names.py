"""Names derived from a declaration are names that AWS takes."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.workflow.names import STAGE, logical_id, resource_name, shorten, slug

STAGE_NAMES = st.from_regex(re.compile(STAGE.pattern), fullmatch=True).filter(STAGE.allows)


@settings(deadline=None)
@given(workflow=st.from_regex(r"[A-Za-z](-{0,2}[A-Za-z0-9]){0,40}", fullmatch=True), stage=STAGE_NAMES)
def test_a_resource_name_is_a_sagemaker_name_within_its_limit(workflow: str, stage: str) -> None:
    name = resource_name(workflow, stage, 35)
    assert len(name) <= 35
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", name)
    assert re.fullmatch(r"[A-Za-z0-9]+", logical_id(stage))


@settings(deadline=None)
@given(first=st.text(min_size=41, max_size=80), second=st.text(min_size=41, max_size=80))
def test_long_names_stay_apart(first: str, second: str) -> None:
    assert (shorten(first, 40) == shorten(second, 40)) == (first == second)


def test_slugs() -> None:
    assert slug("Good enough_2") == "good-enough-2"
    assert logical_id("good enough", "Role") == "GoodEnoughRole"
