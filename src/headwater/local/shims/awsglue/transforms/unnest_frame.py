"""Structs as columns."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform


class UnnestFrame(GlueTransform):
    """Structs as columns with dotted names."""

    def __call__(
        self, frame: Any, transformation_ctx: str = "", info: str = "", stageThreshold: int = 0, totalThreshold: int = 0
    ) -> Any:
        """See the class."""
        return frame.unnest(transformation_ctx, info, stageThreshold, totalThreshold)
