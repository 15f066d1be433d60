"""What each resource is called, from workflow and stage alone: logical ids in the template, names in the account."""

from __future__ import annotations

import hashlib

from headwater.workflow.lake import Dataset
from headwater.workflow.names import logical_id, resource_name, shorten, slug
from headwater.workflow.stages import SparkStage, Stage

ALARM_TOPIC = "AlarmTopic"
ALARM_TOPIC_POLICY = "AlarmTopicPolicy"
ASSETS_BUCKET = "AssetsBucket"
BUCKET = "LakeBucket"
BUCKET_POLICY = "LakeBucketPolicy"
CLUSTERS_LOGS = "LogsOfSparkClusters"
CLUSTERS_MACHINE = "SparkClusters"
CLUSTERS_ROLE = "RoleOfSparkClusters"
DASHBOARD = "Dashboard"
DATABASE = "LakeDatabase"
EMR_ROLE = "RoleOfEmr"
MACHINE = "StateMachine"
MACHINE_LOGS = "LogsOfStateMachine"
MACHINE_ROLE = "RoleOfStateMachine"
SCHEDULE = "Schedule"
SCHEDULE_ROLE = "RoleOfSchedule"
SPARK_APPLICATION = "SparkApplication"
SPARK_LOGS = "LogsOfSpark"
SPARK_SECURITY = "SparkSecurity"

# AWS's limits for names, from the API references of the services, 2026-11.
_LONGEST = {"crawler": 255, "function": 64, "spark": 255}
# A SageMaker job name has at most 63 characters; 28 are for what makes it unique in an execution.
_LONGEST_JOB_PREFIX = 35
# A role's name has at most 64, of which 15 are for the region.
_LONGEST_ROLE = 49

_RESOURCE = {"crawler": "Crawler", "function": "Function", "spark": "Job"}


def resource_id(stage: Stage) -> str:
    """Return the logical id of the resource that a stage starts (of the stages that have one of their own)."""
    return logical_id(stage.name, _RESOURCE[stage.kind])


def stage_resource_name(workflow: str, stage: Stage) -> str:
    """Return the name of the resource that a stage starts."""
    return resource_name(workflow, stage.name, _LONGEST[stage.kind])


def job_prefix(workflow: str, stage: Stage) -> str:
    """Return what the SageMaker jobs of a stage begin with."""
    return resource_name(workflow, stage.name, _LONGEST_JOB_PREFIX)


def role_id(stage: Stage) -> str:
    """Return the logical id of a stage's role."""
    return logical_id(stage.name, "Role")


def emr_role_id(stage: SparkStage) -> str:
    """Return the logical id of a Spark stage's role on EMR; of a stage that may run on Glue too it is a second one."""
    return logical_id(stage.name, "RoleOnEmr") if stage.on_glue else role_id(stage)


def emr_role_name(workflow: str, stage: Stage) -> dict[str, str]:
    """Return that second role's name as a template value; the dot keeps it apart from those of stages."""
    return {"Fn::Sub": f"{resource_name(workflow, stage.name, _LONGEST_ROLE - 4)}.emr-${{AWS::Region}}"}


def logs_id(stage: Stage) -> str:
    """Return the logical id of a function's log group."""
    return logical_id(stage.name, "Logs")


def rule_id(stage: Stage) -> str:
    """Return the logical id of the rule that starts a function when a run did not succeed."""
    return logical_id(stage.name, "Rule")


def permission_id(stage: Stage) -> str:
    """Return the logical id of that rule's permission to invoke the function."""
    return logical_id(stage.name, "Permission")


def role_name(workflow: str, part: str) -> dict[str, str]:
    """Return a role's name as a template value; IAM is global, so it carries the region."""
    return {"Fn::Sub": f"{resource_name(workflow, part, _LONGEST_ROLE)}-${{AWS::Region}}"}


def dataset_id(dataset: Dataset, suffix: str) -> str:
    """Return the logical id of a resource of a dataset; `a_1` and `a1` are told apart by a hash."""
    digest = hashlib.sha256(dataset.name.encode()).hexdigest()[:4] if "_" in dataset.name else ""
    return logical_id(dataset.name) + digest + suffix


def model_group_name(workflow: str, model: Dataset) -> str:
    """Return the name of a model's package group: at most 63 characters."""
    return resource_name(workflow, model.name, 63)


def machine_name(workflow: str) -> str:
    """Return the state machine's name."""
    return shorten(workflow, 80)


def alarm_topic_name(workflow: str) -> str:
    """Return the name of the topic that the workflow's alarms publish to."""
    return resource_name(workflow, "alarms", 256)


def dashboard_name(workflow: str) -> str:
    """Return the dashboard's name as a template text; dashboards are of the whole account, so it carries the region."""
    return f"{machine_name(workflow)}-${{AWS::Region}}"


def alarm_name(workflow: str, ended: str) -> str:
    """Return the name of the alarm on runs that ended so."""
    return resource_name(workflow, ended, 255)


def spark_application_name(workflow: str) -> str:
    """Return the name of the workflow's EMR Serverless application: at most 64 characters."""
    return shorten(workflow, 64)


def spark_log_group(workflow: str) -> str:
    """Return the log group of the workflow's jobs on EMR Serverless."""
    return f"/aws/emr-serverless/{spark_application_name(workflow)}"


def machine_log_group(kind: str) -> str:
    """Return the log group that SageMaker's jobs of this kind share, in the whole account."""
    return f"/aws/sagemaker/{kind.capitalize()}Jobs"


def errors_filter_id(kind: str) -> str:
    """Return the logical id of the metric filter on errors of this kind's jobs."""
    return f"ErrorsOf{kind.capitalize()}MetricFilter"


def metric_filter_id(stage: Stage, metric: str) -> str:
    """Return the logical id of a metric's filter; a hash tells `a_1` from `a1`, and a stage's words from a metric's."""
    digest = hashlib.sha256(f"{stage.name}/{metric}".encode()).hexdigest()[:6]
    return f"{logical_id(stage.name)}{logical_id(metric)}MetricFilter{digest}"


def profile_id(stage: Stage) -> str:
    """Return the logical id of the instance profile of a stage's cluster."""
    return logical_id(stage.name, "InstanceProfile")


def clusters_machine_name(workflow: str) -> str:
    """Return the name of the state machine that runs steps on clusters of their own."""
    return resource_name(workflow, "spark clusters", 80)


def variable(stage: str) -> str:
    """Return a stage's name as part of a JSONata name."""
    return slug(stage).replace("-", "_")


def checkpoint_prefix(stage: Stage) -> str:
    """Return where a training's checkpoints lie in the lake."""
    return f"_headwater/checkpoints/{slug(stage.name)}/"


def metrics_prefix(stage: str) -> str:
    """Return where the metrics of a stage lie in the lake; a folder an execution below it."""
    return f"_headwater/metrics/{slug(stage)}/"


def emr_log_prefix(stage: Stage) -> str:
    """Return where the logs of a stage's clusters lie in the lake; a folder an execution below it."""
    return f"_headwater/logs/emr/{slug(stage.name)}/"


def temp_prefix(stage: Stage) -> str:
    """Return where a Glue job's temporary files lie in the lake."""
    return f"_headwater/tmp/{slug(stage.name)}/"
