"""Records changed by a function."""

from __future__ import annotations

from typing import Any

from .transform import GlueTransform


class Map(GlueTransform):
    """Every record through ``f``."""

    def __call__(
        self,
        frame: Any,
        f: Any,
        preservesPartitioning: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        """See the class."""
        return frame.map(f, preservesPartitioning, transformation_ctx, info, stageThreshold, totalThreshold)
