"""What a Spark script is given, on Glue and on EMR alike: `--NAME value` for its data, its database and its parameters.

Two parts: what is the same in every run, and what a run decides. On Glue the first are a job's default arguments and
the second those of a job run; on EMR there is one list of both, with the `--JOB_NAME` that Glue adds by itself.
"""

from __future__ import annotations

from headwater.plan import naming
from headwater.plan.code import Code
from headwater.plan.naming import BUCKET, DATABASE
from headwater.workflow.stages import SparkStage
from headwater.workflow.workflow import Workflow

_LAKE = f"s3://${{{BUCKET}}}/"


def fixed_arguments(stage: SparkStage, code: Code) -> dict[str, str]:
    """Return what every run of a stage is given, with `${LakeBucket}` and `${LakeDatabase}` for those."""
    found = {"DATABASE": f"${{{DATABASE}}}", "S3_BUCKET": f"${{{BUCKET}}}"}
    if code.uses.temporary:
        found["TempDir"] = _LAKE + naming.temp_prefix(stage)
    return found | {f"{d.name.upper()}_PATH": _LAKE + d.prefix for d in (*stage.reads, *stage.writes)}


def default_parameters(workflow: Workflow) -> dict[str, str]:
    """Return the run parameters' defaults as scripts get them."""
    return {
        name: str(default).lower() if isinstance(default, bool) else str(default)
        for name, default in workflow.parameters.items()
    }


def run_arguments(workflow: Workflow, stage: SparkStage) -> dict[str, str]:
    """Return what a run decides, as JSONata: its parameters, and where the models are that it made."""
    found = {name: f"{{% $string($run.{name}) %}}" for name in workflow.parameters}
    models = [dataset for dataset in stage.reads if dataset.zone == "model"]
    return found | {f"{d.name.upper()}_PATH": f"{{% $states.input.model_{d.name} %}}" for d in models}


def argument_list(workflow: Workflow, stage: SparkStage, code: Code) -> list[str]:
    """Return all of a script's arguments as EMR takes them, sorted by name."""
    name = naming.stage_resource_name(workflow.name, stage)
    every = {"JOB_NAME": name, **fixed_arguments(stage, code), **run_arguments(workflow, stage)}
    return [word for name in sorted(every) for word in (f"--{name}", every[name])]
