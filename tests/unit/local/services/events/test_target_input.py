"""What targets are sent: AWS's documented examples, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.services.events.target_input import MISSING, Origin, check_input, extract, target_input

ORIGIN = Origin("arn:aws:events:us-east-2:123456789012:rule/example", "example", "2026-11-22T00:00:00Z")
EVENT = {
    "version": "0",
    "detail-type": "EC2 Instance State-change Notification",
    "time": "2015-11-11T21:29:54Z",
    "resources": ["arn:1", "arn:2"],
    "detail": {"instance-id": "i-0123456789", "state": "RUNNING", "tags": {"a": 1}, "list": [{"n": 1}, {"n": 2}]},
}
PATHS = {"instance": "$.detail.instance-id", "state": "$.detail.state", "tags": "$.detail.tags", "none": "$.detail.no"}


def transformed(template: str) -> str:
    target = {"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": template}}
    return target_input(target, EVENT, ORIGIN)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
        ('"instance \\"<instance>\\" is in <state>"', '"instance \\"i-0123456789\\" is in RUNNING"'),
        (
            '{"instance" : <instance>, "state": [9, <state>, true]}',
            '{"instance":"i-0123456789","state":[9,"RUNNING",true]}',
        ),
        ('{"s": "<state>", "t": <tags>, "u": "tags <tags>"}', '{"s":"RUNNING","t":{"a":1},"u":"tags {a:1}"}'),
        ('"<aws.events.rule-name> triggered"', '"example triggered"'),
        ('{"none": <none>, "text": "no <none>"}', '{"none":"","text":"no "}'),
        ("<instance> without quotes", '"i-0123456789" without quotes'),
    ],
)
def test_templates(template: str, expected: str) -> None:
    assert transformed(template) == expected


def test_reserved_variables() -> None:
    found = json.loads(
        transformed(
            '{"arn": <aws.events.rule-arn>, "event": <aws.events.event>, "json": <aws.events.event.json>, '
            '"at": "<aws.events.event.ingestion-time>"}'
        )
    )
    assert found["arn"] == ORIGIN.rule_arn and found["at"] == ORIGIN.received
    assert found["json"] == EVENT and found["event"] == {k: v for k, v in EVENT.items() if k != "detail"}


def test_input_and_input_path() -> None:
    assert target_input({"Input": '{ "a": 1 }'}, EVENT, ORIGIN) == '{ "a": 1 }'
    assert json.loads(target_input({"InputPath": "$.detail.tags"}, EVENT, ORIGIN)) == {"a": 1}
    assert json.loads(target_input({}, EVENT, ORIGIN)) == EVENT


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", EVENT),
        ("$.resources[1]", "arn:2"),
        ("$.resources[2]", MISSING),
        ("$.detail.list[*].n", [1, 2]),
        ("$.detail.tags.*", [1]),
        ("$.detail.state.deeper", MISSING),
    ],
)
def test_paths(path: str, expected: Any) -> None:
    assert extract(EVENT, path) == expected


@pytest.mark.parametrize(
    ("given_input", "reason"),
    [
        ({"Input": "{"}, "JSON syntax error"),
        ({"Input": "{}", "InputPath": "$"}, "Only one of"),
        ({"InputPath": "detail"}, "Invalid InputPath"),
        ({"InputTransformer": {"InputPathsMap": {"a": "$['b']"}, "InputTemplate": "<a>"}}, "not a JSON path"),
        ({"InputTransformer": {"InputPathsMap": {"aws.x": "$.b"}, "InputTemplate": "x"}}, "must not begin with AWS"),
        ({"InputTransformer": {"InputPathsMap": {}, "InputTemplate": "<b>"}}, "names b"),
        ({"InputTransformer": {"InputPathsMap": {"a": "$.b"}, "InputTemplate": '{"x": <a>'}}, "no JSON"),
    ],
)
def test_refused_inputs(given_input: dict[str, Any], reason: str) -> None:
    found = check_input({"Id": "1", **given_input})
    assert found is not None and reason in found


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_a_value_outside_strings_arrives_as_it_is(value: Any) -> None:
    target = {"InputTransformer": {"InputPathsMap": {"v": "$.detail.v"}, "InputTemplate": '{"got": <v>}'}}
    assert json.loads(target_input(target, {"detail": {"v": value}}, ORIGIN)) == {"got": value}
