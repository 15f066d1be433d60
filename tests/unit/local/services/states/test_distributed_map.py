"""Distributed Maps: child executions, readers, batches, writers, tolerated failures, map runs."""

from __future__ import annotations

import gzip
import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.states.item_readers import ItemReader
from headwater.local.services.states.map_fields import NumberField
from headwater.local.services.states.templates import compile_template
from tests.unit.local.services.states.harness import LIMIT_S, Jobs, SmallEndpoint, chain, glue_task

PASS = {"Type": "Pass"}
DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}


def distributed(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": {**processor, **DISTRIBUTED}, **fields}


def fail_on(value: int) -> dict[str, Any]:
    rule = {"Variable": "$", "NumericEquals": value, "Next": "bad"}
    return {
        "StartAt": "check",
        "States": {
            "check": {"Type": "Choice", "Choices": [rule], "Default": "good"},
            "good": {**PASS, "End": True},
            "bad": {"Type": "Fail", "Error": "Bad", "Cause": "item"},
        },
    }


class Objects:
    """S3's objects, in memory."""

    def __init__(self, small: SmallEndpoint, **objects: bytes) -> None:
        self.bodies: dict[str, bytes] = dict(objects)
        small.on("s3", "get_object", lambda Bucket, Key: {"Body": self.bodies[Key]})
        small.on("s3", "put_object", self._put)
        small.on("s3", "list_objects_v2", self._list)

    def _put(self, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:
        self.bodies[Key] = Body
        return {}

    def _list(self, Bucket: str, Prefix: str = "", ContinuationToken: str = "") -> dict[str, Any]:
        keys = sorted(key for key in self.bodies if key.startswith(Prefix) and key > ContinuationToken)
        modified = datetime(2026, 1, 1, tzinfo=UTC)
        page = [
            {"Key": key, "ETag": '"e"', "Size": len(self.bodies[key]), "LastModified": modified} for key in keys[:2]
        ]
        return {"Contents": page, "IsTruncated": len(keys) > 2, "NextContinuationToken": (keys[:2] or [""])[-1]}


def test_every_item_is_an_execution_of_its_own(small: SmallEndpoint) -> None:
    machine = chain(("each", distributed(chain(("p", PASS)), Label="Lab", MaxConcurrency=3)))
    ended = small.run(machine, list(range(10)))
    assert json.loads(ended["output"]) == list(range(10))
    runs = small.sfn("list_map_runs", executionArn=ended["executionArn"])["mapRuns"]
    run = small.sfn("describe_map_run", mapRunArn=runs[0]["mapRunArn"])
    assert (run["status"], run["itemCounts"]["succeeded"], run["itemCounts"]["total"]) == ("SUCCEEDED", 10, 10)
    children = small.sfn("list_executions", mapRunArn=run["mapRunArn"])["executions"]
    assert len(children) == 10
    assert children[0]["executionArn"].startswith("arn:aws:states:us-east-1:000000000000:execution:machine/Lab:")
    assert small.event_types(children[0]["executionArn"]) == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]


def test_ten_thousand_items(small: SmallEndpoint) -> None:
    machine = chain(("each", distributed(chain(("p", PASS)), ResultPath=None)))
    ended = small.run(machine, list(range(10_000)))
    assert ended["status"] == "SUCCEEDED", ended
    assert len(small.history(ended["executionArn"])) == 8


def test_too_many_failures_fail_the_state(small: SmallEndpoint) -> None:
    ended = small.run(chain(("each", distributed(fail_on(2)))), [1, 2, 3])
    assert ended["error"] == "States.ExceedToleratedFailureThreshold"
    assert small.event_types(ended["executionArn"])[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]


def test_tolerated_failures_are_left_out(small: SmallEndpoint) -> None:
    ended = small.run(chain(("each", distributed(fail_on(2), ToleratedFailurePercentage=40))), [1, 2, 3])
    assert json.loads(ended["output"]) == [1, 3]


def test_items_are_batched(small: SmallEndpoint) -> None:
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"k.$": "$.k"}}
    machine = chain(("each", distributed(chain(("p", PASS)), ItemsPath="$.i", ItemBatcher=batcher)))
    ended = small.run(machine, {"i": [1, 2, 3], "k": "x"})
    first = {"BatchInput": {"k": "x"}, "Items": [1, 2]}
    assert json.loads(ended["output"]) == [first, {**first, "Items": [3]}]


def test_a_listing_is_read_and_results_are_written(small: SmallEndpoint) -> None:
    objects = Objects(small, **{f"in/{i}": b"" for i in range(5)})
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b", "Prefix": "in/"}}
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "out"}}
    state = distributed(
        chain(("p", PASS)), ItemReader=reader, ResultWriter=writer, ItemSelector={"k.$": "$$.Map.Item.Value.Key"}
    )
    ended = small.run(chain(("each", state)))
    assert ended["status"] == "SUCCEEDED", ended
    result = json.loads(ended["output"])
    manifest = json.loads(objects.bodies[result["ResultWriterDetails"]["Key"]])
    rows = json.loads(objects.bodies[manifest["ResultFiles"]["SUCCEEDED"][0]["Key"]])
    assert sorted(json.loads(row["Output"])["k"] for row in rows) == [f"in/{i}" for i in range(5)]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("ToleratedFailureCount", {}, 'Path field refers to value "{}" which is not a valid integer: $.is'),
        ("ToleratedFailureCount", "no", 'Path field refers to value "no" which is not a valid integer: $.is'),
        ("ToleratedFailureCount", -1, " cannot be negative."),
        ("ToleratedFailurePercentage", "no", 'Path field refers to value "no" which is not a valid float: $.is'),
        ("ToleratedFailurePercentage", 100.1, " must be between 0 and 100."),
    ],
)
def test_what_tolerates_no_number_of_failures(small: SmallEndpoint, field: str, value: Any, words: str) -> None:
    """As executions recorded on AWS, 2024-06."""
    state = distributed(chain(("p", PASS)), ItemsPath="$.items", **{f"{field}Path": "$.is"})
    ended = small.run(chain(("each", state)), {"items": [0], "is": value})
    assert ended["error"] == "States.Runtime" and ended["cause"].endswith(field + words), ended


def test_a_reader_that_fails_can_be_caught(small: SmallEndpoint) -> None:
    Objects(small, bad=b"{")
    reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "bad"}}
    catch = [{"ErrorEquals": ["States.ItemReaderFailed"], "Next": "caught"}]
    machine = chain(("each", distributed(chain(("p", PASS)), ItemReader=reader, Catch=catch)), ("caught", PASS))
    assert json.loads(small.run(machine)["output"])["Error"] == "States.ItemReaderFailed"


def test_a_reader_whose_role_cannot_be_assumed_fails(small: SmallEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(role_arn: str, session_name: str, **more: Any) -> Any:
        raise ServiceError("AccessDenied", f"not authorized to perform: sts:AssumeRole on resource: {role_arn}", 403)

    monkeypatch.setattr(small, "assume", refuse)
    Objects(small, good=b"[1]")
    reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "good"}}
    ended = small.run(chain(("each", distributed(chain(("p", PASS)), ItemReader=reader))))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert "sts:AssumeRole" in ended["cause"]


@pytest.mark.parametrize(
    ("kind", "configuration", "body", "expected"),
    [
        ("CSV", {"CSVHeaderLocation": "FIRST_ROW"}, b"a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("CSV", {"CSVHeaderLocation": "GIVEN", "CSVHeaders": ["x"], "CSVDelimiter": "PIPE"}, b"1|2\n", [{"x": "1"}]),
        ("JSON", {}, b"[1,2]", [1, 2]),
        ("JSON", {"ItemsPointer": "/a/b"}, b'{"a":{"b":[3]}}', [3]),
        ("JSONL", {}, b'{"a":1}\n\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
    ],
)
def test_formats(kind: str, configuration: dict[str, Any], body: bytes, expected: list[Any]) -> None:
    template = compile_template({}, "Parameters", False)
    reader = ItemReader(False, template, {"InputType": kind, **configuration}, NumberField("MaxItems"))
    assert reader.read(lambda operation, **members: {"Body": body}, {}, 0).items == expected


STARTED = ["ExecutionStarted", "MapStateEntered", "MapStateStarted"]
CSV = b"H1,H1\nValue1,Value2\n,,,\nNull,\n   \n"


def csv_map(headers: list[str]) -> dict[str, Any]:
    configuration = {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": headers, "MaxItemsPath": "$.max"}
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": configuration,
        "Parameters": {"Bucket": "b", "Key": "csv"},
    }
    return chain(("each", distributed(chain(("p", PASS)), ItemReader=reader)))


def test_a_reader_starts_its_map_run_before_the_items_are_counted(small: SmallEndpoint) -> None:
    Objects(small, csv=CSV)
    ended = small.run(csv_map(["A"]), {"max": 0})
    assert json.loads(ended["output"]) == [{"A": text} for text in ("H1", "Value1", "", "Null", "   ")]
    ends = ["MapRunStarted", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"]
    assert small.event_types(ended["executionArn"]) == [*STARTED, *ends]
    assert small.history(ended["executionArn"])[2]["mapStateStartedEventDetails"] == {"length": 0}
    runs = small.sfn("list_map_runs", executionArn=ended["executionArn"])["mapRuns"]
    assert small.sfn("describe_map_run", mapRunArn=runs[0]["mapRunArn"])["itemCounts"]["total"] == 5


@pytest.mark.parametrize(
    ("headers", "most", "cause"),
    [
        (["A"], -1, "field MaxItems must be positive"),
        (["A", "A"], 0, "CSV headers cannot contain duplicates."),
    ],
)
def test_a_readers_failure_is_the_map_runs(small: SmallEndpoint, headers: list[str], most: int, cause: str) -> None:
    Objects(small, csv=CSV)
    ended = small.run(csv_map(headers), {"max": most})
    assert (ended["error"], ended["cause"]) == ("States.ItemReaderFailed", cause)
    ends = ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    assert small.event_types(ended["executionArn"]) == [*STARTED, *ends]
    failed = small.history(ended["executionArn"])[4]["mapRunFailedEventDetails"]
    assert failed == {"error": "States.ItemReaderFailed", "cause": cause}


def test_a_limit_that_is_no_number_fails_before_the_map_run(small: SmallEndpoint) -> None:
    Objects(small, csv=CSV)
    ended = small.run(csv_map(["A"]), {"max": 1.5})
    assert ended["cause"].endswith('MaxItemsPath field refers to value "1.5" which is not a valid integer: $.max')
    assert small.event_types(ended["executionArn"]) == [*STARTED, "ExecutionFailed"]


def test_stopping_stops_the_children_and_redrive_goes_on(small: SmallEndpoint) -> None:
    jobs = Jobs(small)
    machine = chain(("each", distributed(chain(("a", glue_task("a")), ("b", glue_task("b"))))))
    arn = small.begin(machine, [1, 2])
    jobs.await_started(2)
    jobs.end("jr_a_0")
    jobs.await_started(3)  # the first child's second job
    small.sfn("stop_execution", executionArn=arn)
    jobs.await_state("jr_a_1", "STOPPED")
    jobs.await_state("jr_b_2", "STOPPED")
    run = small.sfn("list_map_runs", executionArn=arn)["mapRuns"][0]["mapRunArn"]
    children = small.sfn("list_executions", mapRunArn=run)["executions"]
    assert {child["status"] for child in children} == {"ABORTED"}
    small.sfn("redrive_execution", executionArn=arn)
    jobs.await_started(5)
    running = sorted(run_id.split("_")[1] for run_id, state in jobs.states.items() if state == "RUNNING")
    assert running == ["a", "b"]  # the first child goes on at its second job
    for run_id in [run_id for run_id, state in jobs.states.items() if state == "RUNNING"]:
        jobs.end(run_id)
    jobs.await_started(6)
    for run_id in [run_id for run_id, state in jobs.states.items() if state == "RUNNING"]:
        jobs.end(run_id)
    ended = small.wait(arn)
    assert (ended["status"], len(json.loads(ended["output"]))) == ("SUCCEEDED", 2)


def test_an_athena_manifest_names_the_files_of_the_items(small: SmallEndpoint) -> None:
    files = {
        "unload/a.gz": gzip.compress(b"1,x\n2,y\n"),
        "unload/b": b"3,z\n",
        "unload/manifest.csv": b"s3://lake/unload/a.gz\ns3://lake/unload/b\n",
        "bad.csv": b"https://somewhere\n",
    }
    Objects(small).bodies.update(files)
    headers = {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["n", "letter"]}

    def reader(key: str) -> dict[str, Any]:
        return {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"ManifestType": "ATHENA_DATA", **headers},
            "Parameters": {"Bucket": "lake", "Key": key},
        }

    ended = small.run(chain(("each", distributed(chain(("p", PASS)), ItemReader=reader("unload/manifest.csv")))))
    rows = [{"n": "1", "letter": "x"}, {"n": "2", "letter": "y"}, {"n": "3", "letter": "z"}]
    assert json.loads(ended["output"]) == rows
    failed = small.run(chain(("each", distributed(chain(("p", PASS)), ItemReader=reader("bad.csv")))), name="bad")
    assert (failed["status"], failed["error"]) == ("FAILED", "States.ItemReaderFailed")


def test_items_in_batches_are_counted_beside_their_executions(small: SmallEndpoint) -> None:
    machine = chain(("each", distributed(chain(("p", PASS)), ItemBatcher={"MaxItemsPerBatch": 4})))
    ended = small.run(machine, list(range(10)))
    (found,) = small.sfn("list_map_runs", executionArn=ended["executionArn"])["mapRuns"]
    run = small.sfn("describe_map_run", mapRunArn=found["mapRunArn"])
    counts = [(run[kind]["total"], run[kind]["succeeded"]) for kind in ("itemCounts", "executionCounts")]
    assert counts == [(10, 10), (3, 3)]
    children = small.sfn("list_executions", mapRunArn=found["mapRunArn"])["executions"]
    assert sorted(child["itemCount"] for child in children) == [2, 4, 4]


def test_what_an_update_tolerates_holds_for_items_that_are_still_being_read(small: SmallEndpoint) -> None:
    asked, go = threading.Event(), threading.Event()

    def get_object(Bucket: str, Key: str) -> dict[str, Any]:
        asked.set()
        assert go.wait(LIMIT_S)
        return {"Body": b"[1, 2, 3, 4]"}

    small.on("s3", "get_object", get_object)
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "b", "Key": "k"},
    }
    failing = chain(("f", {"Type": "Fail", "Error": "E"}))
    arn = small.begin(chain(("each", distributed(failing, ItemReader=reader, ToleratedFailureCount=1))))
    assert asked.wait(LIMIT_S)
    (found,) = small.sfn("list_map_runs", executionArn=arn)["mapRuns"]
    changes = {"maxConcurrency": 1, "toleratedFailurePercentage": 100.0}
    small.sfn("update_map_run", mapRunArn=found["mapRunArn"], **changes)
    go.set()
    assert small.wait(arn)["status"] == "SUCCEEDED"
    run = small.sfn("describe_map_run", mapRunArn=found["mapRunArn"])
    assert {key: run[key] for key in changes} == changes
    assert (run["itemCounts"]["failed"], run["toleratedFailureCount"]) == (4, 1)


def test_map_runs_are_listed_in_pages(small: SmallEndpoint) -> None:
    states = [(name, distributed(chain((f"in {name}", PASS)))) for name in ("a", "b", "c")]
    ended = small.run(chain(*states), [1])
    arn = ended["executionArn"]
    every = [run["mapRunArn"] for run in small.sfn("list_map_runs", executionArn=arn)["mapRuns"]]
    page = small.sfn("list_map_runs", executionArn=arn, maxResults=2)
    rest = small.sfn("list_map_runs", executionArn=arn, maxResults=2, nextToken=page["nextToken"])
    assert [run["mapRunArn"] for run in page["mapRuns"] + rest["mapRuns"]] == every
    assert "nextToken" not in rest


def test_listed_objects_are_loaded_and_flattened(small: SmallEndpoint) -> None:
    """Recorded on AWS, 2026 (published with tiny-asl-machine's tests, read 2026-11-25)."""
    bodies = {"in/": b"", "in/one.json": b'[{"id": "a"}, {"id": "b"}]', "in/two.json": b'[{"id": "c"}]'}
    Objects(small).bodies.update(bodies)
    selector = {"id.$": "$$.Map.Item.Value.id", "from.$": "$$.Map.Item.Source"}

    def run(name: str, **configuration: Any) -> Any:
        reader = {
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "ReaderConfig": configuration,
            "Parameters": {"Bucket": "b", "Prefix": "in/"},
        }
        state = distributed(chain(("p", PASS)), ItemReader=reader, ItemSelector=selector)
        return json.loads(small.run(chain(("each", state)), name=name)["output"])

    flattened = [{"id": i, "from": f"s3://b/in/{f}.json"} for i, f in (("a", "one"), ("b", "one"), ("c", "two"))]
    assert run("all", InputType="JSON", Transformation="LOAD_AND_FLATTEN") == flattened
    assert run("two", InputType="JSON", Transformation="LOAD_AND_FLATTEN", MaxItems=2) == flattened[:2]
    selector = {"key.$": "$$.Map.Item.Value.Key", "from.$": "$$.Map.Item.Source"}
    assert run("none", Transformation="NONE")[1] == {"key": "in/one.json", "from": "s3://b"}
    state = distributed(chain(("p", PASS)), ItemSelector={"from.$": "$$.Map.Item.Source"})
    assert json.loads(small.run(chain(("each", state)), [1], name="own")["output"]) == [{"from": "STATE_DATA"}]


def test_a_version_of_a_parquet_file_is_refused(small: SmallEndpoint) -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "PARQUET"},
        "Parameters": {"Bucket": "b", "Key": "k", "VersionId": "v"},
    }
    ended = small.run(chain(("each", distributed(chain(("p", PASS)), ItemReader=reader))))
    cause = "S3 Version ID selection is not currently supported for PARQUET files"
    assert (ended["error"], ended["cause"]) == ("States.ItemReaderFailed", cause)


def test_a_reader_s_row_that_is_too_long_fails_by_name(small: SmallEndpoint) -> None:
    Objects(small, long=b'a\n"' + b"x" * 200_000 + b'"')
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
        "Parameters": {"Bucket": "b", "Key": "long"},
    }
    ended = small.run(chain(("each", distributed(chain(("p", PASS)), ItemReader=reader))))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert "field limit" in ended["cause"]


def test_a_writer_whose_disk_is_full_fails_by_name(small: SmallEndpoint) -> None:
    def put(**members: Any) -> dict[str, Any]:
        raise OSError(28, "No space left on device")

    small.on("s3", "put_object", put)
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}
    ended = small.run(chain(("each", distributed(chain(("p", PASS)), ResultWriter=writer))), [1])
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ResultWriterFailed")
    assert "No space left" in ended["cause"]
