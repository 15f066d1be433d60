"""What is told of a difference between a deployed and a planned template."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from headwater.cli.change_view import ABSENT, differing, short
from headwater.cloud.changes import DELETIONS, OTHERS, POLICIES, change_of, ordered
from headwater.cloud.template_diff import compare

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("aé{", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy.", max_size=3), inner, max_size=3),
    max_leaves=8,
)
RESOURCES = st.dictionaries(
    st.sampled_from("ABCD"),
    st.fixed_dictionaries(
        {
            "Type": st.sampled_from(["AWS::IAM::Role", "AWS::SNS::Topic"]),
            "Properties": st.dictionaries(st.sampled_from("xyz"), JSON, max_size=3),
        }
    ),
)


@given(RESOURCES, RESOURCES)
def test_every_resource_that_differs_is_told_and_no_other(before: dict[str, object], after: dict[str, object]) -> None:
    changes = compare({"Resources": before}, {"Resources": after})
    assert {c.logical_id for c in changes} == {
        name
        for name in {*before, *after}
        if json.dumps(before.get(name), sort_keys=True) != json.dumps(after.get(name), sort_keys=True)
        and before.get(name) != after.get(name)
    }
    assert {c.logical_id for c in changes if c.action == "Add"} == set(after) - set(before)
    assert {c.logical_id for c in changes if c.action == "Remove"} == set(before) - set(after)


@given(JSON, JSON)
def test_the_innermost_differences_are_told(before: object, after: object) -> None:
    assert bool(differing("p", before, after)) == (before != after)


def test_a_null_and_what_is_not_there_are_told_apart() -> None:
    ((path, before, after),) = differing("State", {"End": True}, {"End": True, "ResultPath": None})
    assert (path, before, short(before), short(after)) == ("State.ResultPath", ABSENT, "none", "null")


def test_policies_come_first_and_texts_of_json_are_compared_in_their_parts() -> None:
    def machine(states: dict[str, object]) -> dict[str, object]:
        return {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString": json.dumps(states)}}

    bucket = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}
    old = {"Resources": {"Machine": machine({"a": 1, "b": 2}), "Lake": bucket, "Old": {"Type": "AWS::SNS::Topic"}}}
    new = {"Resources": {"Machine": machine({"a": 1, "b": 3}), "Role": {"Type": "AWS::IAM::Role"}}}
    changes = ordered(compare(old, new))
    assert [(c.group, c.logical_id) for c in changes] == [
        (POLICIES, "Role"),
        (DELETIONS, "Lake"),
        (DELETIONS, "Old"),
        (OTHERS, "Machine"),
    ]
    (changed,) = changes[3].properties
    assert differing(changed.name, changed.before, changed.after) == [("DefinitionString.b", 2, 3)]
    assert [change.deletes for change in changes] == [False, False, True, False]


def test_a_replacement_says_whether_the_old_one_goes() -> None:
    described = {
        "Action": "Modify",
        "LogicalResourceId": "A",
        "PhysicalResourceId": "a",
        "ResourceType": "AWS::SNS::Topic",
        "Replacement": "True",
        "PolicyAction": "ReplaceAndRetain",
        "Details": [{"Target": {"Attribute": "Properties", "Name": "TopicName", "RequiresRecreation": "Always"}}],
        "BeforeContext": '{"Properties":{"TopicName":"a"}}',
        "AfterContext": '{"Properties":{"TopicName":"b"}}',
    }
    change = change_of(described)
    assert not change.deletes and change_of({**described, "PolicyAction": "ReplaceAndDelete"}).deletes
    (changed,) = change.properties
    assert (changed.before, changed.after, changed.recreation) == ("a", "b", "Always")
