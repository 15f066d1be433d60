"""What an hour of one node of an EMR cluster costs: EC2's price, EMR's on top of it, and what spot saves of EC2's.

The table has EC2's prices of the common families for us-east-1, EMR's for few types of that region, and savings on spot
for ap-northeast-1; EMR's price does not change with spot. Disks (EBS) are not in it.

Source: https://aws.amazon.com/emr/pricing/ (read 2026-11-25): "The Amazon EMR price is in addition to the Amazon EC2
price"; each figure's own source is in the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from headwater.plan.cost.price_table import prices


@dataclass(frozen=True)
class ClusterPrice:
    """The prices of one node, in US dollars an hour; None is unknown.

    Parameters
    ----------
    ec2_usd, emr_usd:
        EC2's price on demand, and EMR's.
    spot_saving:
        What spot saves of EC2's price, from 0 to 1, as AWS's Spot Instance Advisor has it. It changes all the time.
    """

    ec2_usd: float | None
    emr_usd: float | None
    spot_saving: float | None

    @property
    def on_demand_usd(self) -> float | None:
        """The node on demand; None where a part is unknown."""
        return None if self.ec2_usd is None or self.emr_usd is None else self.ec2_usd + self.emr_usd

    @property
    def spot_usd(self) -> float | None:
        """The node on spot; None where a part is unknown."""
        if self.ec2_usd is None or self.emr_usd is None or self.spot_saving is None:
            return None
        return self.ec2_usd * (1 - self.spot_saving) + self.emr_usd


def cluster_price(instance_type: str, region: str) -> ClusterPrice:
    """Return the prices of a node of a type, `m5.xlarge` say, with None for what the table lacks.

    Raises
    ------
    UsageError
        If the table has no such region.
    """
    rate = prices(region).rate
    parts = ("ec2.hour", "emr.hour", "ec2.spot_saving")
    return ClusterPrice(*(rate(f"{part}.{instance_type}") for part in parts))
