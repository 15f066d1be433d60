"""Tasks: requests, jobs, tokens, time limits, retry and catch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.local.service import ServiceError
from tests.unit.local.services.states.harness import Jobs, SmallEndpoint, chain, glue_task


def invoke(**fields: Any) -> dict[str, Any]:
    parameters = {"FunctionName": "f", "Payload.$": "$"}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, **fields}


def direct(arn: str) -> dict[str, Any]:
    return {"Type": "Task", "Resource": arn}


def test_lambda_invoke_gives_the_payload_parsed(small: SmallEndpoint) -> None:
    small.on("lambda", "invoke", lambda **m: {"StatusCode": 200, "Payload": b'{"got":' + m["Payload"] + b"}"})
    ended = small.run(chain(("call", invoke(OutputPath="$.Payload"))), {"a": 1})
    assert json.loads(ended["output"]) == {"got": {"a": 1}}


def test_a_function_s_error_without_a_type_is_unknown(small: SmallEndpoint) -> None:
    """The text is AWS's, in public reports of 2024 and 2025."""
    payload = b'{"errorMessage":"Task timed out"}'
    small.on("lambda", "invoke", lambda **m: {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload})
    ended = small.run(chain(("call", invoke())))
    assert ended["error"] == "Lambda.Unknown"
    assert ended["cause"] == (
        "The cause could not be determined because Lambda did not return an error type. Returned payload: "
        '{"errorMessage":"Task timed out"}'
    )


def test_a_function_s_error_is_the_task_s(small: SmallEndpoint) -> None:
    payload = b'{"errorMessage":"no","errorType":"ValueError"}'
    small.on("lambda", "invoke", lambda **m: {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload})
    ended = small.run(chain(("call", invoke())))
    assert (ended["error"], json.loads(ended["cause"])["errorMessage"]) == ("ValueError", "no")
    assert small.event_types(ended["executionArn"])[-4:] == [
        "TaskScheduled",
        "TaskStarted",
        "TaskFailed",
        "ExecutionFailed",
    ]


@pytest.mark.parametrize("names", [["States.DataLimitExceeded"], ["States.ALL"]])
def test_too_large_a_result_is_the_task_s_failure(small: SmallEndpoint, names: list[str]) -> None:
    payload = json.dumps("é" * 140_000, ensure_ascii=False).encode()
    small.on("lambda", "invoke", lambda **m: {"StatusCode": 200, "Payload": payload})
    limit = "returned a result with a size exceeding the maximum number of bytes service limit."
    catch = [{"ErrorEquals": names, "Next": "caught"}]
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    for name, called, prefix in (("lambda", invoke(), "Task"), (function, direct(function), "LambdaFunction")):
        machine = chain(("call", {**called, "Catch": catch}), ("caught", {"Type": "Pass"}))
        ended = small.run(machine, name=prefix)
        cause = f"The state/task '{name}' {limit}"
        assert json.loads(ended["output"]) == {"Error": "States.DataLimitExceeded", "Cause": cause}
        assert small.event_types(ended["executionArn"])[4:6] == [f"{prefix}Failed", "TaskStateExited"]


def test_a_service_s_error_has_aws_s_name(small: SmallEndpoint) -> None:
    def refuse(**members: Any) -> dict[str, Any]:
        raise ServiceError("EntityNotFoundException", "Failed to start job run due to missing metadata")

    small.on("glue", "start_job_run", refuse)
    ended = small.run(chain(("etl", glue_task())))
    assert ended["error"] == "Glue.EntityNotFoundException"
    assert "TaskSubmitFailed" in small.event_types(ended["executionArn"])


def test_a_sync_task_ends_with_its_job(small: SmallEndpoint) -> None:
    jobs = Jobs(small)
    arn = small.begin(chain(("etl", glue_task())))
    jobs.await_started()
    assert small.sfn("describe_execution", executionArn=arn)["status"] == "RUNNING"
    jobs.end("jr_etl_0")
    ended = small.wait(arn)
    assert json.loads(ended["output"])["JobRunState"] == "SUCCEEDED"
    assert small.event_types(arn) == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]


def test_a_failed_job_is_retried_then_caught(small: SmallEndpoint) -> None:
    jobs = Jobs(small)
    retry = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}]
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem", "Next": "after"}]
    machine = chain(("etl", glue_task(Retry=retry, Catch=catch)), ("after", {"Type": "Pass"}))
    arn = small.begin(machine, {"kept": 1})
    jobs.await_started(1)
    jobs.end("jr_etl_0", "FAILED")
    jobs.await_started(2)
    jobs.end("jr_etl_1", "FAILED")
    output = json.loads(small.wait(arn)["output"])
    assert output["kept"] == 1
    assert output["problem"]["Error"] == "States.TaskFailed"
    assert json.loads(output["problem"]["Cause"])["JobRunState"] == "FAILED"


def test_stopping_an_execution_stops_its_job(small: SmallEndpoint) -> None:
    jobs = Jobs(small)
    arn = small.begin(chain(("etl", glue_task())))
    jobs.await_started()
    small.sfn("stop_execution", executionArn=arn, error="Stopped", cause="by hand")
    jobs.await_state("jr_etl_0", "STOPPED")
    ended = small.wait(arn)
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Stopped", "by hand")


def test_a_time_limit_fails_the_task_and_stops_the_job(small: SmallEndpoint) -> None:
    jobs = Jobs(small)
    arn = small.begin(chain(("etl", glue_task(TimeoutSeconds=1))))
    jobs.await_state("jr_etl_0", "STOPPED")
    assert small.wait(arn)["error"] == "States.Timeout"
    assert "TaskTimedOut" in small.event_types(arn)


def test_a_failing_branch_stops_the_other_s_job(small: SmallEndpoint) -> None:
    jobs = Jobs(small)
    machine = chain(
        ("both", {"Type": "Parallel", "Branches": [chain(("a", glue_task("a"))), chain(("b", glue_task("b")))]})
    )
    arn = small.begin(machine)
    jobs.await_started(2)
    first, second = sorted(jobs.states)
    jobs.end(first, "FAILED")
    jobs.await_state(second, "STOPPED")
    assert small.wait(arn)["error"] == "States.TaskFailed"
    types = small.event_types(arn)
    assert "TaskStateAborted" in types and types[-2:] == ["ParallelStateFailed", "ExecutionFailed"]


def test_an_sdk_integration_speaks_pascal_case_both_ways(small: SmallEndpoint) -> None:
    small.on(
        "emr-serverless", "get_application", lambda applicationId: {"application": {"applicationId": applicationId}}
    )
    resource = "arn:aws:states:::aws-sdk:emrserverless:getApplication"
    ended = small.run(chain(("get", {"Type": "Task", "Resource": resource, "Parameters": {"ApplicationId": "a1"}})))
    assert json.loads(ended["output"]) == {"Application": {"ApplicationId": "a1"}}


def test_a_nested_execution_gives_its_output(small: SmallEndpoint) -> None:
    inner = small.create(chain(("p", {"Type": "Pass", "Result": {"x": 1}})), name="inner")
    resource = "arn:aws:states:::states:startExecution.sync:2"
    task = {"Type": "Task", "Resource": resource, "Parameters": {"StateMachineArn": inner, "Input": {"n": 1}}}
    ended = small.run(chain(("nested", {**task, "OutputPath": "$.Output"})))
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == {"x": 1}


def test_a_service_that_is_not_there_fails_by_name(small: SmallEndpoint) -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:glue:getJobs", "Parameters": {}}
    ended = small.run(chain(("get", task)))
    assert ended["error"] == "Glue.GlueException"
    assert "no operation get_jobs" in ended["cause"]


def test_a_task_s_credentials_are_in_its_history(small: SmallEndpoint) -> None:
    """As in executions recorded on AWS, 2024-12."""
    role = "arn:aws:iam::000000000000:role/other"
    small.on("sts", "assume_role", lambda **members: {})
    small.on("lambda", "invoke", lambda **members: {"Payload": b"1", "StatusCode": 200})
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    task = {"Type": "Task", "Resource": function, "Credentials": {"RoleArn.$": "$.role"}}
    arn = small.begin(chain(("ask", task)), {"role": role})
    assert small.wait(arn)["output"] == "1"
    assert small.history(arn)[2]["lambdaFunctionScheduledEventDetails"]["taskCredentials"] == {"roleArn": role}
