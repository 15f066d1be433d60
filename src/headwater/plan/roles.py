"""One role a stage, and the state machine's: what each may do, derived from what the stage reads and writes.

A crawler, function, spark, processing or training stage has a role that its service assumes. A gate and a registration
are calls of the state machine itself, so their permissions are in its role. The state machine may start exactly the
planned jobs and pass exactly the planned roles, each to its service only.
"""

from __future__ import annotations

from collections.abc import Iterable

from headwater.plan import naming, permissions
from headwater.plan.code import Code
from headwater.plan.permissions import LAKE, Permission, arn
from headwater.workflow.lake import Dataset
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

# kind → the service that assumes a stage's role
SERVICES: dict[str, str] = {
    "crawler": "glue.amazonaws.com",
    "function": "lambda.amazonaws.com",
    "processing": "sagemaker.amazonaws.com",
    "spark": "glue.amazonaws.com",
    "training": "sagemaker.amazonaws.com",
}


def stage_permissions(workflow: str, stage: Stage, code: Code | None) -> list[Permission]:
    """Return what the role of a stage may do; for a gate or a registration, what it adds to the state machine's."""
    if isinstance(stage, CrawlerStage):
        return _crawler(stage)
    if isinstance(stage, GateStage):
        return _gate(stage)
    if isinstance(stage, RegisterStage):
        return _register(workflow, stage)
    if code is None:
        raise TypeError(f"a {stage.kind} stage needs code")
    if isinstance(stage, SparkStage):
        return _spark(stage, code)
    if isinstance(stage, FunctionStage):
        return _function(stage)
    if isinstance(stage, MachineStage):
        return _machine(stage, code)
    raise TypeError(f"no role for a {stage.kind} stage")


def machine_permissions(workflow: str, stages: Iterable[Stage]) -> list[Permission]:
    """Return what the state machine's role may do."""
    found: list[Permission] = []
    held = list(stages)
    invoked = [stage for stage in held if not (isinstance(stage, FunctionStage) and stage.when == "failure")]
    found += _start(invoked, FunctionStage, ("lambda:InvokeFunction",), "invoke the functions", "${%s.Arn}")
    glue_run = ("glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun")
    found += _start(held, SparkStage, glue_run, "run the Glue jobs and wait for them", arn("glue", "job/${%s}"))
    crawl = ("glue:GetCrawler", "glue:StartCrawler")
    found += _start(held, CrawlerStage, crawl, "start the crawlers and wait for them", arn("glue", "crawler/${%s}"))
    found += _sagemaker(workflow, held, ProcessingStage, "Processing")
    found += _sagemaker(workflow, held, TrainingStage, "Training")
    passed = tuple(f"${{{naming.role_id(stage)}.Arn}}" for stage in held if isinstance(stage, MachineStage))
    if passed:
        only = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        found.append(Permission(("iam:PassRole",), passed, "give each SageMaker job its stage's role", only))
    for stage in held:
        if isinstance(stage, GateStage | RegisterStage):
            found += stage_permissions(workflow, stage, None)
    return [*_unique(found), _log_delivery()]


def schedule_permissions() -> list[Permission]:
    """Return what the schedule's role may do."""
    return [Permission(("states:StartExecution",), (f"${{{naming.MACHINE}}}",), "start the workflow on its schedule")]


def _prefixes(datasets: Iterable[Dataset]) -> list[str]:
    return [dataset.prefix for dataset in datasets]


def _tables(datasets: Iterable[Dataset]) -> list[str]:
    return [dataset.name for dataset in datasets if dataset.zone != "model"]


def _crawler(stage: CrawlerStage) -> list[Permission]:
    tables = _tables(stage.reads)
    place = Permission(("s3:GetBucketLocation",), (LAKE,), "a crawler asks where its bucket is")
    return [
        *permissions.read_objects(_prefixes(stage.reads), "read what it crawls"),
        place,
        permissions.read_catalog(tables),
        permissions.write_catalog(tables),
        permissions.list_catalog(),
        permissions.write_logs("/aws-glue/crawlers*", "the crawler's log"),
    ]


def _spark(stage: SparkStage, code: Code) -> list[Permission]:
    keys = [key for key in (code.key, code.library_key) if key]
    writes = [*_prefixes(stage.writes), naming.temp_prefix(stage)]
    found = [
        *permissions.spark_objects(_prefixes(stage.reads), writes, "its datasets and --TempDir"),
        permissions.read_assets(keys, "its script and the shared code"),
    ]
    tables = _tables([*stage.reads, *stage.writes])
    if tables:
        found.append(permissions.read_catalog(tables))
    if _tables(stage.writes):
        found.append(permissions.write_catalog(_tables(stage.writes)))
    if stage.bookmark:
        why = "its bookmark; the bookmark actions have no resource level"
        found.append(Permission(("glue:GetJobBookmark",), ("*",), why))
    return [
        *found,
        permissions.write_logs("/aws-glue/*", "the job's logs"),
        permissions.put_metrics("Glue"),
    ]


def _function(stage: FunctionStage) -> list[Permission]:
    logs = Permission(
        ("logs:CreateLogStream", "logs:PutLogEvents"), (f"${{{naming.logs_id(stage)}.Arn}}",), "the function's log"
    )
    return [
        *permissions.read_objects(_prefixes(stage.reads), "read its datasets"),
        *permissions.write_objects(_prefixes(stage.writes), "write its datasets", delete=True),
        logs,
    ]


def _machine(stage: MachineStage, code: Code) -> list[Permission]:
    group = "/aws/sagemaker/TrainingJobs" if isinstance(stage, TrainingStage) else "/aws/sagemaker/ProcessingJobs"
    writes = _prefixes(stage.writes)
    if isinstance(stage, ProcessingStage) and stage.metrics:
        writes.append(naming.metrics_prefix(stage.name))
    found = [
        *permissions.read_objects(_prefixes(stage.reads), "read its datasets"),
        *permissions.write_objects(writes, "write its datasets"),
        permissions.read_assets([code.key], "its code"),
    ]
    if code.key.endswith("/"):
        found.append(permissions.list_objects([code.key], "its code", bucket=permissions.ASSETS))
    if isinstance(stage, TrainingStage) and stage.spot:
        checkpoints = [naming.checkpoint_prefix(stage)]
        found += permissions.write_objects(checkpoints, "save checkpoints", delete=True)
        found += permissions.read_objects(checkpoints, "go on from checkpoints")
    return [
        *found,
        *permissions.pull_image(stage.framework),
        permissions.write_logs(group, "the job's log"),
        permissions.put_metrics(group),
    ]


def _gate(stage: GateStage) -> list[Permission]:
    prefix = naming.metrics_prefix(stage.condition.metric.stage)
    return permissions.read_objects([prefix], f"read the metrics of {stage.condition.metric.stage}")


def _register(workflow: str, stage: RegisterStage) -> list[Permission]:
    group = naming.model_group_name(workflow, stage.reads[0])
    resources = (arn("sagemaker", f"model-package-group/{group}"), arn("sagemaker", f"model-package/{group}/*"))
    why = "SageMaker checks a version's model with the caller's rights"
    return [
        Permission(("sagemaker:CreateModelPackage",), resources, f"register versions of {stage.reads[0].name}"),
        *permissions.read_objects(_prefixes(stage.reads), why),
    ]


def _start(
    stages: list[Stage], kind: type[Stage], actions: tuple[str, ...], why: str, resource: str
) -> list[Permission]:
    ids = [naming.resource_id(stage) for stage in stages if isinstance(stage, kind)]
    return [Permission(actions, tuple(resource % each for each in ids), why)] if ids else []


def _sagemaker(workflow: str, stages: list[Stage], kind: type[Stage], word: str) -> list[Permission]:
    prefixes = [naming.job_prefix(workflow, stage) for stage in stages if isinstance(stage, kind)]
    if not prefixes:
        return []
    jobs = tuple(arn("sagemaker", f"{word.lower()}-job/{prefix}-*") for prefix in prefixes)
    verbs = ("Create", "Describe", "Stop")
    actions = ("sagemaker:AddTags", "sagemaker:ListTags", *(f"sagemaker:{verb}{word}Job" for verb in verbs))
    rule = arn("events", f"rule/StepFunctionsGetEventsForSageMaker{word}JobsRule")
    return [
        Permission(tuple(sorted(actions)), jobs, f"run the {word.lower()} jobs and wait for them"),
        Permission(
            ("events:DescribeRule", "events:PutRule", "events:PutTargets"),
            (rule,),
            f"learn when a {word.lower()} job ends: the rule that Step Functions itself keeps for .sync",
        ),
    ]


def _log_delivery() -> Permission:
    actions = (
        *("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups"),
        *("logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries"),
        *("logs:PutResourcePolicy", "logs:UpdateLogDelivery"),
    )
    return Permission(actions, ("*",), "execution history to CloudWatch Logs; log delivery has no resource level")


def _unique(found: list[Permission]) -> list[Permission]:
    kept: list[Permission] = []
    for permission in found:
        if permission not in kept:
            kept.append(permission)
    return kept
