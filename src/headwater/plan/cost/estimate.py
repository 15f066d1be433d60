"""From sizes, work and prices to an estimate, stage by stage, on demand and as planned.

*As planned* is with spare capacity where the plan asks for it: Glue's flexible price, and SageMaker's managed spot. AWS
publishes no price for the latter, only savings "up to 90%": what is taken off here is an assumption and said to be one.

"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from headwater.plan.cost.lines import Line, priced, stage_lines
from headwater.plan.cost.price_table import PriceTable
from headwater.plan.cost.sizes import Size
from headwater.plan.cost.work import Work
from headwater.plan.emr.machine import STATES_A_STEP

SPOT_SAVING = 0.5
# The kinds that read and write datasets themselves: gates and registrations only call an API.
_WORKERS = frozenset({"crawler", "function", "processing", "spark", "training"})
# What costs by the month, whether or not anything runs.
_STANDING = {
    "s3.gb_month": "S3 storage",
    "cloudwatch.alarm_month": "CloudWatch alarms",
    "cloudwatch.dashboard_month": "CloudWatch dashboards",
}
GB = 1e9
NEVER_KNOWN = "log volume, data transfer, KMS and other requests, and free tiers"


@dataclass(frozen=True)
class Estimate:
    """What a run would cost: ``measured`` says whether the work was measured or only assumed.

    What is `unpriced` is in no amount, and is among the `unknown`.
    """

    region: str
    prices_read: str
    measured: bool
    run: str
    lines: tuple[Line, ...]
    storage_usd_a_month: float | None
    alarms_usd_a_month: float | None
    dashboard_usd_a_month: float | None
    runs_a_month: float | None
    assumptions: tuple[str, ...]
    unpriced: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def on_demand_usd(self) -> float:
        """What the run costs on demand, as far as prices are known."""
        return sum(line.on_demand_usd or 0.0 for line in self.lines)

    @property
    def planned_usd(self) -> float:
        """What the run costs as planned, as far as prices are known."""
        return sum(line.planned_usd or 0.0 for line in self.lines)

    @property
    def planned_usd_a_month(self) -> float | None:
        """What the schedule's runs, the storage, alarms and dashboard cost a month; None without a schedule."""
        if self.runs_a_month is None:
            return None
        return self.planned_usd * self.runs_a_month + self.standing_usd_a_month

    @property
    def standing_usd_a_month(self) -> float:
        """What a month costs without any run, as far as prices are known: storage, alarms and dashboard."""
        parts = (self.storage_usd_a_month, self.alarms_usd_a_month, self.dashboard_usd_a_month)
        return sum(part or 0.0 for part in parts)

    def by_stage(self) -> dict[str, float]:
        """Return what each stage costs as planned, the dearest first."""
        found: dict[str, float] = {}
        for line in self.lines:
            found[line.stage] = found.get(line.stage, 0.0) + (line.planned_usd or 0.0)
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``headwater cost --json``."""
        totals = {"on_demand_usd": self.on_demand_usd, "planned_usd": self.planned_usd}
        return {**asdict(self), **totals, "planned_usd_a_month": self.planned_usd_a_month}


@dataclass(frozen=True)
class Reading:
    """A plan's part in an estimate: sizes by stage, which datasets each reads and writes, and what watches its runs."""

    sizes: Mapping[str, Size]
    reads: Mapping[str, tuple[str, ...]]
    writes: Mapping[str, tuple[str, ...]]
    runs_a_month: float | None
    alarms: int = 0
    dashboards: int = 0


def estimate(plan: Reading, work: Work, prices: PriceTable, spot_saving: float = SPOT_SAVING) -> Estimate:
    """Estimate what a run costs.

    Parameters
    ----------
    spot_saving:
        What SageMaker's managed spot is taken to save, from 0 to 1.
    """
    lines = [line for name, size in plan.sizes.items() for line in stage_lines(name, size, work, prices, spot_saving)]
    transition = prices.rate("states.transition")
    lines.append(priced("(state machine)", "Step Functions", work.transitions, "transitions", transition))
    lines += _requests(plan, work, prices)
    stored_gb = sum(size for _, size in work.stored.values()) / GB
    storage = prices.rate("s3.gb_month")
    alarm, dashboard = prices.rate("cloudwatch.alarm_month"), prices.rate("cloudwatch.dashboard_month")
    kept = [line for line in lines if line.quantity > 0]
    return Estimate(
        region=prices.region,
        prices_read=prices.read,
        measured=bool(work.run),
        run=work.run,
        lines=tuple(kept),
        storage_usd_a_month=None if storage is None else storage * stored_gb,
        alarms_usd_a_month=_standing(alarm, plan.alarms),
        dashboard_usd_a_month=_standing(dashboard, plan.dashboards),
        runs_a_month=plan.runs_a_month,
        assumptions=tuple(_assumptions(plan.sizes, work, spot_saving)),
        unpriced=(unpriced := tuple(_unpriced(kept, plan, prices))),
        unknown=(*unpriced, NEVER_KNOWN),
    )


def _standing(usd: float | None, number: int) -> float | None:
    return 0.0 if not number else None if usd is None else usd * number


def least_work(sizes: Mapping[str, Size]) -> Work:
    """Return the least that a run can do: one attempt a stage, of no length, for which AWS bills its minimum."""
    return _assumed(sizes, {name: 0.0 for name in sizes})


def most_work(sizes: Mapping[str, Size]) -> Work:
    """Return a run whose every stage takes as long as it may, once."""
    return _assumed(sizes, {name: float(size.timeout_s) for name, size in sizes.items()})


def _assumed(sizes: Mapping[str, Size], seconds: Mapping[str, float]) -> Work:
    on_emr = tuple(name for name, size in sizes.items() if size.engine in ("emr", "emr-serverless"))
    transitions = len(sizes) + STATES_A_STEP * sum(bool(size.fleets) for size in sizes.values())
    return Work("", {name: [each] for name, each in seconds.items()}, transitions, on_emr=on_emr)


def unmeasured(plan: Reading, prices: PriceTable, spot_saving: float = SPOT_SAVING) -> tuple[Estimate, Estimate]:
    """Estimate the least and the most that a run may cost when none was measured.

    A stage whose engine is chosen at run time counts at least by the cheaper engine, of those whose prices are all
    known, and at most by the dearer one. What is not known of either is named.
    """
    automatic = [name for name, size in plan.sizes.items() if size.engine == "auto"]
    found = []
    for on_glue, dearest in ((least_work(plan.sizes), False), (most_work(plan.sizes), True)):
        on_emr = replace(on_glue, on_emr=(*on_glue.on_emr, *automatic))
        moved = []
        for name in automatic:
            glue, emr = (_stage_usd(name, plan.sizes[name], each, prices, spot_saving) for each in (on_glue, on_emr))
            if emr.usd > glue.usd if dearest else emr < glue:
                moved.append(name)
        chosen = replace(on_glue, on_emr=(*on_glue.on_emr, *moved))
        either = [estimate(plan, each, prices, spot_saving).unpriced for each in (on_glue, on_emr)]
        unpriced = tuple(dict.fromkeys((*either[0], *either[1])))
        told = estimate(plan, chosen, prices, spot_saving)
        found.append(replace(told, unpriced=unpriced, unknown=(*unpriced, NEVER_KNOWN)))
    return found[0], found[1]


class _Amount(NamedTuple):
    """What is known of a stage's cost, to compare: an amount that lacks a price comes after any that does not."""

    incomplete: bool
    usd: float


def _stage_usd(name: str, size: Size, work: Work, prices: PriceTable, spot_saving: float) -> _Amount:
    usd = [line.planned_usd for line in stage_lines(name, size, work, prices, spot_saving) if line.quantity > 0]
    return _Amount(None in usd, sum(each or 0.0 for each in usd))


def _requests(plan: Reading, work: Work, prices: PriceTable) -> Iterator[Line]:
    """A PUT for each object written and a GET for each read, of each dataset that a stage that ran has."""
    for name, size in plan.sizes.items():
        if work.seconds.get(name) and size.kind in _WORKERS:
            puts = sum(work.stored.get(dataset, (0, 0))[0] for dataset in plan.writes.get(name, ()))
            gets = sum(work.stored.get(dataset, (0, 0))[0] for dataset in plan.reads.get(name, ()))
            yield priced(name, "S3", puts, "PUT requests", prices.rate("s3.put"))
            yield priced(name, "S3", gets, "GET requests", prices.rate("s3.get"))


def _assumptions(plan: Mapping[str, Size], work: Work, spot_saving: float) -> Iterator[str]:
    sizes = plan.values()
    if work.run:
        yield "a stage takes as long on AWS, on the machines planned, as it took here; start-up is not counted"
    if any(size.kind == "crawler" for size in sizes):
        yield "a crawl takes 2 DPUs, as in the example of Glue's pricing page, and is billed 10 minutes at least"
    if any(plan[name].capacity for name in work.on_emr if name in plan):
        yield "a job on EMR Serverless holds its driver and all of emr_workers for as long as it runs"
    if any(size.fleets for size in sizes):
        yield "an EMR cluster is billed while its step runs: not the minutes of its start, nor its nodes' disks"
    if any(size.engine == "auto" for size in sizes):
        measured = "runs where it ran in that run" if work.run else "may run on Glue or on EMR Serverless"
        yield f'a stage of engine="auto" {measured}'
    if any(size.spot for size in sizes):
        yield (f"spot saves {spot_saving:.0%}: AWS publishes no price, only savings of up to 90% (--spot-saving)")
    if any(size.flex for size in sizes):
        yield "a flexible Glue job is not interrupted"
    if work.stored:
        yield "S3 is asked once for each object that a stage reads or writes"


def _unpriced(lines: Iterable[Line], plan: Reading, prices: PriceTable) -> Iterator[str]:
    stages: dict[str, list[str]] = {}
    for line in lines:
        if line.on_demand_usd is None:
            stages.setdefault(f"the price of {line.unit} ({line.service}) in {prices.region}", []).append(line.stage)
    yield from (f"{text}, for {', '.join(dict.fromkeys(names))}" for text, names in stages.items())
    made = {"s3.gb_month": 1, "cloudwatch.alarm_month": plan.alarms, "cloudwatch.dashboard_month": plan.dashboards}
    for item, what in _STANDING.items():
        if made[item] and prices.rate(item) is None:
            yield f"the price of {what} in {prices.region}"
