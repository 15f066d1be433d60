"""Histories as AWS gives them, read as stages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from headwater.cloud.history import HistoryReader, plain_cause

START = datetime(2026, 1, 1, tzinfo=UTC)


def history(*events: tuple[str, int, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "type": kind,
            "previousEventId": previous,
            "timestamp": START + timedelta(seconds=number),
            **more,
        }
        for number, (kind, previous, more) in enumerate(events, start=1)
    ]


def entered(name: str) -> dict[str, Any]:
    return {"stateEnteredEventDetails": {"name": name}}


def exited(name: str) -> dict[str, Any]:
    return {"stateExitedEventDetails": {"name": name}}


def reader(*stages: str) -> HistoryReader:
    return HistoryReader(lambda state: state if state in stages else None)


def test_a_glue_stage_has_its_run() -> None:
    submitted = {"taskSubmittedEventDetails": {"resourceType": "glue", "output": json.dumps({"JobRunId": "jr_1"})}}
    found = reader("clean")
    found.feed(
        history(
            ("ExecutionStarted", 0, {}),
            ("TaskStateEntered", 0, entered("clean")),
            ("TaskScheduled", 2, {"taskScheduledEventDetails": {"resourceType": "glue", "parameters": "{}"}}),
            ("TaskStarted", 3, {}),
            ("TaskSubmitted", 4, submitted),
            ("TaskSucceeded", 5, {}),
            ("TaskStateExited", 6, exited("clean")),
            ("ExecutionSucceeded", 7, {}),
        )
    )
    run = found.stages["clean"]
    assert (run.status, run.attempts, run.duration_s, found.status) == ("SUCCEEDED", 1, 5.0, "SUCCEEDED")
    assert run.job is not None and run.job["id"] == "jr_1"


def test_branches_of_a_parallel_keep_apart() -> None:
    failed = {"taskFailedEventDetails": {"error": "Glue.X", "cause": "no"}}
    found = reader("a", "b")
    found.feed(
        history(
            ("TaskStateEntered", 0, entered("a")),
            ("TaskStateEntered", 0, entered("b")),
            ("TaskScheduled", 1, {}),
            ("TaskScheduled", 2, {}),
            ("TaskFailed", 4, failed),
            ("TaskSucceeded", 3, {}),
            ("TaskStateExited", 6, exited("a")),
            ("ExecutionFailed", 5, {"executionFailedEventDetails": {"error": "Glue.X", "cause": "no"}}),
        )
    )
    assert found.stages["a"].status == "SUCCEEDED"
    assert (found.stages["b"].status, found.stages["b"].error) == ("FAILED", "Glue.X")


def test_a_retry_that_works_is_no_failure() -> None:
    found = reader("a")
    found.feed(
        history(
            ("TaskStateEntered", 0, entered("a")),
            ("TaskScheduled", 1, {}),
            ("TaskFailed", 2, {"taskFailedEventDetails": {"error": "E", "cause": ""}}),
            ("TaskScheduled", 3, {}),
            ("TaskSucceeded", 4, {}),
            ("TaskStateExited", 5, exited("a")),
        )
    )
    run = found.stages["a"]
    assert (run.status, run.attempts, run.error) == ("SUCCEEDED", 2, None)


def test_events_are_taken_once() -> None:
    events = history(("TaskStateEntered", 0, entered("a")), ("TaskScheduled", 1, {}))
    found = reader("a")
    found.feed(events)
    found.feed(events)
    assert found.stages["a"].attempts == 1


def test_an_aborted_run_aborts_what_ran() -> None:
    found = reader("a")
    found.feed(history(("TaskStateEntered", 0, entered("a")), ("ExecutionAborted", 1, {})))
    assert found.stages["a"].status == "ABORTED"


def test_a_cause_is_said_plainly() -> None:
    assert plain_cause(json.dumps({"JobRunState": "FAILED", "ErrorMessage": "ValueError: x"})) == "ValueError: x"
    assert plain_cause(json.dumps({"errorMessage": "no", "errorType": "BadRow"})) == "BadRow: no"
    assert plain_cause("text") == "text"
    assert plain_cause(None) == ""


def test_what_each_attempt_worked_and_the_transitions() -> None:
    failed = {"taskFailedEventDetails": {"error": "Glue.X", "cause": json.dumps({"ExecutionTime": 7})}}
    succeeded = {"taskSucceededEventDetails": {"output": "{}"}}
    found = reader("a")
    found.feed(
        history(
            ("ExecutionStarted", 0, {}),
            ("TaskStateEntered", 1, entered("a")),
            ("TaskScheduled", 2, {}),
            ("TaskFailed", 3, failed),
            ("TaskScheduled", 4, {}),
            ("TaskStarted", 5, {}),
            ("TaskSucceeded", 6, succeeded),
            ("TaskStateExited", 7, exited("a")),
            ("PassStateEntered", 8, entered("end")),
        )
    )
    assert found.stages["a"].seconds == [7.0, 2.0]
    assert found.transitions == 3


def test_a_stage_on_emr_serverless_has_its_job_run_and_log() -> None:
    logs = {"Enabled": True, "LogGroupName": "/aws/emr-serverless/w", "LogStreamNamePrefix": "clean"}
    asked = {"ConfigurationOverrides": {"MonitoringConfiguration": {"CloudWatchLoggingConfiguration": logs}}}
    named = {"resourceType": "emr-serverless", "resource": "startJobRun.sync"}
    scheduled = {"taskScheduledEventDetails": {**named, "parameters": json.dumps(asked)}}
    answer = json.dumps({"ApplicationId": "00a", "JobRunId": "00r"})
    cause = json.dumps({"JobRunId": "00r", "State": "FAILED", "StateDetails": "exit code 1"})
    failed = {"taskFailedEventDetails": {**named, "error": "States.TaskFailed", "cause": cause}}
    found = HistoryReader(lambda state: state.split(":")[0])
    found.feed(
        history(
            ("TaskStateEntered", 0, entered("clean: on EMR")),
            ("TaskScheduled", 1, scheduled),
            ("TaskSubmitted", 2, {"taskSubmittedEventDetails": {**named, "output": answer}}),
            ("TaskFailed", 3, failed),
        )
    )
    stage = found.stages["clean"]
    assert stage.job == {
        "service": "emr-serverless",
        "id": "00r",
        "log_group": "/aws/emr-serverless/w",
        "log_stream": "clean/applications/00a/jobs/00r/",
    }
    assert (stage.status, stage.attempts, plain_cause(stage.cause)) == ("FAILED", 1, "exit code 1")
