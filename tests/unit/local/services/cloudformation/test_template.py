"""Templates: read, checked, resolved; the pure parts."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from headwater.local.services.cloudformation import graph, parameters
from headwater.local.services.cloudformation.intrinsics import UNKNOWN, Resolver
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.template import Template, load, parse

TYPES = {"AWS::SNS::Topic", "AWS::SQS::Queue"}
TOPIC = {"Type": "AWS::SNS::Topic"}


def template(**sections: Any) -> Template:
    """A template with a topic, and these sections."""
    return parse(json.dumps({"Resources": {"A": TOPIC}, **sections}), TYPES)


def resolver(found: Template | None = None, **values: Any) -> Resolver:
    """A resolver whose only resource is A."""
    return Resolver(
        found or template(Transform="AWS::LanguageExtensions"),
        {"AWS::Region": "us-east-1", **values},
        ref=lambda name: f"{name}-id",
        attribute=lambda name, attribute: f"{name}.{attribute}",
        import_value=lambda name: f"imported {name}",
        zones=lambda region: [f"{region}a", f"{region}b"],
    )


@pytest.mark.parametrize(
    ("value", "worth"),
    [
        ({"Ref": "A"}, "A-id"),
        ({"Ref": "P"}, "v"),
        ({"Fn::GetAtt": ["A", "Arn"]}, "A.Arn"),
        ({"Fn::GetAtt": "A.Arn.Deep"}, "A.Arn.Deep"),
        ({"Fn::Sub": "${A}/${A.Arn}/${P}/${!P}/${AWS::Region}"}, "A-id/A.Arn/v/${P}/us-east-1"),
        ({"Fn::Sub": ["${X}-${P}", {"X": {"Ref": "A"}}]}, "A-id-v"),
        ({"Fn::Join": ["-", ["a", {"Ref": "P"}, 3, True]]}, "a-v-3-true"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "us-east-1a"),
        ({"Fn::Base64": "x"}, "eA=="),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::ImportValue": {"Fn::Sub": "${P}-x"}}, "imported v-x"),
        ({"Fn::Length": ["a", "b"]}, 2),
        ({"Fn::ToJsonString": {"a": {"Ref": "P"}}}, '{"a":"v"}'),
        ({"k": {"Ref": "AWS::NoValue"}, "l": [{"Ref": "AWS::NoValue"}, 1]}, {"l": [1]}),
        (
            {"Statement": [{"Condition": {"Bool": {"x": "true"}}}]},
            {"Statement": [{"Condition": {"Bool": {"x": "true"}}}]},
        ),
    ],
)
def test_intrinsic_functions(value: Any, worth: Any) -> None:
    assert resolver(P="v").resolve(value) == worth


def test_mappings_and_conditions() -> None:
    found = template(
        Mappings={"Sizes": {"us-east-1": {"dev": "small"}}},
        Conditions={
            "Big": {"Fn::Not": [{"Condition": "Small"}]},
            "Either": {"Fn::Or": [{"Condition": "Big"}, {"Condition": "Small"}]},
            "Both": {"Fn::And": [{"Condition": "Big"}, {"Condition": "Small"}]},
            "Small": {"Fn::Equals": [{"Ref": "P"}, "small"]},
        },
        Parameters={"P": {"Type": "String"}},
    )
    worth = resolver(found, P="small")
    assert worth.resolve({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "dev"]}) == "small"
    assert [worth.holds(name) for name in ("Big", "Either", "Both", "Small")] == [False, True, False, True]
    assert worth.resolve({"Fn::If": ["Big", "b", {"Ref": "P"}]}) == "small"
    with pytest.raises(ServiceError, match="Unable to get mapping for Sizes::us-east-1::prod"):
        worth.resolve({"Fn::FindInMap": ["Sizes", "us-east-1", "prod"]})


def test_what_is_unknown_makes_unknown_what_is_computed_from_it() -> None:
    worth = resolver()
    worth.ref = lambda name: UNKNOWN
    value = {
        "a": {"Fn::Sub": "x-${A}"},
        "b": {"Fn::Join": ["", [{"Ref": "A"}]]},
        "c": {"Fn::Select": [0, ["k", {"Ref": "A"}]]},
    }
    assert worth.resolve(value) == {"a": UNKNOWN, "b": UNKNOWN, "c": "k"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "Template format error: JSON not well-formed. (line 1, column 2)"),
        ("a: [", "Template format error: YAML not well-formed. (line 1, column 5)"),
        ("[]", "Template format error: unsupported structure."),
        ("{}", "Template format error: At least one Resources member must be defined."),
        ('{"Resource": {}}', "Invalid template property or properties [Resource]"),
        (
            "Resources: {a-b: {Type: AWS::SNS::Topic}}",
            "Template format error: Resource name a-b is non alphanumeric.",
        ),
        (
            "Resources: {A: {Properties: {}}}",
            "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
        ),
        ("Resources: {A: {Type: AWS::SNS::Topic, Foo: 1}}", "Invalid template resource property 'Foo'"),
        (
            "Resources: {A: {Type: 'AWS::X::Y'}, B: {Type: 'AWS::X::W'}}",
            "Template format error: Unrecognized resource types: [AWS::X::W, AWS::X::Y]",
        ),
        (
            "Resources: {A: {Type: AWS::SNS::Topic, DependsOn: [B], Properties: {TopicName: !Ref C}}}",
            "Template format error: Unresolved resource dependencies [B, C] in the Resources block of the template",
        ),
        (
            "Resources: {A: {Type: AWS::SNS::Topic, Properties: {TopicName: !GetAtt B.Arn}}}",
            "Template error: instance of Fn::GetAtt references undefined resource B",
        ),
        (
            "Resources: {A: {Type: AWS::SNS::Topic, Condition: C}}",
            "Template format error: Unresolved condition dependency C in the Resources block of the template",
        ),
        (
            "Resources: {A: {Type: AWS::SNS::Topic}}\nConditions: {C: !Equals [!Ref A, x]}",
            "Template format error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of "
            "the template",
        ),
        ("Transform: AWS::Serverless-2016-10-31", "No transform named AWS::Serverless-2016-10-31 found."),
    ],
)
def test_what_is_wrong_is_said_as_aws_says_it(body: str, message: str) -> None:
    with pytest.raises(ServiceError) as error:
        parse(body, TYPES)
    assert (error.value.code, error.value.message) == ("ValidationError", message)


def test_short_forms_and_dates_of_yaml() -> None:
    body = """
Resources:
  A:
    Type: AWS::SNS::Topic
    Properties:
      Version: 2012-10-17
      B: !GetAtt X.Y.Z
      C: !Sub ["${a}", {a: !Ref B}]
      D: !If [c, !Join ["-", [a, b]], !Base64 x]
      E: !Condition C
"""
    assert load(body)["Resources"]["A"]["Properties"] == {
        "Version": "2012-10-17",
        "B": {"Fn::GetAtt": ["X", "Y.Z"]},
        "C": {"Fn::Sub": ["${a}", {"a": {"Ref": "B"}}]},
        "D": {"Fn::If": ["c", {"Fn::Join": ["-", ["a", "b"]]}, {"Fn::Base64": "x"}]},
        "E": {"Condition": "C"},
    }


def test_a_yaml_template_runs_no_code() -> None:
    with pytest.raises(ServiceError):
        parse("Resources: !!python/object/apply:os.system [true]", TYPES)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_json_and_yaml_read_alike(value: Any) -> None:
    document = {"Metadata": value}
    assert load(json.dumps(document)) == load(yaml.safe_dump(document)) == document


@given(JSON_VALUES)
def test_values_without_functions_are_left_as_they_are(value: Any) -> None:
    assert resolver().resolve(value) == value


@given(st.text())
def test_base64_and_join_lose_nothing(text: str) -> None:
    worth = resolver()
    assert b64decode(worth.resolve({"Fn::Base64": text})).decode() == text
    parts = worth.resolve({"Fn::Split": ["|", text]})
    assert worth.resolve({"Fn::Join": ["|", parts]}) == text


@given(st.dictionaries(st.integers(0, 9), st.sets(st.integers(0, 9)), max_size=10))
def test_order_and_cycles(edges: dict[int, set[int]]) -> None:
    needs = {str(n): {str(m) for m in found if m in edges} for n, found in edges.items()}
    cycle = graph.circular(needs)
    if cycle:
        assert all(needs[name] & set(cycle) for name in cycle)
        return
    order = graph.creation_order(needs)
    assert sorted(order) == sorted(needs)
    assert all(order.index(before) < order.index(name) for name in needs for before in needs[name])


def test_a_cycle_is_named() -> None:
    resources = {
        "A": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "B"}}},
        "B": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "${A}-x"}}},
        "C": {"Type": "AWS::SNS::Topic", "DependsOn": "A"},
        "D": TOPIC,
    }
    with pytest.raises(ServiceError, match=re.escape("Circular dependency between resources: [A, B]")):
        graph.dependencies(parse(json.dumps({"Resources": resources}), TYPES))


@pytest.mark.parametrize(
    ("declared", "text", "message"),
    [
        ({"Type": "Number"}, "x", "Parameter 'P' must be a number"),
        ({"Type": "Number", "MaxValue": 3}, "4", "Parameter 'P' must be a number not greater than 3"),
        ({"Type": "String", "MinLength": 2}, "a", "Parameter 'P' must contain at least 2 characters"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "A", "Parameter 'P' must match pattern [a-z]+"),
        (
            {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "lower case"},
            "A",
            "Parameter P failed to satisfy constraint: lower case",
        ),
        ({"Type": "Sting"}, "A", "Template format error: Unrecognized parameter type: Sting"),
    ],
)
def test_parameters_are_checked(declared: dict[str, Any], text: str, message: str) -> None:
    with pytest.raises(ServiceError) as error:
        parameters.merge(template(Parameters={"P": declared}), [{"ParameterKey": "P", "ParameterValue": text}])
    assert error.value.message == message


def test_parameters_missing_unknown_and_lists() -> None:
    found = template(Parameters={"P": {"Type": "CommaDelimitedList"}})
    with pytest.raises(ServiceError, match=re.escape("Parameters: [P] must have values")):
        parameters.merge(found, [])
    with pytest.raises(ServiceError, match=re.escape("Parameters: [Q] do not exist in the template")):
        parameters.merge(found, [{"ParameterKey": "Q", "ParameterValue": "x"}])
    assert parameters.values(found, {"P": "a, b"}, lambda name: name) == {"P": ["a", "b"]}


@given(
    st.from_regex(r"[a-zA-Z][a-zA-Z0-9-]{0,127}", fullmatch=True), st.from_regex(r"[A-Za-z0-9]{1,255}", fullmatch=True)
)
def test_generated_names_fit(stack: str, logical: str) -> None:
    bucket = Naming("BucketName", 63, lower=True).generate(stack, logical)
    queue = Naming("QueueName", 80).generate(stack, logical, ".fifo")
    assert len(bucket) <= 63 and re.fullmatch(r"[a-z0-9][a-z0-9-]*[a-z0-9]", bucket)
    assert len(queue) <= 80 and queue.endswith(".fifo")
