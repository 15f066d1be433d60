"""Every mistake of a declaration, found before anything runs, all of them at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from headwater.errors import Mistake
from headwater.workflow import names, order
from headwater.workflow.checkpoints import checkpoint_mistakes
from headwater.workflow.engines import engine_mistakes
from headwater.workflow.lake import FORMATS, Dataset
from headwater.workflow.limits import knob_mistakes
from headwater.workflow.metrics import metric_mistakes
from headwater.workflow.origin import Origin
from headwater.workflow.schedule import schedule_mistake
from headwater.workflow.requirements import requirement_mistakes
from headwater.workflow.scripts import script_mistakes
from headwater.workflow.stages import (
    Condition,
    CrawlerStage,
    FunctionStage,
    GateStage,
    ProcessingStage,
    RegisterStage,
    ScriptStage,
    SparkStage,
    Stage,
    TrainingStage,
)

if TYPE_CHECKING:
    from headwater.workflow.workflow import Workflow

Found = Iterator[tuple[Origin, str]]

# What Headwater itself passes to scripts, beside <DATASET>_PATH.
RESERVED_PARAMETERS = (
    *("DATABASE", "DATA_ONLY", "HEADWATER_STAGE", "HEADWATER_WORKFLOW", "JOB_NAME", "S3_BUCKET", "TempDir", "id"),
    "start",
)

# Names that the state machine's helper states and roles begin with.
RESERVED_STAGES = ("elasticmapreduce", "headwater", "scheduler", "spark-clusters", "states")


def find_mistakes(workflow: Workflow) -> list[Mistake]:
    """Return every mistake of the workflow, in the order of its lines, each once."""
    checks: tuple[Callable[[Workflow], Found], ...] = (
        _workflow_names,
        _parameters,
        _datasets,
        _stage_names,
        _knobs,
        _scripts,
        _writers,
        _readers,
        _shapes,
        _gates,
        _afters,
        _cycle,
    )
    found = [Mistake(at.file, at.line, text) for check in checks for at, text in check(workflow)]
    return sorted({*found, *workflow.noted})


def _workflow_names(workflow: Workflow) -> Found:
    at = workflow.origin
    if not names.WORKFLOW.allows(workflow.name):
        yield at, f"workflow name {workflow.name!r}: {names.WORKFLOW.rule}"
    if not names.LAKE.allows(workflow.lake.name):
        yield workflow.lake.origin, f"lake name {workflow.lake.name!r}: {names.LAKE.rule}"
    for key, value in workflow.tags.items():
        if not names.TAG_KEY.allows(key):
            yield at, f"tag key {key!r}: {names.TAG_KEY.rule}"
        if not names.TAG_VALUE.allows(value):
            yield at, f"tag {key!r} has the value {value!r}: {names.TAG_VALUE.rule}"
    if len(workflow.tags) > 45:
        yield at, f"{len(workflow.tags)} tags: AWS takes 50 a resource, and Headwater adds some of its own; keep to 45"
    if (budget := workflow.budget_usd) is not None and not _is_amount(budget):
        yield at, f"budget_usd={budget!r}: expected a number of US dollars above 0"
    for subnet in workflow.subnet_ids:
        if not re.fullmatch(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})", str(subnet)):
            yield at, f"subnet_ids: {subnet!r}: expected the id of a subnet, as subnet-0123456789abcdef0"
    if workflow.schedule is not None and (text := schedule_mistake(workflow.schedule)):
        yield at, text


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


def _parameters(workflow: Workflow) -> Found:
    taken = {f"{dataset.name}_PATH".upper(): dataset.name for dataset in workflow.lake.datasets}
    for name, default in workflow.parameters.items():
        if not names.PARAMETER.allows(name):
            yield workflow.origin, f"parameter {name!r}: {names.PARAMETER.rule}"
        elif name in RESERVED_PARAMETERS:
            yield workflow.origin, f"parameter {name!r}: Headwater passes its own; choose another name"
        elif name in taken:
            yield workflow.origin, f"parameter {name!r}: it is where dataset {taken[name]!r} lies; choose another name"
        if not isinstance(default, str | int | float | bool):
            yield workflow.origin, f"parameter {name!r}: expected a string, number or boolean, got {default!r}"


def _datasets(workflow: Workflow) -> Found:
    first: dict[str, Dataset] = {}
    for dataset in workflow.lake.datasets:
        where = dataset.origin
        if not names.DATASET.allows(dataset.name):
            yield where, f"dataset name {dataset.name!r}: {names.DATASET.rule}"
        earlier = first.setdefault(str(dataset.name), dataset)
        if earlier is not dataset:
            yield where, f"dataset {dataset.name!r} is declared already, at line {earlier.origin.line}"
        if dataset.zone != "model" and dataset.format not in FORMATS:
            yield where, f"dataset {dataset.name!r}: format={dataset.format!r}, expected one of {', '.join(FORMATS)}"
        columns = [*dataset.partitions, *(column for column, _ in dataset.schema)]
        for column in columns:
            if not names.COLUMN.allows(column):
                yield where, f"dataset {dataset.name!r}: column {column!r}: {names.COLUMN.rule}"
        for column in sorted({str(column) for column in columns if columns.count(column) > 1}):
            yield where, f"dataset {dataset.name!r}: column {column!r} is there twice (a partition is no schema column)"


def _stage_names(workflow: Workflow) -> Found:
    if not workflow.stages:
        yield workflow.origin, f"workflow {workflow.name!r} has no stages"
    first: dict[str, Stage] = {}
    for stage in workflow.stages:
        if not names.STAGE.allows(stage.name):
            yield stage.origin, f"stage name {stage.name!r}: {names.STAGE.rule}"
            continue
        if names.slug(stage.name) in RESERVED_STAGES:
            yield stage.origin, f"stage name {stage.name!r}: Headwater names its own states or roles so; choose another"
        earlier = first.setdefault(names.slug(stage.name).replace("-", ""), stage)
        if earlier is not stage:
            clash = "is declared already" if earlier.name == stage.name else f"would share names with {earlier.name!r}"
            yield stage.origin, f"stage {stage.name!r} {clash}, at line {earlier.origin.line}"


def _knobs(workflow: Workflow) -> Found:
    for stage in workflow.stages:
        for text in knob_mistakes(stage):
            yield stage.origin, f"stage {stage.name!r}: {text}"


def _scripts(workflow: Workflow) -> Found:
    for stage in workflow.stages:
        if isinstance(stage, ScriptStage):
            found = [*script_mistakes(workflow.root, stage), *requirement_mistakes(workflow.root, stage)]
            if isinstance(stage, SparkStage) and not found:
                found += engine_mistakes(workflow.root, stage)
            for text in found:
                yield stage.origin, f"stage {stage.name!r}: {text}"
            if isinstance(stage, TrainingStage):
                for text in checkpoint_mistakes(workflow.root, stage):
                    yield stage.origin, f"stage {stage.name!r}: {text}"


def _writers(workflow: Workflow) -> Found:
    writer: dict[Dataset, Stage] = {}
    for stage in workflow.stages:
        for dataset in stage.writes:
            earlier = writer.setdefault(dataset, stage)
            if earlier is not stage:
                yield stage.origin, (
                    f"dataset {dataset.name!r} is written by {stage.name!r} and, at line {earlier.origin.line}, by "
                    f"{earlier.name!r}: one stage writes a dataset; declare a dataset for each"
                )
            if dataset.zone == "raw":
                yield stage.origin, f"stage {stage.name!r} writes raw {dataset.name!r}: raw data comes from outside"
        for dataset in {*stage.reads, *stage.writes}:
            if dataset.lake != workflow.lake.name:
                yield stage.origin, f"stage {stage.name!r}: {dataset.name!r} is of another lake, {dataset.lake!r}"


def _readers(workflow: Workflow) -> Found:
    placed = {dataset for stage in order.ordered_stages(workflow.stages) for dataset in stage.writes}
    final = {dataset: stage for stage in workflow.stages if order.is_final(stage) for dataset in stage.writes}
    for stage in workflow.stages:
        for dataset in stage.reads:
            if dataset.zone == "raw" or dataset in placed:
                continue
            if dataset in final:
                why = f"is written only by {final[dataset].name!r}, which runs when all else has ended"
            else:
                why = "is never written: add the stage that writes it, or declare it with lake.raw(…)"
            yield stage.origin, f"stage {stage.name!r} reads {dataset.name!r}, which {why}"


def _shapes(workflow: Workflow) -> Found:
    for stage in workflow.stages:
        for text in _shape(stage):
            yield stage.origin, f"stage {stage.name!r}: {text}"


def _shape(stage: Stage) -> Iterator[str]:
    models = [dataset.name for dataset in stage.writes if dataset.zone == "model"]
    if isinstance(stage, TrainingStage):
        if len(stage.writes) != 1 or not models:
            yield f"a training writes exactly one lake.model(…), got {_listed(d.name for d in stage.writes)}"
        if not 1 <= len(stage.reads) <= 20:
            yield f"SageMaker takes 1 to 20 channels, got {len(stage.reads)} datasets to read"
    elif models:
        yield f"only a training writes a model, got {_listed(models)}"
    if isinstance(stage, CrawlerStage):
        yield from (f"{d.name!r} is a model, which no crawler reads" for d in stage.reads if d.zone == "model")
        if not stage.reads:
            yield "a crawler needs datasets to crawl: reads=…"
    if isinstance(stage, RegisterStage):
        yield from (f"{d.name!r} is no model: declare it with lake.model(…)" for d in stage.reads if d.zone != "model")
    if isinstance(stage, ProcessingStage):
        yield from _processing_shape(stage)
    yield from metric_mistakes(stage)


def _processing_shape(stage: ProcessingStage) -> Iterator[str]:
    if any(dataset.name == "code" for dataset in stage.reads):
        yield "it reads a dataset named 'code', which is the folder of its script"
    if any(dataset.name == "metrics" for dataset in stage.writes):
        yield "it writes a dataset named 'metrics', which is the folder of its metrics file"
    if len(stage.reads) > 9 or len(stage.writes) > 9:
        yield "SageMaker takes 10 inputs and 10 outputs a job, and one of each is Headwater's: at most 9 datasets"


def _gates(workflow: Workflow) -> Found:
    by_name = {stage.name: stage for stage in workflow.stages}
    for gate in workflow.stages:
        if not isinstance(gate, GateStage) or not isinstance(gate.condition, Condition):
            continue
        metric, threshold = gate.condition.metric, gate.condition.threshold
        emitted = getattr(by_name.get(metric.stage), "metrics", ())
        if metric.name not in emitted:
            what = f"{metric.stage!r} emits {_listed(emitted)}" if emitted else f"{metric.stage!r} emits no metrics"
            mend = _did_you_mean(metric.name, emitted) or f"add metrics=[{metric.name!r}] to the processing stage"
            yield gate.origin, f"gate {gate.name!r} asks for metric {metric.name!r}, but {what}; {mend}"
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or threshold != threshold:
            yield gate.origin, f"gate {gate.name!r}: the threshold must be a number, got {threshold!r}"


def _afters(workflow: Workflow) -> Found:
    by_name = {stage.name: stage for stage in workflow.stages}
    for stage in workflow.stages:
        if stage.after and order.is_final(stage):
            when = stage.when if isinstance(stage, FunctionStage) else ""
            yield stage.origin, f"stage {stage.name!r}: when={when!r} runs when all else has ended; leave out after="
        for name in stage.after:
            if name not in by_name:
                mend = _did_you_mean(name, by_name) or f"the stages are {_listed(by_name)}"
                yield stage.origin, f"stage {stage.name!r}: after={name!r} is no stage; {mend}"
            elif order.is_final(by_name[name]):
                yield stage.origin, f"stage {stage.name!r}: after={name!r} runs when all else has ended"


def _cycle(workflow: Workflow) -> Found:
    placed = order.ordered_stages(workflow.stages)
    found = order.edges(workflow.stages)
    reasons = {(edge.before, edge.after): edge.reason for edge in reversed(found)}
    for cycle in order.find_cycles(order.predecessors(placed, found)):
        steps = [
            f"{after!r} follows {before!r} ({reasons[before, after]})"
            for before, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True)
        ]
        at = next(stage.origin for stage in placed if stage.name == cycle[0])
        yield at, f"the stages go round in a circle: {'; '.join(steps)}"


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean {close[0]!r}?" if close else ""


def _listed(items: Iterable[str]) -> str:
    return ", ".join(repr(item) for item in items) or "none"
