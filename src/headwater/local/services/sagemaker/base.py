"""What SageMaker's operations share: the tables of jobs, the jobs that run, the role's check."""

from __future__ import annotations

import shutil
import threading
from typing import ClassVar, TypeVar

from headwater.local.engines.container import ContainerEngine
from headwater.local.identity.documents import statements_of
from headwater.local.identity.evaluation import service_may_assume
from headwater.local.service import Endpoint, Service, ServiceError
from headwater.local.services.sagemaker.errors import invalid
from headwater.local.services.sagemaker.job_table import JobTable
from headwater.local.services.sagemaker.run import JobRun

R = TypeVar("R", bound=JobRun)

TRAINING, PROCESSING = "training-job", "processing-job"


class SageMakerBase(Service):
    """State of the service within this process."""

    name: ClassVar[str] = "sagemaker"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.engine = ContainerEngine(endpoint.jobs)
        self.training_jobs = JobTable(
            self.store,
            endpoint.bus,
            TRAINING,
            "Training job names must be unique within an AWS account and region, and a training job with this name "
            "already exists ({arn})",
            "Requested resource not found.",
        )
        self.processing_jobs = JobTable(
            self.store,
            endpoint.bus,
            PROCESSING,
            "Job names must be unique within an AWS account and region, and a job with this name already exists "
            "({arn})",
            "Could not find requested job with name: {name}",
        )
        self._runs: dict[tuple[str, str], JobRun] = {}
        self._runs_lock = threading.Lock()

    def launch(self, run: JobRun) -> None:
        """Let a job run."""
        with self._runs_lock:
            self._runs[run.table.kind, run.name] = run
        run.start()

    def forget(self, run: JobRun) -> None:
        """A job's thread ends."""
        with self._runs_lock:
            self._runs.pop((run.table.kind, run.name), None)

    def running(self, kind: str, name: str) -> JobRun | None:
        """The run of a job, while there is one."""
        with self._runs_lock:
            return self._runs.get((kind, name))

    def stop(self) -> None:
        """Stop every job's command, and leave the records for the next start."""
        with self._runs_lock:
            runs = list(self._runs.values())
        for run in runs:
            run.close()
        for run in runs:
            run.join()
        shutil.rmtree(self.endpoint.home / "sagemaker", ignore_errors=True)

    def trusted_role(self, role_arn: str, job_arn: str) -> None:
        """Refuse a role that does not exist or that does not trust SageMaker."""
        refusal = invalid(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
        try:
            role = self.endpoint.call("iam", "get_role", RoleName=role_arn.rsplit("/", 1)[-1])["Role"]
        except ServiceError as error:
            raise refusal from error
        trust = statements_of(role.get("AssumeRolePolicyDocument") or {})
        if not service_may_assume(trust, role_arn, "sagemaker.amazonaws.com", job_arn):
            raise refusal
