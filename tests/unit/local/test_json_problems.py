"""What AWS says of texts that are no JSON."""

from __future__ import annotations

import json

import pytest

from headwater.local.json_problems import located_json_problem

VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ("badbod", f"Unrecognized token 'badbod': was expecting {VALUES}", "line: 1, column: 7"),
        ('{\n"a": ·}', f"Unexpected character ('·' (code 183)): expected a valid value {VALUES}", "line: 2, column: 6"),
    ],
)
def test_a_problem_and_its_place(text: str, problem: str, place: str) -> None:
    with pytest.raises(ValueError) as error:
        json.loads(text)
    assert located_json_problem(text, error.value) == (
        f"{problem}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); {place}]"
    )
