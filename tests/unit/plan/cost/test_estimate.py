"""Estimates, against figures worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from headwater.errors import UsageError
from headwater.plan.cost.estimate import Estimate, Reading, estimate, least_work, unmeasured
from headwater.plan.cost.price_table import TABLE, prices
from headwater.plan.cost.sizes import Size
from headwater.plan.cost.work import Work
from headwater.plan.emr.serverless import Capacity

SPARK = Size("spark", 7200, dpus=2, worker_type="G.1X", flex=True)
FIT = Size("training", 3600, instance_type="ml.m5.large", instance_count=2, volume_gb=30, spot=True)


def cost(size: Size, *seconds: float, region: str = "us-east-1", saving: float = 0.5) -> Estimate:
    plan = Reading({"a": size}, {"a": ("in",)}, {"a": ("out",)}, None)
    return estimate(plan, Work("run", {"a": list(seconds)}, 0), prices(region), saving)


@pytest.mark.parametrize(
    ("size", "seconds", "on_demand_usd", "planned_usd"),
    [
        (SPARK, [1800.0], 2 * 0.5 * 0.44, 2 * 0.5 * 0.29),
        (SPARK, [3.2], 2 / 60 * 0.44, 2 / 60 * 0.29),  # a minute at least
        (SPARK, [3.0, 90.4], 2 * (60 + 91) / 3600 * 0.44, 2 * (60 + 91) / 3600 * 0.29),  # a failed attempt is billed
        (Size("crawler", 3600, dpus=2), [20.0], 2 / 6 * 0.44, 2 / 6 * 0.44),  # ten minutes at least
        (Size("crawler", 3600, dpus=2), [1800.0], 0.44, 0.44),
        (FIT, [900.0], 2 * 0.25 * 0.115, 2 * 0.25 * 0.115 / 2),
        (Size("processing", 60, instance_type="ml.m5.xlarge", instance_count=1), [3599.5], 0.23, 0.23),
        (
            Size("function", 300, memory_mb=512, architecture="x86_64"),
            [1.2341],
            1.235 * 0.5 * 0.0000166667 + 2e-7,
            1.235 * 0.5 * 0.0000166667 + 2e-7,
        ),
        (Size("gate", 60), [1.0], 0.0, 0.0),
    ],
)
def test_what_a_stage_costs(size: Size, seconds: list[float], on_demand_usd: float, planned_usd: float) -> None:
    found = cost(size, *seconds)
    assert found.on_demand_usd == pytest.approx(on_demand_usd) and found.planned_usd == pytest.approx(planned_usd)


def test_a_whole_run_with_its_requests_its_month_and_its_dearest_stage() -> None:
    plan = Reading({"a": SPARK, "b": FIT}, {"a": ("raw",)}, {"a": ("out",)}, 2.0, alarms=3, dashboards=1)
    stored = {"raw": (1000, 2_000_000_000), "out": (100, 500_000_000)}
    found = estimate(plan, Work("r", {"a": [3600.0], "b": [1800.0]}, 400, stored), prices("us-east-1"), 0.7)
    requests = 100 * 0.000005 + 1000 * 0.0000004
    assert found.planned_usd == pytest.approx(2 * 0.29 + 2 * 0.5 * 0.115 * 0.3 + 400 * 0.000025 + requests)
    assert found.storage_usd_a_month == pytest.approx(2.5 * 0.023)
    assert found.planned_usd_a_month == pytest.approx(2 * found.planned_usd + 2.5 * 0.023 + 3 * 0.1 + 3)
    assert list(found.by_stage()) == ["a", "b", "(state machine)"]
    assert any("spot saves 70%" in text for text in found.assumptions)
    assert json.loads(json.dumps(found.to_json()))["planned_usd"] == pytest.approx(found.planned_usd)


def test_what_is_not_known_is_named_and_not_guessed() -> None:
    found = cost(Size("training", 60, instance_type="ml.x9.huge", instance_count=1, spot=True), 60.0)
    assert found.on_demand_usd == 0 and found.lines[0].on_demand_usd is None and found.lines[0].planned_usd is None
    assert "the price of hours of ml.x9.huge (SageMaker training, spot) in us-east-1, for a" in found.unknown
    memory = cost(Size("spark", 60, dpus=None, worker_type="R.1X"), 60.0)
    assert any("R.1X workers" in text for text in memory.unknown)
    with pytest.raises(UsageError, match="no prices for region 'mars'; there are for .*us-east-1"):
        prices("mars")


def test_a_stage_that_did_not_run_costs_nothing() -> None:
    assert cost(SPARK).lines == ()


# 25 workers of 4 vCPU and 30 GB, with 100 GB of disk each, of which 80 are charged.
AUTO = replace(SPARK, engine="auto", capacity=Capacity(25, 100, 750, 2500))


def test_a_spark_stage_that_ran_on_emr_is_priced_by_what_its_job_holds_there() -> None:
    plan = Reading({"a": AUTO}, {}, {}, None)
    found = estimate(plan, Work("run", {"a": [1800.0]}, 0, on_emr=("a",)), prices("ap-southeast-1"))
    # Half an hour: 50 vCPU-hours, 375 GB-hours of memory, 1,000 GB-hours of disk.
    assert found.on_demand_usd == pytest.approx(50 * 0.065728 + 375 * 0.007189 + 1000 * 0.000133)
    assert [line.quantity for line in found.lines] == pytest.approx([50, 375, 1000])
    virginia = estimate(plan, Work("run", {"a": [3.0]}, 0, on_emr=("a",)), prices("us-east-1"))
    assert virginia.planned_usd == pytest.approx((100 * 0.052624 + 750 * 0.0057785) / 60)  # a minute at least
    assert "the price of GB-hours of disk (EMR Serverless) in us-east-1, for a" in virginia.unknown
    assert any("runs where it ran" in text for text in virginia.assumptions)
    on_glue = estimate(plan, Work("run", {"a": [1800.0]}, 0), prices("us-east-1"))
    assert on_glue.planned_usd == pytest.approx(2 * 0.5 * 0.29)


def test_a_stage_that_left_emr_since_its_run_is_not_priced_as_glue() -> None:
    work = Work("run", {"a": [60.0]}, 0, on_emr=("a",))
    found = estimate(Reading({"a": SPARK}, {}, {}, None), work, prices("us-east-1"))
    assert found.on_demand_usd == 0 and "on EMR" in found.unknown[0]


def test_without_a_run_an_automatic_engine_is_a_range_of_both() -> None:
    table = prices("ap-southeast-1")
    small = replace(AUTO, dpus=200, capacity=Capacity(2, 2, 4, 40))
    least, most = unmeasured(Reading({"a": AUTO, "b": small}, {}, {}, None), table)
    dpu_hour, flex = table.rate("glue.dpu_hour"), table.rate("glue.flex_dpu_hour")
    assert dpu_hour is not None
    glue_usd = flex or dpu_hour
    small_usd = (2 * 0.065728 + 4 * 0.007189) / 60
    assert least.planned_usd == pytest.approx(2 / 60 * glue_usd + small_usd + 2 * table.rates["states.transition"][0])
    large_usd = 2 * (100 * 0.065728 + 750 * 0.007189 + 2000 * 0.000133)
    assert most.planned_usd == pytest.approx(large_usd + 2 * 200 * glue_usd + 2 * table.rates["states.transition"][0])
    virginia = unmeasured(Reading({"a": AUTO}, {}, {}, None), prices("us-east-1"))
    bound = 2 * (100 * 0.052624 + 750 * 0.0057785) + 0.000025  # the disk's price is not known: at least that
    assert virginia[1].planned_usd == pytest.approx(bound)
    assert virginia[0].planned_usd == pytest.approx(2 / 60 * 0.29 + 0.000025)
    oregon = unmeasured(Reading({"a": AUTO}, {}, {}, None), prices("us-west-2"))
    for found in (*virginia, *oregon):
        assert any("disk (EMR Serverless)" in text for text in found.unknown)
    assert [line.service for line in oregon[1].lines] == ["Glue, flexible", "Step Functions"]


def test_a_planned_job_on_emr_serverless_is_not_estimated_as_glue() -> None:
    least, most = unmeasured(Reading({"a": replace(AUTO, engine="emr-serverless")}, {}, {}, None), prices("us-east-1"))
    assert {line.service for line in (*least.lines, *most.lines)} == {"EMR Serverless", "Step Functions"}


def test_work_that_is_only_assumed_is_marked() -> None:
    sizes = {"a": SPARK, "c": Size("crawler", 3600, dpus=2)}
    found = estimate(Reading(sizes, {}, {}, None), least_work(sizes), prices("us-east-1"))
    assert not found.measured and found.planned_usd == pytest.approx(2 / 60 * 0.29 + 2 / 6 * 0.44 + 2 * 0.000025)


def test_work_is_kept_as_it_was() -> None:
    work = Work("r", {"a": [1.5, 2.0]}, 3, {"raw": (1, 2)}, ("a",))
    assert Work.from_json(json.loads(json.dumps(work.to_json()))) == work


def test_every_price_has_its_source() -> None:
    table = json.loads(TABLE.read_text())
    used = {source for rates in table["regions"].values() for _, source in rates.values()}
    assert used == set(table["sources"]) and len(table["regions"]) >= 6
    assert all(usd > 0 for rates in table["regions"].values() for usd, _ in rates.values())


def test_what_a_regions_alarms_cost_is_named_where_it_is_not_known() -> None:
    plan = Reading({"a": SPARK}, {}, {}, 1.0, alarms=3, dashboards=1)
    found = estimate(plan, Work("r", {"a": [3600.0]}, 0), prices("eu-west-1"))
    assert found.alarms_usd_a_month is None
    assert "the price of CloudWatch alarms in eu-west-1" in found.unknown
