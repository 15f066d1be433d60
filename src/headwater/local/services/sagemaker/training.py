"""CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs, StopTrainingJob."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from headwater.local.service import Call, Members, operation
from headwater.local.services.sagemaker import tags
from headwater.local.services.sagemaker.base import TRAINING, SageMakerBase
from headwater.local.services.sagemaker.errors import invalid, not_computed
from headwater.local.services.sagemaker.images import framework_of
from headwater.local.services.sagemaker.listing import listed
from headwater.local.services.sagemaker.metrics import MetricReader
from headwater.local.services.sagemaker.names import arn, moment, now
from headwater.local.services.sagemaker.run import INTERRUPTED
from headwater.local.services.sagemaker.script_mode import HOST, TrainingScript
from headwater.local.services.sagemaker.training_request import MAX_RUNTIME_S, check_training, without_none
from headwater.local.services.sagemaker.training_run import TrainingRun, enter, finish
from headwater.local.services.sagemaker.transfer import S3Uri
from headwater.local.store import Record

ECHOED = (
    "AlgorithmSpecification",
    "CheckpointConfig",
    "DebugHookConfig",
    "Environment",
    "HyperParameters",
    "InputDataConfig",
    "OutputDataConfig",
    "ProfilerConfig",
    "ResourceConfig",
    "RetryStrategy",
    "RoleArn",
    "TrainingJobName",
    "VpcConfig",
)
FLAGS = ("EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining", "EnableNetworkIsolation")


class TrainingOperations(SageMakerBase):
    """Training jobs, in script mode."""

    def interrupt_training_jobs(self) -> None:
        """Mark what an earlier process left in flight as failed."""
        for name in self.training_jobs.in_flight():
            self.training_jobs.change(name, lambda record: finish(record, "Failed", "Failed", INTERRUPTED))

    @operation
    def create_training_job(self, call: Call, **members: Any) -> Members:
        """Start a training job; answers when it is kept, as AWS does."""
        request = without_none(members)
        given_tags = request.pop("Tags", [])
        check_training(request)
        image = request["AlgorithmSpecification"]["TrainingImage"]
        framework_of(image)
        if TrainingScript.parse(request.get("HyperParameters") or {}, request.get("Environment") or {}) is None:
            raise not_computed(
                f"the image {image} without a script",
                "Give the hyperparameters sagemaker_program and sagemaker_submit_directory (script mode).",
            )
        MetricReader(request["AlgorithmSpecification"].get("MetricDefinitions") or [])
        tags.check(given_tags)
        job_arn = arn(call, TRAINING, request["TrainingJobName"])
        self.trusted_role(request["RoleArn"], job_arn)
        request.setdefault("StoppingCondition", {}).setdefault("MaxRuntimeInSeconds", MAX_RUNTIME_S)
        self._keep(request, job_arn, given_tags)
        return {"TrainingJobArn": job_arn}

    def _keep(self, request: Members, job_arn: str, given_tags: list[dict[str, str]]) -> None:
        name = request["TrainingJobName"]
        start: Record = {"log_stream": f"{name}/{HOST}-{int(now())}"}
        enter(start, "Starting")
        record = self.training_jobs.create(name, job_arn, request, **start)
        tags.add(self.store, job_arn, given_tags)
        self.launch(TrainingRun(self.endpoint, self.engine, self.training_jobs, record, self.forget))

    @operation
    def describe_training_job(self, call: Call, TrainingJobName: str) -> Members:
        """A training job: what was asked, and what became of it."""
        return describe(self.training_jobs.get(TrainingJobName))

    @operation
    def list_training_jobs(
        self,
        call: Call,
        NextToken: str | None = None,
        MaxResults: int | None = None,
        CreationTimeAfter: datetime | None = None,
        CreationTimeBefore: datetime | None = None,
        LastModifiedTimeAfter: datetime | None = None,
        LastModifiedTimeBefore: datetime | None = None,
        NameContains: str | None = None,
        StatusEquals: str | None = None,
        SortBy: str | None = None,
        SortOrder: str | None = None,
    ) -> Members:
        """A page of training jobs."""
        asked = {name: value for name, value in locals().items() if name[0].isupper()}
        page, more = listed(self.training_jobs.all(), asked)
        return {"TrainingJobSummaries": [_summary(record) for record in page], **more}

    @operation
    def stop_training_job(self, call: Call, TrainingJobName: str) -> Members:
        """Ask a job to end: SIGTERM, 120 seconds, SIGKILL; what it saved so far is kept."""

        def edit(record: Record) -> None:
            if record["status"] not in ("InProgress", "Stopping"):
                raise invalid(f"The request was rejected because the training job is in status {record['status']}")
            if record["status"] == "InProgress":
                record["status"] = "Stopping"
                enter(record, "Stopping")

        self.training_jobs.change(TrainingJobName, edit)
        run = self.running(TRAINING, TrainingJobName)
        if run is not None:
            run.stop()
        return {}


def describe(record: Record) -> Members:
    """DescribeTrainingJob's answer."""
    request = record["request"]
    answer: Members = {
        "TrainingJobArn": record["arn"],
        "ModelArtifacts": {"S3ModelArtifacts": record.get("artifact") or planned_artifact(request)},
        "TrainingJobStatus": record["status"],
        "SecondaryStatus": record["secondary"],
        "StoppingCondition": request["StoppingCondition"],
        "CreationTime": moment(record["created"]),
        "LastModifiedTime": moment(record["modified"]),
        "SecondaryStatusTransitions": [_transition(entry) for entry in record["transitions"]],
        "ProfilingStatus": "Disabled",
    }
    answer |= {name: request[name] for name in ECHOED if name in request}
    answer |= {name: bool(request.get(name, False)) for name in FLAGS}
    answer |= _times(record)
    if "training_s" in record:
        answer |= {"TrainingTimeInSeconds": record["training_s"], "BillableTimeInSeconds": record["training_s"]}
    if "failure_reason" in record:
        answer["FailureReason"] = record["failure_reason"]
    if "metrics" in record:
        answer["FinalMetricDataList"] = [{**m, "Timestamp": moment(m["Timestamp"])} for m in record["metrics"]]
    return answer


def planned_artifact(request: Members) -> str:
    """Where the model is going to be; answered from the start, as AWS does."""
    output = request["OutputDataConfig"]
    place = S3Uri.parse(output["S3OutputPath"]).below(f"{request['TrainingJobName']}/output")
    return f"{place.below('model')}/" if output.get("CompressionType") == "NONE" else str(place.below("model.tar.gz"))


def _times(record: Record) -> Members:
    named = {"TrainingStartTime": "started", "TrainingEndTime": "ended"}
    return {name: moment(record[field]) for name, field in named.items() if field in record}


def _transition(entry: Members) -> Members:
    return {name: moment(value) if name.endswith("Time") else value for name, value in entry.items()}


def _summary(record: Record) -> Members:
    summary: Members = {
        "TrainingJobName": record["name"],
        "TrainingJobArn": record["arn"],
        "CreationTime": moment(record["created"]),
        "LastModifiedTime": moment(record["modified"]),
        "TrainingJobStatus": record["status"],
        "SecondaryStatus": record["secondary"],
    }
    if "ended" in record:
        summary["TrainingEndTime"] = moment(record["ended"])
    return summary
