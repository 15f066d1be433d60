"""The prices in the package: a dated file with the source of every figure. What it lacks is unknown, never guessed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from headwater.errors import UsageError

TABLE = Path(__file__).with_name("prices.json")


@dataclass(frozen=True)
class PriceTable:
    """The on-demand prices of one region, in US dollars.

    Parameters
    ----------
    read:
        The date at which the figures were gathered, `YYYY-MM-DD`.
    rates:
        `glue.dpu_hour` and such → the price of one unit and its source.
    """

    region: str
    read: str
    rates: dict[str, tuple[float, str]]

    def rate(self, item: str) -> float | None:
        """Return the price of one unit in US dollars, None where the table has none."""
        found = self.rates.get(item)
        return None if found is None else found[0]


@cache
def prices(region: str) -> PriceTable:
    """Return the prices of a region.

    Raises
    ------
    UsageError
        If the table has no such region; the message names those that it has.
    """
    document = json.loads(TABLE.read_text())
    found = document["regions"].get(region)
    if found is None:
        known = ", ".join(sorted(document["regions"]))
        raise UsageError(f"there are no prices for region {region!r}; there are for {known}: choose one by --region")
    sources = document["sources"]
    rates = {item: (float(usd), str(sources[source])) for item, (usd, source) in found.items()}
    return PriceTable(region, document["read"], rates)
