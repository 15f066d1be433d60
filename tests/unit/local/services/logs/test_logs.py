"""CloudWatch Logs over a real store: groups, streams, tokens, retention, tags."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.local.service import Call, ServiceError
from headwater.local.services.logs import LogsService
from headwater.local.store import Store

NOW = int(time.time() * 1000)


class Logs:
    """Calls the service as a client would."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.service = LogsService(SimpleNamespace(store=store, resume_work=False))  # type: ignore[arg-type]

    def __call__(self, operation: str, **members: Any) -> Any:
        call = Call("logs", operation, None, "us-east-1", "000000000000", "request")  # type: ignore[arg-type]
        return getattr(self.service, operation)(call, **members)

    def messages(self, **members: Any) -> list[str]:
        return [event["message"] for event in self("filter_log_events", logGroupName="g", **members)["events"]]


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    store = Store(tmp_path / "headwater.db")
    yield Logs(store)
    store.close()


def refused(code: str, call: Any, *args: Any, **members: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        call(*args, **members)
    assert caught.value.code == code
    return caught.value.message


def test_what_a_job_writes_exists(logs: Logs) -> None:
    logs.store.append_logs("/aws-glue/jobs/output", "jr_1", [(NOW, "one"), (NOW + 1, "two")])
    group = logs("describe_log_groups")["logGroups"][0]
    assert group["logGroupName"] == "/aws-glue/jobs/output" and group["storedBytes"] == 2 * 26 + 6
    assert group["arn"] == "arn:aws:logs:us-east-1:000000000000:log-group:/aws-glue/jobs/output:*"
    stream = logs("describe_log_streams", logGroupIdentifier=group["arn"])["logStreams"][0]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (NOW, NOW + 1)


def test_groups_and_streams_are_made_described_and_deleted(logs: Logs) -> None:
    for name in ("/aws/lambda/a", "/aws/lambda/b", "/other/Lambda"):
        logs("create_log_group", logGroupName=name, tags={"Environment": "demo"})
    assert refused("ResourceAlreadyExistsException", logs, "create_log_group", logGroupName="/aws/lambda/a")
    refused("InvalidParameterException", logs, "create_log_group", logGroupName="a b")
    names = [g["logGroupName"] for g in logs("describe_log_groups", logGroupNamePrefix="/aws/")["logGroups"]]
    assert names == ["/aws/lambda/a", "/aws/lambda/b"]
    assert len(logs("describe_log_groups", logGroupNamePattern="lambda")["logGroups"]) == 3
    page = logs("describe_log_groups", limit=2)
    rest = logs("describe_log_groups", limit=2, nextToken=page["nextToken"])
    assert len(page["logGroups"]) == 2 and len(rest["logGroups"]) == 1 and "nextToken" not in rest
    logs("create_log_stream", logGroupName="/aws/lambda/a", logStreamName="s")
    refused(
        "ResourceAlreadyExistsException", logs, "create_log_stream", logGroupName="/aws/lambda/a", logStreamName="s"
    )
    assert logs("list_tags_log_group", logGroupName="/aws/lambda/a")["tags"] == {"Environment": "demo"}
    logs("delete_log_stream", logGroupName="/aws/lambda/a", logStreamName="s")
    logs("delete_log_group", logGroupName="/aws/lambda/a")
    message = refused("ResourceNotFoundException", logs, "describe_log_streams", logGroupName="/aws/lambda/a")
    assert message == "The specified log group does not exist."


def test_streams_are_ordered_by_last_event_across_pages(logs: Logs) -> None:
    for number, name in enumerate(("c", "a", "b")):
        logs.store.append_logs("g", name, [(NOW + number, name)])
    query = {"logGroupName": "g", "orderBy": "LastEventTime", "descending": True, "limit": 2}
    first = logs("describe_log_streams", **query)
    rest = logs("describe_log_streams", **query, nextToken=first["nextToken"])
    assert [s["logStreamName"] for s in first["logStreams"] + rest["logStreams"]] == ["b", "a", "c"]
    assert "nextToken" not in rest


def test_put_rejects_what_is_too_old_or_too_new(logs: Logs) -> None:
    logs("create_log_group", logGroupName="g")
    message = refused(
        "ResourceNotFoundException", logs, "put_log_events", logGroupName="g", logStreamName="s", logEvents=[]
    )
    assert message == "The specified log stream does not exist."
    logs("create_log_stream", logGroupName="g", logStreamName="s")
    day = 86_400_000
    put = {"logGroupName": "g", "logStreamName": "s"}
    old = logs("put_log_events", **put, logEvents=[{"timestamp": NOW - 15 * day, "message": "old"}])
    new = logs("put_log_events", **put, logEvents=[{"timestamp": NOW + day, "message": "new"}])
    logs("put_log_events", **put, logEvents=[{"timestamp": NOW, "message": "now"}])
    assert old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert new["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    assert logs.messages() == ["now"]
    shuffled = [{"timestamp": NOW + 1, "message": "b"}, {"timestamp": NOW, "message": "a"}]
    refused("InvalidParameterException", logs, "put_log_events", **put, logEvents=shuffled)


def test_a_tail_sees_each_event_once(logs: Logs) -> None:
    logs("create_log_group", logGroupName="g")
    logs("create_log_stream", logGroupName="g", logStreamName="s")
    page = logs("get_log_events", logGroupName="g", logStreamName="s", startFromHead=True)
    assert page["events"] == []
    seen: list[str] = []
    for number in range(5):
        logs.store.append_logs("g", "s", [(NOW, f"{number}a"), (NOW, f"{number}b")])
        page = logs("get_log_events", logGroupName="g", logStreamName="s", nextToken=page["nextForwardToken"])
        seen += [event["message"] for event in page["events"]]
    again = logs("get_log_events", logGroupName="g", logStreamName="s", nextToken=page["nextForwardToken"])
    assert seen == [f"{n}{x}" for n in range(5) for x in "ab"]
    assert again["events"] == [] and again["nextForwardToken"] == page["nextForwardToken"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    stamps=st.lists(st.integers(NOW - 5, NOW + 5), min_size=1, max_size=30),
    limit=st.integers(1, 12),
    forward=st.booleans(),
    start=st.none() | st.integers(NOW - 6, NOW + 6),
    end=st.none() | st.integers(NOW - 6, NOW + 6),
)
def test_pages_cover_a_stream_in_order(
    logs: Logs, stamps: list[int], limit: int, forward: bool, start: int | None, end: int | None
) -> None:
    stream = f"s{time.monotonic_ns()}"
    logs.store.append_logs("g", stream, [(stamp, str(number)) for number, stamp in enumerate(stamps)])
    ordered = sorted(range(len(stamps)), key=lambda number: (stamps[number], number))
    low, high = (NOW - 10 if start is None else start), (NOW + 10 if end is None else end)
    expected = [str(number) for number in ordered if low <= stamps[number] < high]
    query = {"logGroupName": "g", "logStreamName": stream, "limit": limit, "startTime": start, "endTime": end}
    seen: list[str] = []
    page = logs("get_log_events", **query, startFromHead=forward)
    while page["events"]:
        messages = [event["message"] for event in page["events"]]
        seen = seen + messages if forward else messages + seen
        page = logs("get_log_events", **query, nextToken=page["nextForwardToken" if forward else "nextBackwardToken"])
    assert seen == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(limit=st.integers(1, 9), forward=st.booleans(), stamps=st.lists(st.integers(NOW, NOW + 3), max_size=20))
def test_filter_pages_cover_a_group(logs: Logs, limit: int, forward: bool, stamps: list[int]) -> None:
    group = f"g{time.monotonic_ns()}"
    logs("create_log_group", logGroupName=group)
    for number, stamp in enumerate(stamps):
        level = "ERROR" if number % 2 else "INFO"
        logs.store.append_logs(group, f"s{number % 3}", [(stamp, f"{level} {number}")])
    ordered = sorted((stamp, number) for number, stamp in enumerate(stamps) if number % 2)
    expected = [f"ERROR {number}" for _, number in (ordered if forward else ordered[::-1])]
    query = {"logGroupName": group, "limit": limit, "filterPattern": "ERROR"}
    page = logs("filter_log_events", **query, startFromHead=forward)
    seen = page["events"]
    while "nextToken" in page:
        page = logs("filter_log_events", **query, nextToken=page["nextToken"])
        seen = seen + page["events"]
    assert [event["message"] for event in seen] == expected
    assert len({event["eventId"] for event in seen}) == len(expected)


def test_filter_by_stream_time_and_json(logs: Logs) -> None:
    logs.store.append_logs("g", "a/1", [(NOW, '{"level": "ERROR", "ms": 12}'), (NOW + 1, '{"level": "INFO"}')])
    logs.store.append_logs("g", "b/1", [(NOW + 2, '{"level": "ERROR", "ms": 99}')])
    assert len(logs.messages(filterPattern='{ $.level = "ERROR" }')) == 2
    assert logs.messages(filterPattern="{ $.ms > 50 }") == ['{"level": "ERROR", "ms": 99}']
    assert len(logs.messages(logStreamNamePrefix="a/")) == 2 and len(logs.messages(logStreamNames=["b/1"])) == 1
    assert len(logs.messages(startTime=NOW + 1, endTime=NOW + 2)) == 2
    refused("InvalidParameterException", logs.messages, logStreamNames=["a"], logStreamNamePrefix="a")
    refused("InvalidParameterException", logs.messages, nextToken="mine")


def test_retention_hides_and_deletes(logs: Logs) -> None:
    day = 86_400_000
    logs.store.append_logs("g", "s", [(NOW - 3 * day, "old"), (NOW, "new")])
    logs("put_retention_policy", logGroupName="g", retentionInDays=1)
    assert logs.messages() == ["new"]
    assert logs("describe_log_groups")["logGroups"][0]["retentionInDays"] == 1
    assert len(logs.store.query("SELECT 1 FROM log_events")) == 1
    logs.store.append_logs("g", "s", [(NOW - 3 * day, "late")])
    assert logs.messages() == ["new"]
    logs.service.start()
    assert len(logs.store.query("SELECT 1 FROM log_events")) == 1
    refused("InvalidParameterException", logs, "put_retention_policy", logGroupName="g", retentionInDays=2)


def test_tags_by_arn(logs: Logs) -> None:
    logs("create_log_group", logGroupName="g")
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:g:*"
    logs("tag_resource", resourceArn=arn, tags={"a": "1", "b": "2"})
    logs("untag_resource", resourceArn=arn, tagKeys=["a"])
    assert logs("list_tags_for_resource", resourceArn=arn)["tags"] == {"b": "2"}
