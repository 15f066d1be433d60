"""The stages of a workflow: plain values that say what runs, what it reads and what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from headwater.workflow.lake import Dataset
from headwater.workflow.origin import Origin, caller

When = Literal["success", "always", "failure"]
Comparison = Literal[">=", ">", "<=", "<"]
Engine = Literal["auto", "emr", "emr-serverless", "glue"]
SPARK_ENGINES: tuple[Engine, ...] = ("auto", "emr", "emr-serverless", "glue")

# Glue's flexible execution takes these workers (Glue developer guide, "Flexible job runs", read 2026-11-25).
FLEX_WORKERS = ("G.1X", "G.2X")


@dataclass(frozen=True)
class Condition:
    """A metric against a threshold, as `evaluate.metric("auc") >= 0.68` makes it."""

    metric: Metric
    comparison: Comparison
    threshold: float


@dataclass(frozen=True, eq=False)
class Metric:
    """A number that a stage emits in its metrics file; comparing it gives a :class:`Condition`."""

    stage: str
    name: str
    origin: Origin

    def __ge__(self, threshold: float) -> Condition:
        return Condition(self, ">=", threshold)

    def __gt__(self, threshold: float) -> Condition:
        return Condition(self, ">", threshold)

    def __le__(self, threshold: float) -> Condition:
        return Condition(self, "<=", threshold)

    def __lt__(self, threshold: float) -> Condition:
        return Condition(self, "<", threshold)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What every stage has.

    Parameters
    ----------
    name:
        The stage's name, which is its state's name too.
    reads, writes:
        Datasets, in the order declared.
    after:
        Names of stages that data does not order before this one.
    timeout_s:
        The longest time that one attempt may take, in seconds.
    retries:
        How often a failed attempt is made again, beside the retries for transient errors that every stage has.
    """

    kind: ClassVar[str] = "stage"

    name: str
    reads: tuple[Dataset, ...] = ()
    writes: tuple[Dataset, ...] = ()
    after: tuple[str, ...] = ()
    timeout_s: int = 3600
    retries: int = 0
    origin: Origin = field(default=Origin("", 0), compare=False)

    def metric(self, name: str) -> Metric:
        """Name a number that this stage emits, to compare it for a gate."""
        return Metric(self.name, name, caller())


@dataclass(frozen=True, kw_only=True)
class ScriptStage(Stage):
    """A stage that runs a script of the project."""

    script: str


@dataclass(frozen=True, kw_only=True)
class FunctionStage(ScriptStage):
    """A Lambda function. ``handler`` is the name in the script; none means `handler`, else `lambda_handler`."""

    kind = "function"
    when: When = "success"
    handler: str | None = None
    memory_mb: int = 512
    requirements: str | None = None
    architecture: str = "x86_64"


@dataclass(frozen=True, kw_only=True)
class CrawlerStage(Stage):
    """A Glue crawler over the datasets it reads."""

    kind = "crawler"


@dataclass(frozen=True, kw_only=True)
class SparkStage(ScriptStage):
    """A Spark job on Glue, EMR Serverless or an EMR cluster of its own, or on Glue or EMR Serverless by its inputs."""

    kind = "spark"
    bookmark: bool = False
    flex: bool | None = None
    engine: Engine = "glue"
    emr_above_gb: float = 100
    emr_workers: int = 16
    emr_spot: bool = True
    worker_type: str = "G.1X"
    workers: int = 2

    @property
    def on_glue(self) -> bool:
        """Whether it runs on Glue, be it only where its inputs are small."""
        return self.engine in ("auto", "glue")

    @property
    def flexible(self) -> bool:
        """Whether Glue runs it on spare capacity: as declared, else wherever Glue allows it."""
        return self.worker_type in FLEX_WORKERS if self.flex is None else self.flex


@dataclass(frozen=True, kw_only=True)
class MachineStage(ScriptStage):
    """A SageMaker job: what processing and training share."""

    framework: str = "sklearn"
    instance_type: str = "ml.m5.large"
    instance_count: int = 1
    volume_gb: int = 30


@dataclass(frozen=True, kw_only=True)
class ProcessingStage(MachineStage):
    """A SageMaker processing job; ``metrics`` are the numbers in its metrics.json."""

    kind = "processing"
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricDefinition:
    """A number in a training's log: a field of its JSON lines, or what a regular expression finds in any line."""

    name: str
    regex: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingStage(MachineStage):
    """A SageMaker training job, on spot capacity with checkpoints unless said otherwise."""

    kind = "training"
    framework: str = "xgboost"
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    metric_definitions: tuple[MetricDefinition, ...] = ()
    spot: bool = True
    max_wait_s: int = 7200


@dataclass(frozen=True, kw_only=True)
class GateStage(Stage):
    """A condition that must hold for the run to go on."""

    kind = "gate"
    condition: Condition


@dataclass(frozen=True, kw_only=True)
class RegisterStage(Stage):
    """A new version of a model in its SageMaker model package group."""

    kind = "register"
    approve: bool = False
