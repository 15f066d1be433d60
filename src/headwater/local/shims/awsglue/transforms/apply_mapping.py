"""Columns chosen, renamed and cast."""

from __future__ import annotations

from typing import Any

from .field_transforms import DropFields  # noqa: F401  (part of the module's surface)
from .transform import GlueTransform


class ApplyMapping(GlueTransform):
    """Map columns: tuples (source, source type, target, target type)."""

    def __call__(
        self,
        frame: Any,
        mappings: Any,
        case_sensitive: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame.apply_mapping(mappings, case_sensitive, transformation_ctx, info, stageThreshold, totalThreshold)
