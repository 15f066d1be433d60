"""What the stages need in the template: functions, jobs, crawlers, logs, and the state machine with its schedule."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from headwater.plan import naming, versions
from headwater.plan.arguments import default_parameters, fixed_arguments
from headwater.plan.code import Code
from headwater.plan.emr import serverless
from headwater.plan.emr.cluster import on_clusters
from headwater.plan.emr.machine import definition as clusters_definition
from headwater.plan.naming import ASSETS_BUCKET, BUCKET, CLUSTERS_LOGS, CLUSTERS_MACHINE, CLUSTERS_ROLE, DATABASE
from headwater.plan.naming import MACHINE, MACHINE_LOGS, MACHINE_ROLE, SPARK_SECURITY
from headwater.plan.tags import stage_tags, tag_list
from headwater.plan.tasks import State
from headwater.workflow.scripts import handler_of
from headwater.workflow.stages import CrawlerStage, FunctionStage, SparkStage, Stage
from headwater.workflow.workflow import RUN_DATE, Workflow

Resources = dict[str, dict[str, Any]]

LOG_RETENTION_DAYS = 30


def stage_resources(workflow: Workflow, stage: Stage, code: Code | None) -> Resources:
    """Return the resources that a stage starts; none for jobs that are made when they run."""
    if isinstance(stage, CrawlerStage):
        return {naming.resource_id(stage): _crawler(workflow, stage)}
    if isinstance(stage, FunctionStage) and code:
        group = f"/aws/lambda/{naming.stage_resource_name(workflow.name, stage)}"
        return {
            naming.logs_id(stage): _log_group(group, stage_tags(workflow, stage)),
            naming.resource_id(stage): _function(workflow, stage, code),
        }
    if isinstance(stage, SparkStage) and stage.on_glue and code:
        return {naming.resource_id(stage): _job(workflow, stage, code)}
    if isinstance(stage, SparkStage) and stage.engine == "emr":
        roles = [{"Ref": naming.role_id(stage)}]
        return {naming.profile_id(stage): {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": roles}}}
    return {}


def spark_resources(workflow: Workflow) -> Resources:
    """Return what the Spark stages on EMR Serverless share; nothing when there are none."""
    tags = stage_tags(workflow)
    application = serverless.application(workflow, tag_list(tags))
    if application is None:
        return {}
    logs = _log_group(naming.spark_log_group(workflow.name), tags)
    return {naming.SPARK_LOGS: logs, naming.SPARK_APPLICATION: application}


def machine_resources(workflow: Workflow, definition: State, substitutions: Mapping[str, Any]) -> Resources:
    """Return the state machine and its log group."""
    name, tags = naming.machine_name(workflow.name), stage_tags(workflow)
    machine = _state_machine(name, definition, MACHINE_ROLE, MACHINE_LOGS, tags)
    machine["Properties"]["DefinitionSubstitutions"] = dict(substitutions)
    return {MACHINE_LOGS: _log_group(f"/aws/vendedlogs/states/{name}", tags), MACHINE: machine}


def clusters_resources(workflow: Workflow) -> Resources:
    """Return the state machine that runs steps on clusters of their own; nothing where no stage has one."""
    if not on_clusters(workflow.stages):
        return {}
    name, tags = naming.clusters_machine_name(workflow.name), stage_tags(workflow)
    machine = _state_machine(name, clusters_definition(workflow), CLUSTERS_ROLE, CLUSTERS_LOGS, tags)
    # Nodes answer for their role's credentials by version 2 of the instance metadata service alone.
    metadata = {"MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 1}
    secured = {"SecurityConfiguration": {"InstanceMetadataServiceConfiguration": metadata}}
    return {
        CLUSTERS_LOGS: _log_group(f"/aws/vendedlogs/states/{name}", tags),
        CLUSTERS_MACHINE: machine,
        SPARK_SECURITY: {"Type": "AWS::EMR::SecurityConfiguration", "Properties": secured},
    }


def schedule_resources(workflow: Workflow) -> Resources:
    """Return the schedule, if there is one. Schedules take no tags; their groups do."""
    if workflow.schedule is None:
        return {}
    properties = {
        "Name": naming.machine_name(workflow.name)[:64],
        "Description": f"Starts the workflow {workflow.name}",
        "ScheduleExpression": workflow.schedule,
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "ENABLED",
        "Target": {
            "Arn": {"Ref": MACHINE},
            "RoleArn": {"Fn::GetAtt": [naming.SCHEDULE_ROLE, "Arn"]},
            "Input": json.dumps({RUN_DATE: workflow.parameters[RUN_DATE]}),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10},
        },
    }
    return {naming.SCHEDULE: {"Type": "AWS::Scheduler::Schedule", "Properties": properties}}


def _crawler(workflow: Workflow, stage: CrawlerStage) -> dict[str, Any]:
    # One table a target, whatever its files: the table level counts the bucket as 1, the zone as 2, the dataset as 3.
    grouping = {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 3}
    targets = [{"Path": {"Fn::Sub": f"s3://${{{BUCKET}}}/{dataset.prefix}"}} for dataset in stage.reads]
    return {
        "Type": "AWS::Glue::Crawler",
        "Properties": {
            "Name": naming.stage_resource_name(workflow.name, stage),
            "Description": f"Stage {stage.name} of the workflow {workflow.name}",
            "Role": {"Fn::GetAtt": [naming.role_id(stage), "Arn"]},
            "DatabaseName": {"Ref": DATABASE},
            "Targets": {"S3Targets": targets},
            "Configuration": json.dumps({"Version": 1.0, "Grouping": grouping}),
            "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
            "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"},
            "Tags": stage_tags(workflow, stage),
        },
    }


def _function(workflow: Workflow, stage: FunctionStage, code: Code) -> dict[str, Any]:
    module = code.entry.removesuffix(".py")
    return {
        "Type": "AWS::Lambda::Function",
        # The group before the function: Lambda would make it itself, without retention or tags.
        "DependsOn": [naming.logs_id(stage)],
        "Properties": {
            "FunctionName": naming.stage_resource_name(workflow.name, stage),
            "Description": f"Stage {stage.name} of the workflow {workflow.name}",
            "Role": {"Fn::GetAtt": [naming.role_id(stage), "Arn"]},
            "Runtime": versions.lambda_runtime(),
            "Architectures": [stage.architecture],
            "Handler": f"{module}.{handler_of(workflow.root, stage)}",
            "Code": {"S3Bucket": {"Ref": ASSETS_BUCKET}, "S3Key": code.key},
            "MemorySize": stage.memory_mb,
            "Timeout": stage.timeout_s,
            "Tags": tag_list(stage_tags(workflow, stage)),
        },
    }


def _job(workflow: Workflow, stage: SparkStage, code: Code) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "--enable-continuous-cloudwatch-log": "true",
        "--enable-metrics": "true",
        "--job-bookmark-option": "job-bookmark-enable" if stage.bookmark else "job-bookmark-disable",
        "--job-language": "python",
    }
    arguments |= {f"--{name}": {"Fn::Sub": text} for name, text in fixed_arguments(stage, code).items()}
    arguments |= {f"--{name}": text for name, text in default_parameters(workflow).items()}
    if code.modules:
        arguments["--additional-python-modules"] = ",".join(code.modules)
    if code.library_key:
        arguments["--extra-py-files"] = {"Fn::Sub": f"s3://${{{ASSETS_BUCKET}}}/{code.library_key}"}
    return {
        "Type": "AWS::Glue::Job",
        "Properties": {
            "Name": naming.stage_resource_name(workflow.name, stage),
            "Description": f"Stage {stage.name} of the workflow {workflow.name}",
            "Role": {"Fn::GetAtt": [naming.role_id(stage), "Arn"]},
            "GlueVersion": versions.glue_version(),
            "Command": {
                "Name": "glueetl",
                "PythonVersion": "3",
                "ScriptLocation": {"Fn::Sub": f"s3://${{{ASSETS_BUCKET}}}/{code.key}"},
            },
            "ExecutionClass": "FLEX" if stage.flexible else "STANDARD",
            "WorkerType": stage.worker_type,
            "NumberOfWorkers": stage.workers,
            # The state machine retries, and one run at a time keeps a bookmark in step with the data.
            "MaxRetries": 0,
            "ExecutionProperty": {"MaxConcurrentRuns": 1},
            "Timeout": math.ceil(stage.timeout_s / 60),
            "DefaultArguments": dict(sorted(arguments.items())),
            "Tags": stage_tags(workflow, stage),
        },
    }


def _state_machine(name: str, definition: State, role: str, logs: str, tags: dict[str, str]) -> dict[str, Any]:
    logged = {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": [logs, "Arn"]}}}
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "StateMachineName": name,
            "StateMachineType": "STANDARD",
            "RoleArn": {"Fn::GetAtt": [role, "Arn"]},
            "DefinitionString": json.dumps(definition, separators=(",", ":"), ensure_ascii=False),
            "LoggingConfiguration": {"Level": "ALL", "IncludeExecutionData": True, "Destinations": [logged]},
            "Tags": tag_list(tags),
        },
    }


def _log_group(name: str, tags: dict[str, str]) -> dict[str, Any]:
    return {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {"LogGroupName": name, "RetentionInDays": LOG_RETENTION_DAYS, "Tags": tag_list(tags)},
    }
