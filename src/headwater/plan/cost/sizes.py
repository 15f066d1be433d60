"""What each stage occupies on AWS: as much of its declaration as its price depends on."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.plan.emr.fleets import Fleet, fleets
from headwater.plan.emr.serverless import ENGINES, Capacity, capacity_of
from headwater.workflow.metrics import logged_metrics
from headwater.workflow.stages import CrawlerStage, FunctionStage, MachineStage, SparkStage, Stage, TrainingStage

# DPUs of a worker (Glue developer guide, "Defining job properties", read 2026-11-25). R.* are memory-optimised: their
# M-DPU has a price of its own, which the table lacks.
DPUS = {"G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8, "G.12X": 12, "G.16X": 16}
# AWS decides how many DPUs a crawl takes. Glue's own example of its price (https://aws.amazon.com/glue/pricing/) has 2.
CRAWLER_DPUS = 2


@dataclass(frozen=True)
class Size:
    """The size of a stage: the members that its kind has.

    Parameters
    ----------
    engine:
        Where a Spark stage is planned: `glue`, `emr`, `emr-serverless`, or `auto` for the one that its inputs ask for.
    capacity:
        What its job would hold on EMR Serverless, for a stage that may run there.
    metrics:
        How many custom metrics its log gives.
    fleets:
        The instances of its cluster, for a stage that has one.
    """

    kind: str
    timeout_s: int
    dpus: int | None = None
    worker_type: str = ""
    flex: bool = False
    engine: str = "glue"
    capacity: Capacity | None = None
    fleets: tuple[Fleet, ...] = ()
    instance_type: str = ""
    instance_count: int = 0
    volume_gb: int = 0
    spot: bool = False
    memory_mb: int = 0
    architecture: str = ""
    metrics: int = 0


def size_of(stage: Stage) -> Size:
    """Return the size of a stage."""
    kind, timeout_s = stage.kind, stage.timeout_s
    if isinstance(stage, SparkStage):
        dpus = DPUS[stage.worker_type] * stage.workers if stage.worker_type in DPUS else None
        capacity = capacity_of(stage) if stage.engine in ENGINES else None
        cluster = fleets(stage) if stage.engine == "emr" else ()
        return Size(
            kind,
            timeout_s,
            dpus=dpus,
            worker_type=stage.worker_type,
            flex=stage.flexible and stage.engine in ("auto", "glue"),
            engine=stage.engine,
            capacity=capacity,
            fleets=cluster,
            spot=any(fleet.spot for fleet in cluster),
        )
    if isinstance(stage, CrawlerStage):
        return Size(kind, timeout_s, dpus=CRAWLER_DPUS)
    if isinstance(stage, MachineStage):
        spot = isinstance(stage, TrainingStage) and stage.spot
        return Size(
            kind,
            timeout_s,
            instance_type=stage.instance_type,
            instance_count=stage.instance_count,
            volume_gb=stage.volume_gb,
            spot=spot,
            metrics=len(logged_metrics(stage)),
        )
    if isinstance(stage, FunctionStage):
        return Size(kind, timeout_s, memory_mb=stage.memory_mb, architecture=stage.architecture)
    return Size(kind, timeout_s)
