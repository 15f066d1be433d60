"""What the model sees of a flight: only what is known before it departs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LABEL = "late"
CATEGORIES = ("carrier", "dest", "origin")
NUMBERS = (
    "arr_minute",
    "block_min",
    "day_of_week",
    "dep_minute",
    "dest_lat",
    "dest_lon",
    "dewp",
    "distance",
    "engines",
    "humid",
    "plane_age",
    "precip",
    "precip_6h",
    "pressure",
    "seats",
    "temp",
    "visib",
    "wind_dir",
    "wind_gust",
    "wind_speed",
)
FEATURES = (*CATEGORIES, *NUMBERS)


def levels(frame: pd.DataFrame) -> dict[str, list[str]]:
    """The values of each categorical feature, sorted; those of the training set belong to the model."""
    return {name: sorted(frame[name].dropna().unique()) for name in CATEGORIES}


def matrix(frame: pd.DataFrame, known: dict[str, list[str]]) -> pd.DataFrame:
    """The features in the model's order; a category that the training set did not have counts as missing."""
    import pandas as pd

    columns = frame[list(FEATURES)].copy()
    for name in CATEGORIES:
        columns[name] = pd.Categorical(columns[name], categories=known[name])
    return columns
