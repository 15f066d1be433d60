"""The transforms, each with ``apply``."""

from __future__ import annotations

import json
from typing import Any

from .apply_mapping import ApplyMapping
from .coalesce import Coalesce
from .collection_transforms import FlatMap, MapToCollection, SelectFromCollection
from .drop_nulls import DropNullFields
from .dynamicframe_filter import Filter
from .dynamicframe_map import Map
from .errors_as_dynamicframe import ErrorsAsDynamicFrame
from .field_transforms import DropFields, Join, RenameField, SelectFields, Spigot, SplitFields, SplitRows
from .relationalize import Relationalize
from .repartition import Repartition
from .resolve_choice import ResolveChoice
from .transform import GlueTransform  # noqa: F401  (part of the module's surface)
from .unbox import Unbox
from .union import Union
from .unnest_frame import UnnestFrame

ALL_TRANSFORMS = {
    ApplyMapping,
    Coalesce,
    DropFields,
    DropNullFields,
    ErrorsAsDynamicFrame,
    Filter,
    FlatMap,
    Join,
    Map,
    MapToCollection,
    Relationalize,
    RenameField,
    Repartition,
    ResolveChoice,
    SelectFields,
    SelectFromCollection,
    Spigot,
    SplitFields,
    SplitRows,
    Unbox,
    Union,
    UnnestFrame,
}


def get_transform(name: str) -> Any:
    """The transform of a name; None when there is none."""
    return next((transform for transform in ALL_TRANSFORMS if transform.__name__ == name), None)


def get_transforms() -> str:
    """The names of all transforms, as JSON."""
    return json.dumps(sorted(transform.__name__ for transform in ALL_TRANSFORMS))


def describe_transform(name: str) -> str:
    """A transform described, as JSON."""
    transform = get_transform(name)
    if transform is None:
        raise ValueError(f"there is no transform {name}; there are {get_transforms()}")
    return json.dumps(transform.describe())


__all__ = [
    "ApplyMapping",
    "Coalesce",
    "DropFields",
    "DropNullFields",
    "ErrorsAsDynamicFrame",
    "Filter",
    "FlatMap",
    "Join",
    "Map",
    "MapToCollection",
    "Relationalize",
    "RenameField",
    "Repartition",
    "ResolveChoice",
    "SelectFields",
    "SelectFromCollection",
    "Spigot",
    "SplitFields",
    "SplitRows",
    "Unbox",
    "Union",
    "UnnestFrame",
]
