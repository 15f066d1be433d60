"""The calls of a run's stages, taken from its history and made again one at a time, to see how each fails."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.integration.command_line import wait_until

Aws = Callable[..., Any]
Call = tuple[str, dict[str, Any]]


def calls_of(aws: Aws, execution: str) -> dict[str, Call]:
    """The resource and the arguments of each Task of an execution, by the state's name."""
    pages = aws("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution)
    events = [event for page in pages for event in page["events"]]
    names = {e["id"]: e["stateEnteredEventDetails"]["name"] for e in events if e["type"] == "TaskStateEntered"}
    found: dict[str, Call] = {}
    for event in events:
        if event["type"] == "TaskScheduled":
            told = event["taskScheduledEventDetails"]
            resource = f"arn:aws:states:::{told['resourceType']}:{told['resource']}"
            found[names[event["previousEventId"]]] = (resource, json.loads(told["parameters"]))
    return found


class StageCalls:
    """Makes the call of a stage again, as the state machine or as the stage's service, and tells how it failed."""

    def __init__(self, aws: Aws, machine_role: str, calls: dict[str, Call]) -> None:
        self._aws = aws
        self._machine_role = machine_role
        self.calls = calls

    def as_machine(self, state: str) -> str:
        """Why a machine of this one Task, with the workflow's role, failed; empty where it did not."""
        resource, arguments = self.calls[state]
        task = {"Type": "Task", "Resource": resource, "Arguments": self._renamed(arguments), "End": True}
        definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "call", "States": {"call": task}})
        states, name = self._aws("stepfunctions"), f"one-{uuid.uuid4().hex[:12]}"
        machine = states.create_state_machine(name=name, definition=definition, roleArn=self._machine_role)
        started = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
        wait_until(lambda: states.describe_execution(executionArn=started)["status"] != "RUNNING", f"{state} ends")
        ended = states.describe_execution(executionArn=started)
        return f"{ended.get('error', '')}: {ended.get('cause', '')}" if ended["status"] != "SUCCEEDED" else ""

    def as_service(self, state: str) -> str:
        """Why the stage's own job, function or crawler failed; empty where it did not."""
        resource, arguments = self.calls[state]
        try:
            return self._again(resource.removeprefix("arn:aws:states:::"), self._renamed(arguments))
        except ClientError as error:
            return str(error)

    def _again(self, call: str, arguments: dict[str, Any]) -> str:
        if call.startswith("lambda:"):
            payload = json.dumps(arguments["Payload"])
            answer = self._aws("lambda").invoke(FunctionName=arguments["FunctionName"], Payload=payload)
            return answer["Payload"].read().decode() if answer.get("FunctionError") else ""
        if call.startswith("aws-sdk:glue:"):
            return self._crawl(arguments["Name"])
        if call.startswith("glue:"):
            return self._glue(arguments)
        return self._sagemaker("Training" if "TrainingJobName" in arguments else "Processing", arguments)

    def _crawl(self, name: str) -> str:
        glue = self._aws("glue")
        glue.start_crawler(Name=name)
        wait_until(lambda: glue.get_crawler(Name=name)["Crawler"]["State"] == "READY", "the crawler ends")
        return str(glue.get_crawler(Name=name)["Crawler"]["LastCrawl"].get("ErrorMessage", ""))

    def _glue(self, arguments: dict[str, Any]) -> str:
        glue, name = self._aws("glue"), arguments["JobName"]
        with contextlib.suppress(glue.exceptions.EntityNotFoundException):  # it has none
            glue.reset_job_bookmark(JobName=name)
        run = glue.start_job_run(**arguments)["JobRunId"]
        over = ("SUCCEEDED", "FAILED", "ERROR", "STOPPED", "TIMEOUT")
        wait_until(
            lambda: glue.get_job_run(JobName=name, RunId=run)["JobRun"]["JobRunState"] in over, f"{name} ends", 120
        )
        return str(glue.get_job_run(JobName=name, RunId=run)["JobRun"].get("ErrorMessage", ""))

    def _sagemaker(self, word: str, arguments: dict[str, Any]) -> str:
        sagemaker, named = self._aws("sagemaker"), {f"{word}JobName": arguments[f"{word}JobName"]}
        getattr(sagemaker, f"create_{word.lower()}_job")(**arguments)
        describe = getattr(sagemaker, f"describe_{word.lower()}_job")
        over = ("Completed", "Failed", "Stopped")
        wait_until(lambda: describe(**named)[f"{word}JobStatus"] in over, f"{named} ends", 120)
        return str(describe(**named).get("FailureReason", ""))

    def _renamed(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with another name for a job, another token for a version, other checkpoints."""
        fresh = uuid.uuid4().hex[:8]
        changed = {k: f"{v[:50]}-{fresh}" for k, v in arguments.items() if k.endswith("JobName") and k != "JobName"}
        if "ClientToken" in arguments:
            changed["ClientToken"] = fresh
        if place := arguments.get("CheckpointConfig"):
            changed["CheckpointConfig"] = {**place, "S3Uri": f"{place['S3Uri']}{fresh}/"}
        return {**arguments, **changed}
