"""Frames one after the other."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform


class Union(GlueTransform):
    """The records of two frames."""

    def __call__(
        self,
        frame1: Any,
        frame2: Any,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame1.union(frame2, transformation_ctx, info, stageThreshold, totalThreshold)
