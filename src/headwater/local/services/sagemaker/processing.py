"""CreateProcessingJob, DescribeProcessingJob, ListProcessingJobs, StopProcessingJob."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from headwater.local.service import Call, Members, operation
from headwater.local.services.sagemaker import tags
from headwater.local.services.sagemaker.base import PROCESSING, SageMakerBase
from headwater.local.services.sagemaker.errors import invalid
from headwater.local.services.sagemaker.images import framework_of
from headwater.local.services.sagemaker.listing import listed
from headwater.local.services.sagemaker.names import arn, moment, now
from headwater.local.services.sagemaker.processing_request import MAX_RUNTIME_S, check_processing
from headwater.local.services.sagemaker.processing_run import ProcessingRun, finish
from headwater.local.services.sagemaker.run import INTERRUPTED
from headwater.local.services.sagemaker.script_mode import HOST
from headwater.local.services.sagemaker.training_request import without_none
from headwater.local.store import Record


class ProcessingOperations(SageMakerBase):
    """Processing jobs."""

    def interrupt_processing_jobs(self) -> None:
        """Mark what an earlier process left in flight as failed."""
        for name in self.processing_jobs.in_flight():
            self.processing_jobs.change(name, lambda record: finish(record, "Failed", INTERRUPTED))

    @operation
    def create_processing_job(self, call: Call, **members: Any) -> Members:
        """Start a processing job; answers when it is kept, as AWS does."""
        request = without_none(members)
        given_tags = request.pop("Tags", [])
        check_processing(request)
        framework_of(request["AppSpecification"]["ImageUri"])
        tags.check(given_tags)
        name = request["ProcessingJobName"]
        job_arn = arn(call, PROCESSING, name)
        self.trusted_role(request["RoleArn"], job_arn)
        request.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": MAX_RUNTIME_S})
        record = self.processing_jobs.create(name, job_arn, request, log_stream=f"{name}/{HOST}-{int(now())}")
        tags.add(self.store, job_arn, given_tags)
        self.launch(ProcessingRun(self.endpoint, self.engine, self.processing_jobs, record, self.forget))
        return {"ProcessingJobArn": job_arn}

    @operation
    def describe_processing_job(self, call: Call, ProcessingJobName: str) -> Members:
        """A processing job: what was asked, and what became of it."""
        return describe(self.processing_jobs.get(ProcessingJobName))

    @operation
    def list_processing_jobs(
        self,
        call: Call,
        CreationTimeAfter: datetime | None = None,
        CreationTimeBefore: datetime | None = None,
        LastModifiedTimeAfter: datetime | None = None,
        LastModifiedTimeBefore: datetime | None = None,
        NameContains: str | None = None,
        StatusEquals: str | None = None,
        SortBy: str | None = None,
        SortOrder: str | None = None,
        NextToken: str | None = None,
        MaxResults: int | None = None,
    ) -> Members:
        """A page of processing jobs."""
        asked = {name: value for name, value in locals().items() if name[0].isupper()}
        page, more = listed(self.processing_jobs.all(), asked)
        return {"ProcessingJobSummaries": [_summary(record) for record in page], **more}

    @operation
    def stop_processing_job(self, call: Call, ProcessingJobName: str) -> Members:
        """Ask a job to end: SIGTERM, 120 seconds, SIGKILL."""

        def edit(record: Record) -> None:
            if record["status"] not in ("InProgress", "Stopping"):
                raise invalid(f"The request was rejected because the processing job is in status {record['status']}")
            record["status"] = "Stopping"

        self.processing_jobs.change(ProcessingJobName, edit)
        run = self.running(PROCESSING, ProcessingJobName)
        if run is not None:
            run.stop()
        return {}


# Member of the answers → field of the record.
ENDS = {
    "ExitMessage": "exit_message",
    "FailureReason": "failure_reason",
    "ProcessingEndTime": "ended",
    "ProcessingStartTime": "started",
}


def describe(record: Record) -> Members:
    """DescribeProcessingJob's answer."""
    return {
        **record["request"],
        "ProcessingJobArn": record["arn"],
        "ProcessingJobStatus": record["status"],
        "CreationTime": moment(record["created"]),
        "LastModifiedTime": moment(record["modified"]),
        **_ends(record),
    }


def _ends(record: Record) -> Members:
    found = {member: record[field] for member, field in ENDS.items() if field in record}
    return {member: moment(value) if member.endswith("Time") else value for member, value in found.items()}


def _summary(record: Record) -> Members:
    ends = _ends(record)
    ends.pop("ProcessingStartTime", None)
    return {
        "ProcessingJobName": record["name"],
        "ProcessingJobArn": record["arn"],
        "CreationTime": moment(record["created"]),
        "LastModifiedTime": moment(record["modified"]),
        "ProcessingJobStatus": record["status"],
        **ends,
    }
