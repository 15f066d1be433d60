"""From a definition to a :class:`Machine`. Parsed once; a definition that the validator passed compiles."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from headwater.local.services.states.choice_rules import compile_rule
from headwater.local.services.states.error_rules import Catcher, Retrier
from headwater.local.services.states.errors import query
from headwater.local.services.states.integrations import parse_resource
from headwater.local.services.states.item_batches import ItemBatcher
from headwater.local.services.states.item_readers import ItemReader
from headwater.local.services.states.json_text import Document, dumps
from headwater.local.services.states.jsonata_expressions import source_of
from headwater.local.services.states.machine import Machine
from headwater.local.services.states.map_fields import NumberField, json_type
from headwater.local.services.states.path_parser import compile_path
from headwater.local.services.states.reference_paths import compile_reference_path
from headwater.local.services.states.result_writer import ResultWriter
from headwater.local.services.states.scope import Scope
from headwater.local.services.states.state import State
from headwater.local.services.states.state_choice import ChoiceRule, ChoiceState
from headwater.local.services.states.state_fail import FailState
from headwater.local.services.states.state_map import MapState
from headwater.local.services.states.state_map_distributed import DistributedMapState
from headwater.local.services.states.state_parallel import ParallelState
from headwater.local.services.states.state_pass import PassState
from headwater.local.services.states.state_succeed import SucceedState
from headwater.local.services.states.state_task import TaskState
from headwater.local.services.states.state_wait import WaitState
from headwater.local.services.states.templates import Template, compile_jsonata, compile_template, compile_value

Definition = dict[str, Any]


@lru_cache(maxsize=256)
def compile_definition(text: str) -> Machine:
    """The compiled machine of a definition's JSON text. ValueError when a part of it is malformed."""
    definition = json.loads(text)
    return compile_machine(definition, definition.get("QueryLanguage") == "JSONata")


def compile_machine(definition: Definition, jsonata: bool) -> Machine:
    """The machine of a definition, a Parallel's branch or a Map's processor.

    Parameters
    ----------
    definition:
        The object with ``StartAt`` and ``States``.
    jsonata:
        The query language of states that name none.
    """
    states = {name: compile_state(name, body, jsonata) for name, body in definition["States"].items()}
    return Machine(definition["StartAt"], states, definition.get("TimeoutSeconds"))


def compile_state(name: str, body: Definition, jsonata: bool) -> State:
    """The compiled state of its definition."""
    own = body["QueryLanguage"] == "JSONata" if "QueryLanguage" in body else jsonata
    common = _common(name, body, own)
    # States inside inherit the machine's language, not that of the state around them.
    if body["Type"] == "Parallel":
        common["branches"] = tuple(compile_machine(branch, jsonata) for branch in body["Branches"])
    elif body["Type"] == "Map":
        common["processor"] = compile_machine(_processor(body), jsonata)
    return _COMPILERS[body["Type"]](body, common, own)


def _processor(body: Definition) -> Definition:
    processor: Definition = body["ItemProcessor"] if "ItemProcessor" in body else body["Iterator"]
    return processor


def _common(name: str, body: Definition, jsonata: bool) -> dict[str, Any]:
    """The fields that states share."""
    fields: dict[str, Any] = {"name": name, "next": body.get("Next"), "jsonata": jsonata}
    for key, field in (("Assign", "assign"), ("Output", "output"), ("ResultSelector", "result_selector")):
        if key in body:
            fields[field] = compile_template(body[key], key, jsonata)
    for key in ("Parameters", "Arguments"):
        if key in body:
            fields["parameters"] = compile_template(body[key], key, jsonata)
    for key, field, discard in (
        ("InputPath", "input_path", "discard_input"),
        ("OutputPath", "output_path", "discard_output"),
    ):
        if key in body:
            text = body[key]
            fields[discard] = text is None
            fields[field] = None if text in (None, "$") else compile_path(text)
    if "ResultPath" in body:
        text = body["ResultPath"]
        fields["discard_result"] = text is None
        fields["result_path"] = None if text in (None, "$") else compile_reference_path(text)
    fields["retriers"] = tuple(_retrier(rule) for rule in body.get("Retry", ()))
    fields["catchers"] = tuple(_catcher(rule, jsonata) for rule in body.get("Catch", ()))
    return fields


def _retrier(rule: Definition) -> Retrier:
    return Retrier(
        error_equals=tuple(rule["ErrorEquals"]),
        interval_s=rule.get("IntervalSeconds", 1),
        max_attempts=rule.get("MaxAttempts", 3),
        backoff_rate=rule.get("BackoffRate", 2.0),
        max_delay_s=rule.get("MaxDelaySeconds"),
        full_jitter=rule.get("JitterStrategy") == "FULL",
    )


def _catcher(rule: Definition, jsonata: bool) -> Catcher:
    path = rule.get("ResultPath", "$")
    return Catcher(
        error_equals=tuple(rule["ErrorEquals"]),
        next=rule["Next"],
        result_path=compile_reference_path(path or "$"),
        discard=path is None,
        output=compile_template(rule["Output"], "Output", jsonata) if "Output" in rule else None,
        assign=compile_template(rule["Assign"], "Assign", jsonata) if "Assign" in rule else None,
    )


def _pass(body: Definition, common: dict[str, Any], jsonata: bool) -> State:
    result = Document(body["Result"]) if "Result" in body else None
    return PassState(**common, result=result)


def _succeed(body: Definition, common: dict[str, Any], jsonata: bool) -> State:
    return SucceedState(**common)


def _fail(body: Definition, common: dict[str, Any], jsonata: bool) -> State:
    return FailState(**common, error=_text(body, "Error", jsonata), cause=_text(body, "Cause", jsonata))


def _text(body: Definition, field: str, jsonata: bool) -> Callable[[Scope], Any] | None:
    """A field that is a text, an expression, or given by a path or an intrinsic call."""
    if f"{field}Path" in body:
        return compile_value(body[f"{field}Path"], f"{field}Path")
    if field not in body:
        return None
    return _value(body[field], field, jsonata)


def _value(value: Any, field: str, jsonata: bool) -> Callable[[Scope], Any]:
    return compile_template(value, field, jsonata).evaluate if jsonata else lambda scope: value


def _choice(body: Definition, common: dict[str, Any], jsonata: bool) -> State:
    rules = tuple(_choice_rule(rule, index, jsonata) for index, rule in enumerate(body["Choices"]))
    return ChoiceState(**common, rules=rules, default=body.get("Default"))


def _choice_rule(rule: Definition, index: int, jsonata: bool) -> ChoiceRule:
    assign = compile_template(rule["Assign"], "Assign", jsonata) if "Assign" in rule else None
    output = compile_template(rule["Output"], "Output", jsonata) if "Output" in rule else None
    holds = _condition(rule["Condition"], f"Choices[{index}]/Condition") if jsonata else compile_rule(rule)
    return ChoiceRule(holds, rule["Next"], assign, output)


def _condition(condition: Any, field: str) -> Callable[[Scope], bool]:
    if isinstance(condition, bool):
        return lambda scope: condition
    source = source_of(condition) or ""
    evaluate = compile_jsonata(source, field)

    def holds(scope: Scope) -> bool:
        value = evaluate(scope)
        if not isinstance(value, bool):
            raise query(
                f"The JSONata expression '{source}' specified for the field '{field}' returned an unexpected result "
                f"type. Expected 'boolean', but was '{json_type(value)}' for value: {dumps(value)}",
                field,
            )
        return value

    return holds


def _wait(body: Definition, common: dict[str, Any], jsonata: bool) -> State:
    return WaitState(
        **common,
        seconds=_number(body, "Seconds", jsonata) if "Seconds" in body else None,
        timestamp=_value(body["Timestamp"], "Timestamp", jsonata) if "Timestamp" in body else None,
        seconds_path=compile_path(body["SecondsPath"]) if "SecondsPath" in body else None,
        timestamp_path=compile_path(body["TimestampPath"]) if "TimestampPath" in body else None,
    )


def _number(body: Definition, name: str, jsonata: bool, whole: bool = True) -> NumberField:
    if f"{name}Path" in body:
        return NumberField(name, path=compile_path(body[f"{name}Path"]), whole=whole)
    value = body.get(name)
    if jsonata and isinstance(value, str):
        source = source_of(value) or ""
        return NumberField(name, expression=compile_jsonata(source, name), whole=whole, source=source)
    return NumberField(name, literal=value, whole=whole)


def _task(body: Definition, common: dict[str, Any], jsonata: bool) -> State:
    resource = parse_resource(body["Resource"])
    if resource is None:
        raise ValueError(f"The resource provided {body['Resource']} is not recognized.")
    credentials = body.get("Credentials")
    return TaskState(
        **common,
        resource=resource,
        timeout=_number(body, "TimeoutSeconds", jsonata),
        heartbeat=_number(body, "HeartbeatSeconds", jsonata),
        credentials=None if credentials is None else compile_template(credentials, "Credentials", jsonata),
    )


def _parallel(body: Definition, common: dict[str, Any], jsonata: bool) -> State:
    return ParallelState(**common)


def _map(body: Definition, common: dict[str, Any], jsonata: bool) -> State:
    selector = body.get("ItemSelector", body.get("Parameters"))
    common.pop("parameters", None)
    items = body.get("Items")
    common |= {
        "items": None if items is None else compile_template(items, "Items", jsonata),
        "items_source": (source_of(items) or "") if isinstance(items, str) else "$states.input",
        "items_path": compile_path(body["ItemsPath"]) if "ItemsPath" in body else None,
        "item_selector": None if selector is None else compile_template(selector, "ItemSelector", jsonata),
        "max_concurrency": _number(body, "MaxConcurrency", jsonata),
        "tolerated_count": _number(body, "ToleratedFailureCount", jsonata),
        "tolerated_percentage": _number(body, "ToleratedFailurePercentage", jsonata, whole=False),
    }
    configuration = _processor(body).get("ProcessorConfig", {})
    if configuration.get("Mode", "INLINE") != "DISTRIBUTED":
        return MapState(**common)
    return DistributedMapState(
        **common,
        child_type=configuration.get("ExecutionType", "STANDARD"),
        label=body.get("Label", ""),
        reader=_item_reader(body["ItemReader"], jsonata) if "ItemReader" in body else None,
        batcher=_item_batcher(body["ItemBatcher"], jsonata) if "ItemBatcher" in body else None,
        writer=_result_writer(body["ResultWriter"], jsonata) if "ResultWriter" in body else None,
    )


def _item_reader(body: Definition, jsonata: bool) -> ItemReader:
    configuration = body.get("ReaderConfig", {})
    return ItemReader(
        lists=body["Resource"].endswith(":listObjectsV2"),
        arguments=_arguments(body, jsonata),
        configuration=configuration,
        max_items=_number(configuration, "MaxItems", jsonata),
    )


def _item_batcher(body: Definition, jsonata: bool) -> ItemBatcher:
    given = body.get("BatchInput")
    return ItemBatcher(
        max_items=_number(body, "MaxItemsPerBatch", jsonata),
        max_bytes=_number(body, "MaxInputBytesPerBatch", jsonata),
        batch_input=None if given is None else compile_template(given, "BatchInput", jsonata),
    )


def _result_writer(body: Definition, jsonata: bool) -> ResultWriter:
    return ResultWriter(_arguments(body, jsonata) if "Resource" in body else None, body.get("WriterConfig", {}))


def _arguments(body: Definition, jsonata: bool) -> Template:
    field = "Arguments" if jsonata else "Parameters"
    return compile_template(body.get(field, {}), field, jsonata)


_COMPILERS: dict[str, Callable[[Definition, dict[str, Any], bool], State]] = {
    "Choice": _choice,
    "Fail": _fail,
    "Map": _map,
    "Parallel": _parallel,
    "Pass": _pass,
    "Succeed": _succeed,
    "Task": _task,
    "Wait": _wait,
}
