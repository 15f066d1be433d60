"""What AWS bills for a stage that ran: Glue, EMR, Lambda and SageMaker.

A job on EMR Serverless is taken to hold its driver and all the executors that it may have for as long as it runs:
dynamic allocation may give it fewer. Of each worker's disk, what is above 20 GB is charged
(https://aws.amazon.com/emr/pricing/).

A cluster is taken to be billed for as long as its step runs, each node at the price of the first instance type of its
fleet: EC2's, on spot less the saving, and EMR's on top of it.

What AWS bills at least is billed here: a minute for a Glue job and for each worker or node of EMR, ten minutes for a
crawl (https://aws.amazon.com/glue/pricing/), a millisecond for a function (https://aws.amazon.com/lambda/pricing/), a
second for a SageMaker job. A custom metric is billed for each hour in which it gets a value
(https://aws.amazon.com/cloudwatch/pricing/).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from headwater.plan.cost.frequency import HOURS_A_MONTH
from headwater.plan.cost.price_table import PriceTable
from headwater.plan.cost.sizes import Size
from headwater.plan.cost.work import Work
from headwater.plan.emr.fleets import Fleet
from headwater.plan.emr.serverless import Capacity

GLUE_LEAST_S, EMR_LEAST_S, CRAWL_LEAST_S = 60, 60, 600
EMR_FREE_DISK_GB = 20


@dataclass(frozen=True)
class Line:
    """One thing that AWS bills for a stage; a price of None is not known.

    Parameters
    ----------
    quantity, unit:
        How much of it, as 0.067 DPU-hours.
    on_demand_usd, planned_usd:
        What it costs a run on demand, and as planned.
    """

    stage: str
    service: str
    quantity: float
    unit: str
    on_demand_usd: float | None
    planned_usd: float | None


def priced(
    stage: str, service: str, quantity: float, unit: str, usd: float | None, planned: float | None = None
) -> Line:
    """A line of so much of a unit at a price, and at another as planned where there is one."""
    on_demand = None if usd is None else quantity * usd
    return Line(stage, service, quantity, unit, on_demand, on_demand if planned is None else quantity * planned)


def stage_lines(name: str, size: Size, work: Work, prices: PriceTable, spot_saving: float) -> Iterator[Line]:
    """The lines of a stage's attempts; none where it did not run."""
    attempts = work.seconds.get(name, [])
    if not attempts:
        return
    if size.fleets:
        yield from _cluster(name, size.fleets, attempts, prices, spot_saving)
    elif name in work.on_emr and size.capacity is not None:
        yield from _serverless(name, size.capacity, attempts, prices)
    elif name in work.on_emr:
        yield priced(name, "EMR", sum(attempts) / 3600, "hours of a job on EMR, which the plan no longer has", None)
    elif size.kind == "spark":
        yield _glue_job(name, size, attempts, prices)
    elif size.kind == "crawler":
        hours = sum(max(seconds, CRAWL_LEAST_S) for seconds in attempts) / 3600
        yield priced(name, "Glue crawler", (size.dpus or 0) * hours, "DPU-hours", prices.rate("glue.crawler_dpu_hour"))
    elif size.kind == "function":
        yield from _function(name, size, attempts, prices)
    elif size.kind in ("processing", "training"):
        yield from _machines(name, size, attempts, prices, spot_saving)


def _serverless(name: str, capacity: Capacity, attempts: list[float], prices: PriceTable) -> Iterator[Line]:
    hours = sum(max(math.ceil(seconds), EMR_LEAST_S) for seconds in attempts) / 3600
    charged_gb = max(capacity.disk_gb - capacity.workers * EMR_FREE_DISK_GB, 0)
    for held, unit, item in (
        (capacity.vcpus, "vCPU-hours", "vcpu_hour"),
        (capacity.memory_gb, "GB-hours of memory", "gb_hour"),
        (charged_gb, "GB-hours of disk", "storage_gb_hour"),
    ):
        yield priced(name, "EMR Serverless", held * hours, unit, prices.rate(f"emr_serverless.{item}"))


def _cluster(
    name: str, fleets: tuple[Fleet, ...], attempts: list[float], prices: PriceTable, saving: float
) -> Iterator[Line]:
    hours = sum(max(math.ceil(seconds), EMR_LEAST_S) for seconds in attempts) / 3600
    for spot in (False, True):
        if nodes := sum(fleet.instances for fleet in fleets if fleet.spot == spot):
            kind = fleets[0].instance_types[0]
            usd = prices.rate(f"ec2.hour.{kind}")
            planned = usd * (1 - saving) if usd is not None and spot else None
            service = "EC2 of an EMR cluster, spot" if spot else "EC2 of an EMR cluster"
            yield priced(name, service, nodes * hours, f"hours of {kind}", usd, planned)
            yield priced(name, "EMR", nodes * hours, f"hours of {kind}", prices.rate(f"emr.hour.{kind}"))


def _glue_job(name: str, size: Size, attempts: list[float], prices: PriceTable) -> Line:
    hours = sum(max(math.ceil(seconds), GLUE_LEAST_S) for seconds in attempts) / 3600
    if size.dpus is None:
        return priced(name, "Glue", hours, f"hours of {size.worker_type} workers", None)
    flex = prices.rate("glue.flex_dpu_hour") if size.flex else None
    service = "Glue, flexible" if size.flex else "Glue"
    return priced(name, service, size.dpus * hours, "DPU-hours", prices.rate("glue.dpu_hour"), flex)


def _function(name: str, size: Size, attempts: list[float], prices: PriceTable) -> Iterator[Line]:
    billed_s = sum(max(math.ceil(seconds * 1000), 1) for seconds in attempts) / 1000
    rate = prices.rate(f"lambda.gb_second.{size.architecture}")
    yield priced(name, "Lambda", billed_s * size.memory_mb / 1024, "GB-seconds", rate)
    yield priced(name, "Lambda", len(attempts), "requests", prices.rate("lambda.request"))


def _machines(name: str, size: Size, attempts: list[float], prices: PriceTable, saving: float) -> Iterator[Line]:
    hours = sum(max(math.ceil(seconds), 1) for seconds in attempts) / 3600 * size.instance_count
    usd = prices.rate(f"sagemaker.{size.kind}.{size.instance_type}")
    planned = usd * (1 - saving) if usd is not None and size.spot else None
    service = f"SageMaker {size.kind}" + (", spot" if size.spot else "")
    yield priced(name, service, hours, f"hours of {size.instance_type}", usd, planned)
    volumes = prices.rate(f"sagemaker.{size.kind}.storage_gb_month")
    yield priced(name, f"SageMaker {size.kind}", size.volume_gb * hours / HOURS_A_MONTH, "GB-months of disk", volumes)
    metric = prices.rate("cloudwatch.metric_month")
    metric_hours = size.metrics * sum(max(math.ceil(seconds / 3600), 1) for seconds in attempts)
    hourly = None if metric is None else metric / HOURS_A_MONTH
    yield priced(name, "CloudWatch", metric_hours, "hours of custom metrics", hourly)
