"""Transforms of DataFrames."""

from .apply_mapping import ApplyMapping

ALL_TRANSFORMS = {ApplyMapping}

__all__ = ["ApplyMapping"]
