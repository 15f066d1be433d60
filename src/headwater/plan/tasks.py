"""The Task of each stage: which integration it calls, with which arguments, in JSONata.

`${Name}` in the texts below is CloudFormation's `DefinitionSubstitutions`, `{% … %}` is JSONata. Two variables are set
at the start of an execution: `$run`, the run's parameters, and `$unique`, twelve hex digits that are its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headwater.plan import naming
from headwater.plan.arguments import run_arguments
from headwater.plan.code import Code
from headwater.plan.emr.cluster import run_on_cluster
from headwater.plan.emr.serverless import job_run
from headwater.plan.naming import BUCKET, DATABASE
from headwater.plan.references import FORWARD, LAKE_URI, merged, uri_of
from headwater.plan.retries import GRACE_S, retriers
from headwater.plan.sagemaker import SageMakerCalls
from headwater.plan.tags import stage_tags
from headwater.workflow import order
from headwater.workflow.stages import (
    CrawlerStage,
    FunctionStage,
    GateStage,
    ProcessingStage,
    RegisterStage,
    SparkStage,
    Stage,
    TrainingStage,
)
from headwater.workflow.workflow import Workflow

State = dict[str, Any]
Codes = Mapping[str, Code]

# How long a flexible Glue job may wait for spare capacity, which its own time limit does not count.
_FLEX_WAIT_S = 3600


@dataclass(frozen=True)
class Tasks:
    """Makes the Task of each stage of a workflow."""

    workflow: Workflow
    codes: Codes

    def task(self, stage: Stage) -> State:
        """Return the Task of a stage, without its Next; of a Spark stage that measures first, the one on Glue."""
        if isinstance(stage, SparkStage) and stage.engine == "emr":
            made = run_on_cluster(self.workflow, stage, self.codes[stage.name], stage_tags(self.workflow, stage))
            return _task(made, "emr", stage)
        if isinstance(stage, SparkStage) and stage.engine == "emr-serverless":
            return self.emr_serverless_task(stage)
        return _task(self._call(stage), stage.kind, stage)

    def emr_serverless_task(self, stage: SparkStage) -> State:
        """Return the Task that runs a Spark stage on EMR Serverless, without its Next."""
        made = job_run(self.workflow, stage, self.codes[stage.name], stage_tags(self.workflow, stage))
        return _task(made, "emr-serverless", stage)

    @property
    def _sagemaker(self) -> SageMakerCalls:
        return SageMakerCalls(self.workflow, self.codes)

    def _call(self, stage: Stage) -> State:
        if isinstance(stage, FunctionStage):
            return self._function(stage)
        if isinstance(stage, CrawlerStage):
            return _crawler(stage)
        if isinstance(stage, SparkStage):
            return self._spark(stage)
        if isinstance(stage, ProcessingStage):
            return self._sagemaker.processing(stage)
        if isinstance(stage, TrainingStage):
            return self._sagemaker.training(stage)
        if isinstance(stage, GateStage):
            return _gate(stage)
        if isinstance(stage, RegisterStage):
            return self._sagemaker.model_package(stage)
        raise TypeError(f"no task for a {stage.kind} stage")

    def _function(self, stage: FunctionStage) -> State:
        final = order.is_final(stage)
        payload: State = {
            "run": "{% $merge([$run, {'id': $states.context.Execution.Name, "
            "'start': $states.context.Execution.StartTime}]) %}",
            **event_of(stage),
            "status": "SUCCEEDED" if final else "RUNNING",
        }
        if final:
            payload |= {"error": None, "results": FORWARD}
        return {
            "Resource": "lambda:invoke",
            "Arguments": {"FunctionName": f"${{{naming.resource_id(stage)}}}", "Payload": payload},
            "TimeoutSeconds": stage.timeout_s + 60,
        }

    def _spark(self, stage: SparkStage) -> State:
        arguments = {f"--{name}": value for name, value in run_arguments(self.workflow, stage).items()}
        return {
            "Resource": "glue:startJobRun.sync",
            "Arguments": {"JobName": f"${{{naming.resource_id(stage)}}}", "Arguments": arguments},
            "TimeoutSeconds": stage.timeout_s + GRACE_S + (_FLEX_WAIT_S if stage.flexible else 0),
        }


def _task(made: State, retried_as: str, stage: Stage) -> State:
    state: State = {"Type": "Task", "Resource": f"arn:aws:states:::{made.pop('Resource')}", **made}
    state.setdefault("Output", FORWARD)
    state["Retry"] = retriers(retried_as, stage.retries)
    return state


def _crawler(stage: CrawlerStage) -> State:
    name = naming.variable(stage.name)
    return {
        "Resource": "aws-sdk:glue:startCrawler",
        "Arguments": {"Name": f"${{{naming.resource_id(stage)}}}"},
        "Assign": {f"wait_{name}": 1, f"waited_{name}": 0},
        "TimeoutSeconds": 60,
    }


def _gate(stage: GateStage) -> State:
    judged = stage.condition.metric.stage
    key = f"{naming.metrics_prefix(judged)}' & $states.context.Execution.Name & '/metrics.json"
    return {
        "Resource": "aws-sdk:s3:getObject",
        "Arguments": {"Bucket": f"${{{BUCKET}}}", "Key": f"{{% '{key}' %}}"},
        "Output": merged(f"metrics_{naming.variable(judged)}", "$parse($states.result.Body)"),
        "TimeoutSeconds": stage.timeout_s,
    }


def event_of(stage: FunctionStage, failed: bool = False) -> State:
    """The part of a function's event that says where its data is; of a failed run no model is known but its folder."""
    return {
        "bucket": f"${{{BUCKET}}}",
        "database": f"${{{DATABASE}}}",
        "reads": {d.name: LAKE_URI + d.prefix if failed else uri_of(d, order.is_final(stage)) for d in stage.reads},
        "writes": {dataset.name: LAKE_URI + dataset.prefix for dataset in stage.writes},
    }
