"""Spark stages on EMR Serverless: one application a workflow, started and stopped by itself, and the Task of a job run.

Sources: EMR Serverless user guide, "Worker configurations", "Using Python libraries", "Logging for EMR Serverless with
Amazon CloudWatch", "Job runtime roles"; Step Functions developer guide, "Create and manage Amazon EMR Serverless
applications with Step Functions" and its IAM policies; read 2026-11.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headwater.plan import naming, versions
from headwater.plan.arguments import argument_list
from headwater.plan.code import Code
from headwater.plan.naming import ASSETS_BUCKET, SPARK_APPLICATION, SPARK_LOGS
from headwater.plan.permissions import ENDPOINT_LOGS, Permission, arn
from headwater.workflow.names import slug
from headwater.workflow.stages import SparkStage, Stage
from headwater.workflow.workflow import Workflow

SERVICE = "emr-serverless.amazonaws.com"
ENGINES = frozenset({"auto", "emr-serverless"})
_IDLE_MINUTES = 5
_DISK_GB = 100
# Beyond a job's own time limit: an application that is stopped takes a while to start.
_GRACE_S = 900
# Glue's worker type → vCPU, memory in GB and what of it is the executor's own, the rest being overhead (10 %). EMR
# Serverless has workers of up to 16 vCPU and 120 GB.
_WORKERS: dict[str, tuple[int, int, int]] = {
    "G.1X": (4, 16, 14),
    "G.2X": (8, 32, 28),
    "G.4X": (16, 64, 56),
    "R.1X": (4, 30, 27),
    "R.2X": (8, 60, 54),
}
_LARGEST = (16, 120, 108)


@dataclass(frozen=True)
class Capacity:
    """What a job holds at most: its driver and all its executors."""

    workers: int
    vcpus: int
    memory_gb: int
    disk_gb: int


def capacity_of(stage: SparkStage) -> Capacity:
    """Return what a stage's job holds at most there."""
    workers = stage.emr_workers + 1
    vcpus, memory_gb, _ = _worker(stage)
    return Capacity(workers, workers * vcpus, workers * memory_gb, workers * _DISK_GB)


def on_emr_serverless(stages: Iterable[Stage]) -> list[SparkStage]:
    """Return the stages that may run there."""
    return [stage for stage in stages if isinstance(stage, SparkStage) and stage.engine in ENGINES]


def application(workflow: Workflow, tags: list[dict[str, str]]) -> dict[str, Any] | None:
    """Return the application that all the stages share, None when no stage runs there."""
    stages = on_emr_serverless(workflow.stages)
    if not stages:
        return None
    sizes = [capacity_of(stage) for stage in stages]
    capacity = {
        "Cpu": f"{sum(each.vcpus for each in sizes)} vCPU",
        "Memory": f"{sum(each.memory_gb for each in sizes)} GB",
        "Disk": f"{sum(each.disk_gb for each in sizes)} GB",
    }
    properties = {
        "Name": naming.spark_application_name(workflow.name),
        "Type": "SPARK",
        "ReleaseLabel": versions.emr_release(),
        "Architecture": "X86_64",
        "AutoStartConfiguration": {"Enabled": True},
        "AutoStopConfiguration": {"Enabled": True, "IdleTimeoutMinutes": _IDLE_MINUTES},
        "MaximumCapacity": capacity,
        "Tags": tags,
    }
    return {"Type": "AWS::EMRServerless::Application", "Properties": properties}


def job_run(workflow: Workflow, stage: SparkStage, code: Code, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the Task's own fields for a job run that is waited for."""
    logs = {
        "Enabled": True,
        "LogGroupName": f"${{{SPARK_LOGS}}}",
        "LogStreamNamePrefix": slug(stage.name),
    }
    driver = {
        "EntryPoint": f"s3://${{{ASSETS_BUCKET}}}/{code.key}",
        "EntryPointArguments": argument_list(workflow, stage, code),
        "SparkSubmitParameters": _submit_parameters(stage, code),
    }
    return {
        "Resource": "emr-serverless:startJobRun.sync",
        "Arguments": {
            "ApplicationId": f"${{{SPARK_APPLICATION}}}",
            "ExecutionRoleArn": f"${{{naming.emr_role_id(stage)}}}",
            "Name": naming.stage_resource_name(workflow.name, stage),
            "ExecutionTimeoutMinutes": math.ceil(stage.timeout_s / 60),
            "JobDriver": {"SparkSubmit": driver},
            "ConfigurationOverrides": {"MonitoringConfiguration": {"CloudWatchLoggingConfiguration": logs}},
            "Tags": dict(tags),
        },
        "TimeoutSeconds": stage.timeout_s + _GRACE_S,
    }


def substitutions(workflow: Workflow) -> dict[str, Any]:
    """Return what the definition's placeholders for the application stand for."""
    stages = on_emr_serverless(workflow.stages)
    if not stages:
        return {}
    roles = {naming.emr_role_id(stage): {"Fn::GetAtt": [naming.emr_role_id(stage), "Arn"]} for stage in stages}
    return {**roles, **{name: {"Ref": name} for name in (ASSETS_BUCKET, SPARK_APPLICATION, SPARK_LOGS)}}


def job_permissions() -> list[Permission]:
    """Return what a job's role needs there, beside its data and code."""
    group = f"${{{SPARK_LOGS}.Arn}}"
    write = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
    look = "EMR Serverless looks for the log group among all; DescribeLogGroups has no resource level"
    return [
        Permission("WriteLogs", write, (group,), "the job's log").on_aws_alone(ENDPOINT_LOGS),
        Permission("FindLogs", ("logs:DescribeLogGroups",), ("*",), look).on_aws_alone(ENDPOINT_LOGS),
    ]


def machine_permissions(stages: Iterable[Stage]) -> list[Permission]:
    """Return what the state machine needs to run jobs there, wait for them and stop them."""
    held = on_emr_serverless(stages)
    if not held:
        return []
    application = arn("emr-serverless", f"/applications/${{{SPARK_APPLICATION}}}")
    runs = f"{application}/jobruns/*"
    rule = arn("events", "rule/StepFunctionsGetEventsForEMRServerlessJobRule")
    passed = tuple(f"${{{naming.emr_role_id(stage)}.Arn}}" for stage in held)
    return [
        Permission("RunEmrJobs", ("emr-serverless:StartJobRun",), (application,), "run the jobs on EMR Serverless"),
        Permission(
            "FollowEmrJobs",
            ("emr-serverless:CancelJobRun", "emr-serverless:GetJobRun", "emr-serverless:TagResource"),
            (runs,),
            "tag these jobs, wait for them, and cancel them when a run is stopped",
            sometimes={"emr-serverless:CancelJobRun": "a run is stopped while the job runs"},
        ),
        Permission(
            "WatchForEmrJobs",
            ("events:DescribeRule", "events:PutRule", "events:PutTargets"),
            (rule,),
            "learn when a job on EMR Serverless ends: the rule that Step Functions itself keeps for .sync",
        ).on_aws_alone("Step Functions here is told of a job's end by the endpoint, without a rule"),
        Permission(
            "PassRolesToEmr",
            ("iam:PassRole",),
            passed,
            "give each job on EMR Serverless its stage's role",
            {"StringEquals": {"iam:PassedToService": SERVICE}},
        ),
    ]


def _worker(stage: SparkStage) -> tuple[int, int, int]:
    return _WORKERS.get(stage.worker_type, _LARGEST)


def _submit_parameters(stage: SparkStage, code: Code) -> str:
    cpu, _, heap_gb = _worker(stage)
    settings = {"spark.dynamicAllocation.maxExecutors": str(stage.emr_workers)}
    settings["spark.emr-serverless.executor.disk"] = f"{_DISK_GB}g"
    if stage.worker_type != "G.1X":  # that is what EMR Serverless gives by itself
        settings |= {"spark.executor.cores": str(cpu), "spark.executor.memory": f"{heap_gb}g"}
    python = versions.emr_python()
    if python is not None:
        settings |= {
            "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": python,
            "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": python,
            "spark.executorEnv.PYSPARK_PYTHON": python,
        }
    words = [f"--conf {name}={value}" for name, value in sorted(settings.items())]
    if code.library_key:
        words.append(f"--py-files s3://${{{ASSETS_BUCKET}}}/{code.library_key}")
    return " ".join(words)
