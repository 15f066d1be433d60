"""Diagnostics of definitions that AWS refuses, with its codes, texts and locations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.states.validator import validate
from tests.unit.local.services.states.harness import SmallEndpoint

SCHEMA = "SCHEMA_VALIDATION_FAILED"
TARGET = "MISSING_TRANSITION_TARGET"
END = ("MISSING_END_STATE", "Workflow has no terminal state", None)
PASS = {"Type": "Pass", "End": True}
LOOP = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
FOREIGN = "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage"


def machine(states: dict[str, Any], start: str = "A", **fields: Any) -> dict[str, Any]:
    return {"StartAt": start, "States": states, **fields}


def found(definition: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Code, text and location of every diagnostic."""
    return [(problem.code, problem.message, problem.location) for problem in validate(json.dumps(definition))]


def output(expression: str) -> dict[str, Any]:
    return machine({"A": {**PASS, "Output": f"{{% {expression} %}}"}}, QueryLanguage="JSONata")


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (machine(LOOP), [END]),
        (machine({**LOOP, "C": LOOP["A"]}), [END]),
        (machine({**LOOP, "C": PASS}), [(TARGET, 'State "C" is not reachable.', "/States/C")]),
        (
            machine({"A": {"Type": "Pass", "Next": "NOPE"}}),
            [(TARGET, "Missing 'Next' target: NOPE", "/States/A/Next"), END],
        ),
        (
            machine({"A": PASS}, start="NOPE"),
            [
                (TARGET, "Missing 'Next' target: NOPE", "/StartAt"),
                (TARGET, 'State "A" is not reachable.', "/States/A"),
            ],
        ),
        (machine({"M": {"Type": "Map", "ItemProcessor": machine(LOOP), "End": True}}, "M"), []),
        (
            machine(
                {"M": {"Type": "Map", "ItemProcessor": machine({"A": PASS}, QueryLanguage="JSONata"), "End": True}}, "M"
            ),
            [(SCHEMA, "Field 'QueryLanguage' is not supported", "/States/M/ItemProcessor")],
        ),
        (
            machine({"A": {**PASS, "TimeoutSeconds": 5, "Retry": [{"ErrorEquals": ["States.ALL"]}]}}),
            [
                (SCHEMA, "Field 'TimeoutSeconds' is not supported", "/States/A"),
                (SCHEMA, "Field 'Retry' is not supported", "/States/A"),
            ],
        ),
        (machine({"A": {**PASS, "Output": "x"}}), [(SCHEMA, FOREIGN, "/States/A")]),
    ],
)
def test_what_aws_refuses(definition: dict[str, Any], expected: list[tuple[str, str, str | None]]) -> None:
    assert found(definition) == expected


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("a[1,2)", 'Expected "]", got ","'),
        ('"unterminated', "String literal must be terminated by a matching quote"),
        ('{"a":}', 'The symbol "}" cannot be used as a unary operator'),
        ("$x :=", "Unexpected end of expression"),
    ],
)
def test_an_expression_that_is_none(expression: str, text: str) -> None:
    assert found(output(expression)) == [("INVALID_JSONATA_EXPRESSION", text, "/States/A/Output")]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("$$", "Reference to '$$' is not supported."),
        ("$states.errorOutput.Cause", "Field '$states.errorOutput' does not exist."),
    ],
)
def test_what_an_expression_may_not_read(expression: str, text: str) -> None:
    assert found(output(expression)) == [("UNSUPPORTED_JSONATA_EXPRESSION", text, "/States/A/Output")]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("phone[0]", ["phone"]),
        ("$.phone", ["$"]),
        ("aaa + bbb & aaa", ["aaa", "bbb"]),
        ("$map($states.input.a, function($x){ b })", ["b"]),
        ("$x ? [y] : {'k': z}", ["y", "z"]),
        ("($x := a; $f(?, c)) ~> |d|{'e': f}|", ["a", "c"]),
        ("$states.input.items[phone > 3 and $ != 1]^(>phone).{'k': phone}", []),
        ("$phone.(a * b){c: d}", []),
        ("$map($states.input.a, function($x){ $x.phone })", []),
    ],
)
def test_what_an_expression_reads_where_there_is_nothing(expression: str, names: list[str]) -> None:
    texts = [f"Reference to '{name}' at the top level is not supported." for name in names]
    assert found(output(expression)) == [("UNSUPPORTED_JSONATA_EXPRESSION", text, "/States/A/Output") for text in texts]


def test_a_catchers_expressions_are_read_and_its_error_names_are_not() -> None:
    caught = {"v": "{% phone %}", "why": "{% $states.errorOutput.Cause %}"}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Retry": [{"ErrorEquals": ["{% phone %}"]}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output": caught, "Next": "B"}],
        "End": True,
    }
    assert found(machine({"A": task, "B": PASS}, QueryLanguage="JSONata")) == [
        (
            "UNSUPPORTED_JSONATA_EXPRESSION",
            "Reference to 'phone' at the top level is not supported.",
            "/States/A/Catch[0]/Output/v",
        )
    ]


LONG = "v" * 81
CHARACTERS = "the variable name contains invalid characters."


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("states", "Cannot assign to reserved variable '$states'."),
        ("a b", f"Invalid variable name 'a b': {CHARACTERS}"),
        ("1st", f"Invalid variable name '1st': {CHARACTERS}"),
        (LONG, f"Invalid variable name '{LONG}': it has more than 80 characters."),
        ("größe_1", None),
    ],
)
def test_names_of_variables(name: str, text: str | None) -> None:
    for language, key in (("JSONata", name), ("JSONPath", f"{name}.$")):
        value = "{% $states.input %}" if language == "JSONata" else "$.x"
        catch = [{"ErrorEquals": ["States.ALL"], "Assign": {key: value}, "Next": "B"}]
        task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Catch": catch, "End": True}
        states = {"A": task, "B": {**PASS, "Assign": {key: value}}}
        places = (f"/States/A/Catch[0]/Assign/{key}", f"/States/B/Assign/{key}")
        code = "RESERVED_VARIABLE_NAME" if name == "states" else "INVALID_VARIABLE_NAME"
        expected = [] if text is None else [(code, text, place) for place in places]
        assert found(machine(states, QueryLanguage=language)) == expected


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("", "Label cannot be empty"),
        ("x" * 41, f"Label name: {'x' * 41} exceeds the 40-character limit allowed by the service"),
        ("a b", "Label contains invalid character: ' '"),
        ("a[b", "Label contains invalid character: '['"),
        ("a\\b", "Label contains invalid character: '\\\\'"),
        ("a\x7fb", "Label contains invalid character: '\\x7f'"),
        ("x" * 40, None),
        ("Été-1_b", None),
    ],
)
def test_labels_of_distributed_maps(label: str, text: str | None) -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **machine({"B": PASS}, "B")}
    state = {"Type": "Map", "ItemProcessor": processor, "Label": label, "End": True}
    expected = [] if text is None else [("INVALID_LABEL_NAME", text, "/States/A/Label")]
    assert found(machine({"A": state})) == expected


def test_texts_may_hold_what_looks_like_a_reference() -> None:
    assert found(output("'costs $$ and $states.errorOutput' & $states.input.a")) == []


def test_a_refusal_without_a_location_says_null(small: SmallEndpoint) -> None:
    with pytest.raises(ServiceError) as refused:
        small.create(machine(LOOP))
    assert refused.value.message == (
        "Invalid State Machine Definition: 'MISSING_END_STATE: Workflow has no terminal state at null'"
    )
    shown = small.sfn("validate_state_machine_definition", definition=json.dumps(machine(LOOP)))
    assert shown["diagnostics"] == [{"severity": "ERROR", "code": END[0], "message": END[1]}]


WAIT, TASK = {"Type": "Wait", "End": True}, {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
GET, LIST = "arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2"
HEADERS = {"CSVHeaderLocation": "GIVEN", "CSVHeaders": ["id"]}


def reading(resource: str = GET, **configuration: Any) -> dict[str, Any]:
    reader = {"Resource": resource, "ReaderConfig": configuration, "Parameters": {"Bucket": "b"}}
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **machine({"B": PASS}, "B")}
    return {"Type": "Map", "ItemReader": reader, "ItemProcessor": processor, "End": True}


@pytest.mark.parametrize(
    ("state", "texts"),
    [
        ({"End": True}, ["The field 'Type' is required", END[1]]),
        ({"Type": "Pass"}, ["This object should have only one of the following fields: [Next, End]", END[1]]),
        ({"Type": "Succeed", "Next": "A"}, ["Field 'Next' is not supported"]),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["States.ALL", "C"]}]},
            ["States.ALL must appear alone and at end of list"],
        ),
        (
            {**WAIT, "Seconds": 1, "Timestamp": "2025-01-01T00:00:10Z"},
            ["There should only be one of the following fields: " "[SecondsPath, Seconds, TimestampPath, Timestamp]"],
        ),
        ({**WAIT, "Seconds": -1}, ["Minimum value is 0"]),
        ({**WAIT, "Seconds": 1.5}, ["Expected value of type Integer"]),
        ({**TASK, "TimeoutSeconds": 0}, ["Minimum value is 1"]),
        ({**TASK, "TimeoutSeconds": 100_000_000}, ["Maximum value is 99999999"]),
        ({**TASK, "Retry": [{"ErrorEquals": ["E"], "BackoffRate": 0.5}]}, ["Minimum value is 1"]),
        (
            {**TASK, "TimeoutSeconds": 1, "TimeoutSecondsPath": "$.t"},
            ["There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath]"],
        ),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "SOME", "_comment": "c"}]},
            ["Field '_comment' is not supported", "Value should be one of the following: [NONE, FULL]"],
        ),
        ({**PASS, "InputPath": "a"}, ["Value must be a valid JSONPath."]),
        (
            {**PASS, "ResultSelector": {}, "Message.$": "$"},
            [
                "Field 'ResultSelector' is not supported",
                "Field 'Message.$' is not supported",
            ],
        ),
        (
            {"Type": "Map", "End": True},
            [
                "This object should have only one of the following fields: [ItemProcessor, Iterator]",
            ],
        ),
        (reading(InputType="CSV", ManifestType="S3_INVENTORY"), ["The field 'CSVHeaderLocation' is required"]),
        (reading(LIST, Transformation="LOAD_AND_FLATTEN"), ["The field 'InputType' is required"]),
        (
            reading(InputType="JSON", ItemsPointer="data/items"),
            ["Invalid input: JSON Pointer expression must start with '/': \"data/items\""],
        ),
        (reading(InputType="JSON", CSVHeaderLocation="FIRST_ROW"), ["Field 'CSVHeaderLocation' is not supported"]),
        (reading(InputType="JSON", ManifestType="ATHENA_DATA"), ["Field 'ManifestType' is not supported"]),
        (reading(InputType="CSV", CSVHeaderLocation="GIVEN"), ["These fields are required: [CSVHeaders]"]),
        (
            reading(InputType="JSONL", **HEADERS),
            ["Field 'CSVHeaderLocation' is not supported", "Field 'CSVHeaders' is not supported"],
        ),
        (reading(InputType="CSV", **HEADERS), []),
        (reading(ManifestType="S3_INVENTORY"), []),
    ],
)
def test_texts_recorded_on_aws(state: dict[str, Any], texts: list[str]) -> None:
    """Answers of 2026, published by tiny-asl-machine and cdk-preflight, read 2026-11-25."""
    assert [text for _, text, _ in found(machine({"A": state}))] == texts


def test_a_machine_needs_states() -> None:
    texts = ["Value cannot be empty", "Missing 'Next' target: A", END[1]]
    assert [text for _, text, _ in found(machine({}))] == texts


def test_a_choice_rule_has_one_operator() -> None:
    def texts(**rule: Any) -> list[str]:
        choice = {"Type": "Choice", "Choices": [{"Next": "B", **rule}], "Default": "B"}
        return [text for _, text, _ in found(machine({"A": choice, "B": PASS}))]

    few = "This object should have only one of the following fields: [StringEquals, IsBoolean, StringLessThan, "
    assert texts(Variable="$.s")[0].startswith(few)
    many = "There should only be one of the following fields: [StringEquals, IsBoolean, "
    assert texts(Variable="$.s", StringEquals="1", NumericEquals=1)[0].startswith(many)
    outside = "Value is not a Reference Path: Reference path didn't start with '$'"
    assert texts(Variable="s", StringEquals="1") == [outside]
    assert texts(Not={"Or": []}) == ["Value cannot be empty"]


def test_a_result_is_read_only_where_there_is_one() -> None:
    [(code, text, _)] = found(output("$states.result"))
    assert (code, text) == ("UNSUPPORTED_JSONATA_EXPRESSION", "Field '$states.result' does not exist.")
    task = {**TASK, "Arguments": {"FunctionName": "f"}, "Output": "{% $states.result %}"}
    assert not found(machine({"A": task}, QueryLanguage="JSONata"))


def test_names_are_one_of_a_kind_in_the_whole_machine() -> None:
    mapped = {"Type": "Map", "ItemProcessor": machine({"A": PASS}), "End": True}
    assert found(machine({"A": {**PASS, "Next": "M", "End": False}, "M": mapped})) == [
        ("DUPLICATE_STATE_NAME", "Duplicate State name: A", "/States/M/ItemProcessor/States/A")
    ]


def test_a_variable_of_an_outer_scope_is_not_assigned_again() -> None:
    inner = {"Type": "Map", "ItemProcessor": machine({"B": {**PASS, "Assign": {"v.$": "$", "w": 1}}}, "B"), "End": True}
    states = {"A": {"Type": "Pass", "Assign": {"v": 1}, "Next": "M"}, "M": inner}
    text = "The variable name 'v' was already defined in a parent scope."
    where = "/States/M/ItemProcessor/States/B/Assign/v.$"
    assert found(machine(states)) == [("DUPLICATE_VARIABLE_NAME", text, where)]


def test_the_fields_of_a_query_language_are_not_the_other_s() -> None:
    def texts(state: dict[str, Any]) -> list[str]:
        return [text for _, text, _ in found(machine({"A": state}, QueryLanguage="JSONata"))]

    only = "is only supported for the 'JSONPath' QueryLanguage"
    assert texts({**PASS, "Result": 1}) == [f"The QueryLanguage is set to 'JSONata', but field 'Result' {only}"]
    assert texts({**PASS, "Output": "{% 1"}) == ["JSONata string must start with {% and end with %}"]
