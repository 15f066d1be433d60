"""The Task of each stage: which integration it calls, with which arguments, in JSONata.

`${Name}` in the texts below is CloudFormation's `DefinitionSubstitutions`, `{% … %}` is JSONata. Two variables are set
at the start of an execution: `$run`, the run's parameters, and `$unique`, twelve hex digits that are its own. A state
passes its input on, with what later stages need of its result merged in: `model_<dataset>` (the S3 URI of this run's
model.tar.gz), `metrics_<stage>` (the numbers), `package_<dataset>` (the model package's ARN).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headwater.plan import naming
from headwater.plan.arguments import run_arguments
from headwater.plan.code import Code
from headwater.plan.emr.cluster import run_on_cluster
from headwater.plan.emr.serverless import job_run
from headwater.plan.images import IMAGES
from headwater.plan.job_metrics import metric_definitions
from headwater.plan.naming import ASSETS_BUCKET, BUCKET, DATABASE
from headwater.plan.retries import retriers
from headwater.workflow import order
from headwater.workflow.lake import Dataset
from headwater.workflow.names import slug
from headwater.workflow.stages import (
    CrawlerStage,
    FunctionStage,
    GateStage,
    MachineStage,
    ProcessingStage,
    RegisterStage,
    SparkStage,
    Stage,
    TrainingStage,
)
from headwater.workflow.workflow import Workflow

State = dict[str, Any]
Codes = Mapping[str, Code]

INPUT = "/opt/ml/processing/input"
OUTPUT = "/opt/ml/processing/output"
FORWARD = "{% $states.input %}"
_LAKE = f"s3://${{{BUCKET}}}/"
_ASSETS = f"s3://${{{ASSETS_BUCKET}}}/"
# Beyond a job's own time limit: the service's own time-out says more than States.Timeout, so it comes first.
_GRACE_S = 300
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

    def _call(self, stage: Stage) -> State:
        if isinstance(stage, FunctionStage):
            return self._function(stage)
        if isinstance(stage, CrawlerStage):
            return _crawler(stage)
        if isinstance(stage, SparkStage):
            return self._spark(stage)
        if isinstance(stage, ProcessingStage):
            return self._processing(stage)
        if isinstance(stage, TrainingStage):
            return self._training(stage)
        if isinstance(stage, GateStage):
            return _gate(stage)
        if isinstance(stage, RegisterStage):
            return self._register(stage)
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
            "TimeoutSeconds": stage.timeout_s + _GRACE_S + (_FLEX_WAIT_S if stage.flexible else 0),
        }

    def _processing(self, stage: ProcessingStage) -> State:
        code = self.codes[stage.name]
        inputs = [_processing_input("code", f"{INPUT}/code", _ASSETS + code.key)]
        inputs += [_processing_input(d.name, f"{INPUT}/{d.name}", _uri(d)) for d in stage.reads]
        outputs = [_processing_output(d.name, _LAKE + d.prefix) for d in stage.writes]
        if stage.metrics:
            outputs.append(_processing_output("metrics", _in_execution(naming.metrics_prefix(stage.name), "Name")))
        arguments: State = {
            "ProcessingJobName": self._job_name(stage),
            "RoleArn": f"${{{naming.role_id(stage)}}}",
            "AppSpecification": {
                "ImageUri": image_placeholder(stage.framework),
                "ContainerEntrypoint": ["python3", f"{INPUT}/code/{code.entry}"],
            },
            "ProcessingResources": {"ClusterConfig": _machines(stage)},
            "ProcessingInputs": inputs,
            "Environment": self._environment(stage),
            "StoppingCondition": {"MaxRuntimeInSeconds": stage.timeout_s},
            "Tags": self._tags(stage),
        }
        if outputs:
            arguments["ProcessingOutputConfig"] = {"Outputs": outputs}
        return {
            "Resource": "sagemaker:createProcessingJob.sync",
            "Arguments": arguments,
            "TimeoutSeconds": stage.timeout_s + _GRACE_S,
        }

    def _training(self, stage: TrainingStage) -> State:
        code, model = self.codes[stage.name], stage.writes[0]
        arguments: State = {
            "TrainingJobName": self._job_name(stage),
            "RoleArn": f"${{{naming.role_id(stage)}}}",
            "AlgorithmSpecification": {
                "TrainingImage": image_placeholder(stage.framework),
                "TrainingInputMode": "File",
            },
            "HyperParameters": _hyperparameters(stage, code),
            "InputDataConfig": [_channel(dataset) for dataset in stage.reads],
            "OutputDataConfig": {"S3OutputPath": _LAKE + model.prefix},
            "ResourceConfig": _machines(stage),
            "StoppingCondition": {"MaxRuntimeInSeconds": stage.timeout_s},
            "EnableManagedSpotTraining": stage.spot,
            "Environment": self._environment(stage),
            "Tags": self._tags(stage),
        }
        if stage.metric_definitions:
            arguments["AlgorithmSpecification"]["MetricDefinitions"] = metric_definitions(stage)
        if stage.spot:
            arguments["StoppingCondition"]["MaxWaitTimeInSeconds"] = stage.max_wait_s
            # A folder an execution: a retry or a redrive goes on from it, the next run starts anew.
            where = f"{{% '{_LAKE}{naming.checkpoint_prefix(stage)}' & $unique & '/' %}}"
            arguments["CheckpointConfig"] = {"S3Uri": where, "LocalPath": "/opt/ml/checkpoints"}
        return {
            "Resource": "sagemaker:createTrainingJob.sync",
            "Arguments": arguments,
            "Output": _merged(f"model_{model.name}", "$states.result.ModelArtifacts.S3ModelArtifacts"),
            "TimeoutSeconds": (stage.max_wait_s if stage.spot else stage.timeout_s) + _GRACE_S,
        }

    def _register(self, stage: RegisterStage) -> State:
        model = stage.reads[0]
        trainer = next(s for s in self.workflow.stages if isinstance(s, TrainingStage) and model in s.writes)
        code = self.codes[trainer.name]
        arguments: State = {
            "ModelPackageGroupName": naming.model_group_name(self.workflow.name, model),
            "ModelPackageDescription": f"{{% 'Run ' & $states.context.Execution.Name & ' of {self.workflow.name}' %}}",
            "ModelApprovalStatus": "Approved" if stage.approve else "PendingManualApproval",
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Image": image_placeholder(trainer.framework),
                        "ModelDataUrl": _uri(model),
                        "Environment": {
                            "SAGEMAKER_PROGRAM": code.entry,
                            "SAGEMAKER_SUBMIT_DIRECTORY": _ASSETS + code.key,
                        },
                    }
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            # The same for every attempt of an execution: a retry whose first try got through registers nothing twice.
            "ClientToken": f"{{% $unique & '-{slug(stage.name)[:22].strip('-')}' %}}",
        }
        judged = self._judge(model)
        if judged:
            uri = f"{{% '{_LAKE}{naming.metrics_prefix(judged)}' & $states.context.Execution.Name & '/metrics.json' %}}"
            statistics = {"ContentType": "application/json", "S3Uri": uri}
            arguments["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}
        return {
            "Resource": "aws-sdk:sagemaker:createModelPackage",
            "Arguments": arguments,
            "Output": _merged(f"package_{model.name}", "$states.result.ModelPackageArn"),
            "TimeoutSeconds": stage.timeout_s,
        }

    def _judge(self, model: Dataset) -> str | None:
        """The stage that read the model and whose metrics a gate judged."""
        gates = [stage for stage in self.workflow.stages if isinstance(stage, GateStage)]
        judged = {gate.condition.metric.stage for gate in gates}
        return next((s.name for s in self.workflow.stages if s.name in judged and model in s.reads), None)

    def _job_name(self, stage: Stage) -> str:
        """Unique for each attempt: a retry counts RetryCount up, a redrive sets it to 0 and counts RedriveCount up."""
        prefix = naming.job_prefix(self.workflow.name, stage)
        redrives, tries = "$states.context.Execution.RedriveCount", "$states.context.State.RetryCount"
        return f"{{% '{prefix}-' & $unique & '-' & {redrives} & '-' & {tries} %}}"

    def _parameters(self) -> dict[str, str]:
        return {name: f"{{% $string($run.{name}) %}}" for name in self.workflow.parameters}

    def _environment(self, stage: Stage) -> dict[str, str]:
        own = {"HEADWATER_STAGE": stage.name, "HEADWATER_WORKFLOW": self.workflow.name}
        return {**self._parameters(), **own, "S3_BUCKET": f"${{{BUCKET}}}", "DATABASE": f"${{{DATABASE}}}"}

    def _tags(self, stage: Stage) -> list[dict[str, str]]:
        return tag_list(stage_tags(self.workflow, stage))


def _task(made: State, retried_as: str, stage: Stage) -> State:
    state: State = {"Type": "Task", "Resource": f"arn:aws:states:::{made.pop('Resource')}", **made}
    state.setdefault("Output", FORWARD)
    state["Retry"] = retriers(retried_as, stage.retries)
    return state


def stage_tags(workflow: Workflow, stage: Stage | None = None) -> dict[str, str]:
    """Return the tags of what belongs to a workflow, and to one of its stages."""
    tags = {**workflow.tags, "headwater:workflow": workflow.name}
    return tags if stage is None else {**tags, "headwater:stage": stage.name}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as most of AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def image_placeholder(framework: str) -> str:
    """Return what stands for a framework's image in the definition."""
    return f"${{{image_id(framework)}}}"


def image_id(framework: str) -> str:
    """Return the name of a framework's image in the definition's substitutions."""
    if framework not in IMAGES:
        raise KeyError(framework)
    return f"Image{framework.capitalize()}"


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
        "Output": _merged(f"metrics_{naming.variable(judged)}", "$parse($states.result.Body)"),
        "TimeoutSeconds": stage.timeout_s,
    }


def _merged(key: str, value: str) -> str:
    return f"{{% $merge([$states.input, {{'{key}': {value}}}]) %}}"


def _uri(dataset: Dataset, final: bool = False) -> str:
    """Where a dataset lies; of a model, this run's artifact (which a run that failed before it does not have)."""
    if dataset.zone != "model":
        return _LAKE + dataset.prefix
    made = f"$states.input.model_{dataset.name}"
    return f"{{% $exists({made}) ? {made} : '{_LAKE}{dataset.prefix}' %}}" if final else f"{{% {made} %}}"


def event_of(stage: FunctionStage, failed: bool = False) -> State:
    """The part of a function's event that says where its data is; of a failed run no model is known but its folder."""
    return {
        "bucket": f"${{{BUCKET}}}",
        "database": f"${{{DATABASE}}}",
        "reads": {d.name: _LAKE + d.prefix if failed else _uri(d, order.is_final(stage)) for d in stage.reads},
        "writes": {dataset.name: _LAKE + dataset.prefix for dataset in stage.writes},
    }


def _in_execution(prefix: str, field: str) -> str:
    return f"{{% '{_LAKE}{prefix}' & $states.context.Execution.{field} & '/' %}}"


def _processing_input(name: str, path: str, uri: str) -> State:
    place = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": {**place, "S3DataDistributionType": "FullyReplicated"}}


def _processing_output(name: str, uri: str) -> State:
    place = {"S3Uri": uri, "LocalPath": f"{OUTPUT}/{name}", "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "S3Output": place}


def _channel(dataset: Dataset) -> State:
    source = {"S3DataType": "S3Prefix", "S3Uri": _uri(dataset), "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": dataset.name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}


def _machines(stage: MachineStage) -> State:
    count, kind, size_gb = stage.instance_count, stage.instance_type, stage.volume_gb
    return {"InstanceCount": count, "InstanceType": kind, "VolumeSizeInGB": size_gb}


def _hyperparameters(stage: TrainingStage, code: Code) -> dict[str, str]:
    """JSON in strings, as the SageMaker training toolkit reads them."""
    given = {name: json.dumps(value) for name, value in stage.hyperparameters.items()}
    own = {
        "sagemaker_container_log_level": 20,
        "sagemaker_program": code.entry,
        "sagemaker_region": "${Region}",
        "sagemaker_submit_directory": _ASSETS + code.key,
    }
    return {**given, **{name: json.dumps(value) for name, value in own.items()}}
