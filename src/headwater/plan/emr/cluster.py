"""A Spark stage on a cluster of its own: what RunJobFlow is asked for, and the step that runs the script.

The stage's Task starts the state machine of :mod:`headwater.plan.emr.machine`, which makes the cluster, runs the step
and terminates the cluster. A cluster whose run was stopped has nothing to do, and terminates itself.

Sources: Amazon EMR API reference, RunJobFlow; Management Guide, "Using an auto-termination policy for cluster cleanup",
"Configure cluster logging and debugging"; Release Guide, "Configure Spark", "Python versions"; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headwater.plan import naming, versions
from headwater.plan.arguments import argument_list
from headwater.plan.code import Code
from headwater.plan.emr.fleets import instance_fleets
from headwater.plan.naming import ASSETS_BUCKET, BUCKET, CLUSTERS_MACHINE, EMR_ROLE, SPARK_SECURITY
from headwater.workflow.stages import SparkStage, Stage
from headwater.workflow.workflow import Workflow

ENGINE = "emr"
IDLE_S = 600
"""How long a cluster may idle. Longer than the retries of a step that EMR did not take at once."""
# Beyond a stage's own time limit: capacity may be long in coming, and a cluster takes minutes to be ready.
_START_S = 3600
MANAGED = "for-use-with-amazon-emr-managed-policies"
"""The tag by which EMR's role may touch what it made (EMR Management Guide, "Service role for Amazon EMR")."""


def on_clusters(stages: Iterable[Stage]) -> list[SparkStage]:
    """Return the stages that run on a cluster of their own."""
    return [stage for stage in stages if isinstance(stage, SparkStage) and stage.engine == ENGINE]


def run_on_cluster(workflow: Workflow, stage: SparkStage, code: Code, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the Task's own fields for a step on a cluster of its own, which is waited for."""
    given = {
        "Cluster": _cluster(workflow, stage, tags),
        "Step": _step(workflow, stage, code),
        "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "{% $states.context.Execution.Id %}",
    }
    return {
        "Resource": "states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": f"${{{CLUSTERS_MACHINE}}}", "Input": given},
        "TimeoutSeconds": stage.timeout_s + _START_S,
    }


def substitutions(workflow: Workflow) -> dict[str, Any]:
    """Return what the definition's placeholders for clusters stand for."""
    stages = on_clusters(workflow.stages)
    if not stages:
        return {}
    named = (ASSETS_BUCKET, BUCKET, CLUSTERS_MACHINE, EMR_ROLE, SPARK_SECURITY)
    names = (*named, *(naming.profile_id(stage) for stage in stages))
    return {name: {"Ref": name} for name in names}


def _cluster(workflow: Workflow, stage: SparkStage, tags: Mapping[str, str]) -> dict[str, Any]:
    instances: dict[str, Any] = {
        "InstanceFleets": instance_fleets(stage),
        "KeepJobFlowAliveWhenNoSteps": True,
        "TerminationProtected": False,
    }
    if workflow.subnet_ids:
        instances["Ec2SubnetIds"] = list(workflow.subnet_ids)
    prefix = naming.job_prefix(workflow.name, stage)
    tagged = {**tags, MANAGED: "true"}
    return {
        "Name": f"{{% '{prefix}-' & $unique %}}",
        "ReleaseLabel": versions.emr_release(),
        "Applications": [{"Name": "Spark"}],
        "ServiceRole": f"${{{EMR_ROLE}}}",
        "JobFlowRole": f"${{{naming.profile_id(stage)}}}",
        "Instances": instances,
        "SecurityConfiguration": f"${{{SPARK_SECURITY}}}",
        "AutoTerminationPolicy": {"IdleTimeout": IDLE_S},
        "LogUri": f"{{% 's3://${{{BUCKET}}}/{naming.emr_log_prefix(stage)}' & $unique & '/' %}}",
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(tagged.items())],
    }


def _step(workflow: Workflow, stage: SparkStage, code: Code) -> dict[str, Any]:
    """In client mode the driver is on the primary node, and what it writes is the step's own log."""
    assets = f"s3://${{{ASSETS_BUCKET}}}/"
    words = ["spark-submit", "--deploy-mode", "client"]
    python = versions.emr_python()
    if python is not None:
        words += ["--conf", f"spark.pyspark.python={python}"]
    if code.library_key:
        words += ["--py-files", assets + code.library_key]
    words += [assets + code.key, *argument_list(workflow, stage, code)]
    return {
        "Name": naming.stage_resource_name(workflow.name, stage),
        # The state machine terminates the cluster, and tells why first.
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": words},
    }
