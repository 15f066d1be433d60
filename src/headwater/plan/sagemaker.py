"""SageMaker's part in the state machine: processing and training jobs, and the versions of a model.

Sources: SageMaker API reference, CreateProcessingJob, CreateTrainingJob, CreateModelPackage; the SageMaker training
toolkit's hyperparameters; read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headwater.plan import naming
from headwater.plan.code import Code
from headwater.plan.images import image_placeholder
from headwater.plan.job_metrics import metric_definitions
from headwater.plan.naming import BUCKET, DATABASE
from headwater.plan.references import ASSETS_URI, LAKE_URI, merged, uri_of
from headwater.plan.retries import GRACE_S
from headwater.plan.tags import stage_tags, tag_list
from headwater.workflow.lake import Dataset
from headwater.workflow.names import slug
from headwater.workflow.stages import GateStage, MachineStage, ProcessingStage, RegisterStage, Stage, TrainingStage
from headwater.workflow.workflow import Workflow

State = dict[str, Any]

INPUT = "/opt/ml/processing/input"
OUTPUT = "/opt/ml/processing/output"


@dataclass(frozen=True)
class SageMakerCalls:
    """Makes the calls of SageMaker of a workflow's stages."""

    workflow: Workflow
    codes: Mapping[str, Code]

    def processing(self, stage: ProcessingStage) -> State:
        """Return the call that runs a processing job."""
        code = self.codes[stage.name]
        inputs = [_processing_input("code", f"{INPUT}/code", ASSETS_URI + code.key)]
        inputs += [_processing_input(d.name, f"{INPUT}/{d.name}", uri_of(d)) for d in stage.reads]
        outputs = [_processing_output(d.name, LAKE_URI + d.prefix) for d in stage.writes]
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
            "TimeoutSeconds": stage.timeout_s + GRACE_S,
        }

    def training(self, stage: TrainingStage) -> State:
        """Return the call that runs a training job."""
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
            "OutputDataConfig": {"S3OutputPath": LAKE_URI + model.prefix},
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
            where = f"{{% '{LAKE_URI}{naming.checkpoint_prefix(stage)}' & $unique & '/' %}}"
            arguments["CheckpointConfig"] = {"S3Uri": where, "LocalPath": "/opt/ml/checkpoints"}
        return {
            "Resource": "sagemaker:createTrainingJob.sync",
            "Arguments": arguments,
            "Output": merged(f"model_{model.name}", "$states.result.ModelArtifacts.S3ModelArtifacts"),
            "TimeoutSeconds": (stage.max_wait_s if stage.spot else stage.timeout_s) + GRACE_S,
        }

    def model_package(self, stage: RegisterStage) -> State:
        """Return the call that registers a version of a model."""
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
                        "ModelDataUrl": uri_of(model),
                        "Environment": {
                            "SAGEMAKER_PROGRAM": code.entry,
                            "SAGEMAKER_SUBMIT_DIRECTORY": ASSETS_URI + code.key,
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
            folder = f"'{LAKE_URI}{naming.metrics_prefix(judged)}' & $states.context.Execution.Name"
            uri = f"{{% {folder} & '/metrics.json' %}}"
            statistics = {"ContentType": "application/json", "S3Uri": uri}
            arguments["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}
        return {
            "Resource": "aws-sdk:sagemaker:createModelPackage",
            "Arguments": arguments,
            "Output": merged(f"package_{model.name}", "$states.result.ModelPackageArn"),
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


def _in_execution(prefix: str, field: str) -> str:
    return f"{{% '{LAKE_URI}{prefix}' & $states.context.Execution.{field} & '/' %}}"


def _processing_input(name: str, path: str, uri: str) -> State:
    place = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": {**place, "S3DataDistributionType": "FullyReplicated"}}


def _processing_output(name: str, uri: str) -> State:
    place = {"S3Uri": uri, "LocalPath": f"{OUTPUT}/{name}", "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "S3Output": place}


def _channel(dataset: Dataset) -> State:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri_of(dataset), "S3DataDistributionType": "FullyReplicated"}
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
        "sagemaker_submit_directory": ASSETS_URI + code.key,
    }
    return {**given, **{name: json.dumps(value) for name, value in own.items()}}
