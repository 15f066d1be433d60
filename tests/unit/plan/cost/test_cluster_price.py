"""The price of a cluster's node: its parts from the table, and nothing where one is unknown."""

from __future__ import annotations

import pytest

from headwater.errors import UsageError
from headwater.plan.cost.cluster_price import ClusterPrice, cluster_price
from headwater.plan.cost.price_table import prices


def test_a_node_costs_what_ec2_and_emr_ask_for() -> None:
    found = cluster_price("m5.xlarge", "us-east-1")
    assert (found.ec2_usd, found.emr_usd) == (0.192, 0.048) and found.on_demand_usd == pytest.approx(0.24)
    assert found.spot_saving is None and found.spot_usd is None


def test_spot_saves_of_ec2s_price_only() -> None:
    assert ClusterPrice(1.0, 0.25, 0.7).spot_usd == pytest.approx(0.55)
    assert ClusterPrice(1.0, None, 0.7).spot_usd is None
    assert cluster_price("m5.xlarge", "ap-northeast-1") == ClusterPrice(None, None, 0.71)


def test_what_the_table_lacks_is_unknown() -> None:
    assert cluster_price("m6g.xlarge", "us-east-1") == ClusterPrice(0.154, None, None)
    assert cluster_price("m5.xlarge", "us-east-1").on_demand_usd is not None
    assert cluster_price("x9.huge", "us-east-1") == ClusterPrice(None, None, None)
    with pytest.raises(UsageError, match="no prices for region 'mars-1'"):
        cluster_price("m5.xlarge", "mars-1")


def test_figures_are_plausible() -> None:
    for item, (value, source) in prices("us-east-1").rates.items():
        if item.startswith("emr.hour."):  # at most a quarter of EC2's, and never more than 27 cents
            ec2 = prices("us-east-1").rate(item.replace("emr", "ec2", 1))
            assert ec2 is not None and value <= min(round(ec2 / 4, 3) + 0.001, 0.27), (item, source)
    saved = [value for item, (value, _) in prices("ap-northeast-1").rates.items() if "spot_saving" in item]
    assert saved and all(0 < value < 0.9 for value in saved)
