"""What a plan must pass before it is deployed: each check raises, and then nothing is changed.

Add a check to :data:`CHECKS`; it is called with the plan and the cloud before the change set is made, whether a person
deploys or ``headwater run`` does so here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headwater.cloud.session import Cloud
    from headwater.plan.plan import Plan

Check = Callable[["Plan", "Cloud"], None]


def check_lake(plan: Plan, cloud: Cloud) -> None:
    """The lake's bucket is the account's own, or its name is free.

    Raises
    ------
    CloudError
        When another account has it.
    """
    from headwater.cloud.asset_store import bucket_exists

    bucket_exists(cloud, f"{plan.lake}-{cloud.account}-{cloud.region}", f"the bucket of the lake {plan.lake!r},")


CHECKS: tuple[Check, ...] = (check_lake,)


def check_plan(plan: Plan, cloud: Cloud) -> None:
    """Make every check; the first that fails raises a :class:`~headwater.errors.HeadwaterError`."""
    for check in CHECKS:
        check(plan, cloud)
