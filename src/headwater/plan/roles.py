"""One role a stage, and the state machine's: what each may do, derived from what the stage reads and writes.

A crawler, function, spark, processing or training stage has a role that its service assumes. A gate and a registration
are calls of the state machine itself, so their permissions are in its role. The state machine may start exactly the
planned jobs and pass exactly the planned roles, each to its service only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from headwater.plan import naming, permissions
from headwater.plan.code import Code
from headwater.plan.emr import permissions as on_emr
from headwater.plan.emr import serverless
from headwater.plan.emr.cluster import on_clusters
from headwater.plan.measuring import measured
from headwater.plan.permissions import LAKE, Permission, arn
from headwater.workflow.lake import Dataset
from headwater.workflow.names import logical_id
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

_STOPPED = "a run is stopped while the job runs, or a stage beside it fails"

_SMALL, _LARGE = "what the stage reads is small enough for Glue", "what the stage reads is too large for Glue"

# kind → the service that assumes a stage's role
SERVICES: dict[str, str] = {
    "crawler": "glue.amazonaws.com",
    "function": "lambda.amazonaws.com",
    "processing": "sagemaker.amazonaws.com",
    "spark": "glue.amazonaws.com",
    "training": "sagemaker.amazonaws.com",
}


def service_of(stage: Stage) -> str | None:
    """Return the service that assumes a stage's role, None for a stage without a role of its own."""
    if isinstance(stage, SparkStage) and not stage.on_glue:
        return on_emr.NODES if stage.engine == "emr" else serverless.SERVICE
    return SERVICES.get(stage.kind)


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
        return _spark(stage, code) if stage.on_glue else permissions_on_emr(stage, code)
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
    why = "invoke the functions"
    found += _start(invoked, FunctionStage, "InvokeFunctions", ("lambda:InvokeFunction",), why, "${%s.Arn}")
    found += _spark_jobs(workflow, held)
    crawl, why = ("glue:GetCrawler", "glue:StartCrawler"), "start the crawlers and wait for them"
    found += _start(held, CrawlerStage, "RunCrawlers", crawl, why, arn("glue", "crawler/${%s}"))
    found += _sagemaker(workflow, held, ProcessingStage, "Processing")
    found += _sagemaker(workflow, held, TrainingStage, "Training")
    passed = tuple(f"${{{naming.role_id(stage)}.Arn}}" for stage in held if isinstance(stage, MachineStage))
    if passed:
        only = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        why = "give each SageMaker job its stage's role"
        found.append(Permission("PassRoles", ("iam:PassRole",), passed, why, only))
    for stage in held:
        if isinstance(stage, GateStage | RegisterStage):
            found += stage_permissions(workflow, stage, None)
    return [*_unique(found), _log_delivery()]


def schedule_permissions() -> list[Permission]:
    """Return what the schedule's role may do."""
    start = Permission(
        "StartWorkflow", ("states:StartExecution",), (f"${{{naming.MACHINE}}}",), "start the workflow on its schedule"
    )
    return [start.only_when("the schedule's time comes")]


def _prefixes(datasets: Iterable[Dataset]) -> list[str]:
    return [dataset.prefix for dataset in datasets]


def _tables(datasets: Iterable[Dataset]) -> list[str]:
    return [dataset.name for dataset in datasets if dataset.zone != "model"]


def _crawler(stage: CrawlerStage) -> list[Permission]:
    tables = _tables(stage.reads)
    place = Permission("LocateBucket", ("s3:GetBucketLocation",), (LAKE,), "a crawler asks where its bucket is")
    asked = ("glue:GetDatabase", "glue:GetPartitions")
    kept = ("glue:BatchCreatePartition", "glue:CreateTable", "glue:UpdatePartition", "glue:UpdateTable")
    read = permissions.read_catalog(tables, "the crawler", asked)
    keep = permissions.write_catalog(tables, "the crawler", kept)
    changed = dict.fromkeys(("glue:UpdatePartition", "glue:UpdateTable"), "what is crawled has changed")
    return [
        *permissions.read_objects(_prefixes(stage.reads), "Datasets", "read what it crawls"),
        place.on_aws_alone("a crawler here knows its bucket: there is one region"),
        replace(read, resources_when="a table has partitions"),
        replace(keep, sometimes=changed),
        permissions.list_catalog(),
        permissions.write_logs("/aws-glue/crawlers*", "the crawler's log"),
    ]


def permissions_on_emr(stage: SparkStage, code: Code) -> list[Permission]:
    """Return what the role of a Spark stage may do where the stage runs on EMR."""
    own = on_emr.node_permissions(stage) if stage.engine == "emr" else serverless.job_permissions()
    found = [*_spark_data(stage, code), *own]
    return [each.only_when(_LARGE) for each in found] if stage.engine == "auto" else found


def _spark_data(stage: SparkStage, code: Code) -> list[Permission]:
    keys = [key for key in (code.key, code.library_key) if key]
    temporary = [naming.temp_prefix(stage)] if code.uses.temporary else []
    reads, writes = [*_prefixes(stage.reads), *temporary], [*_prefixes(stage.writes), *temporary]
    return [
        *permissions.spark_objects(reads, writes, "Datasets", "its datasets"),
        permissions.read_assets(keys, "its script and the shared code"),
    ]


def _spark(stage: SparkStage, code: Code) -> list[Permission]:
    found = _spark_data(stage, code)
    reader, asked = "Glue's own library", ("glue:GetPartitions", "glue:GetTable")
    updated = _tables(stage.writes) if code.uses.catalog_updates else []
    read = _tables(stage.reads) if code.uses.catalog else []
    if read or updated:
        found.append(permissions.read_catalog([*read, *updated], reader, asked))
    if updated:
        kept = ("glue:BatchCreatePartition", "glue:CreateTable", "glue:UpdateTable")
        found.append(permissions.write_catalog(updated, reader, kept))
    if stage.bookmark:
        why = "its bookmark; the bookmark actions have no resource level"
        found.append(Permission("ReadBookmark", ("glue:GetJobBookmark",), ("*",), why))
    found += [permissions.write_logs("/aws-glue/*", "the job's logs"), permissions.put_metrics("Glue")]
    return [each.only_when(_SMALL) for each in found] if stage.engine == "auto" else found


def _function(stage: FunctionStage) -> list[Permission]:
    actions, group = ("logs:CreateLogStream", "logs:PutLogEvents"), f"${{{naming.logs_id(stage)}.Arn}}"
    logs = Permission("WriteLogs", actions, (group,), "the function's log").on_aws_alone(permissions.ENDPOINT_LOGS)
    found = [
        *permissions.read_objects(_prefixes(stage.reads), "Datasets", "read its datasets"),
        *permissions.write_objects(_prefixes(stage.writes), "Datasets", "write its datasets", delete=True),
        logs,
    ]
    return [each.only_when("a run does not succeed") for each in found] if stage.when == "failure" else found


def _machine(stage: MachineStage, code: Code) -> list[Permission]:
    group = "/aws/sagemaker/TrainingJobs" if isinstance(stage, TrainingStage) else "/aws/sagemaker/ProcessingJobs"
    writes = _prefixes(stage.writes)
    if isinstance(stage, ProcessingStage) and stage.metrics:
        writes.append(naming.metrics_prefix(stage.name))
    found = [
        *permissions.read_objects(_prefixes(stage.reads), "Datasets", "read its datasets"),
        *permissions.write_objects(writes, "Datasets", "write its datasets"),
        permissions.read_assets([code.key], "its code"),
    ]
    if code.key.endswith("/"):
        found.append(permissions.list_objects([code.key], "Code", "its code", bucket=permissions.ASSETS))
    if isinstance(stage, TrainingStage) and stage.spot:
        found += _checkpoints(stage)
    return [
        *permissions.as_service_uploads(found),
        *permissions.pull_image(stage.framework),
        permissions.write_logs(group, "the job's log"),
        permissions.put_metrics(group),
    ]


def _checkpoints(stage: TrainingStage) -> list[Permission]:
    prefixes, what = [naming.checkpoint_prefix(stage)], "Checkpoints"
    again = "a training on spot was interrupted and is started again"
    return [
        *permissions.write_objects(prefixes, what, "save checkpoints"),
        permissions.get_objects(prefixes, what, "go on from checkpoints").only_when(again),
        permissions.list_objects(prefixes, what, "see whether there are checkpoints to go on from"),
    ]


def _gate(stage: GateStage) -> list[Permission]:
    judged = stage.condition.metric.stage
    what = f"MetricsOf{logical_id(judged)}"
    return [permissions.get_objects([naming.metrics_prefix(judged)], what, f"read the metrics of {judged}")]


def _register(workflow: str, stage: RegisterStage) -> list[Permission]:
    model = stage.reads[0]
    group, name = naming.model_group_name(workflow, model), naming.dataset_id(model, "")
    action = ("sagemaker:CreateModelPackage",)
    versions = Permission(
        f"MakeVersionOf{name}",
        action,
        (arn("sagemaker", f"model-package/{group}/*"),),
        f"register versions of {model.name}: the version itself",
    )
    return [
        Permission(
            f"Register{name}",
            action,
            (arn("sagemaker", f"model-package-group/{group}"),),
            f"register versions of {model.name} in its group",
        ),
        versions.on_aws_alone(
            "AWS decides on the group and on the version, whose number is not known before; here on the group"
        ),
        permissions.get_objects([model.prefix], name, "SageMaker checks a version's model with the caller's rights"),
    ]


def _start(
    stages: list[Stage], kind: type[Stage], sid: str, actions: tuple[str, ...], why: str, resource: str
) -> list[Permission]:
    ids = [naming.resource_id(stage) for stage in stages if isinstance(stage, kind)]
    return [Permission(sid, actions, tuple(resource % each for each in ids), why)] if ids else []


def _spark_jobs(workflow: str, stages: list[Stage]) -> list[Permission]:
    glue: list[Stage] = [each for each in stages if isinstance(each, SparkStage) and each.on_glue]
    weighed = [each for each in stages if isinstance(each, SparkStage) and each.engine == "auto"]
    found = [*_glue_jobs(glue), *serverless.machine_permissions(stages)]
    found += on_emr.caller_permissions(workflow, stages)
    if weighed:
        read = [prefix for stage in weighed for prefix in _prefixes(measured(stage))]
        found.append(permissions.list_objects(read, "Measured", "measure what stages read, to choose Glue or EMR"))
    return found


def clusters_permissions(workflow: str, stages: Iterable[Stage]) -> list[Permission]:
    """Return what the role of the machine that makes clusters may do; nothing where no stage runs on one."""
    held = on_clusters(stages)
    return [*on_emr.cluster_permissions(workflow, held), _log_delivery()] if held else []


def _glue_jobs(stages: list[Stage]) -> list[Permission]:
    actions = ("glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun")
    why = "run the Glue jobs and wait for them"
    listed = "Step Functions names it for .sync (Developer Guide, AWS Glue, 2026-11); here a run is looked at by its id"
    return [
        replace(each, aws_only={"glue:GetJobRuns": listed}, sometimes={"glue:BatchStopJobRun": _STOPPED})
        for each in _start(stages, SparkStage, "RunGlueJobs", actions, why, arn("glue", "job/${%s}"))
    ]


def _sagemaker(workflow: str, stages: list[Stage], kind: type[Stage], word: str) -> list[Permission]:
    prefixes = [naming.job_prefix(workflow, stage) for stage in stages if isinstance(stage, kind)]
    if not prefixes:
        return []
    jobs = tuple(arn("sagemaker", f"{word.lower()}-job/{prefix}-*") for prefix in prefixes)
    verbs = ("Create", "Describe", "Stop")
    actions = ("sagemaker:AddTags", "sagemaker:ListTags", *(f"sagemaker:{verb}{word}Job" for verb in verbs))
    events = Permission(
        f"WatchFor{word}Jobs",
        ("events:DescribeRule", "events:PutRule", "events:PutTargets"),
        (arn("events", f"rule/StepFunctionsGetEventsForSageMaker{word}JobsRule"),),
        f"learn when a {word.lower()} job ends: the rule that Step Functions itself keeps for .sync",
    )
    listed = "Step Functions names it for .sync (Developer Guide, Amazon SageMaker, 2026-11); here it asks for no tags"
    return [
        Permission(
            f"Run{word}Jobs",
            tuple(sorted(actions)),
            jobs,
            f"run the {word.lower()} jobs and wait for them",
            aws_only={"sagemaker:ListTags": listed},
            sometimes={f"sagemaker:Stop{word}Job": _STOPPED},
        ),
        events.on_aws_alone("Step Functions on AWS is told by EventBridge; here by the endpoint's own bus"),
    ]


def _log_delivery() -> Permission:
    actions = (
        *("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups"),
        *("logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries"),
        *("logs:PutResourcePolicy", "logs:UpdateLogDelivery"),
    )
    why = "execution history to CloudWatch Logs; log delivery has no resource level"
    return Permission("DeliverLogs", actions, ("*",), why).on_aws_alone(permissions.ENDPOINT_LOGS)


def _unique(found: list[Permission]) -> list[Permission]:
    kept: list[Permission] = []
    for permission in found:
        if permission not in kept:
            kept.append(permission)
    return kept
